//! Types that no rule looks at.

use super::Kind::{Domain, ExternalIp, File, Filler, Flag, Host, InternalIp, Number, Person, User};
use super::{EventType, PROCESS_ID, event_type, field, worked_out};

/// How many of [`BACKGROUND`], at its end, training never draws (see `generate::is_new_template`).
pub const NEW: usize = 4;

/// Types that only ever stand in the background.
pub const BACKGROUND: &[EventType] = &[
    event_type(
        "process.terminate",
        "sysmon",
        "Sysmon 5 ProcessTerminate",
        &[
            field("ProcessId", PROCESS_ID),
            field("Image", Filler(&["chrome.exe", "teams.exe", "excel.exe"])),
            field("User", Person),
        ],
    ),
    event_type(
        "image.load",
        "sysmon",
        "Sysmon 7 ImageLoad",
        &[
            field("ProcessId", PROCESS_ID),
            field(
                "ImageLoaded",
                Filler(&["ntdll.dll", "user32.dll", "crypt32.dll"]),
            ),
            field("Signed", Flag),
        ],
    ),
    event_type(
        "file.create",
        "sysmon",
        "Sysmon 11 FileCreate",
        &[
            field("ProcessId", PROCESS_ID),
            field("TargetFilename", File),
            field("User", User),
        ],
    ),
    event_type(
        "auth.logoff",
        "windows",
        "Security 4634 Logoff",
        &[
            field("TargetUserName", Person),
            field("LogonType", Filler(&["2", "3", "7", "10"])),
        ],
    ),
    event_type(
        "net.tls",
        "zeek",
        "Zeek ssl",
        &[
            field("id.orig_h", InternalIp),
            field("server_name", Domain),
            field("version", Filler(&["TLSv12", "TLSv13"])),
        ],
    ),
    event_type(
        "vpn.session",
        "vpn",
        "GlobalProtect log, gateway-logout",
        &[
            field("srcuser", Person),
            field("login_duration", Number(600, 30_000)),
        ],
    ),
    event_type(
        "cloud.assume_role",
        "cloudtrail",
        "CloudTrail AssumeRole",
        &[
            worked_out(
                "requestParameters.roleArn",
                Filler(&["reporting", "deploy", "read_only"]),
            ),
            field("userIdentity.userName", User),
        ],
    ),
    event_type(
        "patch.report",
        "patching",
        "WSUS computer status report",
        &[
            field("ComputerName", Host),
            field("UpdateState", Filler(&["Installed", "Needed"])),
        ],
    ),
    event_type(
        "net.ntp",
        "zeek",
        "Zeek ntp",
        &[
            field("id.orig_h", InternalIp),
            field("id.resp_h", ExternalIp),
            field("stratum", Number(1, 4)),
        ],
    ),
    event_type(
        "print.job",
        "windows",
        "PrintService 307 Document printed",
        &[
            field("Param3", Person),
            field("Param4", Host),
            field("Param7", Number(20_000, 90_000_000)),
            field("Param8", Number(1, 40)),
        ],
    ),
    event_type(
        "defender.scan",
        "defender",
        "Windows Defender 1001 Scan finished",
        &[
            field("Computer", Host),
            field("Scan_Type", Filler(&["Antimalware", "Antispyware"])),
        ],
    ),
];
