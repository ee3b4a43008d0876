//! Files that are wrong, by accident or on purpose.

use std::io::{self, Read};

use super::{read, why};
use qadiya_engine::event_log::source::Limits;
use qadiya_engine::event_log::{Attribute, LogFault, LogSource, ReadOptions};

const EVENT: &str = r#"<event><string key="concept:name" value="a"/></event>"#;
const NAME: &str = r#"<string key="concept:name" value="ق1"/>"#;

#[test]
fn a_broken_log_is_refused_with_the_place_and_the_mend() {
    let cases: Vec<(&str, String, &str)> = vec![
        (
            "nothing",
            String::new(),
            "x.xes is not an event log that can be read: it is empty; give an XES or CSV file",
        ),
        (
            "a web page",
            "<html></html>".into(),
            "x.xes:1:1: the element html stands where the log should; give an XES file with one log element",
        ),
        (
            "a table by the name of XES",
            "case,activity\n1,a".into(),
            "x.xes is not an event log that can be read: it is named as XES and does not begin like XML; give it its right name",
        ),
        (
            "an end that does not come",
            format!("<log>\n<trace>{NAME}"),
            "x.xes:2:47, trace 1: the file ends before the log is closed; it was cut off, fetch it again",
        ),
        (
            "a tag cut in the middle",
            "<log>\n <trace".into(),
            "x.xes:2:2: the file ends before the log is closed; it was cut off, fetch it again",
        ),
        (
            "crossed tags",
            "<log><trace></log></trace>".into(),
            "x.xes:1:13, trace 1: the XML is not well formed: ill-formed document: expected `</trace>`, but `</log>` was found; mend the file here, or export it again",
        ),
        (
            "a document type",
            "<!DOCTYPE log [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><log/>".into(),
            "x.xes:1:1: the file has a document type, which can define entities without end; take the DOCTYPE out; XES needs none",
        ),
        (
            "an entity of its own",
            "<log><string key=\"k\" value=\"&bomb;\"/></log>".into(),
            "x.xes:1:6: an entity is not known: at 1..5: unrecognized entity `bomb`; write the character itself, and & as &amp;",
        ),
        (
            "a character that XML has not",
            "<log><string key=\"k\" value=\"&#1;\"/></log>".into(),
            "x.xes:1:6: the character U+0001 may not stand in XML; mend the file here, or export it again",
        ),
        (
            "another encoding",
            "<?xml version=\"1.0\" encoding=\"windows-1256\"?><log/>".into(),
            "x.xes:1:1: the file is declared to be in another encoding than UTF-8; save it as UTF-8",
        ),
        (
            "a second root",
            "<log/><log/>".into(),
            "x.xes:1:7: the element log stands where the log should; give an XES file with one log element",
        ),
        (
            "an event outside a trace",
            format!("<log>{EVENT}</log>"),
            "x.xes:1:6: the element event stands where a trace should; move it to where IEEE 1849 puts it, or take it out",
        ),
        (
            "a trace without a name",
            format!("<log><trace>{EVENT}</trace></log>"),
            "x.xes:1:6, trace 1: the trace's name (concept:name) is missing; give each trace a string with the key concept:name",
        ),
        (
            "an event without an activity",
            format!("<log><trace>{NAME}{EVENT}\n  <event/></trace></log>"),
            "x.xes:2:3, trace 1 “ق1”, event 2: the event's activity (concept:name) is missing; give each event a string with the key concept:name",
        ),
        (
            "a date that is none",
            format!(
                "<log><trace>{NAME}\n<event><string key=\"concept:name\" value=\"a\"/>\n<date key=\"time:timestamp\" value=\"2005-02-30T00:00:00Z\"/></event></trace></log>"
            ),
            "x.xes:3:1, trace 1 “ق1”, event 1: time:timestamp is “2005-02-30T00:00:00Z”, which is not a date; write it like 2005-03-23T00:00:00+01:00, or give the form of the dates",
        ),
        (
            "a date of no zone",
            "<log><date key=\"d\" value=\"2005-02-20T00:00:00\"/></log>".into(),
            "x.xes:1:6: d is “2005-02-20T00:00:00”, which is not an instant, since it has no offset; write it like 2005-03-23T00:00:00+01:00, or give the zone of the dates",
        ),
        (
            "a whole number that is too large",
            "<log><int key=\"n\" value=\"9223372036854775808\"/></log>".into(),
            "x.xes:1:6: n is “9223372036854775808”, which is not a whole number of 64 bits; write it as float or string",
        ),
        (
            "a number with a decimal comma",
            "<log><float key=\"n\" value=\"1,5\"/></log>".into(),
            "x.xes:1:6: n is “1,5”, which is not a number; write it like 12.50",
        ),
        (
            "a truth that is none",
            "<log><boolean key=\"n\" value=\"نعم\"/></log>".into(),
            "x.xes:1:6: n is “نعم”, which is not true or false",
        ),
        (
            "a value without a key",
            "<log><string value=\"v\"/></log>".into(),
            "x.xes:1:6: the key of the string element is missing; write <string key=\"…\" value=\"…\"/>",
        ),
        (
            "a key without a value",
            "<log><string key=\"k\"/></log>".into(),
            "x.xes:1:6: the value of the string element is missing; write <string key=\"…\" value=\"…\"/>",
        ),
        (
            "a key twice",
            "<log><string key=\"k\" value=\"1\"/>\n  <string key=\"k\" value=\"2\"/></log>".into(),
            "x.xes:2:3: k is given twice; keep one of them, or rename the other",
        ),
    ];
    for (what, text, message) in cases {
        assert_eq!(why(text, "x.xes"), message, "{what}");
    }
}

#[test]
fn files_of_other_kinds_are_named() {
    for (bytes, name, message) in [
        (
            &b"PK\x03\x04rest"[..],
            "log.csv",
            "log.csv is not an event log that can be read: it is a ZIP or spreadsheet file; unpack it, or save the sheet as CSV",
        ),
        (
            b"\xff\xfec\0a\0",
            "log.csv",
            "log.csv is not an event log that can be read: it is UTF-16; save it as UTF-8",
        ),
        (
            b"{\"events\":[]}",
            "log",
            "log is not an event log that can be read: it begins like JSON; give an XES or CSV file",
        ),
        (
            b"<log/>",
            "log.csv",
            "log.csv is not an event log that can be read: it is named as a table and begins like XML; give it its right name",
        ),
        (b"a\0b", "log", "log is not an event log that can be read: it is not text; give an XES or CSV file"),
    ] {
        assert_eq!(why(bytes, name), message);
    }
}

#[test]
fn elements_inside_elements_without_end_are_refused() {
    for deep in ["<string key=\"k\" value=\"v\">", "<unknown>", "<list key=\"k\"><values>"] {
        let text = format!("<log>{}", deep.repeat(100_000));
        assert!(
            why(text, "x.xes").contains("the depth of elements inside elements is over the limit of 64"),
            "{deep}"
        );
    }
}

/// A file that never ends.
struct Endless {
    head: &'static [u8],
    body: &'static [u8],
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        for slot in into.iter_mut() {
            *slot = match self.head.get(self.at) {
                Some(byte) => *byte,
                None => self.body[(self.at - self.head.len()) % self.body.len()],
            };
            self.at += 1;
        }
        Ok(into.len())
    }
}

#[test]
fn a_file_without_end_is_refused_within_its_limits() {
    let limits =
        Limits { markup_bytes: 10_000, trace_bytes: 100_000, table_bytes: 100_000, ..Limits::default() };
    let options = ReadOptions { limits, ..ReadOptions::default() };
    let endless: [(&'static [u8], &'static [u8], &str); 6] = [
        (
            b"<log><string key=\"k\" value=\"",
            b"a",
            "one piece of markup, in bytes, is over the limit of 10000",
        ),
        (b"<log><!--", b"a", "one piece of markup, in bytes, is over the limit of 10000"),
        (b"<log><string ", b"a='' ", "one piece of markup, in bytes, is over the limit of 10000"),
        (
            b"<log><trace>",
            b"<event><string key='concept:name' value='a'/></event>",
            "one trace, in bytes, is over the limit of 100000",
        ),
        (
            b"<log><list key='l'>",
            b"<string key='k' value='v'/>",
            "what is said of the log itself, in bytes, is over the limit of 100000",
        ),
        (
            b"case,activity,time\n",
            b"1,a,2005-03-23T00:00Z\n",
            "the table, in bytes, is over the limit of 100000",
        ),
    ];
    for (head, body, message) in endless {
        let source = LogSource::open(Endless { head, body, at: 0 }, "x", &options);
        let fault = match source {
            Ok(mut source) => source.find_map(Result::err).unwrap(),
            Err(fault) => fault,
        };
        assert!(fault.to_string().contains(message), "{fault}");
    }
    let crowd = format!("<log><string {}/></log>", "a='' ".repeat(65));
    assert!(
        why(crowd, "x.xes").contains("the number of XML attributes on one element is over the limit of 64")
    );
}

#[test]
fn one_trace_that_is_an_endless_event_is_refused() {
    let limits = Limits { trace_bytes: 100_000, ..Limits::default() };
    let options = ReadOptions { limits, ..ReadOptions::default() };
    let body = b"<string key='k' value='v'/><list key='l'/>";
    let head = b"<log><trace><event><list key='x'>";
    let mut source = LogSource::open(Endless { head, body, at: 0 }, "x.xes", &options).unwrap();
    let fault = source.next().unwrap().unwrap_err();
    assert!(matches!(fault, LogFault::OverLimit { limit: 100_000, .. }), "{fault}");
    assert!(source.next().is_none(), "after a fault the reader is done");
}

#[test]
fn what_is_not_xes_is_left_out() {
    let text = "\u{feff}<?xml version='1.0' encoding='UTF-8'?><!-- note --><?hint?>
        <x:log xmlns:x='urn:xes' xmlns:o='urn:other' xes.version='1.0'>text &amp; more<![CDATA[<event>]]>
        <x:extension name='Concept' prefix='concept' uri='u'/>
        <x:global scope='event'><x:string key='concept:name' value='none'/></x:global>
        <x:classifier name='A' keys='concept:name'/>
        <o:trace><o:event/></o:trace><future><string key='k' value='v'/></future>
        <x:trace><event><x:string key='concept:name' value='a\tb&#9;&lt;&#x642;'/>
        <container key='c'><string key='k' value='1'/><string key='k' value='2'/></container></event>
        <x:int key='concept:name' value='7'/></x:trace></x:log><!-- end -->\n";
    let traces = read(text, "x.xes").unwrap();
    assert_eq!(traces.len(), 1);
    assert_eq!(traces[0].id, "7");
    assert_eq!(traces[0].events.len(), 1);
    let event = &traces[0].events[0];
    assert_eq!(event.activity, "a b\t<ق", "a raw tab is a space, an escaped one stays");
    let items = ["1", "2"].map(|value| ("k".to_owned(), Attribute::Text(value.to_owned())));
    assert_eq!(event.attributes["c"], Attribute::List(items.to_vec()));
}
