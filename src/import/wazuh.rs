//! Wazuh's alerts.json: one event each, with the rule that fired and its level (0 to 15).

use serde_json::Value;

use super::fields::{first, get, is_there, pick, put_attack, text, time, written_time};
use super::{Alert, Format, ImportError, Imported, event};

const FIELDS: [(&str, &str); 22] = [
    ("rule_id", "rule.id"),
    ("rule_level", "rule.level"),
    ("decoder", "decoder.name"),
    ("program", "predecoder.program_name"),
    ("user", "data.dstuser"),
    ("user", "data.srcuser"),
    ("user", "data.win.eventdata.targetUserName"),
    ("user", "data.win.eventdata.user"),
    ("src_ip", "data.srcip"),
    ("src_ip", "data.win.eventdata.ipAddress"),
    ("src_ip", "data.win.eventdata.sourceIp"),
    ("src_port", "data.srcport"),
    ("dst_ip", "data.dstip"),
    ("dst_ip", "data.win.eventdata.destinationIp"),
    ("dst_port", "data.dstport"),
    ("image", "data.win.eventdata.image"),
    ("parent_image", "data.win.eventdata.parentImage"),
    ("command_line", "data.win.eventdata.commandLine"),
    ("event_id", "data.win.system.eventID"),
    ("file", "syscheck.path"),
    ("location", "location"),
    ("record", "full_log"),
];

/// Whether a record is an alert of Wazuh's.
pub fn is_one(value: &Value) -> bool {
    is_there(value, "rule.level") && is_there(value, "agent")
}

/// Reads an alert.
pub fn read(value: &Value) -> Result<Imported, ImportError> {
    let level = get(value, "rule.level").and_then(Value::as_u64);
    let level = level.ok_or_else(|| ImportError::at("rule.level", "is no whole number"))?;
    let severity = match level {
        0..=3 => "info",
        4..=6 => "low",
        7..=11 => "medium",
        12..=14 => "high",
        15 => "critical",
        _ => {
            let message = format!("{level} is no level from 0 to 15");
            return Err(ImportError::at("rule.level", message));
        }
    };
    let timestamp = match is_there(value, "timestamp") {
        true => written_time(value, "timestamp")?,
        false => time(value, &["timestamp", "@timestamp"])?,
    };
    let mut fields = pick(value, &FIELDS);
    put_attack(value, &["rule.mitre.id"], &mut fields);
    let user = fields.get("user").and_then(Value::as_str);
    let alert = Alert {
        alert_id: first(value, &["id", "rule.id"]),
        timestamp: timestamp.clone(),
        severity: severity.to_owned(),
        category: first(value, &["rule.mitre.tactic", "rule.groups"]),
        host: first(value, &["agent.name", "agent.ip"]),
        user: user.unwrap_or("-").to_owned(),
        summary: first(value, &["rule.description"]),
    };
    let source = text(value, "decoder.name").unwrap_or_else(|| "wazuh".to_owned());
    Imported {
        format: Format::Wazuh,
        is_alert: true,
        alert,
        log_window: vec![event(0, &timestamp, &source, "wazuh.alert", fields)],
    }
    .named()
}
