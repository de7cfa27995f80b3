//! The event types: who writes them, after which real record, and what their fields hold.
//!
//! A registry and nothing else: which values matter to a decision is the rules' business.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An account name.
    User,
    /// A machine name.
    Host,
    /// An address inside the organisation, where the generator draws it.
    InternalIp,
    /// An address outside it, where the generator draws it.
    ExternalIp,
    /// A domain name.
    Domain,
    /// A file name.
    File,
    /// A word that a family or the rules know.
    Word,
    /// One of a few words that no rule looks at.
    Filler(&'static [&'static str]),
    /// A whole number in this range, where the generator draws it.
    Number(u64, u64),
    /// True or false.
    Flag,
    /// Anything: written by people or attackers, looked at by no rule.
    FreeText,
}

/// A named, typed field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// An event without it is implausible.
    pub required: bool,
}

/// A kind of log record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    pub name: &'static str,
    pub source: &'static str,
    /// The real record it is named after.
    pub record: &'static str,
    /// In printing order.
    pub fields: &'static [Field],
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: true,
    }
}

const fn event_type(
    name: &'static str,
    source: &'static str,
    record: &'static str,
    fields: &'static [Field],
) -> EventType {
    EventType {
        name,
        source,
        record,
        fields,
    }
}

/// The free-text field any event may carry.
pub const NOTE: Field = Field {
    name: "note",
    kind: Kind::FreeText,
    required: false,
};

use Kind::{Domain, ExternalIp, File, Filler, Flag, Host, InternalIp, Number, User, Word};

/// Types whose values decide something.
pub const DETECTED: &[EventType] = &[
    event_type(
        "process.create",
        "sysmon",
        "Sysmon 1 ProcessCreate",
        &[
            field("image", Word),
            field("parent", Word),
            field("user", User),
        ],
    ),
    event_type(
        "process.access",
        "sysmon",
        "Sysmon 10 ProcessAccess",
        &[
            field("host", Host),
            field("signature", Word),
            field("target_image", Word),
        ],
    ),
    event_type(
        "registry.set",
        "sysmon",
        "Sysmon 13 RegistryEvent (Value Set)",
        &[
            field("image", Word),
            field("target_object", Word),
            field("user", User),
        ],
    ),
    event_type(
        "service.install",
        "windows",
        "System 7045 Service installed",
        &[
            field("host", Host),
            field("account", Word),
            field("image_dir", Word),
        ],
    ),
    event_type(
        "net.beacon",
        "zeek",
        "Zeek conn, summarised per destination",
        &[
            field("dst_ip", ExternalIp),
            field("jitter_pct", Number(0, 100)),
            field("reputation", Word),
        ],
    ),
    event_type(
        "net.transfer",
        "zeek",
        "Zeek conn, orig_bytes",
        &[
            field("service", Word),
            field("orig_bytes", Number(1_000, 60_000_000)),
            field("dst_ip", ExternalIp),
        ],
    ),
    event_type(
        "dns.query",
        "zeek",
        "Zeek dns",
        &[
            field("query", Domain),
            field("qtype", Word),
            field("domain_class", Word),
        ],
    ),
    event_type(
        "http.download",
        "proxy",
        "Proxy access log",
        &[
            field("site_category", Word),
            field("mime", Word),
            field("user", User),
        ],
    ),
    event_type(
        "mail.attachment",
        "mail",
        "Mail gateway attachment log",
        &[
            field("user", User),
            field("delivery", Word),
            field("extension", Word),
        ],
    ),
    event_type(
        "cloud.create_access_key",
        "cloudtrail",
        "CloudTrail CreateAccessKey",
        &[
            field("target", Word),
            field("network", Word),
            field("user", User),
        ],
    ),
    event_type(
        "cloud.put_bucket_policy",
        "cloudtrail",
        "CloudTrail PutBucketPolicy",
        &[
            field("data_class", Word),
            field("principal", Word),
            field("user", User),
        ],
    ),
    event_type(
        "auth.role_grant",
        "identity",
        "Security 4728 Member added to group",
        &[
            field("user", User),
            field("role", Word),
            field("ticket", Word),
        ],
    ),
    event_type(
        "ids.alert",
        "suricata",
        "Suricata EVE alert",
        &[
            field("src_role", Word),
            field("signature_class", Word),
            field("host", Host),
        ],
    ),
    event_type(
        "file.rename",
        "sysmon",
        "Sysmon 11 FileCreate, renamed",
        &[
            field("process_id", Number(1_000, 9_999)),
            field("extension", Word),
            field("share", Word),
        ],
    ),
    event_type(
        "net.connection",
        "zeek",
        "Zeek conn",
        &[
            field("src_ip", ExternalIp),
            field("dst_ip", InternalIp),
            field("service", Word),
            field("dst_role", Word),
        ],
    ),
    event_type(
        "auth.login_failure",
        "identity",
        "Security 4625 Logon failed",
        &[field("user", User), field("src_ip", InternalIp)],
    ),
    event_type(
        "auth.login_success",
        "identity",
        "Security 4624 Logon",
        &[
            field("user", User),
            field("src_ip", InternalIp),
            Field {
                name: "account_role",
                kind: Word,
                required: false,
            },
        ],
    ),
];

/// Types that only ever stand in the background.
pub const BACKGROUND: &[EventType] = &[
    event_type(
        "process.terminate",
        "sysmon",
        "Sysmon 5 ProcessTerminate",
        &[
            field("image", Filler(&["chrome.exe", "teams.exe", "excel.exe"])),
            field("user", User),
        ],
    ),
    event_type(
        "image.load",
        "sysmon",
        "Sysmon 7 ImageLoad",
        &[
            field(
                "module",
                Filler(&["ntdll.dll", "user32.dll", "crypt32.dll"]),
            ),
            field("signed", Flag),
        ],
    ),
    event_type(
        "file.create",
        "sysmon",
        "Sysmon 11 FileCreate",
        &[field("file", File), field("user", User)],
    ),
    event_type(
        "auth.logoff",
        "windows",
        "Security 4634 Logoff",
        &[field("user", User), field("logon_type", Number(2, 11))],
    ),
    event_type(
        "net.tls",
        "zeek",
        "Zeek ssl",
        &[
            field("server_name", Domain),
            field("version", Filler(&["TLSv12", "TLSv13"])),
        ],
    ),
    event_type(
        "vpn.session",
        "vpn",
        "VPN session record",
        &[
            field("user", User),
            field("received_bytes", Number(1_000_000, 900_000_000)),
        ],
    ),
    event_type(
        "cloud.assume_role",
        "cloudtrail",
        "CloudTrail AssumeRole",
        &[
            field(
                "assumed_role",
                Filler(&["reporting", "deploy", "read_only"]),
            ),
            field("user", User),
        ],
    ),
    event_type(
        "task.create",
        "windows",
        "Security 4698 Scheduled task created",
        &[field("task", File), field("host", Host)],
    ),
    // Last, because training never draws it (see `generate::is_new_template`).
    event_type(
        "dhcp.lease",
        "dhcp",
        "DHCP server log, ID 10",
        &[field("host", Host), field("ip", InternalIp)],
    ),
];

/// Every event type.
pub fn all() -> impl Iterator<Item = &'static EventType> {
    DETECTED.iter().chain(BACKGROUND)
}

/// The event type called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static EventType> {
    all().find(|event_type| event_type.name == name)
}

impl EventType {
    /// The field called `name`, the free-text note included.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.name == name)
            .or((name == NOTE.name).then_some(&NOTE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn breadth_is_what_the_contract_asks() {
        let names: BTreeSet<_> = all().map(|t| t.name).collect();
        let sources: BTreeSet<_> = all().map(|t| t.source).collect();
        assert_eq!(names.len(), all().count(), "names are unique");
        assert!(names.len() >= 24, "{}", names.len());
        assert!(sources.len() >= 8, "{sources:?}");
    }
}
