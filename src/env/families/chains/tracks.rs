//! What an intruder hides, looks for and carries off: logs, trails, mail, sessions, scans, media.

use super::super::{Detection, Family, Surface, detection, family};
use super::after;
use crate::env::schema::Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};

const LOG_CLEAR: &[Detection] = &[
    detection(
        "log_cleared_from_guest",
        QuarantineHost,
        &["guest_lan"],
        "Event log cleared after a desktop session from guests.",
        &["T1070.001", "T1021.001"],
    ),
    detection(
        "log_cleared_from_internet",
        BlockIp,
        &["public_ip"],
        "Event log cleared after a desktop session from internet.",
        &["T1070.001", "T1133"],
    ),
    detection(
        "log_cleared_by_vendor",
        Escalate,
        &["vendor_ip"],
        "Event log cleared after a desktop session by vendor.",
        &["T1070.001", "T1199"],
    ),
    detection(
        "log_cleared_locally",
        Monitor,
        &[],
        "Event log cleared without a remote desktop session.",
        &["T1070.001"],
    ),
    detection(
        "log_cleared_on_duty",
        Dismiss,
        &["admin_lan"],
        "Event log cleared by the admin on duty.",
        &[],
    ),
];

const STOP_TRAIL: &[Detection] = &[
    detection(
        "trail_stopped_from_attack_host",
        BlockIp,
        &["kali_host"],
        "Cloud trail stopped after login from attack system.",
        &["T1562.008", "T1078.004"],
    ),
    detection(
        "trail_stopped_by_attack_tool",
        Escalate,
        &["pacu_tool"],
        "Cloud trail stopped after login by attack tool.",
        &["T1562.008", "T1078.004"],
    ),
    detection(
        "trail_stopped_without_login",
        Monitor,
        &[],
        "Cloud trail stopped without any console login.",
        &["T1562.008"],
    ),
    detection(
        "trail_stopped_by_pipeline",
        Dismiss,
        &["terraform"],
        "Cloud trail stopped by our developer tooling.",
        &[],
    ),
];

const FORWARD: &[Detection] = &[
    detection(
        "forward_after_unsigned_app",
        QuarantineHost,
        &["unsigned"],
        "Mail forwarded outside after consent to unsigned app.",
        &["T1114.003", "T1528"],
    ),
    detection(
        "forward_after_imposter_app",
        Escalate,
        &["imposter"],
        "Mail forwarded outside after consent to imposter app.",
        &["T1114.003", "T1528", "T1036"],
    ),
    detection(
        "forward_without_app",
        Monitor,
        &[],
        "Mail forwarded outside without consent to any app.",
        &["T1114.003"],
    ),
    detection(
        "forward_by_verified_app",
        Dismiss,
        &["verified"],
        "Mail forwarded outside after consent to verified app.",
        &[],
    ),
];

const LONG_SESSION: &[Detection] = &[
    detection(
        "long_session_new_domain",
        BlockIp,
        &["born_today"],
        "Long session with address of a domain born today.",
        &["T1071.001", "T1583.001"],
    ),
    detection(
        "long_session_generated_domain",
        QuarantineHost,
        &["dga_styled"],
        "Long session with address of a generated domain.",
        &["T1071.001", "T1568.002"],
    ),
    detection(
        "long_session_unresolved",
        Monitor,
        &[],
        "Long session with an address nobody looked up.",
        &["T1095"],
    ),
    detection(
        "long_session_old_domain",
        Dismiss,
        &["decade_old"],
        "Long session with address of an old domain.",
        &[],
    ),
];

const SCAN: &[Detection] = &[
    detection(
        "scan_by_staff_machine",
        QuarantineHost,
        &["staff_pc"],
        "Network scan from the lease of a staff machine.",
        &["T1046", "T1018"],
    ),
    detection(
        "scan_by_private_device",
        BlockIp,
        &["byod_tab"],
        "Network scan from the lease of a private device.",
        &["T1046"],
    ),
    detection(
        "scan_by_rogue_device",
        Escalate,
        &["rogue_ap"],
        "Network scan from the lease of a rogue device.",
        &["T1046", "T1200"],
    ),
    detection(
        "scan_without_lease",
        Monitor,
        &[],
        "Network scan from an address without lease.",
        &["T1046"],
    ),
    detection(
        "scan_by_our_scanner",
        Dismiss,
        &["scan_box"],
        "Network scan from the lease of our vulnerability scanner.",
        &[],
    ),
];

const REMOVABLE: &[Detection] = &[
    detection(
        "copy_to_banned_media",
        QuarantineHost,
        &["banned_usb"],
        "Labelled file copied after a banned device was mounted.",
        &["T1052.001", "T1091"],
    ),
    detection(
        "copy_to_hidden_media",
        Escalate,
        &["hidden_usb"],
        "Labelled file copied after a hidden device was mounted.",
        &["T1052.001", "T1564"],
    ),
    detection(
        "copy_to_vendor_media",
        Monitor,
        &["vendor_usb"],
        "Labelled file copied after a vendor device was mounted.",
        &["T1052.001"],
    ),
    detection(
        "copy_without_media",
        Dismiss,
        &[],
        "Labelled file copied on a machine without removable media.",
        &[],
    ),
];

/// Families of these.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        lead: after("rdp.logon", ("user", "user")),
        ..family(
            "log.clear",
            "high",
            "channel",
            Surface::Words {
                hot: &["Security", "Sysmon"],
                cold: &["Setup", "PrintService"],
            },
            "client_net",
            LOG_CLEAR,
        )
    },
    Family {
        lead: after("cloud.console_login", ("user", "user")),
        ..family(
            "cloud.stop_trail",
            "high",
            "trail_scope",
            Surface::Words {
                hot: &["all_regions", "org_wide"],
                cold: &["sandbox", "one_region"],
            },
            "client_class",
            STOP_TRAIL,
        )
    },
    Family {
        lead: after("cloud.consent", ("user", "user")),
        ..family(
            "mail.forward_rule",
            "low",
            "forward_to",
            Surface::Words {
                hot: &["webmail", "external"],
                cold: &["internal", "archive"],
            },
            "publisher",
            FORWARD,
        )
    },
    Family {
        lead: after("dns.answer", ("answer", "dst_ip")),
        external: Some("dst_ip"),
        ..family(
            "net.session",
            "medium",
            "duration_min",
            Surface::AtLeast {
                limit: 60,
                hot: (60, 400),
                cold: (1, 40),
                near_hot: (60, 63),
                near_cold: (56, 59),
            },
            "domain_age",
            LONG_SESSION,
        )
    },
    Family {
        lead: after("dhcp.lease", ("ip", "src_ip")),
        ..family(
            "ids.scan",
            "low",
            "signature",
            Surface::Words {
                hot: &["port_scan", "host_sweep"],
                cold: &["icmp_echo", "arp_probe"],
            },
            "device_class",
            SCAN,
        )
    },
    Family {
        lead: after("device.mount", ("host", "host")),
        ..family(
            "file.copy",
            "medium",
            "label",
            Surface::Words {
                hot: &["secret", "restricted"],
                cold: &["public", "internal_use"],
            },
            "media_class",
            REMOVABLE,
        )
    },
];
