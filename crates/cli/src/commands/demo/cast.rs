//! The officials of the demo. Every name is invented.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use qadiya_domain::actor::Actor;
use qadiya_domain::ids::{OfficialId, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_domain::registry::Official;
use qadiya_domain::registry::publications::ADMINISTRATOR;
use qadiya_engine::Engine;
use qadiya_engine::authorize::Principal;
use qadiya_store::CaseStore;

use crate::exit::Failure;

/// Capacity and names of those who hold it. Panels have as many as must sign.
const CAST: &[(&str, &[&str])] = &[
    ("intake-clerk", &["أمل الكاتبة (وهمية)"]),
    ("court-clerk", &["دالية الكاتبة (وهمية)"]),
    ("custody-officer", &["باسم الحارس (وهمي)"]),
    ("custody-head", &["ليلى مديرة الموقف (وهمية)"]),
    ("doctor", &["فارس الطبيب (وهمي)"]),
    ("investigating-judge", &["إيهاب قاضي التحقيق (وهمي)"]),
    ("court-president", &["سعاد رئيسة محكمة التحقيق (وهمية)"]),
    ("juvenile-judge", &["مها قاضية الأحداث (وهمية)"]),
    (
        "felony-court",
        &["نادية قاضية الجنايات (وهمية)", "وليد قاضي الجنايات (وهمي)", "رنا قاضية الجنايات (وهمية)"],
    ),
    ("trial-judge", &["إيمان القاضية (وهمية)", "جمال القاضي (وهمي)", "كمال القاضي (وهمي)"]),
    (
        "cassation-court",
        &["سلمى قاضية التمييز (وهمية)", "زياد قاضي التمييز (وهمي)", "هدى قاضية التمييز (وهمية)"],
    ),
    ("prosecutor", &["يوسف المدعي العام (وهمي)"]),
    ("counsel", &["هناء المحامية (وهمية)"]),
    ("classification-member", &["غادة عضوة اللجنة (وهمية)"]),
    ("classification-chair", &["هادي رئيس اللجنة (وهمي)"]),
    ("moj-delegate", &["عمر ممثل العدل (وهمي)"]),
    ("mfa-delegate", &["بشرى ممثلة الخارجية (وهمية)"]),
    ("oversight", &["نور المفتشة (وهمية)"]),
    (ADMINISTRATOR, &["منال مديرة النظام (وهمية)", "طارق مدير النظام (وهمي)"]),
];

/// The officials at work.
#[derive(Debug)]
pub(super) struct Cast {
    people: BTreeMap<&'static str, Vec<Principal>>,
}

impl Cast {
    /// Names and appoints everybody.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) async fn appoint(engine: &Engine) -> Result<Self, Failure> {
        let mut people = BTreeMap::new();
        for (role, names) in CAST {
            let mut principals = Vec::new();
            for name in *names {
                let official = one(engine, role, name).await?;
                let expires = Some(in_a_day(engine));
                let issued = engine
                    .issue_token(&Actor::System, official, false, Vec::new(), expires, "demo script")
                    .await;
                let (_, secret) = issued.map_err(|error| failed(&error))?;
                principals.push(engine.authenticate(secret.expose()).await.map_err(|error| failed(&error))?);
            }
            people.insert(*role, principals);
        }
        Ok(Self { people })
    }

    /// The two who sign for the workflows.
    pub(super) fn administrators(&self) -> Result<[Actor; 2], Failure> {
        let actor = |number| {
            let who = self.who(ADMINISTRATOR, number)?;
            // Whenever the demo is begun, the appointments run.
            let held = who.appointments.iter().find(|held| held.role == *ADMINISTRATOR);
            let held = held.ok_or_else(|| Failure::new("the demo has no administrator"))?;
            Ok(who.actor(&held.role, Some(held.id)))
        };
        Ok([actor(0)?, actor(1)?])
    }

    /// Who holds a capacity; `number` tells those apart who share it.
    pub(super) fn who(&self, role: &str, number: usize) -> Result<Principal, Failure> {
        let found = self.people.get(role).and_then(|people| people.get(number)).cloned();
        found.ok_or_else(|| Failure::new(format!("the demo has no {role} number {number}")))
    }
}

/// When a token of the demo ends.
fn in_a_day(engine: &Engine) -> Timestamp {
    engine.clock().now().checked_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX)
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new("the officials of the demo could not be appointed").because(error)
}

async fn one(engine: &Engine, role: &str, name: &str) -> Result<OfficialId, Failure> {
    let role = Name::new(role).map_err(|error| failed(&error))?;
    let now = engine.clock().now();
    let official = engine.name_official(&Actor::System, name).await.map_err(|error| failed(&error))?;
    let appointed = engine.appoint(&Actor::System, official, role, None, "demo", now, None).await;
    appointed.map_err(|error| failed(&error))?;
    Ok(official)
}

/// A fresh token for the first official of each capacity, and for the other administrator, since one alone makes no
/// version active; each is shown once and ends after a day.
///
/// # Errors
/// What the store and the engine say.
pub(super) async fn tokens(engine: &Engine) -> Result<BTreeMap<String, String>, Failure> {
    let mut tokens = BTreeMap::new();
    let expires = in_a_day(engine);
    let mut after: Option<StreamId> = None;
    let mut officials: Vec<(OfficialId, Official)> = Vec::new();
    loop {
        let page = CaseStore::entities(engine.store().as_ref(), StreamKind::Official, None, after, 500)
            .await
            .map_err(|error| failed(&error))?;
        let Some(last) = page.last() else { break };
        after = Some(last.stream);
        for row in &page {
            let official = qadiya_ledger::canonical::decode(&row.state).map_err(|error| failed(&error))?;
            officials.push((OfficialId(row.stream.0), official));
        }
    }
    for (role, names) in CAST {
        let shown = if *role == ADMINISTRATOR { 2 } else { 1 };
        for (number, name) in (1..).zip(names.iter().take(shown)) {
            let Some((official, _)) = officials.iter().find(|(_, official)| official.name == *name) else {
                continue;
            };
            let issued =
                engine.issue_token(&Actor::System, *official, false, Vec::new(), Some(expires), "demo").await;
            let (_, secret) = issued.map_err(|error| failed(&error))?;
            let holder = if number == 1 { (*role).to_owned() } else { format!("{role}-{number}") };
            tokens.insert(holder, secret.expose().to_owned());
        }
    }
    Ok(tokens)
}
