//! `init`: a new store, ready to serve.

use qadiya_domain::actor::Actor;
use qadiya_domain::name::Name;
use qadiya_engine::Engine;
use qadiya_engine::ids::SystemIds;

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
    place.migrate().await?;
    if place.is_set_up().await? {
        return Err(refused());
    }
    make_key(&key, &SystemIds)?;
    let start = Start { origin: Some(args.origin.clone()), ..Start::default() };
    let session = Session::start(place, &key, start).await?;
    install(&session.engine, args.synthetic).await?;
    let workflows = publish_bundled(&session.engine).await?;
    let secret = first_administrator(&session.engine, &args.administrator).await?;
    let shown = session.place.shown();
    session.close().await;
    let document = serde_json::json!({
        "store": shown, "key_file": key, "origin": args.origin, "workflows": workflows, "administrator_token": secret,
    });
    out.print(&document, || {
        format!(
            "the store {shown} is ready\n  signing key: {} (keep a copy apart from the store)\n  workflows: {}\n  \
             administrator's token, shown once: {secret}\n\nnext: QADIYA_TOKEN={secret} qadiya official add NAME \
             --role ROLE --instrument NUMBER\n      qadiya serve",
            key.display(),
            workflows.join(", "),
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

/// Publishes and activates the bundled workflows.
///
/// # Errors
/// What the engine says.
pub(crate) async fn publish_bundled(engine: &Engine) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for (file, bytes) in WORKFLOWS {
        let file = WorkflowFile::bundled(file, bytes)?;
        let definition = file.definition_or_fail()?;
        let calendars = file.calendars_of(&definition);
        let failed = |error: &dyn std::error::Error| {
            Failure::new(format!("the bundled workflow {} could not be published", definition.workflow))
                .because(error)
        };
        let published =
            engine.publish(&Actor::System, &file.bytes, &calendars).await.map_err(|error| failed(&error))?;
        engine
            .activate(&Actor::System, &published.workflow, published.hash)
            .await
            .map_err(|error| failed(&error))?;
        names.push(format!("{} v{}", published.workflow, published.version));
    }
    Ok(names)
}

/// The capacity of administrators.
pub(crate) const ADMINISTRATOR: &str = "administrator";

/// Names the first administrator and issues the token that is shown once.
///
/// # Errors
/// What the engine says.
pub(crate) async fn first_administrator(engine: &Engine, name: &str) -> Result<String, Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new("the first administrator could not be named").because(error)
    };
    let role = Name::new(ADMINISTRATOR).map_err(|error| failed(&error))?;
    let now = engine.clock().now();
    let official = engine.name_official(&Actor::System, name).await.map_err(|error| failed(&error))?;
    engine
        .appoint(&Actor::System, official, role, None, "installation", now, None)
        .await
        .map_err(|error| failed(&error))?;
    let issued =
        engine.issue_token(&Actor::System, official, false, Vec::new(), None, "first administrator").await;
    let (_, secret) = issued.map_err(|error| failed(&error))?;
    Ok(secret.expose().to_owned())
}
