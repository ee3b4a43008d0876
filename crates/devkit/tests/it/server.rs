//! The real program on a real store: built once, run as processes of their own, asked over HTTP, stopped or killed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use qadiya_devkit::environment::setting;
use qadiya_devkit::postgres::{Programs, test_url};
use serde_json::Value;
use tempfile::TempDir;

/// The program, built as these tests were built (debug or release) into the same target folder.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let tests = std::env::current_exe().unwrap();
        let folder = tests.ancestors().nth(2).unwrap().to_owned();
        let cargo = setting("CARGO").unwrap_or_else(|| "cargo".to_owned());
        let mut build = Command::new(cargo);
        build
            .current_dir(crate::repository().root())
            .args(["build", "--quiet", "--package", "qadiya-cli", "--bin", "qadiya"])
            .arg("--target-dir")
            .arg(folder.parent().unwrap());
        if folder.ends_with("release") {
            build.arg("--release");
        }
        let built = build.stdin(Stdio::null()).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        folder.join("qadiya")
    })
}

/// A file of the outside data folder.
pub(crate) fn data(path: &str) -> PathBuf {
    let root = setting("QADIYA_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = root.join(path);
    assert!(file.is_file(), "set QADIYA_DATA to the outside data folder: {} is missing", file.display());
    file
}

/// Which of the two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One file.
    Sqlite,
    /// A database of a server.
    Postgres,
}

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The output stream.
    pub(crate) out: String,
    /// The error stream.
    pub(crate) err: String,
}

impl Ran {
    /// The document of `--json`, after an exit with one of these codes.
    pub(crate) fn json(&self, codes: &[i32]) -> Value {
        assert!(codes.iter().any(|code| self.code == Some(*code)), "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A store that `init` made for synthetic people, with the administrator's token.
#[derive(Debug)]
pub(crate) struct Store {
    /// Which.
    pub(crate) kind: Kind,
    /// What `--store` is.
    pub(crate) at: String,
    /// The administrator's token.
    pub(crate) administrator: String,
    /// That of the other one, whose signature makes a version active.
    second: String,
    folder: TempDir,
    /// The server and the name of the database, dropped with the store.
    database: Option<(String, String)>,
}

impl Store {
    /// A fresh store.
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let at = folder.path().join("court.db").display().to_string();
                Self::init(kind, at, folder, None)
            }
            Kind::Postgres => {
                let server = test_url().unwrap();
                let name = database(&server, "");
                let at = in_database(&server, &name);
                Self::init(kind, at, tempfile::tempdir().unwrap(), Some((server, name)))
            }
        }
    }

    /// A fresh store on a server in the test's own hands.
    pub(crate) fn on_server(server: &str) -> Self {
        let at = in_database(server, &database(server, ""));
        Self::init(Kind::Postgres, at, tempfile::tempdir().unwrap(), None)
    }

    /// A fresh SQLite file at this place.
    pub(crate) fn at_path(at: &Path) -> Self {
        Self::init(Kind::Sqlite, at.display().to_string(), tempfile::tempdir().unwrap(), None)
    }

    /// A copy of this store, whose processes must all have ended.
    pub(crate) fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(self.folder()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        let (at, database) = match &self.database {
            None => (folder.path().join("court.db").display().to_string(), None),
            Some((server, template)) => {
                let name = database(server, &format!(" TEMPLATE {template}"));
                (in_database(server, &name), Some((server.clone(), name)))
            }
        };
        let (administrator, second) = (self.administrator.clone(), self.second.clone());
        Self { kind: self.kind, at, administrator, second, folder, database }
    }

    fn init(kind: Kind, at: String, folder: TempDir, database: Option<(String, String)>) -> Self {
        let (administrator, second) = (String::new(), String::new());
        let mut store = Self { kind, at, administrator, second, folder, database };
        let made = store.run(&["--json", "init", "--synthetic"]).json(&[0]);
        store.administrator = made["administrator_token"].as_str().unwrap().to_owned();
        store.second = made["second_administrator_token"].as_str().unwrap().to_owned();
        store
    }

    /// A folder for files of the test; it goes with the store.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program with this store and the administrator's token.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .current_dir(self.folder())
            .env("QADIYA_STORE", &self.at)
            .env("QADIYA_KEY_FILE", self.folder().join("signing.key"))
            .env("QADIYA_TOKEN", &self.administrator)
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_as(&self.administrator, arguments)
    }

    /// The same with another token.
    pub(crate) fn run_as(&self, token: &str, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).env("QADIYA_TOKEN", token).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Publishes the text of a workflow file, and lets both administrators sign for it.
    pub(crate) fn publish(&self, name: &str, yaml: &str) -> Value {
        let file = self.folder().join(format!("{name}.v1.yaml"));
        std::fs::write(&file, yaml).unwrap();
        let words = ["--json", "publish", file.to_str().unwrap()];
        self.run(&words).json(&[0, 3]);
        self.run_as(&self.second, &words).json(&[0, 3])
    }

    /// Names an official with these capacities and gives them a token.
    pub(crate) fn official<R: AsRef<str>>(&self, name: &str, roles: &[R]) -> String {
        self.appointed(name, roles, &[])
    }

    /// The same with a token of a program, which may give clerical commands only.
    pub(crate) fn service<R: AsRef<str>>(&self, name: &str, roles: &[R]) -> String {
        self.appointed(name, roles, &["--service"])
    }

    fn appointed<R: AsRef<str>>(&self, name: &str, roles: &[R], token: &[&str]) -> String {
        let mut words = vec!["--json", "official", "add", name, "--instrument", "Order 1/2026"];
        for role in roles {
            words.extend(["--role", role.as_ref()]);
        }
        self.run(&words).json(&[0]);
        let issued = self.run(&[&["--json", "token", "issue", name], token].concat()).json(&[0]);
        issued["secret"].as_str().unwrap().to_owned()
    }

    /// The findings of `verify`, after the exit code that they ask for.
    pub(crate) fn faults(&self) -> Vec<Value> {
        let ran = self.run(&["--json", "verify"]);
        let report = ran.json(&[0, 4]);
        let faults = report["faults"].as_array().unwrap().clone();
        assert_eq!(ran.code, Some(if faults.is_empty() { 0 } else { 4 }), "{ran:?}");
        faults
    }

    /// Statements of somebody who owns the database, past the program. Columns are parted by `|`.
    pub(crate) fn sql(&self, text: &str) -> Vec<String> {
        self.try_sql(text).unwrap_or_else(|said| panic!("{text}: {said}"))
    }

    /// The same, with what the database says when it refuses.
    pub(crate) fn try_sql(&self, text: &str) -> Result<Vec<String>, String> {
        let output = match self.kind {
            Kind::Sqlite => {
                let script = "import sqlite3, sys\n\
                     base = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)\n\
                     for row in base.execute(sys.argv[2]):\n    \
                     print('|'.join('' if cell is None else str(cell) for cell in row))\n";
                Command::new("python3").args(["-c", script, &self.at, text]).output()
            }
            Kind::Postgres => psql(&self.at, text).output(),
        }
        .unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
    }

    /// The one number that a statement gives.
    pub(crate) fn number(&self, sql: &str) -> u64 {
        let rows = self.sql(sql);
        rows.first().and_then(|row| row.parse().ok()).unwrap_or_else(|| panic!("{sql}: {rows:?}"))
    }

    /// Bytes as a statement writes them.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> String {
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        match self.kind {
            Kind::Sqlite => format!("X'{hex}'"),
            Kind::Postgres => format!("'\\x{hex}'::bytea"),
        }
    }

    /// An expression that shows a column of bytes as text.
    pub(crate) fn shown(&self, column: &str) -> String {
        match self.kind {
            Kind::Sqlite => format!("CAST({column} AS TEXT)"),
            Kind::Postgres => format!("convert_from({column}, 'UTF8')"),
        }
    }

    /// An expression that shows a column of bytes in hexadecimal.
    pub(crate) fn hexed(&self, column: &str) -> String {
        match self.kind {
            Kind::Sqlite => format!("hex({column})"),
            Kind::Postgres => format!("encode({column}, 'hex')"),
        }
    }

    /// The id of a case as a statement writes it.
    pub(crate) fn id(&self, id: &str) -> String {
        match self.kind {
            Kind::Sqlite => format!("X'{}'", id.replace('-', "")),
            Kind::Postgres => format!("'{id}'::uuid"),
        }
    }

    /// Serves this store.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Serves this store with more arguments.
    pub(crate) fn serve_with(&self, more: &[&str]) -> Server {
        let mut words = vec!["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        words.extend_from_slice(more);
        let (process, line) = started(self.command(&words));
        let mut addresses = line.split("http://").skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(rest.len());
            rest.get(..end).unwrap().to_owned()
        });
        let base = format!("http://{}", addresses.next().unwrap());
        let administration = format!("http://{}", addresses.next().unwrap());
        Server { process, base, administration, client: client() }
    }

    /// Starts workers only, with more arguments.
    pub(crate) fn work_with(&self, more: &[&str]) -> Process {
        started(self.command(&[&["work"], more].concat())).0
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.database {
            // A database that stays does no harm: the cluster is thrown away.
            psql(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).output().ok();
        }
    }
}

fn psql(url: &str, sql: &str) -> Command {
    let mut command = Programs::find().unwrap().command("psql", Path::new("/"));
    command
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"])
        .args(["--dbname", url, "--command", sql])
        .stdin(Stdio::null());
    command
}

fn in_database(server: &str, name: &str) -> String {
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

/// Makes a database with a name that no other test has.
fn database(server: &str, like: &str) -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let name = format!("journey_{}_{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
    let made = psql(server, &format!("CREATE DATABASE {name}{like}")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    name
}

/// Starts a process of the program that stays, and reads its first line.
fn started(mut command: Command) -> (Process, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut errors = child.stderr.take().unwrap();
    // Read to the end, so that the process never waits for us; what it said is kept for a failing test.
    let errors = std::thread::spawn(move || {
        let mut said = String::new();
        errors.read_to_string(&mut said).ok();
        said
    });
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    if line.is_empty() {
        child.wait().unwrap();
        panic!("the process did not start: {}", errors.join().unwrap());
    }
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()).ok());
    (Process { child, errors: Some(errors) }, line)
}

/// A process of the program. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    errors: Option<std::thread::JoinHandle<String>>,
}

impl Process {
    /// Ends it at once, as `kill -9` does. It must have run until then: a process that had ended by itself was not
    /// killed.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "it ended before it was killed: {status}");
    }

    /// Asks it to stop and waits until it has; gives what it wrote to its error stream.
    pub(crate) fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let said = self.errors.take().unwrap().join().unwrap();
        assert!(status.success(), "{status}: {said}");
        said
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking()
            && let Some(errors) = self.errors.take()
        {
            let said = errors.join().unwrap_or_default();
            let from = said.len().saturating_sub(4_000);
            eprintln!("the program said: {}", said.get(from..).unwrap_or(&said));
        }
    }
}

fn client() -> reqwest::Client {
    // Whoever comes second finds it installed.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Its process.
    pub(crate) process: Process,
    /// `http://` and the address of the API.
    pub(crate) base: String,
    /// `http://` and the address of administration and metrics.
    pub(crate) administration: String,
    client: reqwest::Client,
}

impl Server {
    /// Calls with a token.
    pub(crate) fn caller(&self, token: &str) -> Caller {
        Caller { client: self.client.clone(), base: self.base.clone(), token: token.to_owned(), role: None }
    }

    /// Calls administration with a token.
    pub(crate) fn administrator(&self, token: &str) -> Caller {
        Caller { base: self.administration.clone(), ..self.caller(token) }
    }
}

/// Who calls, in which capacity.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    client: reqwest::Client,
    base: String,
    token: String,
    role: Option<String>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as JSON, after this status.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.json()
    }

    /// Fails unless it is the thing asked for.
    pub(crate) fn expect_ok(&self) {
        assert_eq!(self.status, 200, "{}", self.body);
    }

    /// The codes of its refusals, sorted.
    pub(crate) fn refusals(&self) -> Vec<String> {
        let json = self.json();
        let mut codes: Vec<String> = json["refusals"]
            .as_array()
            .map(|all| all.iter().map(|each| each["code"].as_str().unwrap().to_owned()).collect())
            .unwrap_or_default();
        codes.sort();
        codes.dedup();
        codes
    }
}

impl Caller {
    /// The same person in this capacity only.
    pub(crate) fn role(&self, role: &str) -> Self {
        Self { role: Some(role.to_owned()), ..self.clone() }
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        match &self.role {
            Some(role) => request.header("qadiya-role", role),
            None => request,
        }
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(reqwest::Method::GET, path)).await.unwrap()
    }

    /// Writes under a key.
    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.try_post(path, key, body).await.unwrap()
    }

    /// Sends a file of comma-separated values.
    pub(crate) async fn send_file(&self, path: &str, key: &str, file: &str) -> Answer {
        let request = self.request(reqwest::Method::POST, path).header("idempotency-key", key);
        answer(request.header("content-type", "text/csv").body(file.to_owned())).await.unwrap()
    }

    /// Asks for work that is done later.
    pub(crate) async fn queue(&self, path: &str, key: &str, body: &Value) -> Answer {
        let request = self.request(reqwest::Method::POST, path).header("idempotency-key", key);
        let request = request.header("content-type", "application/json").header("prefer", "respond-async");
        answer(request.body(body.to_string())).await.unwrap()
    }

    /// Writes under a key; an error when the connection broke before the whole answer was there.
    pub(crate) async fn try_post(
        &self,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Result<Answer, reqwest::Error> {
        let request = self.request(reqwest::Method::POST, path).header("idempotency-key", key);
        answer(request.header("content-type", "application/json").body(body.to_string())).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    Ok(Answer { status, body: response.text().await? })
}
