//! `cargo dev …`: the only door for developer work. It reads the arguments; `qadiya_devkit::chores` does the work.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qadiya_devkit::chores::{
    DevError, Repository, bench, ci, convert, postgres, prepare, schema, test, tidy,
};

/// Developer commands of Qadiya.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Run every test at sample size, with a throw-away PostgreSQL cluster beside it.
    ///
    /// Installs PostgreSQL and Python with apt-get when it may (root), otherwise says what is missing and fails.
    /// `QADIYA_DATA` names the folder with outside data (default ../shared/data).
    Test {
        /// Handed to `cargo test` instead of `--workspace`: `cargo dev test -p qadiya-web problem`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run every test with the numbers that the README states, in the release build (hours).
    Prove {
        /// Handed to `cargo test` instead of `--workspace`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure the speed of this machine with and without the engine, in the release build.
    Bench {
        /// Handed to `qadiya bench`: `cargo dev bench --quick`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Everything that decides about a change: format, lints, tidy, query data, tests, dependency policy.
    Ci,
    /// Refresh the checked-query data of both store crates from throw-away databases.
    Prepare {
        /// Fail when a committed file was not up to date.
        #[arg(long)]
        check: bool,
    },
    /// Start a throw-away PostgreSQL cluster, print its URL, stop it on Ctrl-C.
    Postgres,
    /// Hold the repository to its own rules.
    Tidy,
    /// Write the generated files that are committed: JSON Schema of workflow files, OpenAPI.
    Schema {
        /// Fail when a committed file was not up to date.
        #[arg(long)]
        check: bool,
    },
    /// Make a workflow file from a CCD case type or a state machine (JSON), told apart by its content.
    Convert {
        /// The JSON file.
        file: std::path::PathBuf,
        /// Where the workflow file goes; standard output when not given.
        #[arg(short, long)]
        output: Option<std::path::PathBuf>,
    },
    /// Hold a throw-away cluster until standard input ends (used by the other commands).
    #[command(hide = true)]
    KeepPostgres,
}

fn main() -> ExitCode {
    match work(Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("error: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                text.push_str("\n  because: ");
                text.push_str(&inner.to_string());
                cause = inner.source();
            }
            // Nobody is left to hear that standard error is closed.
            writeln!(std::io::stderr(), "{text}").ok();
            ExitCode::FAILURE
        }
    }
}

fn work(chore: Chore) -> Result<(), DevError> {
    match chore {
        Chore::Test { arguments } => test::test(&Repository::here()?, test::Size::Sample, &arguments),
        Chore::Prove { arguments } => test::test(&Repository::here()?, test::Size::Published, &arguments),
        Chore::Bench { arguments } => bench::bench(&Repository::here()?, &arguments),
        Chore::Ci => ci::ci(&Repository::here()?),
        Chore::Prepare { check } => prepare::prepare(&Repository::here()?, check),
        Chore::Postgres => postgres::hold(),
        Chore::Tidy => tidy::tidy(&Repository::here()?),
        Chore::Schema { check } => schema::schema(&Repository::here()?, check),
        Chore::Convert { file, output } => convert::convert(&file, output.as_deref()),
        Chore::KeepPostgres => qadiya_devkit::postgres::keep()
            .map_err(|source| DevError::Start { program: "keep-postgres".to_owned(), source }),
    }
}
