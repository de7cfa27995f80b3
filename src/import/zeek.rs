//! Zeek's logs as JSON: conn, dns, http, ssl and notice. Only a notice is an alert; the others say what went on around one.

use serde_json::Value;

use super::fields::{first, get, is_there, pick, pick_own, seconds, text};
use super::{Alert, Format, ImportError, Imported, MAX_TEXT, account, event};

/// A log of Zeek's: its name (`_path` where it is written), a field only it has, our event type, and what is kept of it
/// beside the ends of the connection, by Zeek's own names.
struct Log {
    name: &'static str,
    told_by: &'static str,
    kind: &'static str,
    what: &'static str,
    fields: &'static [&'static str],
}

const LOGS: [Log; 5] = [
    Log {
        name: "notice",
        told_by: "note",
        kind: "zeek.notice",
        what: "notice",
        fields: &["note", "msg", "sub", "src", "dst", "p"],
    },
    Log {
        name: "dns",
        told_by: "query",
        kind: "dns.query",
        what: "DNS query",
        fields: &["query", "qtype_name", "rcode_name", "answers"],
    },
    Log {
        name: "http",
        told_by: "method",
        kind: "http.request",
        what: "HTTP request",
        fields: &[
            "method",
            "host",
            "uri",
            "user_agent",
            "status_code",
            "resp_mime_types",
        ],
    },
    Log {
        name: "ssl",
        told_by: "cipher",
        kind: "net.tls",
        what: "TLS connection",
        fields: &["server_name", "version", "validation_status", "subject"],
    },
    Log {
        name: "conn",
        told_by: "conn_state",
        kind: "net.connection",
        what: "connection",
        fields: &[
            "proto",
            "service",
            "conn_state",
            "duration",
            "orig_bytes",
            "resp_bytes",
        ],
    },
];

/// Both ends, as every log has them.
const ENDS: [&str; 4] = ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"];

/// Where the machine stands that a record is about; a notice names both ends itself where it is of no connection.
const MACHINE: [&str; 4] = ["src", "id.orig_h", "dst", "id.resp_h"];

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
    let mut fields = pick_own(value, &[log.fields, &ENDS].concat());
    fields.extend(pick(value, &[("User", "username")]));
    let summary = match is_alert {
        true => first(value, &["msg", "note"]),
        false => log.what.to_owned(),
    };
    let note = text(value, "note").unwrap_or_default();
    let category = match note.split("::").next() {
        Some(module) if is_alert && !module.is_empty() => module.to_owned(),
        _ => log.name.to_owned(),
    };
    let kind = match log.name {
        // Zeek tells the type of a file from the file, not from what its server says.
        "http" if fields.contains_key("resp_mime_types") => "http.download",
        _ => log.kind,
    };
    let event = event(0, &timestamp, "zeek", kind, fields);
    let alert = Alert {
        alert_id: first(value, &["uid", "fuid", "note"]),
        timestamp,
        // Zeek says none.
        severity: if is_alert { "medium" } else { "info" }.to_owned(),
        category,
        host: first(value, &MACHINE),
        user: account(&event),
        summary,
    };
    Imported {
        format: Format::Zeek,
        is_alert,
        alert,
        log_window: vec![event],
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
