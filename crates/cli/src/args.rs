//! The command line. Every command says what it does in one line, and what its arguments mean.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use qadiya_domain::ids::DefinitionHash;
use qadiya_domain::name::Name;

use crate::exit;

/// Judicial case processing: named officials decide; the engine carries out, times, checks, refuses and logs.
#[derive(Debug, Parser)]
#[command(name = "qadiya", version, about, after_help = exit::HELP, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Settings of every command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// Where cases are kept: the path of an SQLite file, or a postgres:// address
    #[arg(
        long,
        short = 's',
        env = "QADIYA_STORE",
        default_value = "qadiya.db",
        global = true,
        value_name = "PATH|URL"
    )]
    pub(crate) store: String,
    /// The file with the signing key; beside an SQLite file its name with .key is taken
    #[arg(long, env = "QADIYA_KEY_FILE", global = true, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say more in the log (twice: still more)
    #[arg(long, short = 'v', action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// Write log lines as JSON
    #[arg(long, env = "QADIYA_LOG_JSON", global = true)]
    pub(crate) log_json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole on synthetic people: import a cohort, let scripted officials act, then serve
    Demo(Demo),
    /// Make a new store: schema, signing key, two administrators, bundled workflows and calendars
    Init(Init),
    /// Serve the HTTP API, with workers
    Serve(Serve),
    /// Run workers only, beside other servers on the same PostgreSQL
    Work(Work),
    /// Bring the schema of a store up to this program
    Migrate,
    /// Check a workflow file and run the tests beside it
    Check(Check),
    /// Say what a new version of a workflow file means for running cases: what changed, which come over, and which
    /// rights would shrink
    ///
    /// Every open configuration that the old version can reach is mapped by the `migrate` of the new one and tested: the
    /// new version can reach it too, and a case can end from there. What is left out is a finding, with an example. So is
    /// each right of a person who is held that would shrink, until the new file gives the reason under `accept`. Nothing is
    /// switched: running cases stay on their version.
    Plan(Plan),
    /// Draw a workflow
    Draw(Draw),
    /// Print a workflow as a table of rules
    Table(FileArg),
    /// Publish a workflow file in a store, and sign as administrator that it becomes the active version
    ///
    /// The first signature waits: new cases come under the version when another administrator, another person, signs the
    /// same, with `publish` of the same file or with `activate`.
    Publish(Publish),
    /// Sign as administrator that a published version becomes the active one, or take the signature back
    ///
    /// Two administrators, two persons, sign for the same definition in place of the same active one. Where another version
    /// became active in between, the signature is refused.
    Activate(Activate),
    /// List published versions, which are active, and who signed for them
    Workflows,
    /// Import a transfer list (CSV or XLSX); a dry run unless --commit
    Import(Import),
    /// Replay an event log (XES or CSV) against a workflow under a virtual clock
    ///
    /// What the workflow does not allow is refused, and the case goes on from where it stands. The log's own times are
    /// the clock of the acts; deadlines of the workflow do not fire between two events of a case, so that a step which
    /// only a deadline would take is missing from the report. The log is read into memory as a whole. The workflow is
    /// published and made the active one of its name: use a store of its own, made with `init --synthetic`.
    Replay(Replay),
    /// Answer which stage a case has reached
    Stage(CaseArg),
    /// Show a case, its open commands, its log or its deadlines
    Case(Case),
    /// Measure the speed of this machine with and without the engine; makes stores of its own and throws them away
    Bench(Bench),
    /// Verify a store: chains, log, signatures, and that every entry was legal
    Verify,
    /// Export the log as XES or OCEL 2.0
    Export(Export),
    /// Look for faults of the installation and of the data, each with the next step
    Doctor,
    /// Name officials and appoint them
    Official(Official),
    /// Issue, list and revoke API tokens
    Token(Token),
    /// Move everything to another store and verify it there
    Move(Move),
    /// Print a schema: of workflow files, or the OpenAPI document
    Schema(Schema),
    /// Print completions for a shell
    Completions(Completions),
    /// Print the manual page
    Man,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Where the demo keeps its store
    #[arg(long, default_value = "qadiya-demo", value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Throw an earlier demo away and begin again
    #[arg(long)]
    pub(crate) reset: bool,
    /// The address to serve on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8377")]
    pub(crate) listen: SocketAddr,
    /// How many people the cohort has
    #[arg(long, default_value_t = 2_225)]
    pub(crate) people: u32,
    /// End when the cohort has been worked through, instead of serving
    #[arg(long)]
    pub(crate) no_serve: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// A PostgreSQL server on which the account may create databases; without it only SQLite is measured
    #[arg(long, env = "QADIYA_BENCH_POSTGRES", value_name = "URL")]
    pub(crate) postgres: Option<String>,
    /// Leave SQLite out
    #[arg(long)]
    pub(crate) without_sqlite: bool,
    /// Where the SQLite files lie while it runs: the disk that is measured
    #[arg(long, default_value = "qadiya-bench", value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// How long each slice takes
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// How many interleaved repetitions
    #[arg(long, default_value_t = 5)]
    pub(crate) repetitions: usize,
    /// Cases that lie in each store from the beginning
    #[arg(long, default_value_t = 20_000)]
    pub(crate) cases: u64,
    /// One repetition of short slices, for trying
    #[arg(long)]
    pub(crate) quick: bool,
    /// Also a court of 100,000 cases beside one of 1,000: acts, questions, clocks that all fall due, a long list
    #[arg(long)]
    pub(crate) large: bool,
    /// Also two server processes on one PostgreSQL beside one
    #[arg(long)]
    pub(crate) servers: bool,
    /// Nothing of that, but a long run at full load on every store at once; exit code 3 or 4 when it did not stay clean
    #[arg(long, value_name = "MINUTES", conflicts_with_all = ["large", "servers", "only", "quick"])]
    pub(crate) soak: Option<f64>,
    /// Only rows whose name holds this, and plain SQL
    #[arg(long, value_name = "PART")]
    pub(crate) only: Vec<String>,
    /// Write the result as a page for the repository, too
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// The commit that is measured, for the result
    #[arg(long, env = "QADIYA_BENCH_COMMIT")]
    pub(crate) commit: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The name of the log; it appears in receipts and checkpoints
    #[arg(long, default_value = "qadiya.example/court")]
    pub(crate) origin: String,
    /// Only synthetic people will live here: trial workflows may run
    #[arg(long)]
    pub(crate) synthetic: bool,
    /// The name of one administrator
    #[arg(long, default_value = "Administrator", value_name = "NAME")]
    pub(crate) administrator: String,
    /// The name of the other one: another person, for it takes two to make a workflow version active
    #[arg(long, default_value = "Second administrator", value_name = "NAME")]
    pub(crate) second_administrator: String,
    /// Publish the bundled workflows only, and let the two administrators sign for them
    #[arg(long)]
    pub(crate) unsigned: bool,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Workers {
    /// An address that jobs may call: NAME=URL, or NAME=private:URL for an address of the house
    #[arg(long = "channel", value_name = "NAME=URL")]
    pub(crate) channels: Vec<String>,
    /// A queue of workflow files to serve
    #[arg(long = "queue", value_name = "NAME")]
    pub(crate) queues: Vec<String>,
    /// How many workers to run
    #[arg(long, default_value_t = 1)]
    pub(crate) workers: u16,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The address to serve the API on; port 0 takes a free one
    #[arg(long, env = "QADIYA_LISTEN", default_value = "127.0.0.1:8377")]
    pub(crate) listen: SocketAddr,
    /// The address for administration and metrics; port 0 takes a free one
    #[arg(long, env = "QADIYA_ADMIN_LISTEN", default_value = "127.0.0.1:8378")]
    pub(crate) admin_listen: SocketAddr,
    /// Serve on an address that is not of this machine without TLS: a proxy in front ends TLS
    #[arg(long)]
    pub(crate) behind_proxy: bool,
    #[command(flatten)]
    pub(crate) workers: Workers,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Work {
    #[command(flatten)]
    pub(crate) workers: Workers,
    /// End when nothing is due
    #[arg(long)]
    pub(crate) until_idle: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FileArg {
    /// The workflow file; calendars are looked for in calendars/ beside it
    pub(crate) file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Workflow files; calendars are looked for in calendars/ and tests in tests/ beside them
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Do not run the tests beside the files
    #[arg(long)]
    pub(crate) no_tests: bool,
    /// Write a test file into this folder for each finding of a search that a run can show
    #[arg(long, value_name = "FOLDER")]
    pub(crate) counter_examples: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    /// The workflow file that cases run under now; calendars are looked for in calendars/ beside it
    pub(crate) old: PathBuf,
    /// The workflow file that is to take its place
    pub(crate) new: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DrawForm {
    /// Mermaid text
    Mermaid,
    /// Graphviz text
    Dot,
    /// SCXML, for state machine interpreters
    Scxml,
    /// PNML, for Petri net tools
    Pnml,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Draw {
    /// The workflow file
    pub(crate) file: PathBuf,
    /// The form of the drawing
    #[arg(long, value_enum, default_value_t = DrawForm::Mermaid)]
    pub(crate) form: DrawForm,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Publish {
    /// The workflow file
    pub(crate) file: PathBuf,
    /// Publish only; sign nothing
    #[arg(long)]
    pub(crate) inactive: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Activate {
    /// The workflow
    #[arg(value_parser = name, value_name = "WORKFLOW")]
    pub(crate) workflow: Name,
    /// The published version
    #[arg(value_name = "VERSION")]
    pub(crate) version: u32,
    /// Only if the version is the definition of this hash
    #[arg(long, value_name = "HASH")]
    pub(crate) definition: Option<DefinitionHash>,
    /// Only in place of the definition of this hash (default: the one that is active now)
    #[arg(long, value_name = "HASH")]
    pub(crate) replaces: Option<DefinitionHash>,
    /// Take the signature back instead
    #[arg(long)]
    pub(crate) withdraw: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The transfer list
    pub(crate) file: PathBuf,
    /// Write; without it nothing is written
    #[arg(long)]
    pub(crate) commit: bool,
    /// Where to write the records that were set aside, as CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) refused: Option<PathBuf>,
    /// Where to write the verdict on every record, as CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) verdicts: Option<PathBuf>,
    /// The workflow of the cases to open
    #[arg(long, default_value = qadiya_engine::intake::DETAINEE_CASE, value_parser = name, value_name = "NAME")]
    pub(crate) workflow: Name,
    /// The zone in which the day of today is counted
    #[arg(long, default_value = "Asia/Baghdad", value_name = "ZONE")]
    pub(crate) zone: String,
    /// The day that counts as today for dates in the list (default: today in the zone)
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) today: Option<jiff::civil::Date>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// The event log: .xes, .xes.gz, .csv or .csv.gz
    pub(crate) log: PathBuf,
    /// The workflow file to replay it against; `cargo dev convert` makes one from a state machine
    #[arg(long, short = 'w', value_name = "FILE")]
    pub(crate) workflow: PathBuf,
    /// Where to write the report, one line per case (CSV); the output stream if not given
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// The column of the case in a CSV log
    #[arg(long, value_name = "NAME")]
    pub(crate) case_column: Option<String>,
    /// The column of the activity in a CSV log
    #[arg(long, value_name = "NAME")]
    pub(crate) activity_column: Option<String>,
    /// The column of the time in a CSV log
    #[arg(long, value_name = "NAME")]
    pub(crate) time_column: Option<String>,
    /// The zone of times without an offset
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CaseArg {
    /// The case: its number, the name another system gives it, or its id
    #[arg(value_name = "REF")]
    pub(crate) case: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Case {
    /// The case: its number, the name another system gives it, or its id
    #[arg(value_name = "REF")]
    pub(crate) case: String,
    /// Show the commands, each open or with the reasons why not
    #[arg(long)]
    pub(crate) commands: bool,
    /// Show the log
    #[arg(long)]
    pub(crate) log: bool,
    /// Show the deadlines, each explained day by day
    #[arg(long)]
    pub(crate) deadlines: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ExportForm {
    /// XES (IEEE 1849)
    Xes,
    /// OCEL 2.0 as JSON
    Ocel,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The form
    #[arg(value_enum)]
    pub(crate) form: ExportForm,
    /// Where to write
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Cases of this workflow only
    #[arg(long, value_name = "NAME")]
    pub(crate) workflow: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Official {
    #[command(subcommand)]
    pub(crate) action: OfficialAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OfficialAction {
    /// Name an official and give them capacities
    Add {
        /// The name
        name: String,
        /// A capacity: a role of workflow files
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        /// Only for cases of this workflow
        #[arg(long, value_name = "NAME")]
        workflow: Option<String>,
        /// The paper that gives the capacities
        #[arg(long, value_name = "NUMBER")]
        instrument: String,
        /// For how many days; without it until it is ended
        #[arg(long, value_name = "DAYS")]
        days: Option<u32>,
    },
    /// List officials and their appointments, with the ids that other commands ask for
    List,
    /// End an appointment now
    End {
        /// The official
        official: uuid::Uuid,
        /// The appointment
        appointment: uuid::Uuid,
        /// The paper that ends it
        #[arg(long, value_name = "NUMBER")]
        instrument: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) action: TokenAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenAction {
    /// List tokens that have not been revoked, with their ids; secrets are not stored and cannot be shown
    List,
    /// Issue a token; its secret is shown once
    Issue {
        /// The official, by id or exact name
        official: String,
        /// What it is for
        #[arg(long, default_value = "command line")]
        title: String,
        /// It belongs to a program: clerical commands only
        #[arg(long)]
        service: bool,
        /// Only this capacity of the official
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Ends after this many days
        #[arg(long, default_value_t = 30, value_name = "DAYS")]
        days: u32,
    },
    /// Revoke a token; it ends at once
    Revoke {
        /// The official
        official: uuid::Uuid,
        /// The token
        token: uuid::Uuid,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Move {
    /// The new, empty store: a path or a postgres:// address
    #[arg(long, value_name = "PATH|URL")]
    pub(crate) to: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SchemaKind {
    /// JSON Schema of workflow files, for editors
    Workflow,
    /// OpenAPI 3.1 of the HTTP API
    Openapi,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Schema {
    /// Which one
    #[arg(value_enum)]
    pub(crate) kind: SchemaKind,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Reads a name of the workflow language.
fn name(text: &str) -> Result<Name, qadiya_domain::name::BadName> {
    Name::new(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Args::command().debug_assert();
    }
}
