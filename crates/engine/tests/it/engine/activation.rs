//! Two people make a version the one for new cases, and what is stored must show it.

use qadiya_domain::actor::Actor;
use qadiya_domain::case::refusal::RefusalCode;
use qadiya_domain::ids::{AppointmentId, DefinitionHash, StreamKind};
use qadiya_domain::registry::publications::{Change, Publications};
use qadiya_engine::activation::{ActivateError, Signing};
use qadiya_engine::registry_write::RegistryError;
use qadiya_engine::verify::FaultKind;
use qadiya_ledger::chain::event_hash;
use qadiya_store::memory::Tables;
use tokio::task::JoinSet;

use super::fixtures::{Court, FLOW, administrators, command, italy, name, new_case, token};

/// Publishes another version; nobody has signed for it.
async fn publish(court: &Court, version: u32) -> DefinitionHash {
    let flow = String::from_utf8(FLOW.to_vec()).unwrap();
    let flow = flow.replace("version: 1", &format!("version: {version}"));
    let calendars = [(name("italy"), italy())];
    court.engine.publish(&court.administrators[0], flow.as_bytes(), &calendars).await.unwrap().hash
}

async fn held(court: &Court) -> Publications {
    court.engine.publications(&name("small-case")).await.unwrap()
}

/// The change to a definition from what is active now.
async fn change_to(court: &Court, definition: DefinitionHash) -> Change {
    Change { definition, replaces: held(court).await.active }
}

async fn sign(court: &Court, by: &Actor, change: Change) -> Result<Signing, ActivateError> {
    court.engine.sign(by, &name("small-case"), change).await
}

fn code(found: Result<Signing, ActivateError>) -> RefusalCode {
    match found {
        Err(ActivateError::Registry(RegistryError::RefusedFor(why))) => why.code,
        other => panic!("{other:?}"),
    }
}

/// The definition that a new case is opened under.
async fn opened_under(court: &Court) -> DefinitionHash {
    court.open().await;
    court.engine.active(&name("small-case")).await.unwrap().hash
}

#[tokio::test]
async fn one_signature_waits_and_the_second_counts_at_once() {
    let court = Court::new().await;
    let before = opened_under(&court).await;
    let two = publish(&court, 2).await;
    let change = change_to(&court, two).await;
    let [first, second] = &court.administrators;
    assert!(!sign(&court, first, change).await.unwrap().activated);
    assert_eq!(opened_under(&court).await, before);
    assert!(sign(&court, second, change).await.unwrap().activated);
    assert_eq!(opened_under(&court).await, two);
    let held = held(&court).await;
    let signed = &held.in_force().unwrap().signatures;
    let people: Vec<_> = signed.iter().map(|one| (Some(one.person), one.name.as_str(), &*one.role)).collect();
    assert_eq!(
        people,
        [
            (first.person(), "Administrator One", "administrator"),
            (second.person(), "Administrator Two", "administrator")
        ]
    );
    let listed = court.engine.workflows().await.unwrap();
    let made: Vec<_> = listed.iter().map(|one| (one.active, one.made.as_ref().unwrap().change)).collect();
    assert_eq!(made.last().unwrap(), &(true, change));
    assert_eq!(made.iter().filter(|(active, _)| *active).count(), 1);
}

#[tokio::test]
async fn one_person_with_two_accounts_is_one_person() {
    let court = Court::new().await;
    let change = change_to(&court, publish(&court, 2).await).await;
    let [first, _] = &court.administrators;
    sign(&court, first, change).await.unwrap();
    let person = first.person().unwrap();
    // Another token of the same person, a program of theirs, and a second record under the same name.
    let again = token(&court.engine, person, false).await;
    let again = again.administrator(court.engine.clock().now()).unwrap();
    assert_ne!(&again, first);
    assert_eq!(code(sign(&court, &again, change).await), RefusalCode::SamePerson);
    let program = token(&court.engine, person, true).await;
    assert!(program.administrator(court.engine.clock().now()).is_err());
    let program = program.actor(&name("administrator"), None);
    assert_eq!(code(sign(&court, &program, change).await), RefusalCode::Decision);
    let [namesake, _] = administrators(&court.engine).await;
    assert_ne!(namesake.person(), first.person());
    assert_eq!(code(sign(&court, &namesake, change).await), RefusalCode::SamePerson);
    assert_ne!(held(&court).await.active, Some(change.definition));
}

#[tokio::test]
async fn who_is_no_administrator_any_more_does_not_sign() {
    let court = Court::new().await;
    let change = change_to(&court, publish(&court, 2).await).await;
    let [first, second] = &court.administrators;
    let Actor::Official { official, appointment: Some(held), .. } = first else { panic!("{first:?}") };
    let (held, now): (AppointmentId, _) = (*held, court.engine.clock().now());
    court.engine.end_appointment(second, *official, held, now, "order 2/2026").await.unwrap();
    assert_eq!(code(sign(&court, first, change).await), RefusalCode::Appointment);
    assert_eq!(code(sign(&court, &Actor::System, change).await), RefusalCode::Decision);
}

#[tokio::test]
async fn a_signature_on_what_was_replaced_meanwhile_is_refused() {
    let court = Court::new().await;
    let (two, three) = (publish(&court, 2).await, publish(&court, 3).await);
    let [first, second] = &court.administrators;
    let (to_two, to_three) = (change_to(&court, two).await, change_to(&court, three).await);
    sign(&court, first, to_two).await.unwrap();
    sign(&court, second, to_three).await.unwrap();
    assert_eq!(held(&court).await.open.len(), 2, "two signatures on two versions do not add up");
    assert!(sign(&court, second, to_two).await.unwrap().activated);
    assert_eq!(code(sign(&court, first, to_three).await), RefusalCode::ProposalChanged);
    assert_eq!(held(&court).await.open, []);
}

#[tokio::test]
async fn a_signature_that_was_taken_back_is_no_signature() {
    let court = Court::new().await;
    let change = change_to(&court, publish(&court, 2).await).await;
    let [first, second] = &court.administrators;
    sign(&court, first, change).await.unwrap();
    let workflow = name("small-case");
    assert_eq!(code(court.engine.withdraw(second, &workflow, change).await), RefusalCode::Proposal);
    court.engine.withdraw(first, &workflow, change).await.unwrap();
    assert!(!sign(&court, second, change).await.unwrap().activated);
    assert!(sign(&court, first, change).await.unwrap().activated);
    assert_eq!(code(court.engine.withdraw(first, &workflow, change).await), RefusalCode::Proposal);
}

#[tokio::test]
async fn second_signatures_that_race_activate_once() {
    let court = Court::new().await;
    let change = change_to(&court, publish(&court, 2).await).await;
    sign(&court, &court.administrators[0], change).await.unwrap();
    let named = court.engine.name_administrators(["Third", "Fourth"], "order 3/2026").await.unwrap();
    let mut others = named.map(|named| named.actor).to_vec();
    others.push(court.administrators[1].clone());
    let (opening, signing) = tokio::join!(
        court.engine.submit(court.asking(&court.clerk, new_case(), command("receive"))),
        at_once(&court, &others, change),
    );
    assert!(opening.is_ok(), "a case that is opened meanwhile finds one of the two: {opening:?}");
    let done: Vec<bool> = signing.iter().map(|one| one.as_ref().is_ok_and(|one| one.activated)).collect();
    assert_eq!(done.iter().filter(|done| **done).count(), 1, "{signing:?}");
    for late in signing.into_iter().filter(Result::is_err) {
        assert_eq!(code(late), RefusalCode::State);
    }
    let held = held(&court).await;
    assert_eq!((held.made.len(), held.in_force().unwrap().signatures.len()), (2, 2));
    assert!(court.engine.verify(&|_, _| {}).await.unwrap().is_clean());
}

/// All of them at once.
async fn at_once(court: &Court, signers: &[Actor], change: Change) -> Vec<Result<Signing, ActivateError>> {
    let mut signing = JoinSet::new();
    for by in signers {
        let (engine, by) = (court.engine.clone(), by.clone());
        signing.spawn(async move { engine.sign(&by, &name("small-case"), change).await });
    }
    signing.join_all().await
}

#[tokio::test]
async fn the_same_under_one_key_is_one_signature() {
    let court = Court::new().await;
    let change = change_to(&court, publish(&court, 2).await).await;
    let (mut principals, mut signings) = (Vec::new(), Vec::new());
    for by in &court.administrators {
        principals.push(token(&court.engine, by.person().unwrap(), false).await);
    }
    let workflow = name("small-case");
    let sign = async |number: usize| {
        let principal = &principals[number];
        let by = principal.administrator(court.engine.clock().now()).unwrap();
        let once = court.engine.once(principal, "k", &[b"sign"]);
        court.engine.sign((&by, &once), &workflow, change).await.unwrap()
    };
    for number in [0, 0, 1, 1, 0] {
        signings.push(sign(number).await);
    }
    // Each answer is the one of the first time, also after the second signature has changed what is active.
    assert_eq!(signings[0], signings[1]);
    assert_eq!(signings[0], signings[4]);
    assert_eq!(signings[2], signings[3]);
    assert_eq!((signings[0].activated, signings[2].activated), (false, true));
    assert_eq!(held(&court).await.made.len(), 2);
}

/// Writes the text of the last event of the workflow anew, with the hashes right.
fn forge(tables: &mut Tables, change: impl Fn(&str) -> String) {
    let stream = tables.entities.values().find(|row| row.kind == StreamKind::Definition).unwrap().stream;
    let head = tables.entities[&stream].version;
    // The signature before the activation: the event before the last.
    let event = tables.events.get_mut(&(stream, head - 1)).unwrap();
    let before = String::from_utf8(event.bytes.clone()).unwrap();
    let after = change(&before);
    assert_ne!(before, after);
    event.bytes = after.into_bytes();
    event.hash = event_hash(&event.bytes);
}

#[tokio::test]
async fn what_two_people_did_not_sign_is_found() {
    let kinds = async |court: &Court| {
        let report = court.engine.verify(&|_, _| {}).await.unwrap();
        report.faults.iter().map(|fault| fault.kind).collect::<Vec<_>>()
    };
    let court = Court::new().await;
    let two = publish(&court, 2).await;
    let change = change_to(&court, two).await;
    sign(&court, &court.administrators[0], change).await.unwrap();
    assert_eq!(kinds(&court).await, [], "a signature that waits is no fault");

    // Past the program another version is the one for new cases.
    court.store.inner.tamper(|tables| tables.active.insert(name("small-case"), two));
    assert_eq!(kinds(&court).await, [FaultKind::Activation]);
    court.store.inner.tamper(|tables| tables.active.insert(name("small-case"), change.replaces.unwrap()));
    assert_eq!(kinds(&court).await, []);

    sign(&court, &court.administrators[1], change).await.unwrap();
    assert_eq!(kinds(&court).await, []);
    // The second signature becomes one of the first person.
    let [first, second] = court.administrators.clone().map(|by| by.person().unwrap().to_string());
    court.store.inner.tamper(|tables| forge(tables, |text| text.replace(&second, &first)));
    let found = kinds(&court).await;
    assert!(found.contains(&FaultKind::Activation) && found.contains(&FaultKind::Chain), "{found:?}");
    court.store.inner.tamper(|tables| {
        forge(tables, |text| text.replace(&first, &second).replace("Administrator Two", "Administrator One"));
    });
    let found = kinds(&court).await;
    assert!(found.contains(&FaultKind::Activation), "one name is one person: {found:?}");
}
