//! Types that lead up to others.

use super::Kind::{ExternalIp, File, Filler, Host, InternalIp, User, Word};
use super::{EventType, event_type, field};

/// Types that lead up to others: alone they decide nothing. What joins them stands right before what they say.
pub const LEADS: &[EventType] = &[
    event_type(
        "mail.click",
        "mail",
        "Defender UrlClickEvents",
        &[field("user", User), field("url_verdict", Word)],
    ),
    event_type(
        "auth.mfa_deny",
        "mfa",
        "Okta auth_via_mfa, denied by user",
        &[
            field("challenge", Filler(&["number", "plain", "repeat"])),
            field("user", User),
        ],
    ),
    event_type(
        "badge.entry",
        "badge",
        "Door controller, access granted",
        &[
            field("door", Filler(&["lobby", "dock", "garage"])),
            field("user", User),
        ],
    ),
    event_type(
        "share.access",
        "windows",
        "Security 5145 Detailed file share",
        &[field("host", Host), field("client_role", Word)],
    ),
    event_type(
        "file.download",
        "sysmon",
        "Sysmon 15 FileCreateStreamHash, Zone.Identifier",
        &[field("file", File), field("zone", Word)],
    ),
    event_type(
        "shadow.delete",
        "sysmon",
        "Sysmon 1 ProcessCreate, vssadmin delete shadows",
        &[field("host", Host), field("initiator", Word)],
    ),
    event_type(
        "rdp.logon",
        "windows",
        "Security 4624 Logon, type 10",
        &[field("user", User), field("client_net", Word)],
    ),
    event_type(
        "cloud.console_login",
        "cloudtrail",
        "CloudTrail ConsoleLogin",
        &[field("user", User), field("client_class", Word)],
    ),
    event_type(
        "cloud.consent",
        "entra",
        "Entra Consent to application",
        &[field("user", User), field("publisher", Word)],
    ),
    event_type(
        "dns.answer",
        "zeek",
        "Zeek dns, answers",
        &[field("answer", ExternalIp), field("domain_age", Word)],
    ),
    event_type(
        "dhcp.lease",
        "dhcp",
        "DHCP server log, ID 10",
        &[field("ip", InternalIp), field("device_class", Word)],
    ),
    event_type(
        "device.mount",
        "windows",
        "Security 6416 New external device",
        &[field("host", Host), field("media_class", Word)],
    ),
];
