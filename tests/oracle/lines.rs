//! The rules about one line, alone or as one of several like it: the first part of the table, in its order.

use crate::addresses::outside;
use crate::families::Family;
use crate::families::Told::{By, Is, Otherwise};
use crate::groups::{LOCKED_FILES, SPRAY, SWEEP};

/// Every family, in the order of the table, and so are the rules of each.
pub static FAMILIES: &[Family] = &[
    Family {
        event: "process.create",
        surface: |event| {
            let borrowed = [
                "mshta.exe",
                "rundll32.exe",
                "regsvr32.exe",
                "certutil.exe",
                "powershell.exe",
                "wmic.exe",
            ];
            event.ends("Image", &borrowed)
        },
        group: None,
        rules: &[
            (
                "lolbin_office_parent",
                "quarantine_host",
                By(|event| event.ends("ParentImage", &["winword.exe", "outlook.exe", "excel.exe"])),
            ),
            (
                "lolbin_server_parent",
                "escalate",
                By(|event| event.ends("ParentImage", &["tomcat9.exe", "w3wp.exe"])),
            ),
            ("lolbin_other_parent", "monitor", Otherwise),
            (
                "lolbin_managed_parent",
                "dismiss",
                By(|event| event.lies_at("ParentImage", r"C:\Windows\CCM\CcmExec.exe")),
            ),
        ],
    },
    Family {
        event: "process.access",
        surface: |event| event.ends("TargetImage", &["lsass.exe"]),
        group: None,
        rules: &[
            (
                "lsass_invalid",
                "quarantine_host",
                Is("source_signer", "invalid"),
            ),
            ("lsass_revoked", "escalate", Is("source_signer", "revoked")),
            ("lsass_other_signer", "monitor", Otherwise),
            (
                "lsass_by_our_edr",
                "dismiss",
                Is("source_signer", "our_edr"),
            ),
        ],
    },
    Family {
        event: "registry.set",
        surface: |event| {
            let keys = [
                r"\CurrentVersion\Run\",
                r"\CurrentVersion\RunOnce\",
                r"\Policies\Explorer\Run\",
            ];
            keys.iter().any(|key| event.through("TargetObject", key))
        },
        group: None,
        rules: &[
            (
                "run_key_script",
                "quarantine_host",
                By(|event| event.ends("Image", &["cscript.exe", "wscript.exe"])),
            ),
            (
                "run_key_remote_tool",
                "escalate",
                By(|event| event.ends("Image", &["psexesvc.exe"])),
            ),
            ("run_key_other", "monitor", Otherwise),
            (
                "run_key_installer",
                "dismiss",
                By(|event| event.lies_at("Image", r"C:\Windows\System32\msiexec.exe")),
            ),
        ],
    },
    Family {
        event: "service.install",
        surface: |event| event.has("AccountName", &["LocalSystem"]),
        group: None,
        rules: &[
            (
                "service_public_dir",
                "quarantine_host",
                By(|event| event.below("ImagePath", r"C:\Users\Public\")),
            ),
            (
                "service_admin_share",
                "escalate",
                By(|event| event.through("ImagePath", r"\ADMIN$\")),
            ),
            ("service_other_dir", "monitor", Otherwise),
            (
                "service_system_dir",
                "dismiss",
                By(|event| event.file_in("ImagePath", r"C:\Windows\System32\")),
            ),
        ],
    },
    Family {
        event: "mail.attachment",
        surface: |event| event.has("FileType", &["iso", "js", "hta"]),
        group: None,
        rules: &[
            (
                "attachment_extracted",
                "quarantine_host",
                Is("delivery", "extracted"),
            ),
            (
                "attachment_forwarded",
                "escalate",
                Is("delivery", "forwarded"),
            ),
            ("attachment_delivered", "monitor", Otherwise),
            (
                "attachment_sandboxed",
                "dismiss",
                Is("delivery", "sandboxed"),
            ),
        ],
    },
    Family {
        event: "file.rewrite",
        surface: |event| event.has("extension", &["locked", "crypt"]),
        group: Some(&LOCKED_FILES),
        rules: &[
            (
                "locked_files_public_dir",
                "quarantine_host",
                By(|event| event.below("Image", r"C:\Users\Public\")),
            ),
            (
                "locked_files_admin_share",
                "escalate",
                By(|event| event.through("Image", r"\ADMIN$\")),
            ),
            ("locked_files_other_dir", "monitor", Otherwise),
            (
                "locked_files_installed",
                "dismiss",
                By(|event| event.below("Image", r"C:\Program Files\")),
            ),
        ],
    },
    Family {
        event: "net.beacon",
        surface: |event| {
            event
                .number("jitter_pct")
                .is_some_and(|jitter| jitter <= 20)
                && outside(event, "id.resp_h")
        },
        group: None,
        rules: &[
            (
                "beacon_rented_server",
                "block_ip",
                Is("resp_class", "rented_vps"),
            ),
            (
                "beacon_shared_network",
                "quarantine_host",
                Is("resp_class", "shared_cdn"),
            ),
            ("beacon_other_address", "monitor", Otherwise),
            ("beacon_vendor", "dismiss", Is("resp_class", "our_vendor")),
        ],
    },
    Family {
        event: "net.transfer",
        surface: |event| {
            event
                .number("orig_bytes")
                .is_some_and(|bytes| bytes >= 300_000_000)
                && outside(event, "id.resp_h")
        },
        group: None,
        rules: &[
            (
                "transfer_home_box",
                "block_ip",
                Is("resp_class", "home_box"),
            ),
            (
                "transfer_pastebin",
                "escalate",
                Is("resp_class", "pastebin"),
            ),
            ("transfer_other_address", "monitor", Otherwise),
            ("transfer_archives", "dismiss", Is("resp_class", "archives")),
        ],
    },
    Family {
        event: "dns.query",
        surface: |event| event.has("qtype_name", &["TXT", "NULL"]) && outside(event, "id.resp_h"),
        group: None,
        rules: &[
            (
                "dns_new_domain",
                "block_ip",
                Is("domain_class", "newly_created"),
            ),
            (
                "dns_generated_domain",
                "quarantine_host",
                Is("domain_class", "machine_named"),
            ),
            ("dns_other_domain", "monitor", Otherwise),
            (
                "dns_vendor_domain",
                "dismiss",
                Is("domain_class", "vendor_hosted"),
            ),
        ],
    },
    Family {
        event: "http.download",
        surface: |event| {
            let programs = ["application/x-dosexec", "application/hta"];
            event.has("contenttype", &programs)
        },
        group: None,
        rules: &[
            (
                "download_nameless_host",
                "block_ip",
                Is("urlcategory", "no_name"),
            ),
            (
                "download_file_sharing",
                "quarantine_host",
                Is("urlcategory", "file_hub"),
            ),
            ("download_other_site", "monitor", Otherwise),
            ("download_vendor", "dismiss", Is("urlcategory", "software")),
        ],
    },
    Family {
        event: "ids.alert",
        surface: |event| {
            let exploits = [
                "Attempted Administrator Privilege Gain",
                "Executable code was detected",
            ];
            event.has("alert.category", &exploits)
        },
        group: None,
        rules: &[
            (
                "exploit_from_internet",
                "block_ip",
                Is("src_role", "internet"),
            ),
            (
                "exploit_from_endpoint",
                "quarantine_host",
                Is("src_role", "endpoint"),
            ),
            ("exploit_from_elsewhere", "monitor", Otherwise),
            (
                "exploit_from_red_team",
                "dismiss",
                Is("src_role", "red_team"),
            ),
        ],
    },
    Family {
        event: "net.connection",
        surface: |event| event.has("service", &["smb", "rdp", "ssh"]),
        group: Some(&SWEEP),
        rules: &[
            (
                "sweep_from_internet",
                "block_ip",
                Is("orig_role", "internet"),
            ),
            (
                "sweep_from_our_server",
                "escalate",
                Is("orig_role", "our_host"),
            ),
            ("sweep_from_elsewhere", "monitor", Otherwise),
            (
                "sweep_by_our_scanner",
                "dismiss",
                Is("orig_role", "scan_box"),
            ),
        ],
    },
    Family {
        event: "auth.kerberos_failure",
        surface: |event| event.has("Status", &["0x18"]),
        group: Some(&SPRAY),
        rules: &[
            (
                "spray_from_partner",
                "block_ip",
                Is("client_class", "partner_ip"),
            ),
            (
                "spray_from_our_laptop",
                "quarantine_host",
                Is("client_class", "our_laptop"),
            ),
            ("spray_from_elsewhere", "monitor", Otherwise),
            (
                "spray_by_our_tester",
                "dismiss",
                Is("client_class", "pen_tester"),
            ),
        ],
    },
    Family {
        event: "cloud.create_access_key",
        surface: |event| event.has("requestParameters.userName", &["owner", "admin"]),
        group: None,
        rules: &[
            (
                "access_key_tor",
                "block_ip",
                Is("address_class", "tor_exit"),
            ),
            (
                "access_key_provider",
                "escalate",
                Is("address_class", "far_isp"),
            ),
            ("access_key_other", "monitor", Otherwise),
            (
                "access_key_vault",
                "dismiss",
                Is("address_class", "key_vault"),
            ),
        ],
    },
    Family {
        event: "cloud.put_bucket_policy",
        surface: |event| event.has("Principal", &["*"]),
        group: None,
        rules: &[
            ("bucket_host_keys", "block_ip", Is("data_class", "keys")),
            ("bucket_payment_cards", "escalate", Is("data_class", "card")),
            ("bucket_other_data", "monitor", Otherwise),
            ("bucket_newsletter", "dismiss", Is("data_class", "news")),
        ],
    },
    Family {
        event: "auth.role_grant",
        surface: |event| event.has("TargetUserName", &["domain_admins", "schema_admins"]),
        group: None,
        rules: &[
            (
                "grant_tampered_ticket",
                "quarantine_host",
                Is("ticket", "tampered"),
            ),
            (
                "grant_unlogged_ticket",
                "escalate",
                Is("ticket", "unlogged"),
            ),
            ("grant_other_ticket", "monitor", Otherwise),
            ("grant_approved_ticket", "dismiss", Is("ticket", "approved")),
        ],
    },
];
