//! `init`: a new store, ready to serve.

use qadiya_domain::actor::Actor;
use qadiya_domain::folding::fold;
use qadiya_engine::Engine;
use qadiya_engine::activation::SetUpError;
use qadiya_engine::ids::SystemIds;
use qadiya_engine::officials::Administrator;

use crate::args::{Global, Init};
use crate::exit::{Exit, Failure};
use crate::files::{WORKFLOWS, WorkflowFile};
use crate::output::Output;
use crate::session::{Place, Session, Start, key_file, make_key};

/// Makes a store.
pub(crate) async fn run(global: &Global, args: &Init, out: Output) -> Result<Exit, Failure> {
    let place = Place::read(&global.store);
    let key = key_file(&place, global.key_file.as_deref())?;
    // Before anything is written: whoever may reach the store must not name an administrator of a court that works.
    let refused = || {
        Failure::new(format!("{} is already set up", place.shown())).next(
            "use it as it is, or `qadiya migrate` to bring its schema up to this program; an administrator names others \
             with `qadiya official add`. If a setup was broken off here, take the empty store away and begin again",
        )
    };
    if place.is_set_up().await? {
        return Err(refused());
    }
    let names = [args.administrator.as_str(), args.second_administrator.as_str()];
    if fold(&args.administrator) == fold(&args.second_administrator) {
        return Err(Failure::new("the two administrators have one name")
            .next("name two persons: --administrator NAME --second-administrator NAME"));
    }
    place.migrate().await?;
    if place.is_set_up().await? {
        return Err(refused());
    }
    make_key(&key, &SystemIds)?;
    let start = Start { origin: Some(args.origin.clone()), ..Start::default() };
    let session = Session::start(place, &key, start).await?;
    install(&session.engine, args.synthetic).await?;
    let [first, second] = administrators(&session.engine, names, "installation").await?;
    let signers = [first.actor, second.actor];
    let workflows = publish_bundled(&session.engine, &signers, !args.unsigned).await?;
    let (secret, other) = (first.secret.expose(), second.secret.expose());
    let shown = session.place.shown();
    session.close().await;
    let document = serde_json::json!({
        "store": shown, "key_file": key, "origin": args.origin, "workflows": workflows, "administrator_token": secret,
        "second_administrator_token": other,
    });
    out.print(&document, || {
        format!(
            "the store {shown} is ready\n  signing key: {} (keep a copy apart from the store)\n  workflows: {}{}\n  \
             token of {}, shown once: {secret}\n  token of {}, shown once: {other}\n  each goes to its own person: \
             two make a workflow version active\n\nnext: QADIYA_TOKEN={secret} qadiya official add NAME --role ROLE \
             --instrument NUMBER\n      qadiya serve",
            key.display(),
            workflows.join(", "),
            if args.unsigned { "; each waits for `qadiya activate` of both" } else { "" },
            args.administrator,
            args.second_administrator,
        )
    })?;
    Ok(Exit::Done)
}

/// Makes the installation known to its own log.
///
/// # Errors
/// What the store says.
pub(crate) async fn install(engine: &Engine, synthetic: bool) -> Result<(), Failure> {
    let done = engine.install(synthetic).await.map(drop);
    done.map_err(|error| Failure::new("the installation could not be recorded").because(&error))
}

/// Publishes the bundled workflows, and with `signed` makes them the active versions in the name of both administrators.
///
/// # Errors
/// What the engine says.
pub(crate) async fn publish_bundled(
    engine: &Engine,
    administrators: &[Actor; 2],
    signed: bool,
) -> Result<Vec<String>, Failure> {
    let [first, _] = administrators;
    let mut names = Vec::new();
    for (file, bytes) in WORKFLOWS {
        let file = WorkflowFile::bundled(file, bytes)?;
        let definition = file.definition_or_fail()?;
        let calendars = file.calendars_of(&definition);
        let failed = |error: &dyn std::error::Error| {
            Failure::new(format!("the bundled workflow {} could not be published", definition.workflow))
                .because(error)
        };
        let published = if signed {
            engine.publish_signed(administrators, &file.bytes, &calendars).await
        } else {
            engine.publish(first, &file.bytes, &calendars).await.map_err(SetUpError::from)
        };
        let published = published.map_err(|error| failed(&error))?;
        names.push(format!("{} v{}", published.workflow, published.version));
    }
    Ok(names)
}

/// Names the first two administrators, each with the token that is shown once.
///
/// # Errors
/// What the engine says.
pub(crate) async fn administrators(
    engine: &Engine,
    names: [&str; 2],
    instrument: &str,
) -> Result<[Administrator; 2], Failure> {
    let done = engine.name_administrators(names, instrument).await;
    done.map_err(|error| Failure::new("the first administrators could not be named").because(&error))
}
