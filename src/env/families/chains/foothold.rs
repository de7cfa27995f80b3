//! How an intruder gets in, spreads and strikes: scripts, pushes, logins, services, tasks, mass writes.

use super::super::{Detection, Family, Surface, detection, family};
use super::{after, following};
use crate::env::schema::Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};

const SCRIPT: &[Detection] = &[
    detection(
        "script_after_phishing_kit",
        QuarantineHost,
        &["phish_kit"],
        "Hidden script followed a click on a phishing kit.",
        &["T1566.002", "T1059.001", "T1027"],
    ),
    detection(
        "script_after_hostile_server",
        BlockIp,
        &["evil_host"],
        "Hidden script followed a click to a hostile server.",
        &["T1204.001", "T1059.001", "T1027"],
    ),
    detection(
        "script_after_spear_link",
        Escalate,
        &["spear_url"],
        "Hidden script followed a click on a targeted link.",
        &["T1566.002", "T1059.001", "T1598.003"],
    ),
    detection(
        "script_unprompted",
        Monitor,
        &[],
        "Hidden script of a user who clicked nothing.",
        &["T1059.001", "T1027"],
    ),
    detection(
        "script_after_drill",
        Dismiss,
        &["drill_url"],
        "Hidden script followed a click in our drill.",
        &[],
    ),
];

const MFA: &[Detection] = &[
    detection(
        "mfa_fatigue_tor",
        BlockIp,
        &["tor_exit"],
        "Push approved from Tor after two were denied.",
        &["T1621", "T1090.003"],
    ),
    detection(
        "mfa_fatigue_overseas",
        Escalate,
        &["overseas"],
        "Push approved from overseas after two were denied.",
        &["T1621", "T1078"],
    ),
    detection(
        "mfa_fatigue_home",
        Monitor,
        &["home_net"],
        "Push approved from home after two were denied.",
        &["T1621"],
    ),
    detection(
        "mfa_approved_unforced",
        Dismiss,
        &[],
        "Push approved and never denied twice before.",
        &[],
    ),
];

const TRAVEL: &[Detection] = &[
    detection(
        "travel_hosted",
        BlockIp,
        &["hosted"],
        "VPN login from a hosting site while badged in.",
        &["T1078", "T1133"],
    ),
    detection(
        "travel_abroad",
        Escalate,
        &["abroad"],
        "VPN login from abroad while badged in.",
        &["T1078", "T1133"],
    ),
    detection(
        "travel_nearby",
        Monitor,
        &["nearby"],
        "VPN login from nearby while badged in.",
        &["T1078"],
    ),
    detection(
        "vpn_without_badge",
        Dismiss,
        &[],
        "VPN login of a user who never badged in.",
        &[],
    ),
];

const REMOTE_SERVICE: &[Detection] = &[
    detection(
        "remote_service_from_desk",
        QuarantineHost,
        &["user_desk"],
        "Remote service started after share access from a desk.",
        &["T1021.002", "T1569.002"],
    ),
    detection(
        "remote_service_from_vpn",
        BlockIp,
        &["vpn_guest"],
        "Remote service started after share access over VPN.",
        &["T1021.002", "T1133"],
    ),
    detection(
        "remote_service_from_controller",
        Escalate,
        &["dc_mirror"],
        "Remote service started after share access by controller.",
        &["T1021.002", "T1078.002"],
    ),
    detection(
        "remote_service_unexplained",
        Monitor,
        &[],
        "Remote service started without any share access.",
        &["T1569.002"],
    ),
    detection(
        "remote_service_from_patching",
        Dismiss,
        &["patch_hub"],
        "Remote service started after patch deployment.",
        &[],
    ),
];

const TASK: &[Detection] = &[
    detection(
        "task_from_mail",
        QuarantineHost,
        &["mail_box"],
        "Start-up task runs a file that came by mail.",
        &["T1053.005", "T1566.001"],
    ),
    detection(
        "task_from_bare_address",
        BlockIp,
        &["bare_url"],
        "Start-up task runs a file from a bare address.",
        &["T1053.005", "T1105"],
    ),
    detection(
        "task_from_peer",
        Escalate,
        &["peer_box"],
        "Start-up task runs a file from another machine.",
        &["T1053.005", "T1570"],
    ),
    detection(
        "task_from_freeware",
        Monitor,
        &["freeware"],
        "Start-up task runs a file from a freeware site.",
        &["T1053.005"],
    ),
    detection(
        "task_of_installed_file",
        Dismiss,
        &[],
        "Start-up task runs a file nobody downloaded.",
        &[],
    ),
];

const MASS_WRITE: &[Detection] = &[
    detection(
        "mass_write_after_user_purge",
        QuarantineHost,
        &["user_shell"],
        "Mass writes after a user shell purged shadow copies.",
        &["T1490", "T1486"],
    ),
    detection(
        "mass_write_after_remote_purge",
        Escalate,
        &["remote_cli"],
        "Mass writes after a remote purge of shadow copies.",
        &["T1490", "T1486", "T1021.006"],
    ),
    detection(
        "mass_write_with_copies",
        Monitor,
        &[],
        "Mass writes while shadow copies are still there.",
        &["T1486"],
    ),
    detection(
        "mass_write_of_backup",
        Dismiss,
        &["backup_job"],
        "Mass writes after the backup job rotated shadow copies.",
        &[],
    ),
];

/// Families of these.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        lead: after("mail.click", ("user", "user")),
        ..family(
            "script.block",
            "high",
            "script_class",
            Surface::Words {
                hot: &["encoded", "obfuscated"],
                cold: &["readable", "signed"],
            },
            "url_verdict",
            SCRIPT,
        )
    },
    Family {
        lead: following(2, "auth.mfa_deny", ("user", "user")),
        ..family(
            "auth.mfa_approve",
            "medium",
            "factor",
            Surface::Words {
                hot: &["push", "voice"],
                cold: &["fido_key", "totp"],
            },
            "origin",
            MFA,
        )
    },
    Family {
        lead: following(1, "badge.entry", ("user", "user")),
        ..family(
            "vpn.login",
            "low",
            "status",
            Surface::Words {
                hot: &["connected", "resumed"],
                cold: &["refused", "expired"],
            },
            "geo",
            TRAVEL,
        )
    },
    Family {
        lead: after("share.access", ("host", "host")),
        ..family(
            "service.start",
            "critical",
            "service_file",
            Surface::Words {
                hot: &["psexesvc", "winexesvc"],
                cold: &["spooler", "w32time", "wuauserv"],
            },
            "client_role",
            REMOTE_SERVICE,
        )
    },
    Family {
        lead: after("file.download", ("file", "command")),
        ..family(
            "task.create",
            "medium",
            "trigger",
            Surface::Words {
                hot: &["at_logon", "at_boot"],
                cold: &["weekly", "on_idle"],
            },
            "zone",
            TASK,
        )
    },
    Family {
        lead: after("shadow.delete", ("host", "host")),
        ..family(
            "file.mass_write",
            "critical",
            "write_count",
            Surface::AtLeast {
                limit: 500,
                hot: (500, 4_999),
                cold: (20, 300),
                near_hot: (500, 519),
                near_cold: (480, 499),
            },
            "initiator",
            MASS_WRITE,
        )
    },
];
