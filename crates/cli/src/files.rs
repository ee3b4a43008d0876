//! Files on disk: a workflow with the calendars it names in `calendars/` beside it, and those of a store in SQLite.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qadiya_domain::calendar::Calendar;
use qadiya_domain::name::Name;
use qadiya_domain::workflow::read::{Source, load, read as read_workflow};
use qadiya_domain::workflow::{Definition, Finding};

use crate::exit::Failure;

/// The bundled workflows: name of the file and its bytes.
pub(crate) const WORKFLOWS: &[(&str, &[u8])] = &[
    ("detainee-case.v1.yaml", include_bytes!("../../../workflows/detainee-case.v1.yaml")),
    ("intake-record.v1.yaml", include_bytes!("../../../workflows/intake-record.v1.yaml")),
    ("road-fine.v1.yaml", include_bytes!("../../../workflows/road-fine.v1.yaml")),
];

/// The bundled calendars.
pub(crate) const CALENDARS: &[(&str, &[u8])] = &[
    ("iraq.v1.yaml", include_bytes!("../../../workflows/calendars/iraq.v1.yaml")),
    ("italy.v1.yaml", include_bytes!("../../../workflows/calendars/italy.v1.yaml")),
];

/// A workflow file with everything beside it.
#[derive(Debug)]
pub(crate) struct WorkflowFile {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// Calendars beside it, by name, with their bytes.
    pub(crate) calendars: BTreeMap<Name, (Vec<u8>, Arc<Calendar>)>,
}

impl WorkflowFile {
    /// Reads the file and the calendars beside it.
    ///
    /// # Errors
    /// When a file cannot be opened, or a calendar is not well-formed.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let bytes = read(path)?;
        let folder = path.parent().unwrap_or_else(|| Path::new(".")).join("calendars");
        let mut calendars = BTreeMap::new();
        if folder.is_dir() {
            let entries = std::fs::read_dir(&folder).map_err(|error| {
                Failure::new(format!("the folder {} cannot be listed", folder.display())).because(&error)
            })?;
            let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
            paths.sort();
            for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "yaml")) {
                let (name, bytes, calendar) = calendar(path, read(path)?)?;
                calendars.insert(name, (bytes, calendar));
            }
        }
        Ok(Self { path: path.to_owned(), bytes, calendars })
    }

    /// One of the bundled workflows.
    ///
    /// # Errors
    /// When a bundled calendar is not well-formed: the program was built from a broken tree.
    pub(crate) fn bundled(file: &str, bytes: &[u8]) -> Result<Self, Failure> {
        let mut calendars = BTreeMap::new();
        for (file, bytes) in CALENDARS {
            let (name, bytes, calendar) = calendar(Path::new(file), bytes.to_vec())?;
            calendars.insert(name, (bytes, calendar));
        }
        Ok(Self { path: PathBuf::from(file), bytes: bytes.to_vec(), calendars })
    }

    /// Reads and checks the definition.
    ///
    /// # Errors
    /// The findings that keep the file from being a definition at all.
    pub(crate) fn definition(&self) -> Result<Definition, Vec<Finding>> {
        self.read_by(read_workflow)
    }

    /// The definition, or the findings told as a failure.
    ///
    /// # Errors
    /// When the file is no definition at all.
    pub(crate) fn definition_or_fail(&self) -> Result<Definition, Failure> {
        self.definition().map_err(|findings| self.no_workflow(&findings))
    }

    /// The definition without its checks, or the findings told as a failure.
    ///
    /// # Errors
    /// When the file is no definition at all.
    pub(crate) fn loaded_or_fail(&self) -> Result<Definition, Failure> {
        self.read_by(load).map_err(|findings| self.no_workflow(&findings))
    }

    fn read_by(
        &self,
        read: fn(&Source<'_>) -> Result<Definition, Vec<Finding>>,
    ) -> Result<Definition, Vec<Finding>> {
        let calendars = |name: &Name| self.calendars.get(name).map(|(_, calendar)| Arc::clone(calendar));
        read(&Source { text: &self.bytes, calendars: &calendars })
    }

    fn no_workflow(&self, findings: &[Finding]) -> Failure {
        let told: Vec<String> =
            findings.iter().map(|finding| format!("{}:{finding}", self.path.display())).collect();
        Failure::new(format!("{} is not a workflow:\n{}", self.path.display(), told.join("\n")))
            .next("mend what is named, then run `qadiya check` on the file")
    }

    /// The calendars of a definition with their bytes, for publishing.
    pub(crate) fn calendars_of(&self, definition: &Definition) -> Vec<(Name, Vec<u8>)> {
        let named = definition.calendars.keys();
        named
            .filter_map(|name| self.calendars.get(name).map(|(bytes, _)| (name.clone(), bytes.clone())))
            .collect()
    }
}

/// The files of a store in SQLite.
pub(crate) fn store_files(name: &str) -> impl Iterator<Item = String> {
    ["", "-wal", "-shm", ".lock", ".migrate.lock"].into_iter().map(move |ending| format!("{name}{ending}"))
}

/// Takes these files of a folder away, where they are, and no others.
///
/// # Errors
/// When one of them cannot be removed.
pub(crate) fn remove(folder: &Path, names: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    for name in names {
        let path = folder.join(name);
        if path.exists() {
            std::fs::remove_file(&path).map_err(|error| {
                Failure::new(format!("{} cannot be removed", path.display())).because(&error)
            })?;
        }
    }
    Ok(())
}

/// Reads a file, with the path in the failure.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::new(format!("the file {} cannot be read", path.display()))
            .because(&error)
            .next("check the path, and that you may read the file")
    })
}

fn calendar(path: &Path, bytes: Vec<u8>) -> Result<(Name, Vec<u8>, Arc<Calendar>), Failure> {
    let told = |faults: String| {
        Failure::new(format!("the calendar {} is not well-formed:\n{faults}", path.display()))
    };
    let read = Calendar::read(&bytes)
        .map_err(|faults| told(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let name = Name::new(read.name()).map_err(|fault| told(fault.to_string()))?;
    Ok((name, bytes, Arc::new(read)))
}
