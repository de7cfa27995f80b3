//! The rules that tie a line to earlier ones, its leads: those of another type that have an equal value. A chain is
//! a family of such rules, and differs from the next in its data only.

use crate::addresses::outside;
use crate::prompt::Event;

/// The field whose words tell the rules of a chain apart, and in which line it stands.
pub enum Context {
    InLead(&'static str),
    InEvent(&'static str),
}

/// What a rule of a chain asks for beyond what all of them do.
#[derive(Clone, Copy)]
pub enum Told {
    /// This word in the event behind enough leads, or in enough leads, whatever the others say.
    Says(&'static str),
    /// This word in a lead, and in every other one too.
    AllSay(&'static str),
    /// This word in the event, with leads or without.
    EventSays(&'static str),
    /// No other rule of the event type holds for the event.
    Otherwise,
}

use Told::{AllSay, EventSays, Otherwise, Says};

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
    pub rules: &'static [(&'static str, &'static str, Told)],
}

impl Chain {
    /// What all sentences of the chain ask of the event at that place.
    pub fn starts(&self, window: &[Event], at: usize) -> bool {
        window[at].is_a(self.event) && (self.surface)(&window[at])
    }

    /// Whether enough leads come before the event with this word in its context, or in theirs.
    pub fn says(&self, window: &[Event], at: usize, word: &str) -> bool {
        let leads = self.leads(window, at);
        match self.context {
            Context::InLead(key) => {
                let saying = leads.iter().filter(|lead| lead.has(key, &[word]));
                saying.count() >= self.enough
            }
            Context::InEvent(key) => leads.len() >= self.enough && window[at].has(key, &[word]),
        }
    }

    /// Whether the event has this word in its context.
    pub fn event_says(&self, event: &Event, word: &str) -> bool {
        match self.context {
            Context::InLead(_) => false,
            Context::InEvent(key) => event.has(key, &[word]),
        }
    }

    /// Whether a lead says something else, or nothing.
    pub fn is_contradicted(&self, window: &[Event], at: usize, word: &str) -> bool {
        match self.context {
            Context::InLead(key) => {
                let mut leads = self.leads(window, at).into_iter();
                leads.any(|lead| !lead.has(key, &[word]))
            }
            Context::InEvent(_) => false,
        }
    }

    /// The lines before the one at `at` that have the type of a lead and its value.
    fn leads<'a>(&self, window: &'a [Event], at: usize) -> Vec<&'a Event> {
        let possible = self.possible_leads(window, at);
        possible
            .filter(|lead| self.ties(lead, &window[at]))
            .collect()
    }

    fn ties(&self, lead: &Event, event: &Event) -> bool {
        event.equals(self.same.0, lead, self.same.1)
    }

    /// The lines before the one at `at` that have the type of a lead, tied to it or not.
    fn possible_leads<'a>(
        &self,
        window: &'a [Event],
        at: usize,
    ) -> impl Iterator<Item = &'a Event> + use<'a> {
        let lead = self.lead;
        window[..at].iter().filter(move |other| other.is_a(lead))
    }

    /// Whether an event of the chain stands behind a line that is no lead of it only for another value.
    pub fn is_broken(&self, window: &[Event]) -> bool {
        (0..window.len()).any(|at| {
            let mut possible = self.possible_leads(window, at);
            self.starts(window, at) && possible.any(|lead| !self.ties(lead, &window[at]))
        })
    }

    /// Whether an event of the chain stands before a line that would be a lead of it behind.
    pub fn is_reversed(&self, window: &[Event]) -> bool {
        (0..window.len()).any(|at| {
            let mut after = window[at..].iter();
            self.starts(window, at)
                && after.any(|other| other.is_a(self.lead) && self.ties(other, &window[at]))
        })
    }

    /// Whether one lead of an event of the chain clears it, but not another.
    pub fn is_disputed(&self, window: &[Event]) -> bool {
        let mut clearing = self.rules.iter().filter_map(|&(_, _, told)| match told {
            AllSay(word) => Some(word),
            Says(_) | EventSays(_) | Otherwise => None,
        });
        clearing.any(|word| {
            (0..window.len()).any(|at| {
                self.starts(window, at)
                    && self.says(window, at, word)
                    && self.is_contradicted(window, at, word)
            })
        })
    }

    /// Whether the event has enough leads, and the context is there in it, or in each of them.
    pub fn is_told_all(&self, window: &[Event], at: usize) -> bool {
        let leads = self.leads(window, at);
        let told = match self.context {
            Context::InLead(key) => leads.iter().all(|lead| lead.word(key).is_some()),
            Context::InEvent(key) => window[at].word(key).is_some(),
        };
        told && leads.len() >= self.enough
    }

    /// The type of the line that the context stands in, and its field.
    pub fn context(&self) -> (&'static str, &'static str) {
        match self.context {
            Context::InLead(key) => (self.lead, key),
            Context::InEvent(key) => (self.event, key),
        }
    }

    /// Whether its rules are told apart by a word of its leads.
    pub fn is_told_by_leads(&self) -> bool {
        matches!(self.context, Context::InLead(_))
    }

    /// Whether the rule of this id asks for leads.
    pub fn is_led(&self, id: &str) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|(of, _, told)| *of == id && matches!(told, Says(_) | AllSay(_)))
    }

    /// The ids of the rules that ask for a context, or that of the one for what is left.
    pub fn ids(&self, with_leads: bool) -> Vec<&'static str> {
        let rules = self.rules.iter();
        rules
            .filter(|(_, _, told)| matches!(told, Otherwise) != with_leads)
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
        same: ("UserId", "recipient"),
        enough: 1,
        context: Context::InLead("url_class"),
        rules: &[
            (
                "script_after_lookalike",
                "quarantine_host",
                Says("lookalike"),
            ),
            ("script_after_bare_address", "block_ip", Says("bare_host")),
            ("script_after_spear_link", "escalate", Says("spear_url")),
            ("script_unprompted", "monitor", Otherwise),
            ("script_after_drill", "dismiss", AllSay("drill_url")),
        ],
    },
    Chain {
        event: "auth.mfa_approve",
        surface: |event| event.has("factor", &["push", "voice"]),
        lead: "auth.mfa_deny",
        same: ("actor.alternateId", "actor.alternateId"),
        enough: 2,
        context: Context::InEvent("client_class"),
        rules: &[
            ("mfa_fatigue_tor", "block_ip", Says("tor_exit")),
            ("mfa_fatigue_overseas", "escalate", Says("overseas")),
            ("mfa_approved_otherwise", "monitor", Otherwise),
            ("mfa_approved_on_site", "dismiss", EventSays("our_desk")),
        ],
    },
    Chain {
        event: "vpn.login",
        surface: |event| event.has("status", &["success"]),
        lead: "badge.entry",
        same: ("srcuser", "cardholder"),
        enough: 1,
        context: Context::InEvent("srcregion"),
        rules: &[
            ("travel_hosted", "block_ip", Says("hosted")),
            ("travel_abroad", "escalate", Says("abroad")),
            ("vpn_unconfirmed", "monitor", Otherwise),
            ("vpn_from_our_guest_net", "dismiss", EventSays("onsite")),
        ],
    },
    Chain {
        event: "service.start",
        surface: |event| event.has("param1", &["PSEXESVC", "winexesvc"]),
        lead: "share.access",
        same: ("Computer", "Computer"),
        enough: 1,
        context: Context::InLead("client_role"),
        rules: &[
            (
                "remote_service_from_desk",
                "quarantine_host",
                Says("user_desk"),
            ),
            (
                "remote_service_from_internet",
                "block_ip",
                Says("public_ip"),
            ),
            (
                "remote_service_from_controller",
                "escalate",
                Says("dc_mirror"),
            ),
            ("remote_service_unexplained", "monitor", Otherwise),
            (
                "remote_service_from_patching",
                "dismiss",
                AllSay("patch_hub"),
            ),
        ],
    },
    Chain {
        event: "task.create",
        surface: |event| event.has("Trigger", &["LogonTrigger", "BootTrigger"]),
        lead: "file.download",
        same: ("Command", "TargetFilename"),
        enough: 1,
        context: Context::InLead("origin"),
        rules: &[
            ("task_from_mail", "quarantine_host", Says("mail_box")),
            ("task_from_bare_address", "block_ip", Says("bare_url")),
            ("task_from_peer", "escalate", Says("peer_box")),
            ("task_of_unknown_file", "monitor", Otherwise),
            ("task_from_our_repository", "dismiss", AllSay("our_repo")),
        ],
    },
    Chain {
        event: "file.mass_write",
        surface: |event| {
            event
                .number("write_count")
                .is_some_and(|count| count >= 2000)
        },
        lead: "shadow.resize",
        same: ("agent.name", "Computer"),
        enough: 1,
        context: Context::InLead("initiator"),
        rules: &[
            (
                "mass_write_after_user_purge",
                "quarantine_host",
                Says("user_shell"),
            ),
            (
                "mass_write_after_remote_purge",
                "escalate",
                Says("remote_cli"),
            ),
            ("mass_write_with_copies", "monitor", Otherwise),
            ("mass_write_of_backup", "dismiss", AllSay("backup_job")),
        ],
    },
    Chain {
        event: "log.clear",
        surface: |event| event.has("Channel", &["Security", "System"]),
        lead: "rdp.logon",
        same: ("SubjectUserName", "TargetUserName"),
        enough: 1,
        context: Context::InLead("client_net"),
        rules: &[
            (
                "log_cleared_from_guest",
                "quarantine_host",
                Says("guest_lan"),
            ),
            ("log_cleared_from_internet", "block_ip", Says("public_ip")),
            ("log_cleared_by_vendor", "escalate", Says("vendor_ip")),
            ("log_cleared_unexplained", "monitor", Otherwise),
            ("log_cleared_on_duty", "dismiss", AllSay("admin_lan")),
        ],
    },
    Chain {
        event: "cloud.stop_trail",
        surface: |event| event.has("trail_scope", &["all_regions", "org_wide"]),
        lead: "cloud.console_login",
        same: ("userIdentity.userName", "userIdentity.userName"),
        enough: 1,
        context: Context::InLead("address_class"),
        rules: &[
            (
                "trail_stopped_from_rented_server",
                "block_ip",
                Says("rented_vps"),
            ),
            ("trail_stopped_from_mobile", "escalate", Says("mobile_net")),
            ("trail_stopped_unexplained", "monitor", Otherwise),
            (
                "trail_stopped_from_admin_host",
                "dismiss",
                AllSay("admin_host"),
            ),
        ],
    },
    Chain {
        event: "mail.forward_rule",
        surface: |event| event.has("ForwardTo", &["webmail", "external"]),
        lead: "cloud.consent",
        same: ("UserId", "userPrincipalName"),
        enough: 1,
        context: Context::InLead("publisher"),
        rules: &[
            ("forward_after_unsigned_app", "block_ip", Says("unsigned")),
            ("forward_after_namesake_app", "escalate", Says("namesake")),
            ("forward_unexplained", "monitor", Otherwise),
            ("forward_by_our_app", "dismiss", AllSay("in_house")),
        ],
    },
    Chain {
        event: "net.session",
        surface: |event| {
            event
                .number("duration")
                .is_some_and(|seconds| seconds >= 3600)
                && outside(event, "id.resp_h")
        },
        lead: "dns.answer",
        same: ("id.resp_h", "answers"),
        enough: 1,
        context: Context::InLead("domain_class"),
        rules: &[
            ("long_session_new_domain", "block_ip", Says("born_today")),
            (
                "long_session_generated_domain",
                "quarantine_host",
                Says("dga_styled"),
            ),
            ("long_session_unresolved", "monitor", Otherwise),
            ("long_session_contracted", "dismiss", AllSay("contracted")),
        ],
    },
    Chain {
        event: "ids.scan",
        surface: |event| event.has("alert.signature", &["port_scan", "host_sweep"]),
        lead: "dhcp.lease",
        same: ("src_ip", "IP"),
        enough: 1,
        context: Context::InLead("device_class"),
        rules: &[
            ("scan_by_staff_machine", "quarantine_host", Says("staff_pc")),
            ("scan_by_private_device", "block_ip", Says("byod_tab")),
            ("scan_by_our_server", "escalate", Says("our_host")),
            ("scan_by_unknown_device", "monitor", Otherwise),
            ("scan_by_our_scanner", "dismiss", AllSay("scan_box")),
        ],
    },
    Chain {
        event: "file.copy",
        surface: |event| event.has("SensitivityLabel", &["secret", "restricted"]),
        lead: "device.mount",
        same: ("DeviceName", "Computer"),
        enough: 1,
        context: Context::InLead("media_class"),
        rules: &[
            (
                "copy_to_private_media",
                "quarantine_host",
                Says("own_stick"),
            ),
            ("copy_to_rival_media", "escalate", Says("rival_usb")),
            ("copy_to_unknown_media", "monitor", Otherwise),
            ("copy_to_issued_media", "dismiss", AllSay("our_stick")),
        ],
    },
];
