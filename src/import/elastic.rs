//! Elastic Common Schema: alerts and signals, and events beside them; keys nested or dotted.

use serde_json::Value;

use super::fields::{first, get, pick, put_attack, text, time};
use super::{Alert, Format, ImportError, Imported, event};

const FIELDS: [(&str, &str); 12] = [
    ("host", "host.name"),
    ("user", "user.name"),
    ("src_ip", "source.ip"),
    ("dst_ip", "destination.ip"),
    ("dst_port", "destination.port"),
    ("image", "process.name"),
    ("parent_image", "process.parent.name"),
    ("command_line", "process.command_line"),
    ("file", "file.name"),
    ("query", "dns.question.name"),
    ("url", "url.full"),
    ("outcome", "event.outcome"),
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

/// Reads an alert or an event.
pub fn read(value: &Value) -> Result<Imported, ImportError> {
    let kind = text(value, "event.kind").unwrap_or_else(|| "event".to_owned());
    let is_alert = ["alert", "signal"].contains(&kind.as_str());
    if !is_alert && kind != "event" {
        return Err(ImportError::at(
            "event.kind",
            format!("`{kind}` is neither alert nor event"),
        ));
    }
    let timestamp = time(value, &["@timestamp"])?;
    let alert = Alert {
        alert_id: first(value, &["kibana.alert.uuid", "event.id", "_id"]),
        timestamp: timestamp.clone(),
        severity: severity(value),
        category: first(value, &["event.category", "event.module"]),
        host: first(value, &["host.name", "host.hostname"]),
        user: first(value, &["user.name"]),
        summary: first(value, &["kibana.alert.reason", "message", "rule.name"]),
    };
    let (source, kind) = (
        first(value, &["event.module", "event.dataset"]),
        first(value, &["event.action", "event.dataset", "event.category"]),
    );
    let mut fields = pick(value, &FIELDS);
    put_attack(value, &ATTACK, &mut fields);
    Imported {
        format: Format::Elastic,
        is_alert,
        alert,
        log_window: vec![event(0, &timestamp, &source, &kind, fields)],
    }
    .checked()
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
