use std::sync::Arc;
use qadiya_domain::{calendar::Calendar, workflow::{self, Source}};
#[test]
fn explore() {
    for file in ["road-fine","detainee-case","intake-record"] {
        let root = "/tmp/lx";
        let text = std::fs::read(format!("{root}/{file}.v1.yaml")).unwrap();
        let cal = |name: &qadiya_domain::name::Name| Some(Arc::new(Calendar::read(&std::fs::read(format!("{root}/{name}.v1.yaml")).ok()?).unwrap()));
        let t = std::time::Instant::now();
        let f = match workflow::read(&Source{text:&text, calendars:&cal}) { Ok(d)=>d.findings, Err(f)=>{println!("ERR");f}};
        println!("{file} {:?}", t.elapsed());
        for one in f { println!("{one}"); }
    }
}
