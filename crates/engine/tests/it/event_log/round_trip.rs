//! What we write is what is read.

use jiff::Timestamp;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use qadiya_engine::event_log::xes::{XesHeader, XesReader, XesWriter};
use qadiya_engine::event_log::{
    Attribute, Attributes, Decimal, EventLog, LogEvent, LogSource, ReadOptions, Trace, WriteFault,
};

/// Text of any characters that XML can carry, with those that must be escaped made frequent.
fn text() -> impl Strategy<Value = String> {
    let any = any::<char>().prop_filter(
        "XML has no such character",
        |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..),
    );
    let sharp = prop::sample::select(vec![
        '&', '<', '>', '"', '\'', '\n', '\r', '\t', ' ', 'ق', 'ض', '\u{85}', '\u{202e}',
    ]);
    vec(prop_oneof![any, sharp], 0..12).prop_map(String::from_iter)
}

fn name() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("ن{text}"))
}

/// Keys that the model has no field for.
fn key() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("k{text}"))
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond())
        .prop_map(|nanosecond| Timestamp::from_nanosecond(nanosecond).unwrap())
}

fn attribute() -> impl Strategy<Value = Attribute> {
    let leaf = prop_oneof![
        text().prop_map(Attribute::Text),
        any::<i64>().prop_map(Attribute::Int),
        "-?[0-9]{1,20}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?"
            .prop_map(|number| Attribute::Decimal(Decimal::parse(&number).unwrap())),
        any::<bool>().prop_map(Attribute::Bool),
        instant().prop_map(Attribute::Date),
        text().prop_map(Attribute::Id),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let children = btree_map(key(), inner.clone(), 1..3);
        prop_oneof![
            vec((key(), inner.clone()), 0..4).prop_map(Attribute::List),
            (inner, children).prop_map(|(value, children)| value.plain().clone().with_children(children)),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    btree_map(key(), attribute(), 0..3)
}

fn event() -> impl Strategy<Value = LogEvent> {
    (name(), option::of(instant()), option::of(text()), option::of(text()), attributes()).prop_map(
        |(activity, at, lifecycle, resource, attributes)| LogEvent {
            activity,
            at,
            lifecycle,
            resource,
            attributes,
        },
    )
}

fn log() -> impl Strategy<Value = EventLog> {
    let trace = (name(), attributes(), vec(event(), 0..4)).prop_map(|(id, attributes, events)| Trace {
        id,
        attributes,
        events,
    });
    (vec(trace, 0..4), attributes()).prop_map(|(traces, attributes)| EventLog { traces, attributes })
}

fn written(log: &EventLog) -> Result<Vec<u8>, WriteFault> {
    let header = XesHeader { attributes: log.attributes.clone(), all_dated: false };
    let mut writer = XesWriter::start(Vec::new(), &header)?;
    for trace in &log.traces {
        writer.trace(trace)?;
    }
    writer.finish()
}

proptest! {
    #[test]
    fn a_written_log_reads_back_the_same(log in log()) {
        let bytes = written(&log).unwrap();
        let again = LogSource::open(bytes.as_slice(), "ours.xes", &ReadOptions::default()).unwrap().read_all();
        prop_assert_eq!(again.unwrap(), log);
    }

    #[test]
    fn a_log_cut_anywhere_is_refused_and_gives_only_whole_traces(log in log(), part in 0..1_000_usize) {
        let bytes = written(&log).unwrap();
        let end = bytes.len() - b"</log>\n".len();
        let cut = &bytes[..end * part / 1_000];
        let mut traces = Vec::new();
        let mut refused = false;
        for trace in XesReader::new(cut, "cut.xes", &ReadOptions::default()) {
            match trace {
                Ok(trace) => traces.push(trace),
                Err(_) => refused = true,
            }
        }
        prop_assert!(refused);
        prop_assert_eq!(&traces[..], &log.traces[..traces.len()]);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..200), damage in vec((any::<u16>(), any::<u8>()), 1..4), log in log()) {
        let options = ReadOptions::default();
        for name in ["x", "x.xes", "x.csv"] {
            drop(LogSource::open(bytes.as_slice(), name, &options).and_then(LogSource::read_all));
        }
        let mut damaged = written(&log).unwrap();
        for (at, byte) in damage {
            let at = usize::from(at) % damaged.len();
            damaged[at] = byte;
        }
        drop(LogSource::open(damaged.as_slice(), "x.xes", &options).and_then(LogSource::read_all));
    }
}

fn small() -> EventLog {
    let event = LogEvent { activity: "استلام الملف".to_owned(), ..LogEvent::default() };
    let trace = Trace { id: "ق-1".to_owned(), events: vec![event], ..Trace::default() };
    EventLog { traces: vec![trace], ..EventLog::default() }
}

#[test]
fn the_file_says_what_the_standard_asks() {
    let mut log = small();
    log.traces[0].events[0].at = Some("2026-11-22T08:00:00.000001Z".parse().unwrap());
    log.traces[0].events[0].resource = Some("a <b> & \"c\"".to_owned());
    let header = XesHeader { attributes: Attributes::new(), all_dated: true };
    let mut writer = XesWriter::start(Vec::new(), &header).unwrap();
    writer.trace(&log.traces[0]).unwrap();
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    assert_eq!(
        text,
        r#"<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="nested-attributes" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
  <extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
  <global scope="trace">
    <string key="concept:name" value="UNKNOWN"/>
  </global>
  <global scope="event">
    <string key="concept:name" value="UNKNOWN"/>
    <date key="time:timestamp" value="1970-01-01T00:00:00Z"/>
  </global>
  <classifier name="Activity" scope="event" keys="concept:name"/>
  <trace>
    <string key="concept:name" value="ق-1"/>
    <event>
      <string key="concept:name" value="استلام الملف"/>
      <date key="time:timestamp" value="2026-11-22T08:00:00.000001Z"/>
      <string key="org:resource" value="a &lt;b&gt; &amp; &quot;c&quot;"/>
    </event>
  </trace>
</log>
"#
    );
}

#[test]
fn what_would_not_read_back_is_refused() {
    let mut control = small();
    control.traces[0].events[0].resource = Some("bell\u{7}".to_owned());
    let mut nameless = small();
    nameless.traces[0].id.clear();
    let mut idle = small();
    idle.traces[0].events[0].activity.clear();
    let mut double = small();
    let other = Attribute::Text("أخرى".to_owned());
    double.traces[0].events[0].attributes.insert("concept:name".to_owned(), other);
    for (log, message) in [
        (
            control,
            "trace “ق-1”, event 1, attribute “org:resource”: the character U+0007 may not stand in XML; correct \
             the text at its source, or leave it out",
        ),
        (nameless, "a trace: it has no name; give every trace an id"),
        (idle, "trace “ق-1”, event 1: it has no activity; give every event an activity"),
        (
            double,
            "trace “ق-1”, event 1: the attribute “concept:name” says something else than the field of the \
             model; set the field, and take the attribute out",
        ),
    ] {
        assert_eq!(written(&log).unwrap_err().to_string(), message);
    }
    let promised = XesHeader { attributes: Attributes::new(), all_dated: true };
    let mut writer = XesWriter::start(Vec::new(), &promised).unwrap();
    assert_eq!(
        writer.trace(&small().traces[0]).unwrap_err().to_string(),
        "trace “ق-1”, event 1: it has no instant, though the head promises one for every event; give the \
         instant, or do not promise it"
    );
}

#[test]
fn something_said_about_an_activity_survives() {
    let text = r#"<log><trace><string key="concept:name" value="1"><string key="by" value="hand"/></string>
        <event><string key="concept:name" value="a"><int key="weight" value="2"/></string>
        <date key="time:timestamp" value="2026-01-01T00:00:00Z"><string key="source" value="stamp"/></date></event></trace></log>"#;
    let read = |bytes: &[u8]| XesReader::new(bytes, "x.xes", &ReadOptions::default()).read_all().unwrap();
    let log = read(text.as_bytes());
    assert_eq!(log.traces[0].id, "1");
    assert_eq!(log.traces[0].events[0].activity, "a");
    assert_eq!(read(&written(&log).unwrap()), log);
}
