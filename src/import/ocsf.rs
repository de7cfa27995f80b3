//! OCSF: Detection Findings, each evidence an event, and what goes on beside them: processes, files, sign-ins, connections.

use serde_json::{Map, Value};

use super::fields::{first, is_there, number, pick, put_attack, time, whole};
use super::{Alert, Format, ImportError, Imported, account, event};
use crate::env::login;
use crate::env::plausible::MAX_EVENTS;

/// The class of detection findings.
const DETECTION: u64 = 2004;

/// Fields of an event and where they stand; what tells the event type stands with it.
type Paths = &'static [(&'static str, &'static str)];

/// A class of events, by its `class_uid`, and what its activities are by their `activity_id`.
struct Class {
    uid: u64,
    name: &'static str,
    activities: &'static [(u64, &'static str, &'static str)],
    fields: Paths,
}

const CLASSES: [Class; 6] = [
    Class {
        uid: 1001,
        name: "File System Activity",
        activities: &[(1, "create", "file.create"), (5, "rename", "file.rewrite")],
        fields: &[
            ("TargetFilename", "file.path"),
            ("TargetFilename", "file.name"),
            ("ProcessId", "actor.process.pid"),
            ("Image", "actor.process.file.path"),
            ("Image", "actor.process.name"),
            ("User", "actor.user.name"),
        ],
    },
    Class {
        uid: 1007,
        name: "Process Activity",
        activities: &[
            (1, "launch", "process.create"),
            (2, "terminate", "process.terminate"),
            (3, "open", "process.access"),
        ],
        fields: &[
            ("Image", "process.file.path"),
            ("Image", "process.name"),
            ("Image", "process.file.name"),
            ("ParentImage", "process.parent_process.file.path"),
            ("ParentImage", "process.parent_process.name"),
            ("ParentImage", "actor.process.file.path"),
            ("ParentImage", "actor.process.name"),
            ("CommandLine", "process.cmd_line"),
            ("User", "process.user.name"),
            ("User", "actor.user.name"),
        ],
    },
    Class {
        uid: 3002,
        name: "Authentication",
        activities: &[
            (1, "logon", login::SUCCESS),
            (2, "logoff", "auth.logoff"),
            (3, "authentication ticket", "auth.kerberos_failure"),
        ],
        fields: &[
            ("User", "user.name"),
            ("User", "actor.user.name"),
            ("src_ip", "src_endpoint.ip"),
            ("LogonType", "logon_type_id"),
        ],
    },
    Class {
        uid: 4001,
        name: "Network Activity",
        activities: &[
            (1, "open", "net.connection"),
            (2, "close", "net.connection"),
            (3, "reset", "net.connection"),
            (4, "fail", "net.connection"),
            (5, "refuse", "net.connection"),
            (6, "traffic", "net.connection"),
        ],
        fields: &[
            ("src_ip", "src_endpoint.ip"),
            ("dest_ip", "dst_endpoint.ip"),
            ("app_proto", "dst_endpoint.svc_name"),
            ("app_proto", "app_name"),
            ("dest_port", "dst_endpoint.port"),
            ("proto", "connection_info.protocol_name"),
            ("orig_bytes", "traffic.bytes_out"),
            ("resp_bytes", "traffic.bytes_in"),
        ],
    },
    Class {
        uid: 4002,
        name: "HTTP Activity",
        // Activities are methods; none of them changes what it is.
        activities: &[],
        fields: &[
            ("method", "http_request.http_method"),
            ("host", "http_request.url.hostname"),
            ("uri", "http_request.url.url_string"),
            ("uri", "http_request.url.path"),
            ("user_agent", "http_request.user_agent"),
            ("status_code", "http_response.code"),
            ("content_type", "http_response.content_type"),
            ("src_ip", "src_endpoint.ip"),
            ("dest_ip", "dst_endpoint.ip"),
            ("dest_port", "dst_endpoint.port"),
            ("User", "actor.user.name"),
        ],
    },
    Class {
        uid: 4003,
        name: "DNS Activity",
        activities: &[
            (1, "query", "dns.query"),
            (2, "response", "dns.query"),
            (6, "traffic", "dns.query"),
        ],
        fields: &[
            ("query", "query.hostname"),
            ("qtype_name", "query.type"),
            ("rcode_name", "rcode"),
            ("answers", "answers.rdata"),
            ("src_ip", "src_endpoint.ip"),
            ("dest_ip", "dst_endpoint.ip"),
        ],
    },
];

/// Of a process that opens another: who is who.
const ACCESS: Paths = &[
    ("TargetImage", "process.file.path"),
    ("TargetImage", "process.name"),
    ("Image", "actor.process.file.path"),
    ("Image", "actor.process.name"),
    ("User", "actor.user.name"),
];

/// Of an evidence.
const EVIDENCE: Paths = &[
    ("src_ip", "src_endpoint.ip"),
    ("dest_ip", "dst_endpoint.ip"),
    ("dest_port", "dst_endpoint.port"),
    ("Image", "process.file.path"),
    ("Image", "process.name"),
    ("ParentImage", "process.parent_process.file.path"),
    ("ParentImage", "process.parent_process.name"),
    ("CommandLine", "process.cmd_line"),
    ("query", "query.hostname"),
    ("qtype_name", "query.type"),
    ("TargetFilename", "file.path"),
    ("TargetFilename", "file.name"),
    ("User", "actor.user.name"),
];

/// Where techniques of ATT&CK stand, in one version or another.
const ATTACK: [&str; 4] = [
    "attacks.technique.uid",
    "attacks.sub_technique.uid",
    "finding_info.attacks.technique.uid",
    "finding_info.attacks.sub_technique.uid",
];

const HOST: [&str; 3] = ["device.hostname", "device.name", "resources.name"];

/// Reads a finding, or an event of a class we know.
pub fn read(value: &Value) -> Result<Imported, ImportError> {
    let uid = number(value, "class_uid");
    if uid == Some(DETECTION) {
        return finding(value);
    }
    let class = CLASSES.iter().find(|class| uid == Some(class.uid));
    activity(class.ok_or_else(|| unknown_class(value))?, value)
}

fn unknown_class(value: &Value) -> ImportError {
    let known = CLASSES.iter().map(|class| (class.uid, class.name));
    let known = known.chain([(DETECTION, "Detection Finding")]);
    let known: Vec<_> = known.map(|(uid, name)| format!("{uid} ({name})")).collect();
    let uid = first(value, &["class_uid"]);
    let message = format!("`{uid}` is none of {}", known.join(", "));
    ImportError::at("class_uid", message)
}

/// An event as a window of its own.
fn activity(class: &Class, value: &Value) -> Result<Imported, ImportError> {
    let timestamp = time(value, &["time", "start_time"])?;
    let kind = kind(class, value)?;
    let source = match kind {
        sign_in if sign_in.starts_with("auth.") => "identity".to_owned(),
        _ => first(value, &["metadata.product.name"]),
    };
    let event = event(0, &timestamp, &source, kind, fields(class, kind, value));
    let alert = Alert {
        alert_id: first(value, &["metadata.uid", "metadata.original_event_uid"]),
        timestamp,
        severity: severity(value).to_owned(),
        category: first(value, &["category_name", "class_name"]),
        host: first(
            value,
            &[&HOST[..], &["src_endpoint.hostname", "src_endpoint.ip"]].concat(),
        ),
        user: account(&event),
        summary: first(value, &["message", "type_name", "activity_name"]),
    };
    Imported {
        format: Format::Ocsf,
        is_alert: false,
        alert,
        log_window: vec![event],
    }
    .named()
}

/// Our event type for what was done, and with which outcome where that makes another of it.
fn kind(class: &Class, value: &Value) -> Result<&'static str, ImportError> {
    if class.activities.is_empty() {
        return Ok("http.request");
    }
    let activity = number(value, "activity_id");
    let mut known = class.activities.iter();
    let known = known.find(|(id, ..)| activity == Some(*id));
    let Some((_, _, kind)) = known else {
        let known = class
            .activities
            .iter()
            .map(|(id, name, _)| format!("{id} ({name})"));
        let known = known.collect::<Vec<_>>().join(", ");
        let found = first(value, &["activity_id"]);
        let message = format!("`{found}` of {} is none of {known}", class.name);
        return Err(ImportError::at("activity_id", message));
    };
    let outcome = number(value, "status_id");
    match (*kind, outcome) {
        (login::SUCCESS, Some(2)) => Ok(login::FAILURE),
        (login::SUCCESS, Some(1)) | ("auth.kerberos_failure", Some(2)) => Ok(kind),
        (login::SUCCESS, _) => Err(ImportError::at(
            "status_id",
            "is neither 1 (success) nor 2 (failure)",
        )),
        ("auth.kerberos_failure", _) => Err(ImportError::at(
            "status_id",
            "is not 2 (failure): only failed requests of tickets are known",
        )),
        _ => Ok(kind),
    }
}

fn fields(class: &Class, kind: &str, value: &Value) -> Map<String, Value> {
    let mut fields = match kind {
        "process.access" => pick(value, ACCESS),
        _ => pick(value, class.fields),
    };
    if let Some(host) = HOST.iter().find_map(|path| whole(value, path)) {
        fields.insert("Computer".to_owned(), host.into());
    }
    let mut more: Vec<(&str, Value)> = Vec::new();
    match kind {
        // What the provider of identities says of the account, as a number of its own.
        login::SUCCESS if number(value, "user.type_id") == Some(2) => {
            more.push(("account_role", "admin".into()));
        }
        "auth.kerberos_failure" => {
            more.extend(whole(value, "status_code").map(|code| ("Status", code.into())));
        }
        "file.rewrite" => {
            let name =
                whole(value, "file_result.name").or_else(|| whole(value, "file_result.path"));
            let extension = name.as_deref().and_then(|name| name.rsplit_once('.'));
            let extension = extension.map(|(_, extension)| extension.to_ascii_lowercase());
            more.extend(extension.map(|extension| ("extension", extension.into())));
            more.extend(name.map(|name| ("renamed_to", name.into())));
        }
        _ => {}
    }
    fields.extend(
        more.into_iter()
            .map(|(name, found)| (name.to_owned(), found)),
    );
    fields
}

fn severity(value: &Value) -> &'static str {
    match number(value, "severity_id") {
        Some(2) => "low",
        Some(3) => "medium",
        Some(4) => "high",
        Some(5 | 6) => "critical",
        _ => "info",
    }
}

/// A finding: each of its evidences is an event.
fn finding(value: &Value) -> Result<Imported, ImportError> {
    let timestamp = time(value, &["time", "finding_info.first_seen_time"])?;
    let alert = Alert {
        alert_id: first(value, &["finding_info.uid"]),
        timestamp: timestamp.clone(),
        severity: severity(value).to_owned(),
        category: first(value, &["finding_info.types", "class_name"]),
        host: first(value, &HOST),
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
        let mut fields = pick(record, EVIDENCE);
        if n == 0 {
            put_attack(value, &ATTACK, &mut fields);
        }
        event(n, &timestamp, &source, of_evidence(record), fields)
    });
    Imported {
        format: Format::Ocsf,
        is_alert: true,
        alert,
        log_window: log_window.collect(),
    }
    .named()
}

/// An evidence is of our type where it names all that such an event is about.
fn of_evidence(record: &Value) -> &'static str {
    let has = |path: &str| is_there(record, path);
    match () {
        () if has("process") && has("process.parent_process") => "process.create",
        () if has("query.hostname") => "dns.query",
        () if has("src_endpoint.ip") && has("dst_endpoint.ip") => "net.connection",
        () => "finding.evidence",
    }
}
