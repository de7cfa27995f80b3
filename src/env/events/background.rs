//! Types that no rule looks at.

use super::Kind::{Domain, File, Filler, Flag, Host, Number, User};
use super::{EventType, event_type, field};

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
    // Last, because training never draws it (see `generate::is_new_template`).
    event_type(
        "patch.report",
        "patching",
        "Patch management, compliance report",
        &[
            field("host", Host),
            field("state", Filler(&["current", "overdue"])),
        ],
    ),
];
