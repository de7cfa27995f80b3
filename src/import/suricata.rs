//! Suricata EVE: lines of `event_type` alert. Its severity counts down, 1 is the worst.

use serde_json::{Value, json};

use super::fields::{first, get, pick, text, time};
use super::{Alert, Format, ImportError, Imported, event};

const FIELDS: [(&str, &str); 8] = [
    ("signature_class", "alert.category"),
    ("signature", "alert.signature"),
    ("src_ip", "src_ip"),
    ("src_port", "src_port"),
    ("dst_ip", "dest_ip"),
    ("dst_port", "dest_port"),
    ("proto", "proto"),
    ("blocked", "alert.action"),
];

/// Reads an alert.
pub fn read(value: &Value) -> Result<Imported, ImportError> {
    let kind = text(value, "event_type").unwrap_or_default();
    if kind != "alert" {
        return Err(ImportError::at(
            "event_type",
            format!("`{kind}` is no alert"),
        ));
    }
    let timestamp = time(value, &["timestamp"])?;
    let severity = match get(value, "alert.severity").and_then(Value::as_u64) {
        Some(1) => "high",
        Some(2) => "medium",
        Some(3) => "low",
        _ => "info",
    };
    let mut fields = pick(value, &FIELDS);
    if let Some(action) = fields.remove("blocked") {
        fields.insert("blocked".to_owned(), json!(action == "blocked"));
    }
    let alert = Alert {
        alert_id: first(value, &["flow_id", "alert.signature_id"]),
        timestamp: timestamp.clone(),
        severity: severity.to_owned(),
        category: first(value, &["alert.category"]),
        host: first(value, &["host", "src_ip"]),
        user: "-".to_owned(),
        summary: first(value, &["alert.signature"]),
    };
    Imported {
        format: Format::Suricata,
        alert,
        log_window: vec![event(0, &timestamp, "suricata", "ids.alert", fields)],
    }
    .checked()
}
