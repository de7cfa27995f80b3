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
        "log_cleared_unexplained",
        Monitor,
        &[],
        "Event log cleared, and no remote session explains it.",
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
        "trail_stopped_from_rented_server",
        BlockIp,
        &["rented_vps"],
        "Cloud trail stopped after login from rented server.",
        &["T1562.008", "T1078.004"],
    ),
    detection(
        "trail_stopped_from_mobile",
        Escalate,
        &["mobile_net"],
        "Cloud trail stopped after login from mobile network.",
        &["T1562.008", "T1078.004"],
    ),
    detection(
        "trail_stopped_unexplained",
        Monitor,
        &[],
        "Cloud trail stopped, and no console login explains it.",
        &["T1562.008"],
    ),
    detection(
        "trail_stopped_from_admin_host",
        Dismiss,
        &["admin_host"],
        "Cloud trail stopped after login from our admin host.",
        &[],
    ),
];

const FORWARD: &[Detection] = &[
    detection(
        "forward_after_unsigned_app",
        BlockIp,
        &["unsigned"],
        "Mail forwarded outside after consent to unsigned app.",
        &["T1114.003", "T1528"],
    ),
    detection(
        "forward_after_namesake_app",
        Escalate,
        &["namesake"],
        "Mail forwarded outside after consent to namesake app.",
        &["T1114.003", "T1528", "T1036"],
    ),
    detection(
        "forward_unexplained",
        Monitor,
        &[],
        "Mail forwarded outside, and no app explains it.",
        &["T1114.003"],
    ),
    detection(
        "forward_by_our_app",
        Dismiss,
        &["in_house"],
        "Mail forwarded outside after consent to our app.",
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
        "Long session that no known domain explains.",
        &["T1095"],
    ),
    detection(
        "long_session_contracted",
        Dismiss,
        &["contracted"],
        "Long session with address of a domain under contract.",
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
        "Scan from a private device no agent can isolate.",
        &["T1046"],
    ),
    detection(
        "scan_by_our_server",
        Escalate,
        &["our_host"],
        "Network scan from the lease of a server.",
        &["T1046", "T1021"],
    ),
    detection(
        "scan_by_unknown_device",
        Monitor,
        &[],
        "Network scan from an address of no known device.",
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
        "copy_to_private_media",
        QuarantineHost,
        &["own_stick"],
        "Labelled file copied after a private stick was mounted.",
        &["T1052.001", "T1091"],
    ),
    detection(
        "copy_to_rival_media",
        Escalate,
        &["rival_usb"],
        "Labelled file copied after a competitor's device was mounted.",
        &["T1052.001"],
    ),
    detection(
        "copy_to_unknown_media",
        Monitor,
        &[],
        "Labelled file copied to media of unknown origin.",
        &["T1052.001"],
    ),
    detection(
        "copy_to_issued_media",
        Dismiss,
        &["our_stick"],
        "Labelled file copied after our own stick was mounted.",
        &[],
    ),
];

/// Families of these.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        lead: after("rdp.logon", ("TargetUserName", "SubjectUserName")),
        ..family(
            "log.clear",
            "high",
            "Channel",
            Surface::Words {
                hot: &["Security", "System"],
                cold: &["Setup", "Application"],
            },
            "client_net",
            LOG_CLEAR,
            &["hotel_net", "home_isp", "branch_ip", "roaming_ip"],
        )
    },
    Family {
        lead: after(
            "cloud.console_login",
            ("userIdentity.userName", "userIdentity.userName"),
        ),
        ..family(
            "cloud.stop_trail",
            "high",
            "trail_scope",
            Surface::Words {
                hot: &["all_regions", "org_wide"],
                cold: &["sandbox", "one_region"],
            },
            "address_class",
            STOP_TRAIL,
            &["office_isp", "campus_net", "hotel_wifi", "train_wifi"],
        )
    },
    Family {
        lead: after("cloud.consent", ("userPrincipalName", "UserId")),
        ..family(
            "mail.forward_rule",
            "low",
            "ForwardTo",
            Surface::Words {
                hot: &["webmail", "external"],
                cold: &["internal", "archive"],
            },
            "publisher",
            FORWARD,
            &["startup", "hobbyist", "one_man", "student"],
        )
    },
    Family {
        lead: after("dns.answer", ("answers", "id.resp_h")),
        external: Some("id.resp_h"),
        ..family(
            "net.session",
            "medium",
            "duration",
            Surface::AtLeast {
                threshold: "min_duration_s",
                limit: 3_600,
                hot: (3_600, 24_000),
                cold: (60, 2_400),
                near_hot: (3_600, 3_779),
                near_cold: (3_420, 3_599),
            },
            "domain_class",
            LONG_SESSION,
            &["month_old", "year_old", "reparked", "resold"],
        )
    },
    Family {
        lead: after("dhcp.lease", ("IP", "src_ip")),
        ..family(
            "ids.scan",
            "low",
            "alert.signature",
            Surface::Words {
                hot: &["port_scan", "host_sweep"],
                cold: &["icmp_echo", "arp_probe"],
            },
            "device_class",
            SCAN,
            &["printers", "tv_panel", "ip_phone", "door_cam"],
        )
    },
    Family {
        lead: after("device.mount", ("Computer", "DeviceName")),
        ..family(
            "file.copy",
            "medium",
            "SensitivityLabel",
            Surface::Words {
                hot: &["secret", "restricted"],
                cold: &["public", "internal_use"],
            },
            "media_class",
            REMOVABLE,
            &["new_brand", "camera_sd", "toy_drive", "mp3_disk"],
        )
    },
];
