//! What records say in the words of our event types: the names of fields, of accounts and machines, and what a record may
//! not say for itself.
//!
//! An importer calls a field by its name in the record, or by a common one (`User`, `Computer`, `src_ip`) that is spelled
//! here as the event's type has it. Accounts and machines stand with their domain in records: the whole is kept beside the
//! name where it says more, `User_full` beside `User`. Paths of programs stay whole. A word that would clear the event by a
//! rule is taken from nothing but what a sensor measured: other text stands in the field of the whole alone.

use serde_json::{Map, Value};

use super::MAX_TEXT;
use super::paths::{cut_inside, file_name, is_program, of_service, program};
use crate::env::address::is_external;
use crate::env::events::{self, Field, Kind};
use crate::env::families::{self, Family, Surface};
use crate::env::paths::is_named;
use crate::env::schema::Action;

/// What the field of the whole ends with.
const FULL: &str = "_full";

/// What an importer calls a field, a field that tells types where it is called otherwise, and how these call it.
const SPELLINGS: [(&str, &str, &str); 11] = [
    ("src_ip", "id.orig_h", "id.orig_h"),
    ("src_port", "id.orig_h", "id.orig_p"),
    ("dest_ip", "id.orig_h", "id.resp_h"),
    ("dest_port", "id.orig_h", "id.resp_p"),
    ("src_ip", "IpAddress", "IpAddress"),
    ("app_proto", "service", "service"),
    ("Image", "TargetImage", "SourceImage"),
    ("rule.name", "alert.category", "alert.signature"),
    ("rule.category", "alert.category", "alert.category"),
    ("resp_mime_types", "contenttype", "contenttype"),
    ("id.resp_h", "contenttype", "sip"),
];

/// Types whose rules ask whose an address is, where it stands, and the word for one outside: that much an address tells.
const OUTSIDE: [(&str, &str, &str, &str); 3] = [
    ("ids.alert", "src_ip", "src_role", "internet"),
    ("net.connection", "id.orig_h", "orig_role", "internet"),
    ("share.access", "IpAddress", "client_role", "public_ip"),
];

/// What a sweep looks for.
const SERVICES: [&str; 3] = ["smb", "rdp", "ssh"];

/// The category of attempts that the rules know.
const ATTEMPT: &str = "Attempted Administrator Privilege Gain";

/// Categories of signatures as Suricata and Snort describe or shorten them, and the one that the rules know.
const CLASSES: [(&str, &str); 8] = [
    ("shellcode-detect", "Executable code was detected"),
    ("attempted-admin", ATTEMPT),
    ("successful administrator privilege gain", ATTEMPT),
    ("attempted user privilege gain", ATTEMPT),
    ("unsuccessful user privilege gain", ATTEMPT),
    ("successful user privilege gain", ATTEMPT),
    ("web application attack", ATTEMPT),
    ("exploit kit activity detected", ATTEMPT),
];

/// The type of what a record calls `kind`, of which its fields may tell more.
pub fn refined<'a>(kind: &'a str, fields: &mut Map<String, Value>) -> &'a str {
    let kind = match kind {
        "process.create" if is_about_shadows(fields) => "shadow.resize",
        "file.create" => locked(fields).map_or(kind, |extension| {
            fields.insert("extension".to_owned(), extension.into());
            "file.rewrite"
        }),
        _ => kind,
    };
    // Nothing else is told by it: numbers of processes come again.
    if kind != "file.rewrite" {
        fields.remove("ProcessId");
    }
    kind
}

/// Whether the system's tool for shadow copies is told to give them less room, or to delete them.
fn is_about_shadows(fields: &Map<String, Value>) -> bool {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let command = text("CommandLine").to_ascii_lowercase();
    let says = |words: [&str; 2]| {
        let mut words = words.iter();
        words.all(|word| command.split_whitespace().any(|said| said == *word))
    };
    file_name(text("Image")) == "vssadmin.exe"
        && (says(["resize", "shadowstorage"]) || says(["delete", "shadows"]))
}

/// The extension of a file's name where files that were made unreadable have it.
fn locked(fields: &Map<String, Value>) -> Option<String> {
    let name = fields.get("TargetFilename")?.as_str()?;
    let extension = name.rsplit_once('.')?.1.to_ascii_lowercase();
    let Surface::Words { hot, .. } = families::find("file.rewrite")?.surface else {
        return None;
    };
    hot.contains(&extension.as_str()).then_some(extension)
}

/// The fields of an event of type `kind` as ours are: called as the type calls them, those of the type first and in its
/// order, as prompts show them; texts of a length that a prompt has room for.
pub fn as_ours(kind: &str, fields: Map<String, Value>) -> Map<String, Value> {
    let mut named = Map::new();
    for (theirs, value) in fields {
        let name = spelled(kind, &theirs);
        match typed(kind, name, value) {
            Value::String(said) => put_text(kind, name, &said, &mut named),
            value => {
                named.entry(name).or_insert(value);
            }
        }
    }
    put_outside(kind, &mut named);
    in_order(kind, &named)
}

/// Puts a text in, named as ours are, and the whole beside it where that says more.
fn put_text(kind: &str, name: &str, said: &str, named: &mut Map<String, Value>) {
    let word = our_word(kind, name, said);
    let is_claim = clears(kind, name, &word);
    if is_claim || !word.eq_ignore_ascii_case(said) {
        let full = format!("{name}{FULL}");
        named.entry(full).or_insert_with(|| cut(said).into());
    }
    if !is_claim {
        let is_path = is_program(name) || name == "TargetObject";
        let shown = if is_path { cut_inside } else { cut };
        named.entry(name).or_insert_with(|| shown(&word).into());
    }
}

/// What an address outside tells by itself.
fn put_outside(kind: &str, named: &mut Map<String, Value>) {
    for (_, address, role, word) in OUTSIDE.iter().filter(|(of, ..)| *of == kind) {
        let said = named.get(*address).and_then(Value::as_str);
        if said.is_some_and(is_external) {
            named.entry(*role).or_insert_with(|| (*word).into());
        }
    }
}

/// What an event of type `kind` calls a field that an importer calls `name`.
pub fn spelled<'a>(kind: &str, name: &'a str) -> &'a str {
    let Some(of_type) = events::find(kind).filter(|of_type| of_type.field(name).is_none()) else {
        return name;
    };
    let first = |is_asked: fn(&Field) -> bool| {
        let field = of_type.fields.iter().find(|field| is_asked(field));
        field.map(|field| field.name)
    };
    let ours = match name {
        "User" => first(|field| field.kind.is_account()),
        "Computer" => first(|field| field.kind == Kind::Host && !field.is_looked_up),
        _ => {
            let mut known = SPELLINGS.iter().filter(|(theirs, ..)| *theirs == name);
            let known = known.find(|(_, telling, _)| of_type.field(telling).is_some());
            known.map(|(.., ours)| *ours)
        }
    };
    ours.unwrap_or(name)
}

/// Numbers and flags as the type has them: some programs write all values as text, some none.
fn typed(kind: &str, name: &str, value: Value) -> Value {
    let of_field = events::find(kind).and_then(|of_type| of_type.field(name));
    match (of_field.map(|field| field.kind), &value) {
        (Some(kind), Value::String(text)) if kind.is_number() => {
            text.parse::<u64>().map_or(value, Value::from)
        }
        (Some(Kind::Flag), Value::String(text)) => text.parse::<bool>().map_or(value, Value::from),
        (Some(Kind::Word | Kind::Filler(_)), Value::Number(number)) => number.to_string().into(),
        _ => value,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

fn in_order(kind: &str, fields: &Map<String, Value>) -> Map<String, Value> {
    let of_type = events::find(kind).map_or(&[][..], |of_type| of_type.fields);
    let known = of_type.iter().filter_map(|field| {
        let value = fields.get(field.name)?;
        Some((field.name.to_owned(), value.clone()))
    });
    let is_known = |name: &str| of_type.iter().any(|field| field.name == name);
    let others = fields.iter().filter(|(name, _)| !is_known(name));
    known
        .chain(others.map(|(name, value)| (name.clone(), value.clone())))
        .collect()
}

/// What our events hold where a record holds `said`.
fn our_word(kind: &str, name: &str, said: &str) -> String {
    let of_field = events::find(kind).and_then(|of_type| of_type.field(name));
    match (name, of_field.map(|field| field.kind)) {
        (name, _) if is_program(name) => program(said),
        ("ImagePath", _) => of_service(said),
        ("TargetFilename" | "Command", _) => file_name(said),
        ("alert.category", _) => class(said),
        ("TargetUserName", Some(Kind::Word)) => said.to_ascii_lowercase().replace(' ', "_"),
        ("service", _) if kind == "net.connection" => service(said),
        ("Computer", _) | (_, Some(Kind::Host)) => machine(said),
        ("User", _) => user(said),
        (_, Some(of_field)) if of_field.is_account() => user(said),
        _ => said.to_owned(),
    }
}

/// An account and its domain, however they are written together; without one where there is none, or nothing but one.
pub fn account(said: &str) -> (&str, Option<&str>) {
    let (domain, name) = match said.rsplit_once('\\') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, said),
    };
    match name.split_once('@') {
        Some((name, at)) if !name.is_empty() => (name, domain.or(Some(at))),
        None if !name.is_empty() => (name, domain),
        _ => (said, None),
    }
}

/// Domains tell accounts by their letters and not by their case; a machine's own may tell them by both.
pub fn user(said: &str) -> String {
    match account(said) {
        (name, None) => name.to_owned(),
        (name, Some(_)) => name.to_lowercase(),
    }
}

/// A machine by its first name, in lower case: records say `WS-1` and `ws-1.corp.example`. Addresses stay whole.
pub fn machine(name: &str) -> String {
    let name = name.to_lowercase();
    if let Ok(address) = name.parse::<std::net::IpAddr>() {
        return address.to_string();
    }
    match name.split('.').next() {
        Some("") | None => name,
        Some(first) => first.to_owned(),
    }
}

/// Of several protocols one above the other the one that rules know.
fn service(said: &str) -> String {
    let lower = said.to_ascii_lowercase();
    let known = lower.split(',').find(|one| SERVICES.contains(one));
    known.map(str::to_owned).unwrap_or(lower)
}

fn class(said: &str) -> String {
    let found = CLASSES
        .iter()
        .find(|(of, _)| said.trim().eq_ignore_ascii_case(of));
    found.map_or_else(|| said.to_owned(), |(_, word)| (*word).to_owned())
}

/// Whether `word` would clear an event of this type by a rule, and it is nothing that a sensor measured.
fn clears(kind: &str, name: &str, word: &str) -> bool {
    let holds = |family: &&Family| {
        let holder = match family.lead {
            Some(lead) if lead.holds_context => lead.event_type,
            _ => family.event_type,
        };
        holder == kind && family.context_field == name
    };
    let detections = families::all().filter(holds).flat_map(|f| f.detections);
    let clearing = detections.filter(|detection| detection.action == Action::Dismiss);
    let mut values = clearing.flat_map(|detection| detection.values);
    let is_clearing = values.any(|value| is_named(word, value) || value.eq_ignore_ascii_case(word));
    is_clearing && !is_measured(kind, name)
}

/// Whether a sensor tells this context from what runs, and no text in a record says so.
fn is_measured(kind: &str, name: &str) -> bool {
    matches!(
        (kind, name),
        ("process.create", "ParentImage")
            | ("registry.set" | "file.rewrite", "Image")
            // Whoever installs a service writes its path, but the rule asks for a program of the system that is told nothing.
            | ("service.install", "ImagePath")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::Event;
    use crate::env::verify;
    use serde_json::json;

    fn named(kind: &str, fields: Value) -> Value {
        let Value::Object(fields) = fields else {
            return Value::Null;
        };
        Value::Object(as_ours(kind, fields))
    }

    #[test]
    fn accounts_become_bare_and_the_whole_stays_beside_them() {
        let found = named(
            "process.create",
            json!({
                "User": "CORP\\Kim", "ParentImage": "C:\\Program Files\\Office\\WINWORD.EXE",
                "Image": "C:\\Windows\\System32\\rundll32.exe", "CommandLine": "rundll32 a,b",
            }),
        );
        let expected = json!({
            "Image": "C:\\Windows\\System32\\rundll32.exe", "ParentImage": "C:\\Program Files\\Office\\WINWORD.EXE",
            "CommandLine": "rundll32 a,b", "User": "kim", "User_full": "CORP\\Kim",
        });
        assert_eq!(found, expected);
        let order: Vec<_> = found.as_object().expect("fields").keys().collect();
        assert_eq!(order[..3], ["Image", "ParentImage", "CommandLine"]);
    }

    #[test]
    fn fields_are_called_and_typed_as_the_type_has_them() {
        for (kind, theirs, ours) in [
            ("auth.login_success", "User", "TargetUserName"),
            ("auth.role_grant", "User", "SubjectUserName"),
            ("net.connection", "User", "User"),
            ("http.download", "Computer", "devicehostname"),
            ("auth.role_grant", "Computer", "Computer"),
            ("net.connection", "src_ip", "id.orig_h"),
            ("net.connection", "dest_port", "id.resp_p"),
            ("net.connection", "app_proto", "service"),
            ("auth.login_failure", "src_ip", "IpAddress"),
            ("ids.alert", "src_ip", "src_ip"),
            ("ids.alert", "rule.name", "alert.signature"),
            ("process.access", "Image", "SourceImage"),
            ("process.create", "Image", "Image"),
            ("http.download", "id.resp_h", "sip"),
            ("dns.query", "id.resp_h", "id.resp_h"),
            ("windows.1", "src_ip", "src_ip"),
        ] {
            assert_eq!(spelled(kind, theirs), ours, "{kind} {theirs}");
        }
        let two = json!({"src_ip": "10.0.0.1", "IpAddress": "10.0.0.2"});
        let found = named("auth.login_failure", two);
        assert_eq!(found, json!({"IpAddress": "10.0.0.1"}), "the first counts");
        let found = named("file.rewrite", json!({"ProcessId": "4711"}));
        assert_eq!(found["ProcessId"], 4711);
        let found = named("image.load", json!({"Signed": "true"}));
        assert_eq!(found["Signed"], true);
        let found = named("auth.logoff", json!({"LogonType": 3}));
        assert_eq!(found["LogonType"], "3");
    }

    #[test]
    fn an_address_outside_tells_whose_it_is_and_one_inside_does_not() {
        for (kind, address, role, word) in OUTSIDE {
            let with = |said: &str| named(kind, json!({address: said}));
            assert_eq!(with("203.0.113.9")[role], word, "{kind}");
            assert_eq!(with("10.0.0.9"), json!({address: "10.0.0.9"}), "{kind}");
        }
    }

    #[test]
    fn parts_of_names() {
        for (said, name) in [
            ("CORP\\Kim", "kim"),
            ("Kim@corp.example", "kim"),
            ("A\\kim@b", "kim"),
            ("Kim", "Kim"),
            ("CORP\\", "CORP\\"),
            ("@corp", "@corp"),
            ("NT AUTHORITY\\SYSTEM", "system"),
        ] {
            assert_eq!(user(said), name, "{said}");
        }
        for (said, name) in [
            ("PC-07.corp.example", "pc-07"),
            ("PC-07", "pc-07"),
            ("10.0.0.7", "10.0.0.7"),
            ("::FFFF", "::ffff"),
            (".x", ".x"),
            ("-", "-"),
        ] {
            assert_eq!(machine(said), name, "{said}");
        }
    }

    #[test]
    fn shadow_copies_and_locked_files_are_types_of_their_own() {
        let kind = |kind: &str, fields: Value| {
            let mut fields = fields.as_object().expect("fields").clone();
            (refined(kind, &mut fields).to_owned(), fields)
        };
        for (image, command, wanted) in [
            (
                "C:\\Windows\\System32\\VSSADMIN.EXE",
                "vssadmin  Delete Shadows /all",
                "shadow.resize",
            ),
            (
                "vssadmin.exe",
                "vssadmin resize shadowstorage /for=C:",
                "shadow.resize",
            ),
            ("vssadmin.exe", "vssadmin list shadows", "process.create"),
            ("cmd.exe", "vssadmin delete shadows", "process.create"),
        ] {
            let fields = json!({"Image": image, "CommandLine": command});
            assert_eq!(kind("process.create", fields).0, wanted, "{command}");
        }
        let file = |name: &str| {
            kind(
                "file.create",
                json!({"TargetFilename": name, "ProcessId": 7}),
            )
        };
        let (of, fields) = file("C:\\a\\plan.xlsx.LOCKED");
        assert_eq!(
            (of.as_str(), &fields["extension"]),
            ("file.rewrite", &json!("locked"))
        );
        assert_eq!(fields["ProcessId"], 7);
        let (of, fields) = file("C:\\a.locked\\plan.xlsx");
        assert_eq!((of.as_str(), fields.len()), ("file.create", 1));
    }

    /// Whether a context that would clear an event is withheld: shown as what the record says, and as nothing else.
    fn is_withheld(kind: &str, name: &str, said: &str) -> bool {
        let full = format!("{name}{FULL}");
        let found = named(kind, json!({name: said}));
        assert!(found.get(name).is_some() || found == json!({full: said}));
        found.get(name).is_none()
    }

    #[test]
    fn no_text_of_a_record_clears_it() {
        let parent = |said: &str| is_withheld("process.create", "ParentImage", said);
        assert!(
            !parent("C:\\Windows\\CCM\\CcmExec.exe"),
            "a path is measured"
        );
        assert!(
            !parent("C:\\Users\\Public\\CcmExec.exe"),
            "and clears nothing elsewhere"
        );
        // What a service is told stands with its path, and the rule that clears asks for a path alone.
        let service = |said: &str| {
            let fields = json!({"AccountName": "LocalSystem", "ImagePath": said});
            let event: Event = serde_json::from_value(json!({
                "log_id": "L1-0", "timestamp": "2026-01-02T03:04:05Z", "source": "windows",
                "event_type": "service.install", "fields": named("service.install", fields)
            }))
            .expect("an event");
            verify::truth(&[event]).expect("sound").action
        };
        assert_eq!(service("C:\\Windows\\System32\\a.exe"), Action::Dismiss);
        for claim in [
            "C:\\Windows\\System32\\cmd.exe /c a",
            "\"C:\\Windows\\System32\\cmd.exe\" /c a",
            "%COMSPEC% /c a",
            "C:\\Windows\\System32\\cmd.exe\t/c",
            "\"C:\\Windows\\System32\\rundll32.exe\"a.dll,b",
            "C:\\Windows\\System32\\spool\\drivers\\color\\a.exe",
        ] {
            assert_ne!(service(claim), Action::Dismiss, "{claim}");
        }
    }

    #[test]
    fn no_word_of_a_rule_that_clears_comes_from_a_text() {
        let mut measured = Vec::new();
        for family in families::all() {
            let holder = match family.lead {
                Some(lead) if lead.holds_context => lead.event_type,
                _ => family.event_type,
            };
            let name = family.context_field;
            let clearing = family.detections.iter();
            let clearing = clearing.filter(|d| d.action == Action::Dismiss);
            for word in clearing.flat_map(|d| d.values) {
                if is_measured(holder, name) {
                    measured.push((holder, name));
                    continue;
                }
                for said in [
                    (*word).to_owned(),
                    word.to_uppercase(),
                    format!("C:\\{word}"),
                ] {
                    assert!(is_withheld(holder, name, &said), "{holder} {said}");
                }
            }
        }
        measured.sort_unstable();
        let expected = [
            ("file.rewrite", "Image"),
            ("process.create", "ParentImage"),
            ("registry.set", "Image"),
            ("service.install", "ImagePath"),
        ];
        assert_eq!(measured, expected);
    }

    #[test]
    fn long_paths_keep_both_ends_and_other_texts_their_beginning() {
        let path = format!("C:\\{}\\rundll32.exe", "x".repeat(5_000));
        let found = named("process.create", json!({"Image": path}));
        let image = found["Image"].as_str().expect("text");
        assert!(image.starts_with("C:\\x") && is_named(image, "rundll32.exe"));
        assert_eq!(image.chars().count(), MAX_TEXT);
        let name = named("process.create", json!({"CommandLine": "y".repeat(5_000)}));
        assert_eq!(name["CommandLine"].as_str().map(str::len), Some(MAX_TEXT));
    }
}
