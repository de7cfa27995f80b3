//! Types that a family watches: their values decide, alone or together.

use super::Kind::{
    CommandLine, Domain, ExternalIp, File, Host, InternalIp, Number, Person, ProcessId, Program,
    ServerIp, SideIp, User, Word,
};
use super::{EventType, Field, event_type, field, looked_up, optional, worked_out};

/// Types whose values decide something.
pub const DETECTED: &[EventType] = &[
    event_type(
        "process.create",
        "sysmon",
        "Sysmon 1 ProcessCreate",
        &[
            field("Image", Program),
            field("ParentImage", Program),
            optional("CommandLine", CommandLine),
            field("Computer", Host),
        ],
    ),
    event_type(
        "process.access",
        "sysmon",
        "Sysmon 10 ProcessAccess",
        &[
            field("Computer", Host),
            optional("SourceImage", Program),
            looked_up("source_signer"),
            field("TargetImage", Program),
        ],
    ),
    event_type(
        "registry.set",
        "sysmon",
        "Sysmon 13 RegistryEvent (Value Set)",
        &[
            field("Image", Program),
            field("TargetObject", Program),
            field("Computer", Host),
        ],
    ),
    event_type(
        "service.install",
        "windows",
        "System 7045 Service installed",
        &[
            field("Computer", Host),
            field("AccountName", Word),
            field("ImagePath", Program),
        ],
    ),
    event_type(
        "net.beacon",
        "zeek",
        "Zeek conn, summarised per destination",
        &[
            optional("id.orig_h", InternalIp),
            field("id.resp_h", ExternalIp),
            worked_out("jitter_pct", Number(0, 100)),
            looked_up("resp_class"),
        ],
    ),
    event_type(
        "net.transfer",
        "zeek",
        "Zeek conn, orig_bytes",
        &[
            optional("id.orig_h", InternalIp),
            looked_up("resp_class"),
            field("orig_bytes", Number(1_000, 60_000_000)),
            field("id.resp_h", ExternalIp),
        ],
    ),
    event_type(
        "dns.query",
        "zeek",
        "Zeek dns",
        &[
            optional("id.orig_h", InternalIp),
            field("id.resp_h", ExternalIp),
            field("query", Domain),
            field("qtype_name", Word),
            looked_up("domain_class"),
        ],
    ),
    event_type(
        "http.download",
        "proxy",
        "Zscaler NSS web log",
        &[
            field("urlcategory", Word),
            field("contenttype", Word),
            optional("sip", ExternalIp),
            optional("devicehostname", Host),
        ],
    ),
    event_type(
        "mail.attachment",
        "mail",
        "Defender EmailAttachmentInfo",
        &[
            field("RecipientEmailAddress", Person),
            looked_up("delivery"),
            field("FileType", Word),
            Field {
                is_looked_up: true,
                ..optional("recipient_host", Host)
            },
        ],
    ),
    event_type(
        "cloud.create_access_key",
        "cloudtrail",
        "CloudTrail CreateAccessKey",
        &[
            field("requestParameters.userName", Word),
            looked_up("address_class"),
            optional("sourceIPAddress", ExternalIp),
            field("userIdentity.userName", User),
        ],
    ),
    event_type(
        "cloud.put_bucket_policy",
        "cloudtrail",
        "CloudTrail PutBucketPolicy",
        &[
            looked_up("data_class"),
            worked_out("Principal", Word),
            optional("sourceIPAddress", ExternalIp),
            field("userIdentity.userName", User),
        ],
    ),
    event_type(
        "auth.role_grant",
        "identity",
        "Security 4728 and 4756 Member added to group",
        &[
            field("SubjectUserName", User),
            field("TargetUserName", Word),
            looked_up("ticket"),
            Field {
                is_looked_up: true,
                ..field("session_host", Host)
            },
        ],
    ),
    event_type(
        "ids.alert",
        "suricata",
        "Suricata EVE alert",
        &[
            optional("src_ip", SideIp(&["endpoint", "red_team"])),
            looked_up("src_role"),
            field("alert.category", Word),
            optional("dest_ip", ServerIp),
        ],
    ),
    event_type(
        "file.rewrite",
        "sysmon",
        "Sysmon 11 FileCreate (created or overwritten), extension of TargetFilename",
        &[
            optional("Computer", Host),
            field("ProcessId", ProcessId(1_000, 9_999)),
            field("Image", Program),
            worked_out("extension", Word),
        ],
    ),
    event_type(
        "net.connection",
        "zeek",
        "Zeek conn",
        &[
            field("id.orig_h", SideIp(&["our_host", "scan_box"])),
            looked_up("orig_role"),
            field("id.resp_h", ServerIp),
            field("service", Word),
        ],
    ),
    event_type(
        "auth.login_failure",
        "identity",
        "Security 4625 Logon failed",
        &[
            field("TargetUserName", User),
            field("IpAddress", InternalIp),
        ],
    ),
    event_type(
        "auth.login_success",
        "identity",
        "Security 4624 Logon",
        &[
            field("TargetUserName", User),
            field("IpAddress", InternalIp),
            Field {
                required: false,
                ..looked_up("account_role")
            },
        ],
    ),
    event_type(
        "auth.kerberos_failure",
        "identity",
        "Security 4771 Kerberos pre-authentication failed",
        &[
            field(
                "IpAddress",
                SideIp(&[
                    "our_laptop",
                    "pen_tester",
                    "guest_desk",
                    "lab_bench",
                    "meet_room",
                    "front_hall",
                ]),
            ),
            looked_up("client_class"),
            field("TargetUserName", User),
            field("Status", Word),
        ],
    ),
    event_type(
        "script.block",
        "powershell",
        "PowerShell 4104 Script block logging",
        &[
            looked_up("script_class"),
            field("UserId", User),
            optional("Computer", Host),
        ],
    ),
    event_type(
        "auth.mfa_approve",
        "mfa",
        "Okta user.authentication.auth_via_mfa, success",
        &[
            worked_out("factor", Word),
            looked_up("client_class"),
            optional("client.ipAddress", ExternalIp),
            field("actor.alternateId", Person),
        ],
    ),
    event_type(
        "vpn.login",
        "vpn",
        "GlobalProtect log, gateway-auth",
        &[
            field("status", Word),
            looked_up("srcregion"),
            optional("public_ip", ExternalIp),
            field("srcuser", Person),
        ],
    ),
    event_type(
        "service.start",
        "windows",
        "System 7036 Service entered the running state",
        &[field("param1", Word), field("Computer", Host)],
    ),
    event_type(
        "task.create",
        "windows",
        "Security 4698 Scheduled task created",
        &[
            worked_out("Trigger", Word),
            worked_out("Command", File),
            optional("Computer", Host),
        ],
    ),
    event_type(
        "file.mass_write",
        "fim",
        "Wazuh syscheck, files written a minute",
        &[
            worked_out("write_count", Number(20, 300)),
            field("agent.name", Host),
        ],
    ),
    event_type(
        "log.clear",
        "windows",
        "Security 1102 and System 104 Log cleared",
        &[
            field("Channel", Word),
            field("SubjectUserName", User),
            optional("Computer", Host),
        ],
    ),
    event_type(
        "cloud.stop_trail",
        "cloudtrail",
        "CloudTrail StopLogging",
        &[
            looked_up("trail_scope"),
            field("userIdentity.userName", User),
        ],
    ),
    event_type(
        "mail.forward_rule",
        "mail",
        "Microsoft 365 audit log, New-InboxRule",
        &[field("ForwardTo", Word), field("UserId", Person)],
    ),
    event_type(
        "net.session",
        "zeek",
        "Zeek conn, duration",
        &[
            optional("id.orig_h", InternalIp),
            field("duration", Number(60, 2_400)),
            field("id.resp_h", ExternalIp),
        ],
    ),
    event_type(
        "ids.scan",
        "suricata",
        "Suricata EVE alert, category Detection of a Network Scan",
        &[field("alert.signature", Word), field("src_ip", InternalIp)],
    ),
    event_type(
        "file.copy",
        "dlp",
        "Purview endpoint DLP, FileCopiedToRemovableMedia",
        &[field("SensitivityLabel", Word), field("DeviceName", Host)],
    ),
];
