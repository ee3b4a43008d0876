//! Who may call what. Every route stands here, or it is not served: the gate denies by default.
//!
//! This table decides who may come to the handler at all. Whether somebody may see or do something with one case is
//! decided by the engine, for that case.

use axum::http::Method;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
#[strum(serialize_all = "kebab-case")]
pub enum Policy {
    /// Anybody: no case data is behind it.
    Open,
    /// Whoever is known. The engine decides about the case, and records what it refuses.
    Known,
    /// Whoever holds a capacity today. No case data is behind it.
    Appointed,
    /// Whoever holds the capacity `administrator` today, and is no program.
    Administrator,
}

/// A route and who may call it.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The method.
    pub method: Verb,
    /// The path as the router writes it.
    pub path: &'static str,
    /// Who.
    pub policy: Policy,
}

/// The methods that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Verb {
    /// Reads.
    Get,
    /// Writes.
    Post,
}

use Policy::{Administrator, Appointed, Known, Open};
use Verb::{Get, Post};

const fn rule(method: Verb, path: &'static str, policy: Policy) -> Rule {
    Rule { method, path, policy }
}

/// Every route of both listeners.
pub const RULES: &[Rule] = &[
    rule(Get, "/live", Open),
    rule(Get, "/ready", Open),
    rule(Get, "/openapi.json", Open),
    rule(Get, "/help/errors/{code}", Open),
    rule(Get, "/api/v1/cases", Known),
    rule(Post, "/api/v1/cases", Known),
    rule(Get, "/api/v1/cases/{ref}", Known),
    rule(Get, "/api/v1/cases/{ref}/commands", Known),
    rule(Post, "/api/v1/cases/{ref}/commands", Known),
    rule(Get, "/api/v1/cases/{ref}/log", Known),
    rule(Get, "/api/v1/cases/{ref}/deadlines", Known),
    rule(Post, "/api/v1/commands:batch", Known),
    rule(Get, "/api/v1/stages", Known),
    rule(Get, "/api/v1/stages/{ref}", Known),
    rule(Get, "/api/v1/work", Known),
    rule(Get, "/api/v1/operations/{id}", Known),
    rule(Get, "/api/v1/workflows", Appointed),
    rule(Post, "/api/v1/workflows", Administrator),
    rule(Get, "/api/v1/workflows/{name}", Appointed),
    rule(Post, "/api/v1/workflows/{name}/activate", Administrator),
    rule(Post, "/api/v1/workflows/{name}/withdraw", Administrator),
    rule(Get, "/api/v1/manifests", Known),
    rule(Post, "/api/v1/manifests", Known),
    rule(Get, "/api/v1/manifests/{id}", Known),
    rule(Get, "/api/v1/manifests/{id}/refused", Known),
    rule(Post, "/api/v1/manifests/{id}/close", Known),
    rule(Get, "/api/v1/feed", Known),
    rule(Get, "/api/v1/ledger/checkpoint", Appointed),
    rule(Get, "/api/v1/oversight", Known),
    rule(Get, "/api/v1/incidents", Known),
    rule(Post, "/api/v1/incidents/{id}/retry", Known),
    rule(Get, "/metrics", Administrator),
    rule(Post, "/admin/officials", Administrator),
    rule(Post, "/admin/officials/{id}/appointments", Administrator),
    rule(Post, "/admin/officials/{id}/appointments/{appointment}/end", Administrator),
    rule(Post, "/admin/officials/{id}/tokens", Administrator),
    rule(Post, "/admin/officials/{id}/tokens/{token}/revoke", Administrator),
];

/// What the gate finds for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This policy.
    Rule(Policy),
    /// The path is known, the method is not: these are.
    Methods(String),
    /// No rule: denied.
    Nothing,
}

/// Looks a route up. `HEAD` is read as `GET`.
pub fn find(method: &Method, path: &str) -> Found {
    let wanted = match *method {
        Method::GET | Method::HEAD => Some(Get),
        Method::POST => Some(Post),
        _ => None,
    };
    let rules: Vec<&Rule> = RULES.iter().filter(|rule| rule.path == path).collect();
    if let Some(rule) = rules.iter().find(|rule| Some(rule.method) == wanted) {
        return Found::Rule(rule.policy);
    }
    if rules.is_empty() {
        return Found::Nothing;
    }
    let methods: Vec<&str> = rules.iter().map(|rule| rule.method.into()).collect();
    Found::Methods(methods.join(", "))
}
