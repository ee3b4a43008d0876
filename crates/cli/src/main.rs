//! The binary `qadiya`: settings, telemetry, shutdown, and the only place that names a concrete store.
//!
//! It must not know how a case is decided or stored: each command here opens a store, starts an engine and asks it.

mod args;
mod ask;
mod commands;
mod exit;
mod files;
mod output;
mod session;
mod shutdown;
mod telemetry;

use clap::Parser;

/// Deciding makes and drops many small values on several threads; see decision 14 for what this allocator gains.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    let json = args.global.json;
    telemetry::start(&args.global);
    // One TLS provider for the whole binary; a second installation is not possible here, so its answer says nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return exit::report(
                &exit::Failure::new("the program could not start its threads").because(&error),
                json,
            );
        }
    };
    match runtime.block_on(commands::run(args)) {
        Ok(code) => code.into(),
        Err(failure) => exit::report(&failure, json),
    }
}
