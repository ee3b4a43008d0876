//! Somebody outside who answers as the test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// What is answered: the status line's number with its headers, and the body.
#[derive(Debug, Clone)]
pub(crate) struct Says(pub(crate) &'static str, pub(crate) &'static str);

pub(crate) const THERE: Says = Says("200 OK", r#"{"code":"there"}"#);
pub(crate) const BROKEN: Says = Says("500 Broken", "");

#[derive(Debug, Default)]
struct Heard {
    says: VecDeque<Says>,
    requests: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    heard: Arc<Mutex<Heard>>,
    pub(crate) address: String,
}

impl Receiver {
    /// Answers these in turn; whoever asks more often is told that nothing is left.
    pub(crate) async fn answering(says: &[Says]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap());
        let heard =
            Arc::new(Mutex::new(Heard { says: says.iter().cloned().collect(), requests: Vec::new() }));
        let receiver = Self { heard: Arc::clone(&heard), address };
        TaskTracker::new().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, &heard).await;
            }
        });
        receiver
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.heard.lock().unwrap().requests.clone()
    }
}

async fn answer(mut stream: TcpStream, heard: &Mutex<Heard>) {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    // The body is one JSON object, and whoever sends it closes it with a brace.
    while !text.ends_with(b"}") {
        let read = stream.read(&mut buffer).await.unwrap();
        if read == 0 {
            return;
        }
        text.extend_from_slice(&buffer[..read]);
    }
    let says = {
        let mut heard = heard.lock().unwrap();
        heard.requests.push(String::from_utf8(text).unwrap());
        heard.says.pop_front().unwrap_or(Says("410 Gone", ""))
    };
    let length = says.1.len();
    let reply =
        format!("HTTP/1.1 {}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{}", says.0, says.1);
    stream.write_all(reply.as_bytes()).await.unwrap();
}
