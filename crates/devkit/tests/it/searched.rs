//! The searches of the loader over the converted case types and machines of the outside data.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use qadiya_devkit::convert;
use qadiya_domain::workflow::check::search;
use qadiya_domain::workflow::{CheckId, Finding, Source, load};

fn data(path: &str) -> String {
    let root = std::env::var_os("QADIYA_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = root.join(path);
    std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("set QADIYA_DATA: {} cannot be read: {error}", file.display()))
}

/// What the searches find in a converted file. Optimized they need less than two seconds for each; here no more than
/// ten times that is let through.
fn searched(yaml: &str) -> Vec<Finding> {
    let definition = load(&Source { text: yaml.as_bytes(), calendars: &|_| None }).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the time the search takes is what is tested")]
    let begin = Instant::now();
    let found = search::findings(&definition, search::LIMIT);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    found
}

fn of_check(found: &[Finding], check: CheckId) -> Vec<&str> {
    found.iter().filter(|one| one.check == check).map(|one| one.at.as_str()).collect()
}

#[test]
fn the_states_of_financial_remedy_that_no_event_leads_to_are_reported() {
    let json = data("ccd/finrem-ccd-definitions--FinancialRemedyMVP2.json");
    let found = searched(&convert::from_ccd(&json).unwrap().yaml);
    assert_eq!(
        of_check(&found, CheckId::Reach),
        ["awaiting-hwf-decision", "awaiting-payment", "info-received", "close"]
    );
    let dead = of_check(&found, CheckId::Dead);
    for from_them in [
        "fr-payment-made-from-hwf",
        "fr-refer-to-judge-from-close",
        "fr-issue-application-from-info-received",
    ] {
        assert!(dead.contains(&from_them), "{from_them}: {dead:?}");
    }
    // Events that no role may start where they are offered.
    for nobody in
        ["fr-manual-payment", "fr-update-respondent-contact-details", "fr-update-case-details-solicitor"]
    {
        let why = found
            .iter()
            .find(|one| one.check == CheckId::Dead && one.at == nobody)
            .map(|one| one.message.as_str());
        assert!(why.is_some_and(|why| why.contains("nobody who may give it")), "{nobody}: {why:?}");
    }
}

#[test]
fn every_case_type_is_searched_even_with_thousands_of_ways_to_answer_one_command() {
    let caveat = searched(&convert::from_ccd(&data("ccd/probate-back-office--Caveat.json")).unwrap().yaml);
    assert_eq!(of_check(&caveat, CheckId::Dead), ["manage-case-ttl"]);
    // 38,880 ways to answer eight optional questions at once, in each of its commands.
    let employment =
        searched(&convert::from_ccd(&data("ccd/et-ccd-callbacks--ET_EnglandWales.json")).unwrap().yaml);
    assert_eq!(of_check(&employment, CheckId::NotProved), Vec::<&str>::new());
    assert_eq!(of_check(&employment, CheckId::Reach), Vec::<&str>::new());
    assert_eq!(
        of_check(&employment, CheckId::Dead),
        [
            // Roles that may not change a case in any state where the event is offered.
            "submit-claimant-bundles",
            "update-respondent-pse-state",
            "store-respondent-pse-response",
            "store-claimant-tse",
            "store-claimant-tse-respond",
            "submit-stored-claimant-tse-respond",
            "store-pse-response",
            "store-respondent-tse",
            // Offered only while the answer is not yes, with a first way for yes.
            "pre-acceptance-case",
        ]
    );
}

#[test]
fn the_largest_machine_is_searched_whole() {
    let found =
        searched(&convert::from_machine(&data("logs/roadtraffic-discovered.machine.json")).unwrap().yaml);
    assert_eq!(of_check(&found, CheckId::Reach), Vec::<&str>::new());
    assert_eq!(of_check(&found, CheckId::Dead), Vec::<&str>::new());
    // The source lets cases end in a state that has a way out, so the language sees no end, and one state without any.
    assert_eq!(of_check(&found, CheckId::Gap), ["s384"]);
    let example = convert::from_machine(&data("logs/running-example.machine.json")).unwrap();
    assert_eq!(searched(&example.yaml), Vec::new());
}
