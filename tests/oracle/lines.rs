//! The rules about one line, alone or as one of several like it: the first part of the table, in its order.

use crate::conditions::*;
use crate::rules::{Rule, rule};

pub static LINES: &[Rule] = &[
    rule("lolbin_office_parent", "quarantine_host", |window| {
        first(window, |event| {
            borrowed_binary(event) && event.has("parent_image", &["winword.exe", "outlook.exe"])
        })
    }),
    rule("lolbin_server_parent", "escalate", |window| {
        first(window, |event| {
            borrowed_binary(event) && event.has("parent_image", &["tomcat9.exe", "apache2.exe"])
        })
    }),
    rule("lolbin_console_parent", "monitor", |window| {
        first(window, |event| {
            borrowed_binary(event) && event.has("parent_image", &["conhost.exe"])
        })
    }),
    rule("lolbin_managed_parent", "dismiss", |window| {
        first(window, |event| {
            borrowed_binary(event) && event.has("parent_image", &["ccmexec.exe"])
        })
    }),
    rule("lsass_invalid", "quarantine_host", |window| {
        first(window, |event| {
            credential_read(event) && event.has("signature_status", &["invalid"])
        })
    }),
    rule("lsass_revoked", "escalate", |window| {
        first(window, |event| {
            credential_read(event) && event.has("signature_status", &["revoked"])
        })
    }),
    rule("lsass_expired", "monitor", |window| {
        first(window, |event| {
            credential_read(event) && event.has("signature_status", &["expired"])
        })
    }),
    rule("lsass_trusted", "dismiss", |window| {
        first(window, |event| {
            credential_read(event) && event.has("signature_status", &["trusted"])
        })
    }),
    rule("run_key_script", "quarantine_host", |window| {
        first(window, |event| {
            start_up_key(event) && event.has("image", &["cscript.exe", "wscript.exe"])
        })
    }),
    rule("run_key_remote_tool", "escalate", |window| {
        first(window, |event| {
            start_up_key(event) && event.has("image", &["xcmdsvc.exe"])
        })
    }),
    rule("run_key_manual", "monitor", |window| {
        first(window, |event| {
            start_up_key(event) && event.has("image", &["regedit.exe"])
        })
    }),
    rule("run_key_installer", "dismiss", |window| {
        first(window, |event| {
            start_up_key(event) && event.has("image", &["msiexec.exe"])
        })
    }),
    rule("service_public_dir", "quarantine_host", |window| {
        first(window, |event| {
            system_service(event) && event.has("image_path", &["Public"])
        })
    }),
    rule("service_admin_share", "escalate", |window| {
        first(window, |event| {
            system_service(event) && event.has("image_path", &["ADMIN$"])
        })
    }),
    rule("service_vendor_dir", "monitor", |window| {
        first(window, |event| {
            system_service(event) && event.has("image_path", &["Vendor"])
        })
    }),
    rule("service_system_dir", "dismiss", |window| {
        first(window, |event| {
            system_service(event) && event.has("image_path", &["System"])
        })
    }),
    rule("attachment_extracted", "quarantine_host", |window| {
        first(window, |event| {
            executable_attachment(event) && event.has("delivery", &["extracted"])
        })
    }),
    rule("attachment_forwarded", "escalate", |window| {
        first(window, |event| {
            executable_attachment(event) && event.has("delivery", &["forwarded"])
        })
    }),
    rule("attachment_delivered", "monitor", |window| {
        first(window, |event| {
            executable_attachment(event) && event.has("delivery", &["delivered"])
        })
    }),
    rule("attachment_sandboxed", "dismiss", |window| {
        first(window, |event| {
            executable_attachment(event) && event.has("delivery", &["sandboxed"])
        })
    }),
    rule("locked_files_local", "quarantine_host", |window| {
        three_or_more(window, &LOCKED_FILES, "local_volume")
    }),
    rule("locked_files_shared", "escalate", |window| {
        three_or_more(window, &LOCKED_FILES, "shared_drive")
    }),
    rule("locked_files_scratch", "monitor", |window| {
        three_or_more(window, &LOCKED_FILES, "scratch_disk")
    }),
    rule("locked_files_backup", "dismiss", |window| {
        three_or_more(window, &LOCKED_FILES, "backup_vault")
    }),
    rule("beacon_malicious", "block_ip", |window| {
        first(window, |event| {
            regular_beacon(event) && event.has("reputation", &["malicious"])
        })
    }),
    rule("beacon_sinkholed", "quarantine_host", |window| {
        first(window, |event| {
            regular_beacon(event) && event.has("reputation", &["sinkholed"])
        })
    }),
    rule("beacon_unlabeled", "monitor", |window| {
        first(window, |event| {
            regular_beacon(event) && event.has("reputation", &["unlabeled"])
        })
    }),
    rule("beacon_permitted", "dismiss", |window| {
        first(window, |event| {
            regular_beacon(event) && event.has("reputation", &["permitted"])
        })
    }),
    rule("transfer_home_box", "block_ip", |window| {
        first(window, |event| {
            large_upload(event) && event.has("service", &["home_box"])
        })
    }),
    rule("transfer_pastebin", "escalate", |window| {
        first(window, |event| {
            large_upload(event) && event.has("service", &["pastebin"])
        })
    }),
    rule("transfer_partner", "monitor", |window| {
        first(window, |event| {
            large_upload(event) && event.has("service", &["partners"])
        })
    }),
    rule("transfer_archives", "dismiss", |window| {
        first(window, |event| {
            large_upload(event) && event.has("service", &["archives"])
        })
    }),
    rule("dns_new_domain", "block_ip", |window| {
        first(window, |event| {
            data_query(event) && event.has("domain_class", &["newly_created"])
        })
    }),
    rule("dns_generated_domain", "quarantine_host", |window| {
        first(window, |event| {
            data_query(event) && event.has("domain_class", &["machine_named"])
        })
    }),
    rule("dns_uncategorized_domain", "monitor", |window| {
        first(window, |event| {
            data_query(event) && event.has("domain_class", &["uncategorized"])
        })
    }),
    rule("dns_vendor_domain", "dismiss", |window| {
        first(window, |event| {
            data_query(event) && event.has("domain_class", &["vendor_hosted"])
        })
    }),
    rule("download_command_site", "block_ip", |window| {
        first(window, |event| {
            program_download(event) && event.has("site_category", &["c2_panel"])
        })
    }),
    rule("download_exploit_site", "quarantine_host", |window| {
        first(window, |event| {
            program_download(event) && event.has("site_category", &["exploits"])
        })
    }),
    rule("download_file_sharing", "monitor", |window| {
        first(window, |event| {
            program_download(event) && event.has("site_category", &["file_hub"])
        })
    }),
    rule("download_vendor", "dismiss", |window| {
        first(window, |event| {
            program_download(event) && event.has("site_category", &["software"])
        })
    }),
    rule("exploit_from_internet", "block_ip", |window| {
        first(window, |event| {
            exploit_signature(event) && event.has("src_role", &["internet"])
        })
    }),
    rule("exploit_from_endpoint", "quarantine_host", |window| {
        first(window, |event| {
            exploit_signature(event) && event.has("src_role", &["endpoint"])
        })
    }),
    rule("exploit_from_supplier", "monitor", |window| {
        first(window, |event| {
            exploit_signature(event) && event.has("src_role", &["supplier"])
        })
    }),
    rule("exploit_from_red_team", "dismiss", |window| {
        first(window, |event| {
            exploit_signature(event) && event.has("src_role", &["red_team"])
        })
    }),
    rule("sweep_web_server", "block_ip", |window| {
        three_or_more(window, &SWEEP, "web_server")
    }),
    rule("sweep_domain_controller", "escalate", |window| {
        three_or_more(window, &SWEEP, "domain_ctl")
    }),
    rule("sweep_print_host", "monitor", |window| {
        three_or_more(window, &SWEEP, "print_host")
    }),
    rule("sweep_honeypot", "dismiss", |window| {
        three_or_more(window, &SWEEP, "honey_trap")
    }),
    rule("spray_vpn_account", "block_ip", |window| {
        three_or_more(window, &SPRAY, "vpn_user")
    }),
    rule("spray_office_account", "quarantine_host", |window| {
        three_or_more(window, &SPRAY, "lan_user")
    }),
    rule("spray_retired_account", "monitor", |window| {
        three_or_more(window, &SPRAY, "old_user")
    }),
    rule("spray_test_account", "dismiss", |window| {
        three_or_more(window, &SPRAY, "lab_user")
    }),
    rule("access_key_tor", "block_ip", |window| {
        first(window, |event| {
            privileged_key(event) && event.has("network", &["tor"])
        })
    }),
    rule("access_key_provider", "escalate", |window| {
        first(window, |event| {
            privileged_key(event) && event.has("network", &["isp"])
        })
    }),
    rule("access_key_vpn", "monitor", |window| {
        first(window, |event| {
            privileged_key(event) && event.has("network", &["vpn"])
        })
    }),
    rule("access_key_lan", "dismiss", |window| {
        first(window, |event| {
            privileged_key(event) && event.has("network", &["lan"])
        })
    }),
    rule("bucket_host_keys", "quarantine_host", |window| {
        first(window, |event| {
            opened_bucket(event) && event.has("data_class", &["keys"])
        })
    }),
    rule("bucket_payment_cards", "escalate", |window| {
        first(window, |event| {
            opened_bucket(event) && event.has("data_class", &["card"])
        })
    }),
    rule("bucket_project_plans", "monitor", |window| {
        first(window, |event| {
            opened_bucket(event) && event.has("data_class", &["plan"])
        })
    }),
    rule("bucket_newsletter", "dismiss", |window| {
        first(window, |event| {
            opened_bucket(event) && event.has("data_class", &["news"])
        })
    }),
    rule("grant_tampered_ticket", "quarantine_host", |window| {
        first(window, |event| {
            powerful_grant(event) && event.has("ticket", &["tampered"])
        })
    }),
    rule("grant_unlogged_ticket", "escalate", |window| {
        first(window, |event| {
            powerful_grant(event) && event.has("ticket", &["unlogged"])
        })
    }),
    rule("grant_awaiting_ticket", "monitor", |window| {
        first(window, |event| {
            powerful_grant(event) && event.has("ticket", &["awaiting"])
        })
    }),
    rule("grant_approved_ticket", "dismiss", |window| {
        first(window, |event| {
            powerful_grant(event) && event.has("ticket", &["approved"])
        })
    }),
];
