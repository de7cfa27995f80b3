//! Sysmon and Windows events as JSON: of evtx_dump (nested), Winlogbeat (`winlog.…`) and NXLog (flat).

use serde_json::{Map, Value};

use super::fields::{first, get, is_there, number, pick, time, whole};
use super::{Alert, Format, ImportError, Imported, elastic, event, names};
use crate::env::events;

/// Event id, whether of Sysmon, our event type, what it is.
const TYPES: [(u64, bool, &str, &str); 23] = [
    (1, true, "process.create", "process created"),
    (3, true, "net.connection", "network connection"),
    (5, true, "process.terminate", "process ended"),
    (7, true, "image.load", "image loaded"),
    (10, true, "process.access", "process opened by another"),
    (11, true, "file.create", "file created"),
    (13, true, "registry.set", "registry value set"),
    (22, true, "dns.query", "DNS query"),
    (4104, false, "script.block", "script run"),
    (4624, false, "auth.login_success", "logon"),
    (4625, false, "auth.login_failure", "logon failed"),
    (4634, false, "auth.logoff", "logoff"),
    (4647, false, "auth.logoff", "logoff"),
    (4688, false, "process.create", "process created"),
    (4689, false, "process.terminate", "process ended"),
    (4698, false, "task.create", "scheduled task created"),
    (4728, false, "auth.role_grant", "member added to group"),
    (4732, false, "auth.role_grant", "member added to group"),
    (4756, false, "auth.role_grant", "member added to group"),
    (
        4771,
        false,
        "auth.kerberos_failure",
        "Kerberos logon failed",
    ),
    (5145, false, "share.access", "file share opened"),
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
const TIME: [&str; 6] = [
    "Event.System.TimeCreated.SystemTime",
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

/// Where records keep their data.
const DATA: [&str; 4] = [
    "Event.EventData",
    "Event.UserData.LogFileCleared",
    "winlog.event_data",
    "winlog.user_data",
];

/// Ours, and theirs below the record's data.
const FIELDS: [(&str, &str); 23] = [
    ("image", "Image"),
    ("image", "NewProcessName"),
    ("image", "SourceImage"),
    ("parent_image", "ParentImage"),
    ("parent_image", "ParentProcessName"),
    ("target_image", "TargetImage"),
    ("command_line", "CommandLine"),
    ("src_ip", "SourceIp"),
    ("src_ip", "IpAddress"),
    ("dst_ip", "DestinationIp"),
    ("dst_port", "DestinationPort"),
    ("service", "DestinationPortName"),
    ("file", "TargetFilename"),
    ("module", "ImageLoaded"),
    ("target_object", "TargetObject"),
    ("query", "QueryName"),
    ("task", "TaskName"),
    ("image_path", "ImagePath"),
    ("account_name", "AccountName"),
    ("logon_type", "LogonType"),
    ("script", "ScriptBlockText"),
    ("share", "ShareName"),
    ("member", "MemberName"),
];

/// Accounts and their domains; the first that is there is the one an event is about.
const ACCOUNTS: [(&str, &str); 3] = [
    ("User", ""),
    ("TargetUserName", "TargetDomainName"),
    ("SubjectUserName", "SubjectDomainName"),
];

/// What a record says happened.
pub struct Told {
    /// Our event type.
    pub kind: String,
    /// The same in words.
    pub what: String,
    pub source: &'static str,
    pub fields: Map<String, Value>,
}

/// Reads a record.
pub fn read(value: &Value) -> Result<Imported, ImportError> {
    let timestamp = time(value, &TIME)?;
    let told = told(value)?;
    let event = event(0, &timestamp, told.source, &told.kind, told.fields);
    let category = told.kind.split('.').next().unwrap_or_default();
    let alert = Alert {
        alert_id: first(value, &NUMBER),
        timestamp,
        severity: "medium".to_owned(),
        category: category.to_owned(),
        host: first(value, &HOST),
        user: event.text("user").unwrap_or("-").to_owned(),
        summary: told.what,
    };
    Imported {
        format: Format::Windows,
        is_alert: false,
        alert,
        log_window: vec![event],
    }
    .named()
}

/// What a record says happened, in its own spelling or, where that is gone from it, in the one of ECS.
///
/// # Errors
/// Where it has no event id.
pub fn told(value: &Value) -> Result<Told, ImportError> {
    let id = ID.iter().find_map(|path| number(value, path));
    let id = id.ok_or_else(|| ImportError::at("EventID", "is no number"))?;
    let provider = first(value, &PROVIDER);
    let is_sysmon = provider.contains("Sysmon");
    let (kind, what) = named(id, is_sysmon, &provider);
    let data = DATA.iter().find_map(|path| get(value, path));
    let mut fields = of_data(&kind, data.unwrap_or(value));
    if is_there(value, "winlog.event_id") {
        for (name, found) in elastic::picked(value) {
            fields.entry(name).or_insert(found);
        }
    }
    if let Some(host) = HOST.iter().find_map(|path| whole(value, path)) {
        put_host(&kind, host, &mut fields);
    }
    let source = match kind.as_str() {
        _ if is_sysmon => "sysmon",
        "script.block" => "powershell",
        sign_in if sign_in.starts_with("auth.") => "identity",
        _ => "windows",
    };
    Ok(Told {
        kind,
        what,
        source,
        fields,
    })
}

/// The fields of an event of type `kind`.
fn of_data(kind: &str, data: &Value) -> Map<String, Value> {
    let mut fields = pick(data, &FIELDS);
    let user = match kind {
        // The account that is a target there is the group.
        "auth.role_grant" => ACCOUNTS.iter().skip(2).find_map(|of| account(data, of)),
        _ => ACCOUNTS.iter().find_map(|of| account(data, of)),
    };
    fields.extend(user.map(|user| ("user".to_owned(), user.into())));
    let more: &[(&str, &str)] = match kind {
        "auth.role_grant" => &[("group_name", "TargetUserName")],
        "auth.kerberos_failure" => &[("failure_code", "Status")],
        "process.terminate" => &[("image", "ProcessName")],
        _ => &[],
    };
    fields.extend(pick(data, more));
    if kind == "log.clear" {
        // The event tells of no other log.
        fields.insert("channel".to_owned(), "Security".into());
    }
    fields
}

/// An account, which Windows tells from others by its letters alone.
fn account(data: &Value, (name, domain): &(&str, &str)) -> Option<String> {
    let name = whole(data, name)?;
    Some(match whole(data, domain) {
        Some(domain) => format!("{domain}\\{name}"),
        None if name.contains(['\\', '@']) => name,
        None => name.to_lowercase(),
    })
}

/// The machine, where the type has a field for it; else its whole name where that is longer.
fn put_host(kind: &str, host: String, fields: &mut Map<String, Value>) {
    let has_field = events::find(kind).is_some_and(|of_type| of_type.field("host").is_some());
    if has_field {
        fields.insert("host".to_owned(), host.into());
    } else if names::machine(&host) != host.to_lowercase() {
        fields.insert("host_full".to_owned(), host.into());
    }
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
