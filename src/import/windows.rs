//! Sysmon and Windows events as JSON: of evtx_dump (nested), Winlogbeat (`winlog.…`) and NXLog (flat).

use serde_json::{Map, Value};

use super::fields::{first, get, is_there, number, pick, pick_own, text, time, whole};
use super::{Alert, Format, ImportError, Imported, account, ecs, event};

/// Event id, whether of Sysmon, our event type, what it is.
const TYPES: [(u64, bool, &str, &str); 26] = [
    (1, true, "process.create", "process created"),
    (3, true, "net.connection", "network connection"),
    (5, true, "process.terminate", "process ended"),
    (7, true, "image.load", "image loaded"),
    (10, true, "process.access", "process opened by another"),
    (11, true, "file.create", "file created"),
    (13, true, "registry.set", "registry value set"),
    (22, true, "dns.query", "DNS query"),
    (104, false, "log.clear", "event log cleared"),
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
    (6416, false, "device.mount", "external device recognised"),
    (
        7036,
        false,
        "service.start",
        "service entered the running state",
    ),
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

/// Fields that are called what they are called below the record's data.
const OWN: [&str; 18] = [
    "Image",
    "ParentImage",
    "SourceImage",
    "TargetImage",
    "CommandLine",
    "GrantedAccess",
    "ProcessId",
    "TargetFilename",
    "ImageLoaded",
    "Signed",
    "TargetObject",
    "TaskName",
    "ImagePath",
    "AccountName",
    "LogonType",
    "ScriptBlockText",
    "ShareName",
    "MemberName",
];

/// Ours, and theirs where they are called otherwise.
const FIELDS: [(&str, &str); 8] = [
    ("Image", "NewProcessName"),
    ("ParentImage", "ParentProcessName"),
    ("src_ip", "SourceIp"),
    ("src_ip", "IpAddress"),
    ("dest_ip", "DestinationIp"),
    ("dest_port", "DestinationPort"),
    ("app_proto", "DestinationPortName"),
    ("query", "QueryName"),
];

/// Accounts and their domains; the first that is there is the one an event is about.
const ACCOUNTS: [(&str, &str); 3] = [
    ("User", ""),
    ("TargetUserName", "TargetDomainName"),
    ("SubjectUserName", "SubjectDomainName"),
];

/// Where the account that ran a script stands: it is none of the event's data.
const RAN_BY: [&str; 4] = [
    "winlog.user.name",
    "winlog.user.identifier",
    "Event.System.Security.#attributes.UserID",
    "Event.System.Security.@UserID",
];

/// Which log was cleared, where it is not the one of Security.
const CLEARED: [&str; 2] = [
    "Event.UserData.LogFileCleared.Channel",
    "winlog.user_data.Channel",
];

/// What starts a task; first what starts it with the machine or a session.
const TRIGGERS: [&str; 8] = [
    "LogonTrigger",
    "BootTrigger",
    "IdleTrigger",
    "TimeTrigger",
    "CalendarTrigger",
    "EventTrigger",
    "RegistrationTrigger",
    "SessionStateChangeTrigger",
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
    let category = event.event_type.split('.').next().unwrap_or_default();
    let alert = Alert {
        alert_id: first(value, &NUMBER),
        timestamp,
        severity: "medium".to_owned(),
        category: category.to_owned(),
        host: first(value, &HOST),
        user: account(&event),
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
    let data = DATA.iter().find_map(|path| get(value, path));
    let data = data.unwrap_or(value);
    let known = named(id, is_sysmon).filter(|_| is_of_type(id, value, data));
    let (kind, what) = known.unwrap_or_else(|| {
        let what = format!("event {id} of {provider}");
        (format!("windows.{id}"), what)
    });
    let mut fields = of_data(&kind, data);
    put_more(id, value, &mut fields);
    if is_there(value, "winlog.event_id") {
        for (name, found) in ecs::picked(value) {
            fields.entry(name).or_insert(found);
        }
    }
    if let Some(host) = HOST.iter().find_map(|path| whole(value, path)) {
        fields.insert("Computer".to_owned(), host.into());
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
    let mut fields = pick_own(data, &OWN);
    for (name, found) in pick(data, &FIELDS) {
        fields.entry(name).or_insert(found);
    }
    let user = match kind {
        // The account that is a target there is the group.
        "auth.role_grant" => ACCOUNTS.iter().skip(2).find_map(|of| account_of(data, of)),
        _ => ACCOUNTS.iter().find_map(|of| account_of(data, of)),
    };
    fields.extend(user.map(|user| ("User".to_owned(), user.into())));
    let more: &[(&str, &str)] = match kind {
        "auth.role_grant" => &[("TargetUserName", "TargetUserName")],
        "auth.kerberos_failure" => &[("Status", "Status")],
        "process.terminate" => &[("Image", "ProcessName")],
        "service.start" => &[("param1", "param1")],
        "device.mount" => &[("DeviceDescription", "DeviceDescription")],
        _ => &[],
    };
    fields.extend(pick(data, more));
    fields
}

/// What stands elsewhere in a record than its fields do, or inside one of them.
fn put_more(id: u64, value: &Value, fields: &mut Map<String, Value>) {
    let told = |paths: &[&str]| paths.iter().find_map(|path| whole(value, path));
    let more = match id {
        104 => vec![("Channel", told(&CLEARED))],
        // The event tells of no other log.
        1102 => vec![("Channel", Some("Security".to_owned()))],
        4104 if !fields.contains_key("User") => vec![("User", told(&RAN_BY))],
        4698 => of_task(value),
        _ => Vec::new(),
    };
    let more = more.into_iter();
    let more = more.filter_map(|(name, found)| Some((name.to_owned(), found?.into())));
    fields.extend(more);
}

/// What starts a task and what it runs, from its definition in XML.
fn of_task(value: &Value) -> Vec<(&'static str, Option<String>)> {
    let paths = DATA.map(|data| format!("{data}.TaskContent"));
    let mut paths = paths.iter().map(String::as_str).chain(["TaskContent"]);
    let xml = paths.find_map(|path| whole(value, path));
    let xml = xml.unwrap_or_default();
    let trigger = TRIGGERS.into_iter().find(|name| xml.contains(name));
    let command = xml.split_once("<Command>");
    let command = command.and_then(|(_, rest)| rest.split_once("</Command>"));
    vec![
        ("Trigger", trigger.map(str::to_owned)),
        ("Command", command.map(|(command, _)| command.to_owned())),
    ]
}

/// An account, which Windows tells from others by its letters alone.
fn account_of(data: &Value, (name, domain): &(&str, &str)) -> Option<String> {
    let name = whole(data, name)?;
    Some(match whole(data, domain) {
        Some(domain) => format!("{domain}\\{name}"),
        None if name.contains(['\\', '@']) => name,
        None => name.to_lowercase(),
    })
}

/// Our type for an event id, and what it is in words.
fn named(id: u64, is_sysmon: bool) -> Option<(String, String)> {
    let known = TYPES
        .iter()
        .find(|(of, sysmon, ..)| (*of, *sysmon) == (id, is_sysmon));
    known.map(|(_, _, kind, what)| ((*kind).to_owned(), (*what).to_owned()))
}

/// Whether a record with an id that tells of more than one thing tells of the one that our type is named after.
fn is_of_type(id: u64, value: &Value, data: &Value) -> bool {
    match id {
        104 => CLEARED.iter().any(|path| is_there(value, path)),
        7036 => text(data, "param2").is_some_and(|state| state.eq_ignore_ascii_case("running")),
        _ => true,
    }
}
