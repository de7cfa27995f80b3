//! How an intruder gets in, spreads and strikes: scripts, pushes, logins, services, tasks, mass writes.

use super::super::{Detection, Family, Surface, detection, family};
use super::{after, following};
use crate::env::schema::Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};

const SCRIPT: &[Detection] = &[
    detection(
        "script_after_lookalike",
        QuarantineHost,
        &["lookalike"],
        "Hidden script followed a click on a look-alike page.",
        &["T1566.002", "T1059.001", "T1027"],
    ),
    detection(
        "script_after_bare_address",
        BlockIp,
        &["bare_host"],
        "Hidden script followed a click on a bare address.",
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
        "Hidden script that no click explains.",
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
        "mfa_approved_otherwise",
        Monitor,
        &[],
        "Push approved, and neither forced nor explained.",
        &["T1621"],
    ),
    detection(
        "mfa_approved_on_site",
        Dismiss,
        &["our_desk"],
        "Push approved at our own desk.",
        &[],
    ),
];

const TRAVEL: &[Detection] = &[
    detection(
        "travel_hosted",
        BlockIp,
        &["hosted"],
        "VPN login from a hosted server while badged in.",
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
        "vpn_unconfirmed",
        Monitor,
        &[],
        "VPN login that no door confirms or contradicts.",
        &["T1078"],
    ),
    detection(
        "vpn_from_our_guest_net",
        Dismiss,
        &["onsite"],
        "VPN login from our guest network.",
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
        "remote_service_from_internet",
        BlockIp,
        &["public_ip"],
        "Remote service started after share access from internet.",
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
        "Remote service started that no share access explains.",
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
        "task_of_unknown_file",
        Monitor,
        &[],
        "Start-up task runs a file of unknown origin.",
        &["T1053.005"],
    ),
    detection(
        "task_from_our_repository",
        Dismiss,
        &["our_repo"],
        "Start-up task runs a file from our repository.",
        &[],
    ),
];

const MASS_WRITE: &[Detection] = &[
    detection(
        "mass_write_after_user_purge",
        QuarantineHost,
        &["user_shell"],
        "Mass writes after a user shell shrank shadow copies.",
        &["T1490", "T1486"],
    ),
    detection(
        "mass_write_after_remote_purge",
        Escalate,
        &["remote_cli"],
        "Mass writes after a remote command shrank shadow copies.",
        &["T1490", "T1486", "T1021.006"],
    ),
    detection(
        "mass_write_with_copies",
        Monitor,
        &[],
        "Mass writes that no change of shadow copies explains.",
        &["T1486"],
    ),
    detection(
        "mass_write_of_backup",
        Dismiss,
        &["backup_job"],
        "Mass writes after the backup job shrank shadow copies.",
        &[],
    ),
];

/// Families of these.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        lead: after("mail.click", ("recipient", "UserId")),
        ..family(
            "script.block",
            "high",
            "script_class",
            Surface::Words {
                hot: &["encoded", "obfuscated"],
                cold: &["readable", "signed"],
            },
            "url_class",
            SCRIPT,
            &["forum_url", "wiki_page", "chat_link", "intranet"],
        )
    },
    Family {
        lead: following(
            2,
            "auth.mfa_deny",
            ("actor.alternateId", "actor.alternateId"),
        ),
        ..family(
            "auth.mfa_approve",
            "medium",
            "factor",
            Surface::Words {
                hot: &["push", "voice"],
                cold: &["fido_key", "totp"],
            },
            "client_class",
            MFA,
            &["at_hotel", "roaming", "on_train", "on_ferry"],
        )
    },
    Family {
        lead: following(1, "badge.entry", ("cardholder", "srcuser")),
        ..family(
            "vpn.login",
            "low",
            "status",
            Surface::Words {
                hot: &["success"],
                cold: &["failure"],
            },
            "srcregion",
            TRAVEL,
            &["nearby", "border", "at_sea", "unseen"],
        )
    },
    Family {
        lead: after("share.access", ("Computer", "Computer")),
        ..family(
            "service.start",
            "critical",
            "param1",
            Surface::Words {
                hot: &["PSEXESVC", "winexesvc"],
                cold: &["Print Spooler", "Windows Time", "Windows Update"],
            },
            "client_role",
            REMOTE_SERVICE,
            &["demo_rack", "test_rack", "spare_box", "spare_pc"],
        )
    },
    Family {
        lead: after("file.download", ("TargetFilename", "Command")),
        ..family(
            "task.create",
            "medium",
            "Trigger",
            Surface::Words {
                hot: &["LogonTrigger", "BootTrigger"],
                cold: &["IdleTrigger", "TimeTrigger"],
            },
            "origin",
            TASK,
            &["chat_app", "ftp_site", "code_hub", "web_disk"],
        )
    },
    Family {
        lead: after("shadow.resize", ("Computer", "agent.name")),
        ..family(
            "file.mass_write",
            "critical",
            "write_count",
            Surface::AtLeast {
                threshold: "min_write_count",
                limit: 2_000,
                hot: (2_000, 9_500),
                cold: (300, 1_800),
                near_hot: (2_000, 2_039),
                near_cold: (1_960, 1_999),
            },
            "initiator",
            MASS_WRITE,
            &["setup_tool", "old_script", "cron_table", "disk_tools"],
        )
    },
];
