//! Families seen on the endpoint: processes, registry, services, files, attachments.

use super::{Detection, Family, Repeat, Surface, detection, family};
use crate::env::schema::Action::{Dismiss, Escalate, Monitor, QuarantineHost};

/// Programs of the system that attackers borrow.
pub const LOLBINS: &[&str] = &["mshta.exe", "rundll32.exe", "regsvr32.exe", "certutil.exe"];

const PROCESS: &[Detection] = &[
    detection(
        "lolbin_office_parent",
        QuarantineHost,
        &["winword.exe", "outlook.exe"],
        "Office program started a system binary attackers borrow.",
        &["T1218", "T1204.002"],
    ),
    detection(
        "lolbin_server_parent",
        Escalate,
        &["tomcat9.exe", "apache2.exe"],
        "Server process started a system binary attackers borrow.",
        &["T1218", "T1505.003"],
    ),
    detection(
        "lolbin_console_parent",
        Monitor,
        &["conhost.exe"],
        "Console window started a system binary attackers borrow.",
        &["T1218"],
    ),
    detection(
        "lolbin_managed_parent",
        Dismiss,
        &["ccmexec.exe"],
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
        "lsass_expired",
        Monitor,
        &["expired"],
        "Program with expired certificate read credential memory.",
        &["T1003.001"],
    ),
    detection(
        "lsass_trusted",
        Dismiss,
        &["trusted"],
        "Program with trusted signature read credential memory.",
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
        &["xcmdsvc.exe"],
        "Remote execution tool wrote a start-up key.",
        &["T1547.001", "T1569.002"],
    ),
    detection(
        "run_key_manual",
        Monitor,
        &["regedit.exe"],
        "Registry editor wrote a start-up key.",
        &["T1547.001"],
    ),
    detection(
        "run_key_installer",
        Dismiss,
        &["msiexec.exe"],
        "Software installer wrote a start-up key.",
        &[],
    ),
];

const SERVICE: &[Detection] = &[
    detection(
        "service_public_dir",
        QuarantineHost,
        &["Public"],
        "System service runs from a public folder.",
        &["T1543.003"],
    ),
    detection(
        "service_admin_share",
        Escalate,
        &["ADMIN$"],
        "System service runs from an admin share.",
        &["T1543.003", "T1021.002"],
    ),
    detection(
        "service_vendor_dir",
        Monitor,
        &["Vendor"],
        "System service runs from a vendor folder.",
        &["T1543.003"],
    ),
    detection(
        "service_system_dir",
        Dismiss,
        &["System"],
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
        &["delivered"],
        "Executable attachment reached a mailbox unopened.",
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
        "locked_files_local",
        QuarantineHost,
        &["local_volume"],
        "Process locked three files, last on local volume.",
        &["T1486"],
    ),
    detection(
        "locked_files_shared",
        Escalate,
        &["shared_drive"],
        "Process locked three files, last on shared drive.",
        &["T1486", "T1021.002"],
    ),
    detection(
        "locked_files_scratch",
        Monitor,
        &["scratch_disk"],
        "Process locked three files, last on scratch disk.",
        &["T1486"],
    ),
    detection(
        "locked_files_backup",
        Dismiss,
        &["backup_vault"],
        "Process locked three files, last in backup vault.",
        &[],
    ),
];

/// Families of the endpoint.
pub(super) const FAMILIES: &[Family] = &[
    family(
        "process.create",
        "high",
        "image",
        Surface::Words {
            hot: LOLBINS,
            cold: &["chrome.exe", "teams.exe", "notepad.exe", "acrobat.exe"],
        },
        "parent_image",
        PROCESS,
    ),
    family(
        "process.access",
        "critical",
        "target_image",
        Surface::Words {
            hot: &["lsass.exe"],
            cold: &["spoolsv.exe", "svchost.exe", "winlogon.exe"],
        },
        "signature_status",
        ACCESS,
    ),
    family(
        "registry.set",
        "medium",
        "target_object",
        Surface::Words {
            hot: &["Run", "RunOnce"],
            cold: &["Fonts", "Desktop", "Uninstall"],
        },
        "image",
        REGISTRY,
    ),
    family(
        "service.install",
        "low",
        "account_name",
        Surface::Words {
            hot: &["LocalSystem"],
            cold: &["NetworkService", "LocalService"],
        },
        "image_path",
        SERVICE,
    ),
    family(
        "mail.attachment",
        "medium",
        "extension",
        Surface::Words {
            hot: &["iso", "js", "hta"],
            cold: &["pdf", "docx", "png"],
        },
        "delivery",
        ATTACHMENT,
    ),
    Family {
        repeat: Some(Repeat {
            count: 3,
            same: &["process_id"],
            distinct: None,
        }),
        ..family(
            "file.rename",
            "critical",
            "extension",
            Surface::Words {
                hot: &["locked", "crypt"],
                cold: &["txt", "xlsx", "bak"],
            },
            "share",
            RENAME,
        )
    },
];
