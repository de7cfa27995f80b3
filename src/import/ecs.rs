//! Where the Elastic Common Schema keeps what our fields hold.

use serde_json::{Map, Value};

use super::fields::{pick, whole};
use super::names;

const FIELDS: [(&str, &str); 26] = [
    ("Computer", "host.name"),
    ("Computer", "host.hostname"),
    ("src_ip", "source.ip"),
    ("dest_ip", "destination.ip"),
    ("dest_port", "destination.port"),
    ("app_proto", "network.protocol"),
    ("Image", "process.executable"),
    ("Image", "process.name"),
    ("ParentImage", "process.parent.executable"),
    ("ParentImage", "process.parent.name"),
    ("CommandLine", "process.command_line"),
    ("TargetImage", "Target.process.executable"),
    ("TargetImage", "Target.process.name"),
    ("code_signature", "process.code_signature.status"),
    ("signer", "process.code_signature.subject_name"),
    ("TargetFilename", "file.path"),
    ("TargetFilename", "file.name"),
    ("TargetObject", "registry.path"),
    ("query", "dns.question.name"),
    ("qtype_name", "dns.question.type"),
    ("url", "url.full"),
    ("rule.name", "rule.name"),
    ("rule.category", "rule.category"),
    ("event.action", "event.action"),
    ("event.outcome", "event.outcome"),
    ("ProcessId", "process.pid"),
];

/// Accounts and their domains; the first that is there counts.
const ACCOUNTS: [(&str, &str); 2] = [
    ("user.name", "user.domain"),
    ("process.user.name", "process.user.domain"),
];

/// Fields of ours from where ECS has them.
pub fn picked(value: &Value) -> Map<String, Value> {
    let mut fields = pick(value, &FIELDS);
    let account = ACCOUNTS.iter().find_map(|(name, domain)| {
        let name = whole(value, name)?;
        Some(match whole(value, domain) {
            Some(domain) if names::account(&name).1.is_none() => format!("{domain}\\{name}"),
            _ => name,
        })
    });
    fields.extend(account.map(|account| ("User".to_owned(), account.into())));
    fields
}
