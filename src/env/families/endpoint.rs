//! Families seen on the endpoint: processes, registry, services, files, attachments.

use super::{Detection, Family, Repeat, Surface, detection, family};
use crate::env::schema::Action::{Dismiss, Escalate, Monitor, QuarantineHost};

/// Programs of the system that attackers borrow.
pub const LOLBINS: &[&str] = &[
    "mshta.exe",
    "rundll32.exe",
    "regsvr32.exe",
    "certutil.exe",
    "powershell.exe",
    "wmic.exe",
];

const PROCESS: &[Detection] = &[
    detection(
        "lolbin_office_parent",
        QuarantineHost,
        &["winword.exe", "outlook.exe", "excel.exe"],
        "Office program started a system binary attackers borrow.",
        &["T1218", "T1204.002"],
    ),
    detection(
        "lolbin_server_parent",
        Escalate,
        &["tomcat9.exe", "w3wp.exe"],
        "Server process started a system binary attackers borrow.",
        &["T1218", "T1505.003"],
    ),
    detection(
        "lolbin_other_parent",
        Monitor,
        &[],
        "Another parent started a system binary attackers borrow.",
        &["T1218"],
    ),
    detection(
        "lolbin_managed_parent",
        Dismiss,
        &[r"C:\Windows\CCM\CcmExec.exe"],
        "Software management started a system binary.",
        &[],
    ),
];

const ACCESS: &[Detection] = &[
    detection(
        "lsass_invalid",
        QuarantineHost,
        &["invalid"],
        "Program with invalid signature read credential memory.",
        &["T1003.001"],
    ),
    detection(
        "lsass_revoked",
        Escalate,
        &["revoked"],
        "Program with revoked certificate read credential memory.",
        &["T1003.001", "T1553.002"],
    ),
    detection(
        "lsass_other_signer",
        Monitor,
        &[],
        "Program of another signer read credential memory.",
        &["T1003.001"],
    ),
    detection(
        "lsass_by_our_edr",
        Dismiss,
        &["our_edr"],
        "Our own EDR agent read credential memory.",
        &[],
    ),
];

const REGISTRY: &[Detection] = &[
    detection(
        "run_key_script",
        QuarantineHost,
        &["cscript.exe", "wscript.exe"],
        "Script host wrote a start-up key.",
        &["T1547.001", "T1059"],
    ),
    detection(
        "run_key_remote_tool",
        Escalate,
        &["psexesvc.exe"],
        "Remote execution tool wrote a start-up key.",
        &["T1547.001", "T1569.002"],
    ),
    detection(
        "run_key_other",
        Monitor,
        &[],
        "Another program wrote a start-up key.",
        &["T1547.001"],
    ),
    detection(
        "run_key_installer",
        Dismiss,
        &[r"C:\Windows\System32\msiexec.exe"],
        "Software installer wrote a start-up key.",
        &[],
    ),
];

const SERVICE: &[Detection] = &[
    detection(
        "service_public_dir",
        QuarantineHost,
        &[r"C:\Users\Public\"],
        "System service runs from a public folder.",
        &["T1543.003"],
    ),
    detection(
        "service_admin_share",
        Escalate,
        &[r"\ADMIN$\"],
        "System service runs from an admin share.",
        &["T1543.003", "T1021.002"],
    ),
    detection(
        "service_other_dir",
        Monitor,
        &[],
        "System service runs from another folder.",
        &["T1543.003"],
    ),
    detection(
        "service_system_dir",
        Dismiss,
        &[r"C:\Windows\System32\*"],
        "System service runs from the system folder.",
        &[],
    ),
];

const ATTACHMENT: &[Detection] = &[
    detection(
        "attachment_extracted",
        QuarantineHost,
        &["extracted"],
        "Recipient extracted an executable attachment.",
        &["T1566.001", "T1204.002"],
    ),
    detection(
        "attachment_forwarded",
        Escalate,
        &["forwarded"],
        "Recipient forwarded an executable attachment.",
        &["T1566.001", "T1534"],
    ),
    detection(
        "attachment_delivered",
        Monitor,
        &[],
        "Executable attachment reached a mailbox, no more known.",
        &["T1566.001"],
    ),
    detection(
        "attachment_sandboxed",
        Dismiss,
        &["sandboxed"],
        "Mail gateway sandboxed an executable attachment.",
        &[],
    ),
];

const RENAME: &[Detection] = &[
    detection(
        "locked_files_public_dir",
        QuarantineHost,
        &[r"C:\Users\Public\"],
        "Program from a public folder locked three files.",
        &["T1486"],
    ),
    detection(
        "locked_files_admin_share",
        Escalate,
        &[r"\ADMIN$\"],
        "Program from an admin share locked three files.",
        &["T1486", "T1021.002"],
    ),
    detection(
        "locked_files_other_dir",
        Monitor,
        &[],
        "Program from another folder locked three files.",
        &["T1486"],
    ),
    detection(
        "locked_files_installed",
        Dismiss,
        &[r"C:\Program Files\"],
        "Installed program locked three files.",
        &[],
    ),
];

/// Families of the endpoint.
pub(super) const FAMILIES: &[Family] = &[
    family(
        "process.create",
        "high",
        "Image",
        Surface::Words {
            hot: LOLBINS,
            cold: &["chrome.exe", "teams.exe", "notepad.exe", "acrobat.exe"],
        },
        "ParentImage",
        PROCESS,
        &["explorer.exe", "cmd.exe", "mmc.exe", "wsl.exe"],
    ),
    family(
        "process.access",
        "critical",
        "TargetImage",
        Surface::Words {
            hot: &["lsass.exe"],
            cold: &["spoolsv.exe", "svchost.exe", "winlogon.exe"],
        },
        "source_signer",
        ACCESS,
        &["expired", "absent", "unlisted", "unheard"],
    ),
    family(
        "registry.set",
        "medium",
        "TargetObject",
        Surface::Words {
            hot: &[
                r"\CurrentVersion\Run\",
                r"\CurrentVersion\RunOnce\",
                r"\Policies\Explorer\Run\",
            ],
            cold: &[
                r"\CurrentVersion\Fonts\",
                r"\CurrentVersion\Themes\",
                r"\CurrentVersion\Uninstall\",
            ],
        },
        "Image",
        REGISTRY,
        &["regedit.exe", "reg.exe", "setup.exe", "wsl.exe"],
    ),
    family(
        "service.install",
        "low",
        "AccountName",
        Surface::Words {
            hot: &["LocalSystem"],
            cold: &["NetworkService", "LocalService"],
        },
        "ImagePath",
        SERVICE,
        &[
            r"C:\ProgramData\",
            r"C:\Windows\Temp\",
            r"C:\PerfLogs\",
            r"C:\Recovery\",
        ],
    ),
    family(
        "mail.attachment",
        "medium",
        "FileType",
        Surface::Words {
            hot: &["iso", "js", "hta"],
            cold: &["pdf", "docx", "png"],
        },
        "delivery",
        ATTACHMENT,
        &["delivered", "postponed", "copied_on", "bounced"],
    ),
    Family {
        repeat: Some(Repeat {
            count: 3,
            same: &["Computer", "ProcessId"],
            distinct: None,
        }),
        ..family(
            "file.rewrite",
            "critical",
            "extension",
            Surface::Words {
                hot: &["locked", "crypt"],
                cold: &["txt", "xlsx", "bak"],
            },
            "Image",
            RENAME,
            &[
                r"C:\ProgramData\",
                r"C:\Windows\Temp\",
                r"C:\PerfLogs\",
                r"C:\Recovery\",
            ],
        )
    },
];
