//! Families seen on the wire: beacons, transfers, DNS, downloads, IDS alerts, sweeps, sprayed passwords.

use super::{Detection, Family, Repeat, Surface, detection, family};
use crate::env::schema::Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};

const BEACON: &[Detection] = &[
    detection(
        "beacon_malicious",
        BlockIp,
        &["malicious"],
        "Regular beacon to an address known malicious.",
        &["T1071.001", "T1573"],
    ),
    detection(
        "beacon_sinkholed",
        QuarantineHost,
        &["sinkholed"],
        "Regular beacon to a sinkhole betrays an infection.",
        &["T1071.001"],
    ),
    detection(
        "beacon_unlabeled",
        Monitor,
        &["unlabeled"],
        "Regular beacon to an unlabeled address.",
        &["T1071.001"],
    ),
    detection(
        "beacon_permitted",
        Dismiss,
        &["permitted"],
        "Regular beacon to a permitted address.",
        &[],
    ),
];

const TRANSFER: &[Detection] = &[
    detection(
        "transfer_home_box",
        BlockIp,
        &["home_box"],
        "Large upload to a private home box.",
        &["T1567.002"],
    ),
    detection(
        "transfer_pastebin",
        Escalate,
        &["pastebin"],
        "Large upload to a public paste site.",
        &["T1567.003"],
    ),
    detection(
        "transfer_partner",
        Monitor,
        &["partners"],
        "Large upload to a partner company.",
        &["T1048"],
    ),
    detection(
        "transfer_archives",
        Dismiss,
        &["archives"],
        "Large upload to our own archives.",
        &[],
    ),
];

const DNS: &[Detection] = &[
    detection(
        "dns_new_domain",
        BlockIp,
        &["newly_created"],
        "Data-carrying query to a newly created domain.",
        &["T1071.004"],
    ),
    detection(
        "dns_generated_domain",
        QuarantineHost,
        &["machine_named"],
        "Data-carrying query to a machine-named domain.",
        &["T1568.002"],
    ),
    detection(
        "dns_uncategorized_domain",
        Monitor,
        &["uncategorized"],
        "Data-carrying query to an uncategorized domain.",
        &["T1071.004"],
    ),
    detection(
        "dns_vendor_domain",
        Dismiss,
        &["vendor_hosted"],
        "Data-carrying query to a domain of our vendor.",
        &[],
    ),
];

const DOWNLOAD: &[Detection] = &[
    detection(
        "download_command_site",
        BlockIp,
        &["c2_panel"],
        "Program downloaded from a command site.",
        &["T1105"],
    ),
    detection(
        "download_exploit_site",
        QuarantineHost,
        &["exploits"],
        "Program downloaded from an exploit site.",
        &["T1189"],
    ),
    detection(
        "download_file_sharing",
        Monitor,
        &["file_hub"],
        "Program downloaded from a file sharing site.",
        &["T1105"],
    ),
    detection(
        "download_vendor",
        Dismiss,
        &["software"],
        "Program downloaded from a software vendor.",
        &[],
    ),
];

const IDS: &[Detection] = &[
    detection(
        "exploit_from_internet",
        BlockIp,
        &["internet"],
        "Exploit signature from an internet address.",
        &["T1190"],
    ),
    detection(
        "exploit_from_endpoint",
        QuarantineHost,
        &["endpoint"],
        "Exploit signature from one of our endpoints.",
        &["T1210"],
    ),
    detection(
        "exploit_from_supplier",
        Monitor,
        &["supplier"],
        "Exploit signature from a supplier network.",
        &["T1199"],
    ),
    detection(
        "exploit_from_red_team",
        Dismiss,
        &["red_team"],
        "Exploit signature from our own red team.",
        &[],
    ),
];

const SWEEP: &[Detection] = &[
    detection(
        "sweep_web_server",
        BlockIp,
        &["web_server"],
        "Sweep of three machines reached a web server.",
        &["T1046", "T1595"],
    ),
    detection(
        "sweep_domain_controller",
        Escalate,
        &["domain_ctl"],
        "Sweep of three machines reached a domain controller.",
        &["T1046", "T1021"],
    ),
    detection(
        "sweep_print_host",
        Monitor,
        &["print_host"],
        "Sweep of three machines reached a print host.",
        &["T1046"],
    ),
    detection(
        "sweep_honeypot",
        Dismiss,
        &["honey_trap"],
        "Sweep of three machines ended in our honeypot.",
        &[],
    ),
];

const SPRAY: &[Detection] = &[
    detection(
        "spray_vpn_account",
        BlockIp,
        &["vpn_user"],
        "One address tried three accounts, last for VPN.",
        &["T1110.003", "T1133"],
    ),
    detection(
        "spray_office_account",
        QuarantineHost,
        &["lan_user"],
        "One address tried three accounts, last for office.",
        &["T1110.003", "T1078.002"],
    ),
    detection(
        "spray_retired_account",
        Monitor,
        &["old_user"],
        "One address tried three accounts, last one retired.",
        &["T1110.003"],
    ),
    detection(
        "spray_test_account",
        Dismiss,
        &["lab_user"],
        "One address tried three accounts, last for tests.",
        &[],
    ),
];

/// Families of the wire.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        external: Some("dst_ip"),
        ..family(
            "net.beacon",
            "high",
            "jitter_pct",
            Surface::AtMost {
                limit: 9,
                hot: (1, 9),
                cold: (20, 80),
                near_hot: (7, 9),
                near_cold: (10, 12),
            },
            "reputation",
            BEACON,
        )
    },
    Family {
        external: Some("dst_ip"),
        ..family(
            "net.transfer",
            "high",
            "orig_bytes",
            Surface::AtLeast {
                limit: 100_000_000,
                hot: (100_000_000, 899_999_999),
                cold: (1_000_000, 60_000_000),
                near_hot: (100_000_000, 100_099_999),
                near_cold: (99_900_000, 99_999_999),
            },
            "service",
            TRANSFER,
        )
    },
    family(
        "dns.query",
        "low",
        "qtype_name",
        Surface::Words {
            hot: &["TXT", "NULL"],
            cold: &["A", "AAAA", "MX"],
        },
        "domain_class",
        DNS,
    ),
    family(
        "http.download",
        "medium",
        "mime_type",
        Surface::Words {
            hot: &["application/x-dosexec", "application/hta"],
            cold: &["text/html", "image/png", "application/pdf"],
        },
        "site_category",
        DOWNLOAD,
    ),
    family(
        "ids.alert",
        "critical",
        "signature_class",
        Surface::Words {
            hot: &["exploit", "shellcode"],
            cold: &["policy", "info"],
        },
        "src_role",
        IDS,
    ),
    Family {
        repeat: Some(Repeat {
            count: 3,
            same: &["src_ip", "service"],
            distinct: Some("dst_ip"),
        }),
        ..family(
            "net.connection",
            "critical",
            "service",
            Surface::Words {
                hot: &["smb", "rdp", "ssh"],
                cold: &["http", "dns", "ntp"],
            },
            "dst_role",
            SWEEP,
        )
    },
    Family {
        repeat: Some(Repeat {
            count: 3,
            same: &["src_ip"],
            distinct: Some("user"),
        }),
        ..family(
            "auth.kerberos_failure",
            "high",
            "failure_code",
            Surface::Words {
                hot: &["0x18"],
                cold: &["0x12", "0x25"],
            },
            "account_class",
            SPRAY,
        )
    },
];
