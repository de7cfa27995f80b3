//! Elastic Common Schema: alerts and signals, and events beside them; keys nested or dotted.

use serde_json::Value;

use super::fields::{first, pick, text, time};
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
        severity: first(value, &["kibana.alert.severity", "event.severity"]),
        category: first(value, &["event.category", "event.module"]),
        host: first(value, &["host.name", "host.hostname"]),
        user: first(value, &["user.name"]),
        summary: first(value, &["kibana.alert.reason", "message", "rule.name"]),
    };
    let (source, kind) = (
        first(value, &["event.module", "event.dataset"]),
        first(value, &["event.action", "event.dataset", "event.category"]),
    );
    Imported {
        format: Format::Elastic,
        is_alert,
        alert,
        log_window: vec![event(0, &timestamp, &source, &kind, pick(value, &FIELDS))],
    }
    .checked()
}
