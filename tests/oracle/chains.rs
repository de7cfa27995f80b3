//! The rules that tie a line to earlier ones, its leads: those of another type that have an equal value. A chain is
//! a family of such rules, and differs from the next in its data only.

use crate::conditions::outside;
use crate::prompt::Event;

/// The field whose words tell the rules of a chain apart, and in which line it stands.
pub enum Context {
    InLead(&'static str),
    InEvent(&'static str),
}

/// A rule of a chain: id, action, and the word of its context; without a word it asks for too few leads.
type Told = (&'static str, &'static str, Option<&'static str>);

pub struct Chain {
    pub event: &'static str,
    /// What else has to hold for the event, whatever its leads.
    surface: fn(&Event) -> bool,
    lead: &'static str,
    /// The field of the event, and that of the lead, with the same value.
    pub same: (&'static str, &'static str),
    /// So many leads are enough, fewer are too few.
    enough: usize,
    context: Context,
    pub rules: &'static [Told],
}

impl Chain {
    /// The first event of the chain with enough leads and this word in its context, or with too few leads.
    pub fn first(&self, window: &[Event], word: Option<&str>) -> Option<usize> {
        (0..window.len()).find(|&at| {
            let leads: Vec<_> = self
                .possible_leads(window, at)
                .filter(|lead| self.ties(lead, &window[at]))
                .collect();
            let told = match (word, &self.context) {
                (None, _) => leads.len() < self.enough,
                // One of several leads is enough, whatever the others say.
                (Some(word), Context::InLead(key)) => {
                    let saying = leads.iter().filter(|lead| lead.has(key, &[word]));
                    saying.count() >= self.enough
                }
                (Some(word), Context::InEvent(key)) => {
                    leads.len() >= self.enough && window[at].has(key, &[word])
                }
            };
            told && self.starts(&window[at])
        })
    }

    fn starts(&self, event: &Event) -> bool {
        event.is_a(self.event) && (self.surface)(event)
    }

    fn ties(&self, lead: &Event, event: &Event) -> bool {
        event.equals(self.same.0, lead, self.same.1)
    }

    /// The lines before the one at `at` that have the type of a lead, tied to it or not.
    fn possible_leads<'a>(
        &'a self,
        window: &'a [Event],
        at: usize,
    ) -> impl Iterator<Item = &'a Event> {
        let before = window[..at].iter();
        before.filter(|other| other.is_a(self.lead))
    }

    /// Whether an event of the chain stands behind a line that is no lead of it only for another value.
    pub fn is_broken(&self, window: &[Event]) -> bool {
        (0..window.len()).any(|at| {
            let mut possible = self.possible_leads(window, at);
            self.starts(&window[at]) && possible.any(|lead| !self.ties(lead, &window[at]))
        })
    }

    /// Whether an event of the chain stands before a line that would be a lead of it behind.
    pub fn is_reversed(&self, window: &[Event]) -> bool {
        (0..window.len()).any(|at| {
            let mut after = window[at..].iter();
            self.starts(&window[at])
                && after.any(|other| other.is_a(self.lead) && self.ties(other, &window[at]))
        })
    }

    /// The type of the line that the context stands in, and its field.
    pub fn context(&self) -> (&'static str, &'static str) {
        match self.context {
            Context::InLead(key) => (self.lead, key),
            Context::InEvent(key) => (self.event, key),
        }
    }

    /// The ids of the rules that ask for enough leads, or of those that ask for too few.
    pub fn ids(&self, with_leads: bool) -> Vec<&'static str> {
        let rules = self.rules.iter();
        rules
            .filter(|(_, _, word)| word.is_some() == with_leads)
            .map(|&(id, _, _)| id)
            .collect()
    }
}

/// Every chain, in the order of the table, and so are the rules of each.
pub static CHAINS: &[Chain] = &[
    Chain {
        event: "script.block",
        surface: |event| event.has("script_class", &["encoded", "obfuscated"]),
        lead: "mail.click",
        same: ("user", "user"),
        enough: 1,
        context: Context::InLead("url_verdict"),
        rules: &[
            (
                "script_after_phishing_kit",
                "quarantine_host",
                Some("phish_kit"),
            ),
            ("script_after_hostile_server", "block_ip", Some("evil_host")),
            ("script_after_spear_link", "escalate", Some("spear_url")),
            ("script_unprompted", "monitor", None),
            ("script_after_drill", "dismiss", Some("drill_url")),
        ],
    },
    Chain {
        event: "auth.mfa_approve",
        surface: |event| event.has("factor", &["push", "voice"]),
        lead: "auth.mfa_deny",
        same: ("user", "user"),
        enough: 2,
        context: Context::InEvent("origin"),
        rules: &[
            ("mfa_fatigue_tor", "block_ip", Some("tor_exit")),
            ("mfa_fatigue_overseas", "escalate", Some("overseas")),
            ("mfa_fatigue_home", "monitor", Some("home_net")),
            ("mfa_approved_unforced", "dismiss", None),
        ],
    },
    Chain {
        event: "vpn.login",
        surface: |event| event.has("status", &["connected", "resumed"]),
        lead: "badge.entry",
        same: ("user", "user"),
        enough: 1,
        context: Context::InEvent("geo"),
        rules: &[
            ("travel_hosted", "block_ip", Some("hosted")),
            ("travel_abroad", "escalate", Some("abroad")),
            ("travel_nearby", "monitor", Some("nearby")),
            ("vpn_without_badge", "dismiss", None),
        ],
    },
    Chain {
        event: "service.start",
        surface: |event| event.has("service_file", &["psexesvc", "winexesvc"]),
        lead: "share.access",
        same: ("host", "host"),
        enough: 1,
        context: Context::InLead("client_role"),
        rules: &[
            (
                "remote_service_from_desk",
                "quarantine_host",
                Some("user_desk"),
            ),
            ("remote_service_from_vpn", "block_ip", Some("vpn_guest")),
            (
                "remote_service_from_controller",
                "escalate",
                Some("dc_mirror"),
            ),
            ("remote_service_unexplained", "monitor", None),
            ("remote_service_from_patching", "dismiss", Some("patch_hub")),
        ],
    },
    Chain {
        event: "task.create",
        surface: |event| event.has("trigger", &["at_logon", "at_boot"]),
        lead: "file.download",
        same: ("command", "file"),
        enough: 1,
        context: Context::InLead("zone"),
        rules: &[
            ("task_from_mail", "quarantine_host", Some("mail_box")),
            ("task_from_bare_address", "block_ip", Some("bare_url")),
            ("task_from_peer", "escalate", Some("peer_box")),
            ("task_from_freeware", "monitor", Some("freeware")),
            ("task_of_installed_file", "dismiss", None),
        ],
    },
    Chain {
        event: "file.mass_write",
        surface: |event| {
            event
                .number("write_count")
                .is_some_and(|count| count >= 500)
        },
        lead: "shadow.delete",
        same: ("host", "host"),
        enough: 1,
        context: Context::InLead("initiator"),
        rules: &[
            (
                "mass_write_after_user_purge",
                "quarantine_host",
                Some("user_shell"),
            ),
            (
                "mass_write_after_remote_purge",
                "escalate",
                Some("remote_cli"),
            ),
            ("mass_write_with_copies", "monitor", None),
            ("mass_write_of_backup", "dismiss", Some("backup_job")),
        ],
    },
    Chain {
        event: "log.clear",
        surface: |event| event.has("channel", &["Security", "Sysmon"]),
        lead: "rdp.logon",
        same: ("user", "user"),
        enough: 1,
        context: Context::InLead("client_net"),
        rules: &[
            (
                "log_cleared_from_guest",
                "quarantine_host",
                Some("guest_lan"),
            ),
            ("log_cleared_from_internet", "block_ip", Some("public_ip")),
            ("log_cleared_by_vendor", "escalate", Some("vendor_ip")),
            ("log_cleared_locally", "monitor", None),
            ("log_cleared_on_duty", "dismiss", Some("admin_lan")),
        ],
    },
    Chain {
        event: "cloud.stop_trail",
        surface: |event| event.has("trail_scope", &["all_regions", "org_wide"]),
        lead: "cloud.console_login",
        same: ("user", "user"),
        enough: 1,
        context: Context::InLead("client_class"),
        rules: &[
            (
                "trail_stopped_from_attack_host",
                "block_ip",
                Some("kali_host"),
            ),
            (
                "trail_stopped_by_attack_tool",
                "escalate",
                Some("pacu_tool"),
            ),
            ("trail_stopped_without_login", "monitor", None),
            ("trail_stopped_by_pipeline", "dismiss", Some("terraform")),
        ],
    },
    Chain {
        event: "mail.forward_rule",
        surface: |event| event.has("forward_to", &["webmail", "external"]),
        lead: "cloud.consent",
        same: ("user", "user"),
        enough: 1,
        context: Context::InLead("publisher"),
        rules: &[
            (
                "forward_after_unsigned_app",
                "quarantine_host",
                Some("unsigned"),
            ),
            ("forward_after_imposter_app", "escalate", Some("imposter")),
            ("forward_without_app", "monitor", None),
            ("forward_by_verified_app", "dismiss", Some("verified")),
        ],
    },
    Chain {
        event: "net.session",
        surface: |event| {
            event
                .number("duration_min")
                .is_some_and(|minutes| minutes >= 60)
                && outside(event, "dst_ip")
        },
        lead: "dns.answer",
        same: ("dst_ip", "answer"),
        enough: 1,
        context: Context::InLead("domain_age"),
        rules: &[
            ("long_session_new_domain", "block_ip", Some("born_today")),
            (
                "long_session_generated_domain",
                "quarantine_host",
                Some("dga_styled"),
            ),
            ("long_session_unresolved", "monitor", None),
            ("long_session_old_domain", "dismiss", Some("decade_old")),
        ],
    },
    Chain {
        event: "ids.scan",
        surface: |event| event.has("signature", &["port_scan", "host_sweep"]),
        lead: "dhcp.lease",
        same: ("src_ip", "ip"),
        enough: 1,
        context: Context::InLead("device_class"),
        rules: &[
            ("scan_by_staff_machine", "quarantine_host", Some("staff_pc")),
            ("scan_by_private_device", "block_ip", Some("byod_tab")),
            ("scan_by_rogue_device", "escalate", Some("rogue_ap")),
            ("scan_without_lease", "monitor", None),
            ("scan_by_our_scanner", "dismiss", Some("scan_box")),
        ],
    },
    Chain {
        event: "file.copy",
        surface: |event| event.has("label", &["secret", "restricted"]),
        lead: "device.mount",
        same: ("host", "host"),
        enough: 1,
        context: Context::InLead("media_class"),
        rules: &[
            (
                "copy_to_banned_media",
                "quarantine_host",
                Some("banned_usb"),
            ),
            ("copy_to_hidden_media", "escalate", Some("hidden_usb")),
            ("copy_to_vendor_media", "monitor", Some("vendor_usb")),
            ("copy_without_media", "dismiss", None),
        ],
    },
];
