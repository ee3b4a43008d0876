//! Limits and marks of the HTTP surface.

use std::time::Duration;

use jiff::tz::TimeZone;

/// How the server behaves towards its clients. The defaults are those of the published service.
#[derive(Debug, Clone)]
pub struct WebSettings {
    /// Largest JSON body, in bytes.
    pub body_limit: usize,
    /// Largest uploaded file, in bytes.
    pub upload_limit: usize,
    /// Longest address (path and query), in bytes.
    pub uri_limit: usize,
    /// How long a body may take to arrive. It never runs while the engine works.
    pub body_time: Duration,
    /// How long the head of a request may take to arrive; a slower client is cut.
    pub head_time: Duration,
    /// Requests worked on at once; one more is answered 503.
    pub concurrency: usize,
    /// How long a request may take to be answered; then the answer is 503 and what was begun goes on by itself.
    pub answer_time: Duration,
    /// How long a client may take to accept a part of an answer; a slower one is cut.
    pub write_time: Duration,
    /// Uploads read at once; one more is answered 503.
    pub uploads: usize,
    /// Connections held at once; one more waits to be accepted.
    pub connections: usize,
    /// How long running requests may take to end once the server is told to stop.
    pub stop_time: Duration,
    /// The zone of the court: which civil day it is there.
    pub zone: TimeZone,
}

impl Default for WebSettings {
    fn default() -> Self {
        Self {
            body_limit: 1024 * 1024,
            upload_limit: 64 * 1024 * 1024,
            uri_limit: 4 * 1024,
            body_time: Duration::from_secs(30),
            head_time: Duration::from_secs(10),
            concurrency: 1_024,
            answer_time: Duration::from_mins(2),
            write_time: Duration::from_secs(30),
            uploads: 4,
            connections: 4_096,
            stop_time: Duration::from_secs(20),
            zone: TimeZone::get("Asia/Baghdad").unwrap_or(TimeZone::UTC),
        }
    }
}
