//! Programs, files, accounts and machines by the bare names our rules compare, and what a record may not say for itself.
//!
//! Records name programs by their path, accounts and machines with their domain. The whole is kept beside the name where it
//! says more: `image_full` beside `image`. A word that would clear the event by a rule is not taken from text that whoever
//! wrote the record's file names could choose: it stands in the field of the whole alone.

use serde_json::{Map, Value};

use super::MAX_TEXT;
use crate::env::address::is_external;
use crate::env::events;
use crate::env::families::{self, Family};
use crate::env::schema::Action;

/// What the field of the whole ends with.
const FULL: &str = "_full";

/// Programs whose name clears what they do, and where the system keeps them: any file can be called like that elsewhere.
const HOMES: [(&str, &str); 3] = [
    ("ccmexec.exe", r"c:\windows\ccm\ccmexec.exe"),
    ("msiexec.exe", r"c:\windows\system32\msiexec.exe"),
    ("msiexec.exe", r"c:\windows\syswow64\msiexec.exe"),
];

/// Contexts that a sensor measures and an importer spells: no text of the record's comes to stand there.
const MEASURED: [(&str, &str); 1] = [("process.access", "signature_status")];

/// Keys of the registry whose programs start by themselves, and the rules' word for them; the longer first.
const START_KEYS: [(&str, &str); 3] = [
    (r"\currentversion\runonce\", "RunOnce"),
    (r"\currentversion\run\", "Run"),
    (r"\currentversion\policies\explorer\run\", "Run"),
];

/// Folders of services, and the rules' word for them.
const SERVICE_FOLDERS: [(&str, &str); 3] = [
    (r"\users\public\", "Public"),
    (r"%public%\", "Public"),
    (r"\admin$\", "ADMIN$"),
];

/// What a sweep looks for.
const SERVICES: [&str; 3] = ["smb", "rdp", "ssh"];

/// Classes of signatures by the words of Suricata's and Snort's classification, and the rules' word for them.
const CLASSES: [(&str, &str); 8] = [
    ("executable code was detected", "shellcode"),
    ("attempted administrator privilege gain", "exploit"),
    ("successful administrator privilege gain", "exploit"),
    ("attempted user privilege gain", "exploit"),
    ("unsuccessful user privilege gain", "exploit"),
    ("successful user privilege gain", "exploit"),
    ("web application attack", "exploit"),
    ("exploit kit activity detected", "exploit"),
];

/// The fields of an event of type `kind` with names as ours are: those of the type first and in its order, as prompts show
/// them; texts of a length that a prompt has room for.
pub fn as_ours(kind: &str, fields: Map<String, Value>) -> Map<String, Value> {
    let mut named = Map::new();
    for (name, value) in fields {
        let Value::String(said) = value else {
            named.insert(name, value);
            continue;
        };
        let word = bare(kind, &name, &said);
        let is_claim = clears(kind, &name, &word, &said);
        if is_claim || !word.eq_ignore_ascii_case(&said) {
            let full = format!("{name}{FULL}");
            named.entry(full).or_insert_with(|| cut(&said).into());
        }
        if !is_claim {
            named.insert(name, cut(&word).into());
        }
    }
    if kind == "ids.alert"
        && named
            .get("src_ip")
            .and_then(Value::as_str)
            .is_some_and(is_external)
    {
        let role = named.entry("src_role");
        role.or_insert_with(|| "internet".into());
    }
    in_order(kind, &named)
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
fn bare(kind: &str, name: &str, said: &str) -> String {
    match name {
        "image" | "parent_image" | "target_image" | "file" => file_name(said),
        "host" => machine(said),
        "user" => user(said),
        "service" if kind == "net.connection" => service(said),
        "signature_class" => class(said),
        "group_name" => said.to_ascii_lowercase().replace(' ', "_"),
        "target_object" if kind == "registry.set" => word_of(said, &START_KEYS),
        "image_path" if kind == "service.install" => word_of(said, &SERVICE_FOLDERS),
        _ => said.to_owned(),
    }
}

/// The last part of a path of Windows or Unix, in lower case; the whole where nothing follows the last separator.
fn file_name(path: &str) -> String {
    // Lower case of ASCII alone: other letters that become ASCII there are not what rules look for.
    let bare = path.trim().trim_matches('"');
    let last = bare.rsplit(['\\', '/']).next().unwrap_or_default();
    match last {
        "" => path.to_ascii_lowercase(),
        name => name.to_ascii_lowercase(),
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

fn word_of(path: &str, words: &[(&str, &str)]) -> String {
    // A key or folder itself is one as well as what is in it.
    let lower = path.to_ascii_lowercase() + "\\";
    let found = words.iter().find(|(part, _)| lower.contains(part));
    found.map_or_else(|| path.to_owned(), |(_, word)| (*word).to_owned())
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

/// Whether `word` would clear an event of this type by a rule, and nothing but a text says so.
fn clears(kind: &str, name: &str, word: &str, said: &str) -> bool {
    let holds = |family: &&Family| {
        let holder = match family.lead {
            Some(lead) if lead.holds_context => lead.event_type,
            _ => family.event_type,
        };
        holder == kind && family.context_field == name
    };
    let detections = families::all().filter(holds).flat_map(|f| f.detections);
    let is_clearing = detections
        .filter(|detection| detection.action == Action::Dismiss)
        .any(|d| {
            d.values
                .iter()
                .any(|value| value.eq_ignore_ascii_case(word))
        });
    let is_home =
        |(program, path): &(&str, &str)| *program == word && said.eq_ignore_ascii_case(path);
    is_clearing && !MEASURED.contains(&(kind, name)) && !HOMES.iter().any(is_home)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn named(kind: &str, fields: Value) -> Value {
        let Value::Object(fields) = fields else {
            return Value::Null;
        };
        Value::Object(as_ours(kind, fields))
    }

    #[test]
    fn names_become_bare_and_the_whole_stays_beside_them() {
        let found = named(
            "process.create",
            json!({
                "user": "CORP\\Kim", "parent_image": "C:\\Program Files\\Office\\WINWORD.EXE",
                "image": "C:\\Windows\\System32\\rundll32.exe", "command_line": "rundll32 a,b",
            }),
        );
        let expected = json!({
            "image": "rundll32.exe", "parent_image": "winword.exe", "command_line": "rundll32 a,b", "user": "kim",
            "user_full": "CORP\\Kim", "parent_image_full": "C:\\Program Files\\Office\\WINWORD.EXE",
            "image_full": "C:\\Windows\\System32\\rundll32.exe",
        });
        assert_eq!(found, expected);
        let order: Vec<_> = found.as_object().expect("fields").keys().collect();
        assert_eq!(
            order[..4],
            ["image", "parent_image", "command_line", "user"]
        );
    }

    #[test]
    fn parts_of_names() {
        for (path, name) in [
            ("/usr/bin/Curl", "curl"),
            ("\"C:\\a b\\C.exe\"", "c.exe"),
            ("c.exe", "c.exe"),
            ("C:\\dir\\", "c:\\dir\\"),
            ("\u{212a}.exe", "\u{212a}.exe"),
        ] {
            assert_eq!(file_name(path), name, "{path}");
        }
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
    fn keys_and_folders_are_the_rules_words() {
        let key = |path: &str| bare("registry.set", "target_object", path);
        let run = "HKU\\S-1-5-21\\Software\\Microsoft\\Windows\\CurrentVersion\\Run";
        assert_eq!(key(run), "Run");
        assert_eq!(key(&format!("{run}\\Updater")), "Run");
        assert_eq!(key(&format!("{run}Once\\x")), "RunOnce");
        assert_eq!(key(&format!("{run}ner\\x")), format!("{run}ner\\x"));
        let folder = |path: &str| bare("service.install", "image_path", path);
        assert_eq!(folder("C:\\Users\\Public\\a.exe"), "Public");
        assert_eq!(folder("\\\\127.0.0.1\\ADMIN$\\a.exe"), "ADMIN$");
        let system = "C:\\Windows\\System32\\a.exe";
        assert_eq!(folder(system), system);
    }

    #[test]
    fn no_text_of_a_record_clears_it() {
        let parent = |said: &str| named("process.create", json!({"parent_image": said}));
        for claim in [
            "ccmexec.exe",
            "C:\\Users\\Public\\CcmExec.exe",
            "E:\\Windows\\CCM\\CcmExec.exe",
            "C:\\Windows\\CCM\\..\\..\\CCM\\CcmExec.exe",
            "/tmp/ccmexec.exe",
        ] {
            assert_eq!(parent(claim), json!({"parent_image_full": claim}));
        }
        let home = "C:\\Windows\\CCM\\CcmExec.exe";
        assert_eq!(parent(home)["parent_image"], "ccmexec.exe");
        let service = named("service.install", json!({"image_path": "system"}));
        assert_eq!(service, json!({"image_path_full": "system"}));
        // Whatever word of whatever rule it is.
        for family in families::all() {
            let holder = match family.lead {
                Some(lead) if lead.holds_context => lead.event_type,
                _ => family.event_type,
            };
            if MEASURED.contains(&(holder, family.context_field)) {
                continue;
            }
            let clearing = family.detections.iter();
            let clearing = clearing.filter(|d| d.action == Action::Dismiss);
            for word in clearing.flat_map(|d| d.values) {
                let mut fields = Map::new();
                fields.insert(family.context_field.to_owned(), json!(word));
                let found = as_ours(holder, fields);
                assert!(!found.contains_key(family.context_field), "{word}");
                assert_eq!(found.len(), 1, "{word} is shown");
            }
        }
    }

    #[test]
    fn names_are_told_before_texts_are_cut() {
        let path = format!("C:\\{}\\rundll32.exe", "x".repeat(5_000));
        let found = named("process.create", json!({"image": path}));
        assert_eq!(found["image"], "rundll32.exe");
        let full = found["image_full"].as_str().expect("text");
        assert_eq!(full.chars().count(), MAX_TEXT);
        let name = named("process.create", json!({"image": "y".repeat(5_000)}));
        assert_eq!(name["image"].as_str().map(str::len), Some(MAX_TEXT));
    }
}
