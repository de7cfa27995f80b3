//! Sysmon and Windows events as JSON: of evtx_dump (nested), Winlogbeat (`winlog.…`) and NXLog (flat).

use serde_json::Value;

use super::fields::{first, get, pick, text, time};
use super::{Alert, Format, ImportError, Imported, event};

/// Event id, whether of Sysmon, our event type, what it is.
const TYPES: [(u64, bool, &str, &str); 12] = [
    (1, true, "process.create", "process created"),
    (3, true, "net.connection", "network connection"),
    (7, true, "image.load", "image loaded"),
    (11, true, "file.create", "file created"),
    (13, true, "registry.set", "registry value set"),
    (22, true, "dns.query", "DNS query"),
    (4624, false, "auth.login_success", "logon"),
    (4625, false, "auth.login_failure", "logon failed"),
    (4688, false, "process.create", "process created"),
    (4698, false, "task.create", "scheduled task created"),
    (7045, false, "service.install", "service installed"),
    (1102, false, "log.clear", "audit log cleared"),
];

/// Where records keep their id, time, writer, machine and number, in the spellings of the three.
const ID: [&str; 4] = [
    "Event.System.EventID.#text",
    "Event.System.EventID",
    "winlog.event_id",
    "EventID",
];
const TIME: [&str; 5] = [
    "Event.System.TimeCreated.#attributes.SystemTime",
    "Event.System.TimeCreated.@SystemTime",
    "@timestamp",
    "UtcTime",
    "EventTime",
];
const PROVIDER: [&str; 5] = [
    "Event.System.Provider.#attributes.Name",
    "Event.System.Provider.@Name",
    "winlog.provider_name",
    "SourceName",
    "Channel",
];
const HOST: [&str; 5] = [
    "Event.System.Computer",
    "winlog.computer_name",
    "host.name",
    "Hostname",
    "Computer",
];
const NUMBER: [&str; 4] = [
    "Event.System.EventRecordID",
    "winlog.record_id",
    "RecordNumber",
    "RecordID",
];

/// Ours, and theirs below the record's data.
const FIELDS: [(&str, &str); 19] = [
    ("image", "Image"),
    ("image", "NewProcessName"),
    ("parent_image", "ParentImage"),
    ("parent_image", "ParentProcessName"),
    ("command_line", "CommandLine"),
    ("user", "User"),
    ("user", "TargetUserName"),
    ("user", "SubjectUserName"),
    ("src_ip", "SourceIp"),
    ("src_ip", "IpAddress"),
    ("dst_ip", "DestinationIp"),
    ("dst_port", "DestinationPort"),
    ("file", "TargetFilename"),
    ("image_loaded", "ImageLoaded"),
    ("target_object", "TargetObject"),
    ("query", "QueryName"),
    ("task", "TaskName"),
    ("image_path", "ImagePath"),
    ("account_name", "AccountName"),
];

/// Reads a record.
pub fn read(value: &Value) -> Result<Imported, ImportError> {
    let id = ID.iter().find_map(|path| text(value, path)?.parse().ok());
    let id: u64 = id.ok_or_else(|| ImportError::at("EventID", "is no number"))?;
    let timestamp = time(value, &TIME)?;
    let provider = first(value, &PROVIDER);
    let is_sysmon = provider.contains("Sysmon");
    let (kind, what) = named(id, is_sysmon, &provider);
    let data = ["Event.EventData", "winlog.event_data"];
    let data = data.iter().find_map(|path| get(value, path));
    let fields = pick(data.unwrap_or(value), &FIELDS);
    let user = fields.get("user").and_then(Value::as_str);
    let alert = Alert {
        alert_id: first(value, &NUMBER),
        timestamp: timestamp.clone(),
        severity: "medium".to_owned(),
        category: kind.split('.').next().unwrap_or_default().to_owned(),
        host: first(value, &HOST),
        user: user.unwrap_or("-").to_owned(),
        summary: what,
    };
    let source = if is_sysmon { "sysmon" } else { "windows" };
    Imported {
        format: Format::Windows,
        is_alert: false,
        alert,
        log_window: vec![event(0, &timestamp, source, &kind, fields)],
    }
    .checked()
}

/// Our type for an event id, and what it is in words; one we do not know keeps its number.
fn named(id: u64, is_sysmon: bool, provider: &str) -> (String, String) {
    let known = TYPES
        .iter()
        .find(|(of, sysmon, ..)| (*of, *sysmon) == (id, is_sysmon));
    known.map_or_else(
        || (format!("windows.{id}"), format!("event {id} of {provider}")),
        |(_, _, kind, what)| ((*kind).to_owned(), (*what).to_owned()),
    )
}
