//! The public logs of the data folder.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use qadiya_engine::event_log::xes::{XesHeader, XesWriter};
use qadiya_engine::event_log::{Attribute, EventLog, LogSource, ReadOptions};

fn bytes(name: &str) -> Vec<u8> {
    let folder = std::env::var_os("QADIYA_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let path = folder.join("logs").join(name);
    fs::read(&path).unwrap_or_else(|error| {
        panic!("{} is needed; point QADIYA_DATA at the data folder: {error}", path.display())
    })
}

fn log(name: &str) -> EventLog {
    LogSource::open(bytes(name).as_slice(), name, &ReadOptions::default()).unwrap().read_all().unwrap()
}

type Told<'a> = Vec<(&'a str, Vec<(&'a str, Option<Timestamp>, Option<&'a str>)>)>;

fn told(log: &EventLog) -> Told<'_> {
    log.traces
        .iter()
        .map(|trace| {
            let events = trace.events.iter();
            let events = events.map(|event| (event.activity.as_str(), event.at, event.resource.as_deref()));
            (trace.id.as_str(), events.collect())
        })
        .collect()
}

#[test]
fn the_xes_and_the_csv_of_a_log_tell_the_same() {
    for (name, cases, events, activities) in
        [("running-example", 6, 42, 8), ("roadtraffic100traces", 100, 390, 10)]
    {
        let xes = log(&format!("{name}.xes"));
        let csv = log(&format!("{name}.csv"));
        assert_eq!(told(&xes), told(&csv), "{name}");
        assert_eq!((xes.traces.len(), xes.event_count()), (cases, events), "{name}");
        let named: BTreeSet<_> =
            xes.traces.iter().flat_map(|trace| &trace.events).map(|e| &e.activity).collect();
        assert_eq!(named.len(), activities, "{name}");
        assert!(xes.traces.iter().flat_map(|trace| &trace.events).all(|event| event.at.is_some()), "{name}");
    }
}

#[test]
fn dates_keep_their_instant_through_changing_offsets() {
    let log = log("roadtraffic100traces.xes");
    let first = &log.traces[0];
    assert_eq!(first.id, "N77802");
    let instants: Vec<_> = first.events.iter().map(|event| event.at.unwrap().to_string()).collect();
    assert_eq!(instants, ["2005-03-22T23:00:00Z", "2005-07-21T22:00:00Z"]);
    assert_eq!(first.events[0].lifecycle.as_deref(), Some("complete"));
    assert_eq!(first.events[0].attributes["amount"].to_text().as_deref(), Some("35.0"));
    assert_eq!(first.events[0].attributes["points"], Attribute::Int(0));
}

#[test]
fn the_statistics_of_a_log_are_read_with_their_nested_values() {
    let log = log("roadtraffic100traces.xes");
    let Attribute::Nested { value, children } = &log.attributes["meta_concept:named_events_total"] else {
        panic!("the value has children");
    };
    assert_eq!(**value, Attribute::Int(561_470));
    assert_eq!(children["Payment"], Attribute::Int(77_601));
}

#[test]
fn a_packed_log_reads_as_the_plain_one_whatever_its_name() {
    for (name, packed_name) in [
        ("running-example.xes", "running-example.xes.gz"),
        ("running-example.xes", "upload"),
        ("running-example.csv", "running-example.csv.gz"),
    ] {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&bytes(name)).unwrap();
        let packed = gzip.finish().unwrap();
        let options = ReadOptions::default();
        let unpacked = LogSource::open(packed.as_slice(), packed_name, &options).unwrap().read_all().unwrap();
        assert_eq!(unpacked, log(name), "{packed_name}");

        let cut = &packed[..packed.len() / 2];
        let refused = LogSource::open(cut, packed_name, &options).and_then(LogSource::read_all).unwrap_err();
        assert!(refused.to_string().ends_with("it was cut off, fetch it again"), "{refused}");
    }
}

#[test]
fn a_real_log_written_by_us_reads_back_as_it_was() {
    for name in ["running-example.xes", "roadtraffic100traces.xes"] {
        let log = log(name);
        let header = XesHeader { attributes: log.attributes.clone(), all_dated: true };
        let mut writer = XesWriter::start(Vec::new(), &header).unwrap();
        for trace in &log.traces {
            writer.trace(trace).unwrap();
        }
        let written = writer.finish().unwrap();
        let again = LogSource::open(written.as_slice(), "ours.xes", &ReadOptions::default()).unwrap();
        assert_eq!(again.read_all().unwrap(), log, "{name}");
    }
}
