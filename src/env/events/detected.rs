//! Types that a family watches: their values decide, alone or together.

use super::Kind::{
    Domain, ExternalIp, File, Filler, Host, InternalIp, Number, ServerIp, User, Word,
};
use super::{EventType, Field, event_type, field};

/// Types whose values decide something.
pub const DETECTED: &[EventType] = &[
    event_type(
        "process.create",
        "sysmon",
        "Sysmon 1 ProcessCreate",
        &[
            field("image", Word),
            field("parent_image", Word),
            Field {
                name: "command_line",
                kind: Filler(&["/quiet", "/update", "/start", "/open"]),
                required: false,
            },
            field("user", User),
        ],
    ),
    event_type(
        "process.access",
        "sysmon",
        "Sysmon 10 ProcessAccess",
        &[
            field("host", Host),
            field("signature_status", Word),
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
            field("account_name", Word),
            field("image_path", Word),
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
            field("qtype_name", Word),
            field("domain_class", Word),
        ],
    ),
    event_type(
        "http.download",
        "proxy",
        "Proxy access log",
        &[
            field("site_category", Word),
            field("mime_type", Word),
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
            field("group_name", Word),
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
            field("dst_ip", ServerIp),
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
    event_type(
        "auth.kerberos_failure",
        "identity",
        "Security 4771 Kerberos pre-authentication failed",
        &[
            field("src_ip", ExternalIp),
            field("user", User),
            field("failure_code", Word),
            field("account_class", Word),
        ],
    ),
    event_type(
        "script.block",
        "powershell",
        "PowerShell 4104 Script block logging",
        &[field("script_class", Word), field("user", User)],
    ),
    event_type(
        "auth.mfa_approve",
        "mfa",
        "Okta auth_via_mfa, success",
        &[
            field("factor", Word),
            field("origin", Word),
            field("user", User),
        ],
    ),
    event_type(
        "vpn.login",
        "vpn",
        "VPN gateway login",
        &[
            field("status", Word),
            field("geo", Word),
            field("user", User),
        ],
    ),
    event_type(
        "service.start",
        "windows",
        "System 7036 Service state, by remote request",
        &[field("service_file", Word), field("host", Host)],
    ),
    event_type(
        "task.create",
        "windows",
        "Security 4698 Scheduled task created",
        &[field("trigger", Word), field("command", File)],
    ),
    event_type(
        "file.mass_write",
        "fim",
        "File integrity monitor, writes a minute",
        &[field("write_count", Number(20, 300)), field("host", Host)],
    ),
    event_type(
        "log.clear",
        "windows",
        "Security 1102 Audit log cleared",
        &[field("channel", Word), field("user", User)],
    ),
    event_type(
        "cloud.stop_trail",
        "cloudtrail",
        "CloudTrail StopLogging",
        &[field("trail_scope", Word), field("user", User)],
    ),
    event_type(
        "mail.forward_rule",
        "mail",
        "Exchange New-InboxRule",
        &[field("forward_to", Word), field("user", User)],
    ),
    event_type(
        "net.session",
        "zeek",
        "Zeek conn, duration",
        &[
            field("duration_min", Number(1, 40)),
            field("dst_ip", ExternalIp),
        ],
    ),
    event_type(
        "ids.scan",
        "suricata",
        "Suricata EVE alert, scan category",
        &[field("signature", Word), field("src_ip", InternalIp)],
    ),
    event_type(
        "file.copy",
        "dlp",
        "Endpoint DLP file copied",
        &[field("label", Word), field("host", Host)],
    ),
];
