//! Suricata EVE: lines of `event_type` alert, and what it logs beside them. Its severity counts down, 1 is the worst.

use serde_json::Value;

use super::fields::{first, get, pick, put_attack, text, written_time};
use super::{Alert, Format, ImportError, Imported, event};

/// `event_type`, and the event type of ours.
const TYPES: [(&str, &str); 5] = [
    ("alert", "ids.alert"),
    ("flow", "net.connection"),
    ("dns", "dns.query"),
    ("http", "http.request"),
    ("tls", "net.tls"),
];

/// What all have in common.
const FIELDS: [(&str, &str); 14] = [
    ("alert.category", "alert.category"),
    ("alert.signature", "alert.signature"),
    ("alert.action", "alert.action"),
    ("src_ip", "src_ip"),
    ("src_port", "src_port"),
    ("dest_ip", "dest_ip"),
    ("dest_port", "dest_port"),
    ("proto", "proto"),
    ("direction", "direction"),
    ("app_proto", "app_proto"),
    ("orig_bytes", "flow.bytes_toserver"),
    ("resp_bytes", "flow.bytes_toclient"),
    ("flow.state", "flow.state"),
    ("flow.reason", "flow.reason"),
];

/// Of the protocols: a version of Suricata after the other.
const DNS: [(&str, &str); 9] = [
    ("query", "dns.rrname"),
    ("query", "dns.queries.rrname"),
    ("query", "dns.query.rrname"),
    ("qtype_name", "dns.rrtype"),
    ("qtype_name", "dns.queries.rrtype"),
    ("qtype_name", "dns.query.rrtype"),
    ("rcode_name", "dns.rcode"),
    ("answers", "dns.rdata"),
    ("answers", "dns.answers.rdata"),
];
const HTTP: [(&str, &str); 6] = [
    ("content_type", "http.http_content_type"),
    ("method", "http.http_method"),
    ("host", "http.hostname"),
    ("uri", "http.url"),
    ("user_agent", "http.http_user_agent"),
    ("status_code", "http.status"),
];
const TLS: [(&str, &str); 4] = [
    ("server_name", "tls.sni"),
    ("version", "tls.version"),
    ("subject", "tls.subject"),
    ("issuer", "tls.issuerdn"),
];

/// Reads an alert, or what was logged beside one.
pub fn read(value: &Value) -> Result<Imported, ImportError> {
    let kind = text(value, "event_type").unwrap_or_default();
    let known = TYPES.iter().find(|(theirs, _)| *theirs == kind);
    let (_, of_ours) = known.ok_or_else(|| {
        let known = TYPES.map(|(theirs, _)| theirs).join(", ");
        ImportError::at("event_type", format!("`{kind}` is none of {known}"))
    })?;
    let is_alert = kind == "alert";
    let timestamp = written_time(value, "timestamp")?;
    // What it is about has the name of its type.
    if !get(value, &kind).is_some_and(Value::is_object) {
        return Err(ImportError::at(&kind, "is missing, or no object"));
    }
    let severity = match get(value, "alert.severity").and_then(Value::as_u64) {
        Some(1) => "high",
        Some(2) => "medium",
        Some(3) => "low",
        _ => "info",
    };
    let mut fields = pick(value, &FIELDS);
    for of_protocol in [&DNS[..], &HTTP, &TLS] {
        for (name, found) in pick(value, of_protocol) {
            fields.entry(name).or_insert(found);
        }
    }
    put_attack(value, &["alert.metadata.mitre_technique_id"], &mut fields);
    let alert = Alert {
        alert_id: first(value, &["flow_id", "alert.signature_id"]),
        timestamp: timestamp.clone(),
        severity: severity.to_owned(),
        category: first(value, &["alert.category", "event_type"]),
        // Their `host` is the sensor, which has seen everything.
        host: match is_alert {
            true => first(value, &["host", "src_ip"]),
            false => first(value, &["src_ip"]),
        },
        user: "-".to_owned(),
        summary: first(value, &["alert.signature", "event_type"]),
    };
    Imported {
        format: Format::Suricata,
        is_alert,
        alert,
        log_window: vec![event(0, &timestamp, "suricata", of_ours, fields)],
    }
    .named()
}
