//! `token`: credentials of officials and of programs. A secret is shown once.

use jiff::Timestamp;
use qadiya_domain::ids::{OfficialId, TokenId};
use qadiya_domain::name::Name;
use qadiya_domain::registry::Token;
use serde::Serialize;

use super::official::{administrator, all};
use crate::args::{Global, Token as Arguments, TokenAction};
use crate::exit::{Exit, Failure};
use crate::output::{Output, table};
use crate::session::Session;

/// A token as listed.
#[derive(Debug, Serialize)]
struct Listed {
    token: TokenId,
    official: OfficialId,
    name: String,
    title: String,
    service: bool,
    roles: Vec<Name>,
    expires: Option<Timestamp>,
}

/// Issues, lists and revokes.
pub(crate) async fn run(global: &Global, args: &Arguments, out: Output) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    let actor = administrator(&session).await?;
    let engine = &session.engine;
    let failed = |error: &dyn std::error::Error| Failure::new("it was not recorded").because(error);
    match &args.action {
        TokenAction::List => {
            let tokens: Vec<Listed> = all(&session).await?.into_iter().flat_map(tokens_of).collect();
            out.print(&tokens, || {
                let now = engine.clock().now();
                let rows = tokens.iter().map(|listed| row(listed, now)).collect();
                table(["OFFICIAL", "NAME", "FOR", "OPENS", "STANDING", "TOKEN"], rows)
            })?;
        }
        TokenAction::Issue { official, title, service, roles, days } => {
            let official = find(&session, official).await?;
            let roles = roles
                .iter()
                .map(|role| Name::new(role).map_err(|error| failed(&error)))
                .collect::<Result<Vec<_>, _>>()?;
            let span = jiff::SignedDuration::from_hours(i64::from(*days).saturating_mul(24));
            let expires = engine.clock().now().checked_add(span).ok();
            let issued = engine.issue_token(&actor, official, *service, roles, expires, title).await;
            let (id, secret) = issued.map_err(|error| failed(&error))?;
            let document = serde_json::json!({"token": id, "official": official, "secret": secret.expose()});
            out.print(&document, || format!("token {id}\nsecret, shown once: {}", secret.expose()))?;
        }
        TokenAction::Revoke { official, token } => {
            let (official, token) = (OfficialId(*official), TokenId(*token));
            engine.revoke_token(&actor, official, token).await.map_err(|error| failed(&error))?;
            out.print(&serde_json::json!({"revoked": token}), || {
                format!("token {token} opens nothing any more")
            })?;
        }
    }
    session.close().await;
    Ok(Exit::Done)
}

fn tokens_of(of: super::official::Listed) -> Vec<Listed> {
    let (official, name) = (of.id, of.official.name);
    let listed = |token: Token| Listed {
        token: token.id,
        official,
        name: name.clone(),
        title: token.title,
        service: token.service,
        roles: token.roles,
        expires: token.expires,
    };
    of.official.tokens.into_iter().map(listed).collect()
}

fn row(listed: &Listed, now: Timestamp) -> [String; 6] {
    let capacities = if listed.roles.is_empty() {
        "every capacity".to_owned()
    } else {
        listed.roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let opens = if listed.service { format!("{capacities}, clerical only") } else { capacities };
    let standing = match listed.expires {
        Some(expires) if expires <= now => format!("ended {expires}"),
        Some(expires) => format!("until {expires}"),
        None => "until it is revoked".to_owned(),
    };
    let (official, token) = (listed.official.to_string(), listed.token.to_string());
    [official, listed.name.clone(), listed.title.clone(), opens, standing, token]
}

/// An official by id, or by a name that only one has.
async fn find(session: &Session, text: &str) -> Result<OfficialId, Failure> {
    if let Ok(id) = text.parse::<OfficialId>() {
        return Ok(id);
    }
    let named: Vec<OfficialId> = all(session)
        .await?
        .into_iter()
        .filter(|listed| listed.official.name == text)
        .map(|listed| listed.id)
        .collect();
    match named.as_slice() {
        [one] => Ok(*one),
        [] => Err(Failure::new(format!("no official is named {text:?}")).next("see `qadiya official list`")),
        _ => {
            Err(Failure::new(format!("{} officials are named {text:?}", named.len())).next("name one by id"))
        }
    }
}
