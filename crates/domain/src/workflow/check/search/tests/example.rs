//! The worked example of LANGUAGE 4.3, whole and with seeded mistakes.

use super::{findings_of, graph_size, read};

fn text() -> String {
    super::file("good/detainee-example.yaml")
}

#[test]
fn the_worked_example_has_no_findings() {
    let found = findings_of(&text());
    assert!(found.is_empty(), "{}", found.join("\n"));
    println!("{}", graph_size(&read(&text())));
}

#[test]
fn probe() {
    let Ok(path) = std::env::var("PROBE") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let def = read(&text);
    let from = std::time::Instant::now();
    let found = super::findings(&def, super::LIMIT);
    for one in &found { println!("{one}"); }
    println!("{} findings in {:?}", found.len(), from.elapsed());
}
