//! Elastic Common Schema: alerts and signals, and events beside them; keys nested or dotted. What an event is, ECS says in
//! words: category, type, outcome; with those of a program that starts or an account that signs in it is of our event types.

use serde_json::{Map, Value};

use super::fields::{first, get, is_there, put_attack, text, texts, time};
use super::{Alert, Format, ImportError, Imported, account, ecs, event, windows};
use crate::env::login;

/// What the agent found of a program's signature, and our word for it.
const SIGNATURES: [(&str, &str); 4] = [
    ("trusted", "trusted"),
    ("errorExpired", "expired"),
    ("errorRevoked", "revoked"),
    ("errorBadDigest", "invalid"),
];

/// Where techniques of ATT&CK stand: of the event, and of the rule that a detection of Elastic's came from.
const ATTACK: [&str; 6] = [
    "threat.technique.id",
    "threat.technique.subtechnique.id",
    "kibana.alert.rule.threat.technique.id",
    "kibana.alert.rule.threat.technique.subtechnique.id",
    "signal.rule.threat.technique.id",
    "signal.rule.threat.technique.subtechnique.id",
];

/// Where severity stands, as a word or as a number up to 100; the first counts.
const SEVERITY: [&str; 7] = [
    "kibana.alert.severity",
    "signal.rule.severity",
    "kibana.alert.risk_score",
    "signal.rule.risk_score",
    "event.risk_score_norm",
    "event.risk_score",
    "event.severity",
];

/// Where it is said in words what was found: of the alert, of its rule, of the event.
const SUMMARY: [&str; 5] = [
    "kibana.alert.reason",
    "kibana.alert.rule.name",
    "signal.rule.name",
    "rule.name",
    "message",
];

/// Whether a record is what a detection of Elastic's, or of an agent, says.
pub fn is_alert(value: &Value) -> bool {
    let kind = text(value, "event.kind").unwrap_or_default();
    ["alert", "signal"].contains(&kind.as_str())
}

/// Reads an alert or an event.
pub fn read(value: &Value) -> Result<Imported, ImportError> {
    let kind = text(value, "event.kind").unwrap_or_else(|| "event".to_owned());
    if !is_alert(value) && kind != "event" {
        return Err(ImportError::at(
            "event.kind",
            format!("`{kind}` is neither alert nor event"),
        ));
    }
    let timestamp = time(value, &["@timestamp"])?;
    let (kind, source, mut fields) = told(value)?;
    put_attack(value, &ATTACK, &mut fields);
    let event = event(0, &timestamp, &source, &kind, fields);
    let alert = Alert {
        alert_id: first(value, &["kibana.alert.uuid", "event.id", "_id"]),
        timestamp,
        severity: severity(value),
        category: first(value, &["event.category", "event.module"]),
        host: first(value, &["host.name", "host.hostname"]),
        user: account(&event),
        summary: first(value, &SUMMARY),
    };
    Imported {
        format: Format::Elastic,
        is_alert: is_alert(value),
        alert,
        log_window: vec![event],
    }
    .named()
}

/// Event type, source and fields: of a Windows event by its id, else by what ECS calls it; what is of no type of ours keeps
/// its own name.
fn told(value: &Value) -> Result<(String, String, Map<String, Value>), ImportError> {
    if is_there(value, "winlog.event_id") {
        let told = windows::told(value)?;
        return Ok((told.kind, told.source.to_owned(), told.fields));
    }
    let mut fields = ecs::picked(value);
    let kind = kind(value, &fields);
    if kind == Some("process.access") {
        let status = text(value, "process.code_signature.status");
        let known = SIGNATURES
            .into_iter()
            .find(|(of, _)| status.as_deref() == Some(of));
        fields.extend(known.map(|(_, word)| ("source_signer".to_owned(), word.into())));
    }
    if kind == Some("file.rewrite") {
        let extension = text(value, "file.extension").map(|found| found.to_ascii_lowercase());
        fields.extend(extension.map(|found| ("extension".to_owned(), found.into())));
    }
    let is_admin = |role: &String| ["admin", "administrator"].contains(&role.as_str());
    if kind == Some(login::SUCCESS) && texts(value, "user.roles").iter().any(is_admin) {
        fields.insert("account_role".to_owned(), "admin".into());
    }
    let source = match kind {
        Some(sign_in) if sign_in.starts_with("auth.") => "identity".to_owned(),
        _ => first(value, &["event.module", "event.dataset"]),
    };
    let own = ["event.action", "event.dataset", "event.category"];
    let kind = kind.map_or_else(|| first(value, &own), str::to_owned);
    Ok((kind, source, fields))
}

/// Our event type for what `event.category`, `event.type`, `event.action` and `event.outcome` say together.
fn kind(value: &Value, fields: &Map<String, Value>) -> Option<&'static str> {
    let categories = texts(value, "event.category");
    let types = texts(value, "event.type");
    let is_of = |category: &str| categories.iter().any(|of| of == category);
    let is = |of: &[&str]| types.iter().any(|is| of.contains(&is.as_str()));
    let has = |name: &str| fields.contains_key(name);
    match () {
        () if is_of("authentication") => sign_in(value, is(&["end"])),
        () if is_of("intrusion_detection") && is_of("network") => Some("ids.alert"),
        () if is_of("process") && is(&["start"]) => has("Image").then_some("process.create"),
        () if is_of("process") && is(&["end"]) => Some("process.terminate"),
        () if is_of("process") && is(&["access"]) => has("TargetImage").then_some("process.access"),
        // A detection's record of a program and what started it.
        () if is_of("process") && (types.is_empty() || is(&["info"])) => {
            (has("Image") && has("ParentImage")).then_some("process.create")
        }
        () if is_of("registry") && is(&["change", "creation"]) => Some("registry.set"),
        () if is_of("file") && is(&["creation"]) => Some("file.create"),
        () if is_of("file") && is(&["change"]) && is_rename(value) => Some("file.rewrite"),
        () if is_of("network") && has("query") => Some("dns.query"),
        () if is_of("network") && has("src_ip") && has("dest_ip") => Some("net.connection"),
        () => None,
    }
}

/// Elastic Defend says so in the action alone; the type is that of any change.
fn is_rename(value: &Value) -> bool {
    text(value, "event.action").is_some_and(|action| action.eq_ignore_ascii_case("rename"))
}

/// A sign-in is one by its outcome: a second factor by itself, or a record that has no outcome, is none.
fn sign_in(value: &Value, is_end: bool) -> Option<&'static str> {
    let action = text(value, "event.action").unwrap_or_default();
    let action = action.to_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| action.contains(word));
    if is_end || is(&["logoff", "logged-off", "logout", "logged-out"]) {
        return Some("auth.logoff");
    }
    if is(&["mfa", "ticket"]) {
        return None;
    }
    match text(value, "event.outcome").as_deref() {
        Some("success") => Some(login::SUCCESS),
        Some("failure") => Some(login::FAILURE),
        _ => None,
    }
}

/// The word for how bad it is; numbers by the bounds of Elastic's own rules (21, 47, 73, 99).
fn severity(value: &Value) -> String {
    let path = SEVERITY
        .into_iter()
        .find(|path| text(value, path).is_some());
    let found = path.and_then(|path| get(value, path));
    let number = match found {
        Some(Value::String(word)) => word.trim().parse().ok(),
        Some(number) => number.as_f64(),
        None => None,
    };
    match number {
        Some(..=21.0) => "low".to_owned(),
        Some(..=47.0) => "medium".to_owned(),
        Some(..=73.0) => "high".to_owned(),
        Some(_) => "critical".to_owned(),
        None => first(value, &SEVERITY).to_lowercase(),
    }
}
