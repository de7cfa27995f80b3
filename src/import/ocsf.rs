//! OCSF Detection Findings: each evidence is an event.

use serde_json::Value;

use super::fields::{first, get, pick, put_attack, time};
use super::{Alert, Format, ImportError, Imported, event};
use crate::env::plausible::MAX_EVENTS;

/// The class of detection findings.
const DETECTION: u64 = 2004;

const FIELDS: [(&str, &str); 8] = [
    ("src_ip", "src_endpoint.ip"),
    ("dst_ip", "dst_endpoint.ip"),
    ("dst_port", "dst_endpoint.port"),
    ("image", "process.name"),
    ("parent_image", "process.parent_process.name"),
    ("command_line", "process.cmd_line"),
    ("file", "file.name"),
    ("user", "actor.user.name"),
];

/// Where techniques of ATT&CK stand, in one version or another.
const ATTACK: [&str; 4] = [
    "attacks.technique.uid",
    "attacks.sub_technique.uid",
    "finding_info.attacks.technique.uid",
    "finding_info.attacks.sub_technique.uid",
];

/// Reads a finding.
pub fn read(value: &Value) -> Result<Imported, ImportError> {
    if get(value, "class_uid").and_then(Value::as_u64) != Some(DETECTION) {
        let message = format!("is not {DETECTION}, Detection Finding");
        return Err(ImportError::at("class_uid", message));
    }
    let timestamp = time(value, &["time", "finding_info.first_seen_time"])?;
    let severity = match get(value, "severity_id").and_then(Value::as_u64) {
        Some(2) => "low",
        Some(3) => "medium",
        Some(4) => "high",
        Some(5 | 6) => "critical",
        _ => "info",
    };
    let alert = Alert {
        alert_id: first(value, &["finding_info.uid"]),
        timestamp: timestamp.clone(),
        severity: severity.to_owned(),
        category: first(value, &["finding_info.types", "class_name"]),
        host: first(value, &["device.hostname", "resources.name"]),
        user: first(value, &["actor.user.name", "user.name"]),
        summary: first(
            value,
            &["message", "finding_info.title", "finding_info.desc"],
        ),
    };
    let source = first(value, &["metadata.product.name"]);
    let evidences = value.get("evidences").and_then(Value::as_array);
    let evidences = evidences.map_or(&[][..], Vec::as_slice);
    // A finding without evidence still says something itself.
    let records = if evidences.is_empty() {
        std::slice::from_ref(value)
    } else {
        evidences
    };
    let records = records.iter().take(MAX_EVENTS + 1).enumerate();
    let log_window = records.map(|(n, record)| {
        event(
            n,
            &timestamp,
            &source,
            "finding.evidence",
            pick(record, &FIELDS),
        )
    });
    let mut log_window: Vec<_> = log_window.collect();
    if let Some(first) = log_window.first_mut() {
        put_attack(value, &ATTACK, &mut first.fields);
    }
    Imported {
        format: Format::Ocsf,
        is_alert: true,
        alert,
        log_window,
    }
    .checked()
}
