//! The rule table typed again from its sentences, in its order, and the decision among the rules that fire.

use crate::conditions::*;
use crate::prompt::Event;

/// Where in the window the condition of a rule is complete, if it is.
type Fires = fn(&[Event]) -> Option<usize>;

pub struct Rule {
    pub id: &'static str,
    pub action: &'static str,
    pub fires: Fires,
}

/// What is compared with the truth of the binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub action: String,
    pub log_id: String,
    pub rule: String,
}

/// The rules that fire, in the order of the table, and where each is complete.
pub fn firing(window: &[Event]) -> Vec<(&'static Rule, usize)> {
    RULES
        .iter()
        .filter_map(|rule| Some((rule, (rule.fires)(window)?)))
        .collect()
}

/// Of the rules that fire the costliest one; among equals the earlier.
pub fn decide(window: &[Event]) -> Option<Answer> {
    let mut best: Option<(&Rule, usize)> = None;
    for (rule, at) in firing(window) {
        if best.is_none_or(|(leader, _)| cost(rule.action) > cost(leader.action)) {
            best = Some((rule, at));
        }
    }
    let (rule, at) = best?;
    Some(Answer {
        action: rule.action.to_owned(),
        log_id: window[at].log_id.clone(),
        rule: rule.id.to_owned(),
    })
}

pub fn cost(action: &str) -> u8 {
    match action {
        "dismiss" => 0,
        "monitor" => 1,
        "quarantine_host" | "block_ip" => 2,
        _ => 3,
    }
}

/// The last event, where no other rule fires.
fn nothing_found(window: &[Event]) -> Option<usize> {
    let other_fires = RULES
        .iter()
        .any(|rule| rule.id != "no_finding" && (rule.fires)(window).is_some());
    if other_fires {
        None
    } else {
        window.len().checked_sub(1)
    }
}

const fn rule(id: &'static str, action: &'static str, fires: Fires) -> Rule {
    Rule { id, action, fires }
}

/// Every rule, in the order of the table.
pub static RULES: &[Rule] = &[
    rule("lolbin_office_parent", "quarantine_host", |window| {
        first(window, |event| {
            borrowed_binary(event) && event.has("parent", &["winword.exe", "outlook.exe"])
        })
    }),
    rule("lolbin_server_parent", "escalate", |window| {
        first(window, |event| {
            borrowed_binary(event) && event.has("parent", &["tomcat9.exe", "apache2.exe"])
        })
    }),
    rule("lolbin_console_parent", "monitor", |window| {
        first(window, |event| {
            borrowed_binary(event) && event.has("parent", &["conhost.exe"])
        })
    }),
    rule("lolbin_managed_parent", "dismiss", |window| {
        first(window, |event| {
            borrowed_binary(event) && event.has("parent", &["ccmexec.exe"])
        })
    }),
    rule("lsass_invalid", "quarantine_host", |window| {
        first(window, |event| {
            credential_read(event) && event.has("signature", &["invalid"])
        })
    }),
    rule("lsass_revoked", "escalate", |window| {
        first(window, |event| {
            credential_read(event) && event.has("signature", &["revoked"])
        })
    }),
    rule("lsass_expired", "monitor", |window| {
        first(window, |event| {
            credential_read(event) && event.has("signature", &["expired"])
        })
    }),
    rule("lsass_trusted", "dismiss", |window| {
        first(window, |event| {
            credential_read(event) && event.has("signature", &["trusted"])
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
            system_service(event) && event.has("image_dir", &["Public"])
        })
    }),
    rule("service_admin_share", "escalate", |window| {
        first(window, |event| {
            system_service(event) && event.has("image_dir", &["ADMIN$"])
        })
    }),
    rule("service_vendor_dir", "monitor", |window| {
        first(window, |event| {
            system_service(event) && event.has("image_dir", &["Vendor"])
        })
    }),
    rule("service_system_dir", "dismiss", |window| {
        first(window, |event| {
            system_service(event) && event.has("image_dir", &["System"])
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
        third_locked_file(window, "local_volume")
    }),
    rule("locked_files_shared", "escalate", |window| {
        third_locked_file(window, "shared_drive")
    }),
    rule("locked_files_scratch", "monitor", |window| {
        third_locked_file(window, "scratch_disk")
    }),
    rule("locked_files_backup", "dismiss", |window| {
        third_locked_file(window, "backup_vault")
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
        third_machine(window, "web_server")
    }),
    rule("sweep_domain_controller", "escalate", |window| {
        third_machine(window, "domain_ctl")
    }),
    rule("sweep_print_host", "monitor", |window| {
        third_machine(window, "print_host")
    }),
    rule("sweep_honeypot", "dismiss", |window| {
        third_machine(window, "honey_trap")
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
    rule("guessed_admin_login", "escalate", |window| {
        sign_in(window, |failures| failures >= 3, admin)
    }),
    rule("guessed_external_login", "block_ip", |window| {
        sign_in(
            window,
            |failures| failures >= 3,
            |event| not_admin(event) && not_inside(event, "src_ip"),
        )
    }),
    rule("guessed_internal_login", "quarantine_host", |window| {
        sign_in(
            window,
            |failures| failures >= 3,
            |event| not_admin(event) && inside(event, "src_ip"),
        )
    }),
    rule("repeated_login_failures", "monitor", third_failure),
    rule("mistyped_password", "dismiss", |window| {
        sign_in(window, |failures| failures == 1 || failures == 2, |_| true)
    }),
    rule("internal_login", "dismiss", |window| {
        first(window, |event| {
            window.len() == 1 && event.is_a("auth.login_success") && inside(event, "src_ip")
        })
    }),
    rule("no_finding", "dismiss", nothing_found),
];
