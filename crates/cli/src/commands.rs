//! One file per command.

mod activate;
mod bench;
mod case;
mod check;

mod demo;
mod doctor;
mod draw;
mod export;
mod import;
mod init;
mod migrate;
mod move_store;
mod official;
mod paper;
mod plan;
mod publish;
mod replay;

mod serve;
mod token;
mod verify;
mod work;

use crate::args::{Args, Command};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Runs a command.
pub(crate) async fn run(args: Args) -> Result<Exit, Failure> {
    let out = Output { json: args.global.json };
    let global = &args.global;
    match args.command {
        Command::Demo(demo) => demo::run(&demo, out).await,
        Command::Init(init) => init::run(global, &init, out).await,
        Command::Serve(serve) => serve::run(global, &serve, out).await,
        Command::Work(work) => work::run(global, &work, out).await,
        Command::Migrate => migrate::run(global, out).await,
        Command::Check(check) => check::run(&check, out),
        Command::Plan(two) => plan::run(&two, out),
        Command::Draw(draw) => draw::draw(&draw, out),
        Command::Table(file) => draw::table(&file, out),
        Command::Publish(publish) => publish::run(global, &publish, out).await,
        Command::Activate(activate) => activate::run(global, &activate, out).await,
        Command::Workflows => activate::list(global, out).await,
        Command::Import(import) => import::run(global, &import, out).await,
        Command::Replay(replay) => replay::run(global, &replay, out).await,
        Command::Stage(case) => case::stage(global, &case, out).await,
        Command::Case(case) => case::case(global, &case, out).await,
        Command::Bench(bench) => bench::run(&bench, out).await,
        Command::Verify => verify::run(global, out).await,
        Command::Export(export) => export::run(global, &export, out).await,
        Command::Doctor => doctor::run(global, out).await,
        Command::Official(official) => official::run(global, &official, out).await,
        Command::Token(token) => token::run(global, &token, out).await,
        Command::Move(to) => move_store::run(global, &to, out).await,
        Command::Schema(schema) => paper::schema(&schema, out),
        Command::Completions(completions) => paper::completions(&completions),
        Command::Man => paper::man(),
    }
}
