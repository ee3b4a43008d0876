//! The ways out of the house. Calls go only to addresses the operator named; there are no redirects, and a name that
//! resolves to a private address is refused unless the operator said that it may.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::error::WorkerError;

/// An address outside that jobs may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name in workflow files.
    pub name: String,
    /// Where to.
    pub url: Url,
    /// The operator says that this is an address of the house.
    pub private: bool,
}

/// All channels by name.
#[derive(Debug, Clone, Default)]
pub struct Channels {
    channels: BTreeMap<String, Channel>,
}

/// What is sent.
#[derive(Debug, Clone, Serialize)]
pub struct Message<'a> {
    /// The same for every try: the receiver's key against doubles.
    pub id: String,
    /// The case number.
    pub case: &'a str,
    /// The job.
    pub job: &'a str,
    /// The open facts that the file names under `sends`.
    pub facts: BTreeMap<String, serde_json::Value>,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The code, to be found under `when-done: answers`.
    pub code: Option<String>,
    /// Fields of the answer.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The receiver has it.
    Done(Reply),
    /// It failed, or nobody knows: the same message may go again. The text is a class of fault without values.
    Failed(String),
}

/// A reply longer than this is not read.
const LONGEST_REPLY: usize = 64 * 1024;

impl Channels {
    /// Reads `NAME=URL` and `NAME=private:URL`.
    ///
    /// # Errors
    /// [`WorkerError::Channel`] when a text is not of that form or the address is not http or https.
    pub fn parse(texts: &[String]) -> Result<Self, WorkerError> {
        let mut channels = BTreeMap::new();
        for text in texts {
            let bad =
                |detail: &str| WorkerError::Channel { channel: text.clone(), detail: detail.to_owned() };
            let (name, address) = text.split_once('=').ok_or_else(|| bad("write NAME=URL"))?;
            let (address, private) = match address.strip_prefix("private:") {
                Some(rest) => (rest, true),
                None => (address, false),
            };
            let url =
                Url::parse(address).map_err(|error| bad(&format!("the address is not a URL: {error}")))?;
            if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                return Err(bad("the address must begin with http:// or https:// and name a host"));
            }
            let channel = Channel { name: name.to_owned(), url, private };
            if channels.insert(name.to_owned(), channel).is_some() {
                return Err(bad("this name is given twice"));
            }
        }
        Ok(Self { channels })
    }

    /// A channel by name.
    pub fn get(&self, name: &str) -> Option<&Channel> {
        self.channels.get(name)
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }
}

impl Channel {
    /// Sends a message once, within a time.
    pub async fn deliver(&self, id: &str, message: &impl Serialize, within: Duration) -> Delivery {
        // One limit for all of it: a name server may be as slow as the receiver.
        match tokio::time::timeout(within, self.call(id, message)).await {
            Ok(delivery) => delivery,
            Err(_) => Delivery::Failed("timeout".to_owned()),
        }
    }

    async fn call(&self, id: &str, message: &impl Serialize) -> Delivery {
        let addresses = match self.addresses().await {
            Ok(addresses) => addresses,
            Err(fault) => return Delivery::Failed(fault),
        };
        let host = self.url.host_str().unwrap_or_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // The address that was tested is the address that is called: a second look-up could answer otherwise.
            .resolve_to_addrs(host, &addresses)
            .build();
        let Ok(client) = client else {
            return Delivery::Failed("no-client".to_owned());
        };
        let request = client.post(self.url.clone()).header("Idempotency-Key", id).json(message);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Delivery::Failed("no-connection".to_owned()),
            Err(_) => return Delivery::Failed("broken-connection".to_owned()),
        };
        if !response.status().is_success() {
            return Delivery::Failed(format!("status-{}", response.status().as_u16()));
        }
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len().saturating_add(chunk.len()) > LONGEST_REPLY => {
                    return Delivery::Failed("reply-too-long".to_owned());
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(_) => return Delivery::Failed("broken-reply".to_owned()),
            }
        }
        if body.is_empty() {
            return Delivery::Done(Reply { code: None, fields: BTreeMap::new() });
        }
        match serde_json::from_slice(&body) {
            Ok(reply) => Delivery::Done(reply),
            Err(_) => Delivery::Failed("unreadable-reply".to_owned()),
        }
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, String> {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.url.port_or_known_default().unwrap_or(443);
        let found = tokio::net::lookup_host((host, port)).await.map_err(|_| "no-such-host".to_owned())?;
        let found: Vec<SocketAddr> = found.collect();
        if !self.private && found.iter().any(|address| is_private(address.ip())) {
            return Err("private-address".to_owned());
        }
        Ok(found)
    }
}

/// Loopback, link-local, private and other ranges that no outside partner has.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_unspecified()
                || v4.is_multicast()
                || (a == 100 && (64..128).contains(&b))
                // Protocol assignments and benchmarking (RFC 6890).
                || (a, b, c) == (192, 0, 0)
                || (a == 198 && (18..20).contains(&b))
                || a == 0
        }
        IpAddr::V6(v6) => {
            v6.to_ipv4_mapped().or_else(|| translated(v6)).is_some_and(|v4| is_private(IpAddr::V4(v4)))
                || v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    }
}

/// The IPv4 address behind an IPv6 address of the well-known translation prefix `64:ff9b::/96` (RFC 6052).
fn translated(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = v6.octets();
    let rest = bytes.strip_prefix(&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0])?;
    <[u8; 4]>::try_from(rest).ok().map(Ipv4Addr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_house_are_told_from_outside_ones() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "fc00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "198.19.255.254",
        ] {
            assert!(is_private(inside.parse().unwrap()), "{inside}");
        }
        for outside in
            ["8.8.8.8", "100.128.0.1", "198.20.0.1", "192.0.2.1", "2606:4700::1111", "64:ff9b::8.8.8.8"]
        {
            assert!(!is_private(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn a_channel_needs_a_name_and_an_address() {
        let parse = |text: &str| Channels::parse(&[text.to_owned()]);
        assert!(
            parse("council=https://council.example/hook").unwrap().get("council").is_some_and(|c| !c.private)
        );
        assert!(parse("desk=private:http://127.0.0.1:9/").unwrap().get("desk").is_some_and(|c| c.private));
        for bad in ["council", "council=ftp://x/", "council=nothing", "council=file:///etc/hosts"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(Channels::parse(&["a=http://x/".to_owned(), "a=http://y/".to_owned()]).is_err());
    }
}
