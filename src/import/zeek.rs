//! Zeek's logs as JSON: conn, dns, http, ssl and notice. Only a notice is an alert; the others say what went on around one.

use serde_json::Value;

use super::fields::{first, get, is_there, pick, seconds, text};
use super::{Alert, Format, ImportError, Imported, MAX_TEXT, event};

/// A log of Zeek's: its name (`_path` where it is written), a field only it has, our event type, and what is kept of it
/// beside the ends of the connection.
struct Log {
    name: &'static str,
    told_by: &'static str,
    kind: &'static str,
    what: &'static str,
    fields: &'static [(&'static str, &'static str)],
}

const LOGS: [Log; 5] = [
    Log {
        name: "notice",
        told_by: "note",
        kind: "zeek.notice",
        what: "notice",
        fields: &[
            ("note", "note"),
            ("message", "msg"),
            ("detail", "sub"),
            ("src_ip", "src"),
            ("dst_ip", "dst"),
            ("dst_port", "p"),
        ],
    },
    Log {
        name: "dns",
        told_by: "query",
        kind: "dns.query",
        what: "DNS query",
        fields: &[
            ("query", "query"),
            ("qtype_name", "qtype_name"),
            ("rcode_name", "rcode_name"),
            ("answer", "answers"),
        ],
    },
    Log {
        name: "http",
        told_by: "method",
        kind: "http.request",
        what: "HTTP request",
        fields: &[
            ("method", "method"),
            ("site", "host"),
            ("uri", "uri"),
            ("user_agent", "user_agent"),
            ("status_code", "status_code"),
            ("mime_type", "resp_mime_types"),
            ("user", "username"),
        ],
    },
    Log {
        name: "ssl",
        told_by: "cipher",
        kind: "net.tls",
        what: "TLS connection",
        fields: &[
            ("server_name", "server_name"),
            ("version", "version"),
            ("validation_status", "validation_status"),
            ("subject", "subject"),
        ],
    },
    Log {
        name: "conn",
        told_by: "conn_state",
        kind: "net.connection",
        what: "connection",
        fields: &[
            ("proto", "proto"),
            ("service", "service"),
            ("conn_state", "conn_state"),
            ("duration", "duration"),
            ("orig_bytes", "orig_bytes"),
            ("resp_bytes", "resp_bytes"),
        ],
    },
];

/// Both ends, as every log has them.
const ENDS: [(&str, &str); 4] = [
    ("src_ip", "id.orig_h"),
    ("src_port", "id.orig_p"),
    ("dst_ip", "id.resp_h"),
    ("dst_port", "id.resp_p"),
];

/// Whether a record is of a log of Zeek's.
pub fn is_one(value: &Value) -> bool {
    let has = |path: &str| is_there(value, path);
    has("ts") && (has("_path") || has("uid") || (has("note") && has("msg")))
}

/// Reads a record.
pub fn read(value: &Value) -> Result<Imported, ImportError> {
    let log = log_of(value)?;
    let timestamp = seconds(value, "ts")?;
    let is_alert = log.name == "notice";
    let mut fields = pick(value, log.fields);
    for (name, end) in pick(value, &ENDS) {
        // A notice names both ends itself where it is of no connection.
        fields.entry(name).or_insert(end);
    }
    let summary = match is_alert {
        true => first(value, &["msg", "note"]),
        false => log.what.to_owned(),
    };
    let note = text(value, "note").unwrap_or_default();
    let category = match note.split("::").next() {
        Some(module) if is_alert && !module.is_empty() => module.to_owned(),
        _ => log.name.to_owned(),
    };
    let host = ["src_ip", "dst_ip"]
        .into_iter()
        .find_map(|end| fields.get(end)?.as_str());
    let user = fields.get("user").and_then(Value::as_str);
    let alert = Alert {
        alert_id: first(value, &["uid", "fuid", "note"]),
        timestamp: timestamp.clone(),
        // Zeek says none.
        severity: if is_alert { "medium" } else { "info" }.to_owned(),
        category,
        host: host.unwrap_or("-").to_owned(),
        user: user.unwrap_or("-").to_owned(),
        summary,
    };
    let kind = match log.name {
        // Zeek tells the type of a file from the file, not from what its server says.
        "http" if fields.contains_key("mime_type") => "http.download",
        _ => log.kind,
    };
    Imported {
        format: Format::Zeek,
        is_alert,
        alert,
        log_window: vec![event(0, &timestamp, "zeek", kind, fields)],
    }
    .named()
}

/// The log that a record says it is of, else the one that has its fields.
fn log_of(value: &Value) -> Result<&'static Log, ImportError> {
    let known = LOGS.iter().map(|log| log.name).collect::<Vec<_>>();
    let known = known.join(", ");
    if let Some(path) = get(value, "_path") {
        let named = LOGS.iter().find(|log| path == log.name);
        let said: String = path.to_string().chars().take(MAX_TEXT).collect();
        let message = || format!("{said} is none of {known}");
        return named.ok_or_else(|| ImportError::at("_path", message()));
    }
    let told = LOGS.iter().find(|log| is_there(value, log.told_by));
    let message = || format!("is missing, and no field tells which of {known} it is of");
    told.ok_or_else(|| ImportError::at("_path", message()))
}
