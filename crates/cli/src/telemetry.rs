//! Log lines: to the error stream, as text or JSON. Ids only; never a name or a text of a case.

use tracing_subscriber::EnvFilter;

use crate::args::Global;

/// Starts logging. `-v` and `-vv` say more; `--log-json` writes JSON.
pub(crate) fn start(global: &Global) {
    let level = match global.verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::new(format!("{level},sqlx=warn,hyper=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if global.log_json {
        builder.json().init();
    } else {
        builder.init();
    }
}
