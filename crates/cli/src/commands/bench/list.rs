//! A long transfer list: synthetic persons, one record each, taken in like any list.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use jiff::tz::TimeZone;
use qadiya_domain::manifest::Serial;
use qadiya_engine::intake::ImportOptions;
use qadiya_engine::submit::ActorChoice;
use tokio::time::Instant;

use super::Run;
use super::lanes::official;
use super::measure::{Row, Target, float, forget_peak, peak, ratio, resident};
use super::site::{Home, LIST_FILE, Purpose, Racing, Site};
use crate::commands::init::publish_bundled;
use crate::exit::Failure;

const HEADER: &str = "isn,batch_id,batch_seq,transfer_mode,transfer_date,handover_point,holding_facility,name_ar,name_latn,\
                      father_name_ar,father_name_latn,dob,dob_precision,nationality,birth_place,sex,languages,\
                      interpreter_needed,health_flags,prior_documents,investigation_status,remarks";
/// Invented names, put together in all ways.
const GIVEN: [(&str, &str); 5] =
    [("أحمد", "Ahmad"), ("سالم", "Salim"), ("يوسف", "Yusuf"), ("كريم", "Karim"), ("حماد", "Hammad")];
const FATHERS: [(&str, &str); 5] =
    [("عادل", "Adil"), ("سمير", "Samir"), ("نبيل", "Nabil"), ("طارق", "Tariq"), ("جميل", "Jamil")];

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new("the long list could not be taken in").because(error)
}

/// Imports a list of so many records as the large court has cases: records in a second, and by how much the memory grows.
///
/// # Errors
/// The first thing that failed, or a record that was not taken.
pub(super) async fn measure(home: Home<'_>, run: &Run<'_>) -> Result<Vec<Row>, Failure> {
    let site = Site::make(home, Purpose::List, run.folder, Racing::new(1)).await?;
    publish_bundled(&site.load.engine, &site.signers, true).await?;
    let (principal, _) = official(&site.load.engine, "intake-clerk").await?;
    let by = ActorChoice::ByPrincipal { principal, role: None };
    let path = run.folder.join(LIST_FILE);
    write(&path, run.large)?;
    let today = site.load.engine.clock().now().to_zoned(TimeZone::UTC).date();
    let options = ImportOptions::dry_run(today).map_err(|error| failed(&error))?.for_real();
    let file = File::open(&path).map_err(|error| failed(&error))?;
    forget_peak();
    let held = resident();
    let began = Instant::now();
    let report = site
        .load
        .engine
        .import_manifest(&by, LIST_FILE, file, &options, &|_, _| {})
        .await
        .map_err(|error| failed(&error))?;
    let rate = ratio(float(report.records), began.elapsed().as_secs_f64()).unwrap_or(0.0);
    let grown = peak().zip(held).map(|(most, held)| float(most.saturating_sub(held)) / 1_048_576.0);
    if report.opened != run.large {
        return Err(Failure::new(format!(
            "of {} records of the made-up list {} were taken",
            run.large, report.opened
        )));
    }
    site.close().await;
    let name = |part: &str| format!("{}_{part}", home.prefix());
    run.told(0, &name("import"), rate)?;
    let mut rows = vec![Row::new(
        name("import"),
        "records of a list as long as the large court, each a person and a case",
        "/s",
        Vec::new(),
        vec![rate],
        Some(Target::FigureAtLeast(10_000.0)),
    )];
    rows.extend(grown.map(|grown| {
        let what = "memory that the import takes on top, at its most";
        Row::new(name("import_memory"), what, "MiB", Vec::new(), vec![grown], None)
    }));
    Ok(rows)
}

fn write(path: &Path, records: u64) -> Result<(), Failure> {
    let mut to =
        csv::Writer::from_writer(BufWriter::new(File::create(path).map_err(|error| failed(&error))?));
    to.write_record(HEADER.split(',')).map_err(|error| failed(&error))?;
    for record in 0..records {
        let number = u32::try_from(record).ok().and_then(|number| number.checked_add(2_000_000));
        let serial = number
            .and_then(Serial::of_number)
            .ok_or_else(|| Failure::new("the list is longer than there are serials"))?;
        let pick = |of: [(&'static str, &'static str); 5], at: u64| {
            usize::try_from(at % 5).ok().and_then(|at| of.get(at)).copied().unwrap_or(("", ""))
        };
        let (given, father) = (pick(GIVEN, record), pick(FATHERS, record / 5));
        let (name, latin) = (format!("{} {}", given.0, father.0), format!("{} {}", given.1, father.1));
        let born = format!("19{:02}-{:02}-{:02}", 60 + record % 38, 1 + record % 12, 1 + record % 28);
        let (batch, place) =
            (format!("TB-20260121-{:03}-L", 1 + record / 100), (1 + record % 100).to_string());
        let cells = [
            &serial.to_string(),
            &batch,
            &place,
            "LAND",
            "2026-01-21",
            "Crossing North",
            "Holding Facility 1",
            &name,
            &latin,
            father.0,
            father.1,
            &born,
            "day",
            "SYR",
            "",
            "M",
            "ar",
            "N",
            "",
            "",
            "RECEIVED",
            "",
        ];
        to.write_record(cells).map_err(|error| failed(&error))?;
    }
    to.flush().map_err(|error| failed(&error))
}
