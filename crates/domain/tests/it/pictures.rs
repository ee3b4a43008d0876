//! Pictures and tables are the same text every time.

use std::path::Path;
use std::sync::Arc;

use qadiya_domain::calendar::Calendar;
use qadiya_domain::workflow::{self, Definition, Source, dot, mermaid, pnml, scxml, table};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good")
}

fn definition(name: &str) -> Definition {
    let text = std::fs::read(folder().join(name)).unwrap();
    let calendar =
        Arc::new(Calendar::read(&std::fs::read(folder().join("calendars/court.yaml")).unwrap()).unwrap());
    workflow::load(&Source { text: &text, calendars: &|_| Some(Arc::clone(&calendar)) }).unwrap()
}

#[test]
fn pictures_and_table_of_the_example_are_as_released() {
    let definition = definition("detainee-example.yaml");
    for (file, text) in [
        ("detainee-example.mmd", mermaid(&definition)),
        ("detainee-example.dot", dot(&definition)),
        ("detainee-example.md", table(&definition)),
        ("detainee-example.scxml", scxml(&definition)),
        ("detainee-example.pnml", pnml(&definition)),
    ] {
        let released = std::fs::read_to_string(folder().join(file)).unwrap_or_default();
        assert!(text == released, "{file} differs; if that is meant, it becomes:\n{text}");
    }
}

#[test]
fn every_state_and_command_is_in_picture_and_table() {
    let definition = definition("detainee-example.yaml");
    let (picture, graph, rules) = (mermaid(&definition), dot(&definition), table(&definition));
    for state in &definition.states {
        assert!(
            picture.contains(&state.name.replace('-', "_")) && graph.contains(state.name.as_str()),
            "{}",
            state.name
        );
    }
    for command in &definition.commands {
        assert!(rules.contains(command.name.as_str()), "{}", command.name);
    }
}
