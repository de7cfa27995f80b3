//! Families seen on the wire: beacons, transfers, DNS, downloads, IDS alerts, sweeps, sprayed passwords.

use super::{Detection, Family, Repeat, Surface, detection, family};
use crate::env::schema::Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};

const BEACON: &[Detection] = &[
    detection(
        "beacon_rented_server",
        BlockIp,
        &["rented_vps"],
        "Regular beacon to a rented server.",
        &["T1071.001", "T1573"],
    ),
    detection(
        "beacon_shared_network",
        QuarantineHost,
        &["shared_cdn"],
        "Regular beacon into a network too shared to block.",
        &["T1071.001"],
    ),
    detection(
        "beacon_other_address",
        Monitor,
        &[],
        "Regular beacon to another outside address.",
        &["T1071.001"],
    ),
    detection(
        "beacon_vendor",
        Dismiss,
        &["our_vendor"],
        "Regular beacon to one of our vendors.",
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
        "transfer_other_address",
        Monitor,
        &[],
        "Large upload to another outside address.",
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
        "dns_other_domain",
        Monitor,
        &[],
        "Data-carrying query to another domain.",
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
        "download_nameless_host",
        BlockIp,
        &["no_name"],
        "Program downloaded from an address without a name.",
        &["T1105"],
    ),
    detection(
        "download_file_sharing",
        QuarantineHost,
        &["file_hub"],
        "Program downloaded from a hub too shared to block.",
        &["T1105", "T1102"],
    ),
    detection(
        "download_other_site",
        Monitor,
        &[],
        "Program downloaded from another site.",
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
        "exploit_from_elsewhere",
        Monitor,
        &[],
        "Exploit signature from another network.",
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
        "sweep_from_internet",
        BlockIp,
        &["internet"],
        "Internet address swept three of our servers.",
        &["T1046", "T1595"],
    ),
    detection(
        "sweep_from_our_server",
        Escalate,
        &["our_host"],
        "One of our servers swept three others.",
        &["T1046", "T1021"],
    ),
    detection(
        "sweep_from_elsewhere",
        Monitor,
        &[],
        "Another address swept three of our servers.",
        &["T1046"],
    ),
    detection(
        "sweep_by_our_scanner",
        Dismiss,
        &["scan_box"],
        "Our vulnerability scanner swept three servers.",
        &[],
    ),
];

const SPRAY: &[Detection] = &[
    detection(
        "spray_from_partner",
        BlockIp,
        &["partner_ip"],
        "Partner's address tried three of our accounts.",
        &["T1110.003", "T1199"],
    ),
    detection(
        "spray_from_our_laptop",
        QuarantineHost,
        &["our_laptop"],
        "One of our laptops tried three accounts.",
        &["T1110.003", "T1078.002"],
    ),
    detection(
        "spray_from_elsewhere",
        Monitor,
        &[],
        "Another address tried three of our accounts.",
        &["T1110.003"],
    ),
    detection(
        "spray_by_our_tester",
        Dismiss,
        &["pen_tester"],
        "Our password tester tried three accounts.",
        &[],
    ),
];

/// Families of the wire.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        external: Some("id.resp_h"),
        ..family(
            "net.beacon",
            "high",
            "jitter_pct",
            Surface::AtMost {
                threshold: "max_jitter_pct",
                limit: 20,
                hot: (3, 20),
                cold: (24, 90),
                near_hot: (18, 20),
                near_cold: (21, 23),
            },
            "resp_class",
            BEACON,
            &["office_isp", "campus_net", "hotel_wifi", "no_record"],
        )
    },
    Family {
        external: Some("id.resp_h"),
        ..family(
            "net.transfer",
            "high",
            "orig_bytes",
            Surface::AtLeast {
                threshold: "min_orig_bytes",
                limit: 300_000_000,
                hot: (300_000_000, 899_999_999),
                cold: (20_000_000, 260_000_000),
                near_hot: (300_000_000, 300_099_999),
                near_cold: (299_900_000, 299_999_999),
            },
            "resp_class",
            TRANSFER,
            &["partners", "supplier", "unlisted", "auditors"],
        )
    },
    Family {
        external: Some("id.resp_h"),
        ..family(
            "dns.query",
            "low",
            "qtype_name",
            Surface::Words {
                hot: &["TXT", "NULL"],
                cold: &["A", "AAAA", "MX"],
            },
            "domain_class",
            DNS,
            &[
                "uncategorized",
                "parked_domain",
                "hobbyist_page",
                "personal_blog",
            ],
        )
    },
    family(
        "http.download",
        "medium",
        "contenttype",
        Surface::Words {
            hot: &["application/x-dosexec", "application/hta"],
            cold: &["text/html", "image/png", "application/pdf"],
        },
        "urlcategory",
        DOWNLOAD,
        &["uncommon", "hobbyist", "marginal", "personal"],
    ),
    family(
        "ids.alert",
        "critical",
        "alert.category",
        Surface::Words {
            hot: &[
                "Attempted Administrator Privilege Gain",
                "Executable code was detected",
            ],
            cold: &["Not Suspicious Traffic", "Misc activity"],
        },
        "src_role",
        IDS,
        &["supplier", "roaming", "hotspot", "landlord"],
    ),
    Family {
        repeat: Some(Repeat {
            count: 3,
            same: &["id.orig_h", "service"],
            distinct: Some("id.resp_h"),
        }),
        ..family(
            "net.connection",
            "critical",
            "service",
            Surface::Words {
                hot: &["smb", "rdp", "ssh"],
                cold: &["http", "dns", "ntp"],
            },
            "orig_role",
            SWEEP,
            &["supplier", "roaming", "hotspot", "landlord"],
        )
    },
    Family {
        repeat: Some(Repeat {
            count: 3,
            same: &["IpAddress"],
            distinct: Some("TargetUserName"),
        }),
        ..family(
            "auth.kerberos_failure",
            "high",
            "Status",
            Surface::Words {
                hot: &["0x18"],
                cold: &["0x12", "0x25"],
            },
            "client_class",
            SPRAY,
            &["guest_desk", "lab_bench", "meet_room", "front_hall"],
        )
    },
];
