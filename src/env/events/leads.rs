//! Types that lead up to others.

use super::Kind::{Domain, ExternalIp, File, Filler, Host, InternalIp, Person, SideIp};
use super::{CLIENT_PORT, EventType, Field, PROCESS_ID, event_type, field, looked_up, worked_out};

/// Types that lead up to others: alone they decide nothing. What joins them stands right before what they say.
pub const LEADS: &[EventType] = &[
    event_type(
        "mail.click",
        "mail",
        "Proofpoint TAP clicksPermitted",
        &[
            field("recipient", Person),
            Field {
                is_looked_up: true,
                ..field("url_ip", ExternalIp)
            },
            looked_up("url_class"),
        ],
    ),
    event_type(
        "auth.mfa_deny",
        "mfa",
        "Okta user.authentication.auth_via_mfa, failure",
        &[
            worked_out("outcome.reason", Filler(&["user_denied", "no_answer"])),
            field("actor.alternateId", Person),
        ],
    ),
    event_type(
        "badge.entry",
        "badge",
        "OnGuard access granted",
        &[
            field("reader", Filler(&["lobby", "dock", "garage"])),
            field("cardholder", Person),
        ],
    ),
    event_type(
        "share.access",
        "windows",
        "Security 5145 Detailed file share",
        &[
            field(
                "IpAddress",
                SideIp(&[
                    "user_desk",
                    "dc_mirror",
                    "patch_hub",
                    "demo_rack",
                    "test_rack",
                    "spare_box",
                    "spare_pc",
                ]),
            ),
            field("IpPort", CLIENT_PORT),
            field("Computer", Host),
            looked_up("client_role"),
        ],
    ),
    event_type(
        "file.download",
        "sysmon",
        "Sysmon 15 FileCreateStreamHash, Zone.Identifier",
        &[
            field("ProcessId", PROCESS_ID),
            Field {
                is_looked_up: true,
                ..field("host_ip", SideIp(&["mail_box", "peer_box", "our_repo"]))
            },
            field("TargetFilename", File),
            looked_up("origin"),
        ],
    ),
    event_type(
        "shadow.resize",
        "sysmon",
        "Sysmon 1 ProcessCreate, vssadmin resize shadowstorage",
        &[
            field("ProcessId", PROCESS_ID),
            field("Computer", Host),
            looked_up("initiator"),
        ],
    ),
    event_type(
        "rdp.logon",
        "windows",
        "Security 4624 Logon, type 10",
        &[
            field("IpAddress", SideIp(&["guest_lan", "admin_lan"])),
            field("IpPort", CLIENT_PORT),
            field("TargetUserName", Person),
            looked_up("client_net"),
        ],
    ),
    event_type(
        "cloud.console_login",
        "cloudtrail",
        "CloudTrail ConsoleLogin",
        &[
            field("sourceIPAddress", ExternalIp),
            field("userIdentity.userName", Person),
            looked_up("address_class"),
        ],
    ),
    event_type(
        "cloud.consent",
        "entra",
        "Entra audit log, Consent to application",
        &[
            field("ipAddress", ExternalIp),
            field("userPrincipalName", Person),
            looked_up("publisher"),
        ],
    ),
    event_type(
        "dns.answer",
        "zeek",
        "Zeek dns, answers",
        &[
            field("query", Domain),
            field("answers", ExternalIp),
            looked_up("domain_class"),
        ],
    ),
    event_type(
        "dhcp.lease",
        "dhcp",
        "Windows DHCP server log, ID 10",
        &[field("IP", InternalIp), looked_up("device_class")],
    ),
    event_type(
        "device.mount",
        "windows",
        "Security 6416 New external device",
        &[field("Computer", Host), looked_up("media_class")],
    ),
];
