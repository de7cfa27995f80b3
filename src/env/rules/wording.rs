//! A rule's condition in words: what the table prints, exact enough to be checked by hand.

use super::firing::clears_alone;
use super::{Condition, Rule};
use crate::env::events::{self, Kind};
use crate::env::families::{Detection, Family, Lead, Surface};
use crate::env::schema::Action;

impl Rule {
    /// When it fires, as one sentence.
    #[must_use]
    pub fn when(&self) -> String {
        match self.condition {
            Condition::Context(family, detection) => context(family, detection),
            Condition::Login(case) => case.when().to_owned(),
            Condition::Otherwise => "No other rule fires; the last event is named.".to_owned(),
        }
    }
}

fn context(family: &Family, detection: &Detection) -> String {
    let surface = surface(family);
    let outside = match family.external {
        Some(field) => format!(" and {field} is outside the organisation"),
        None => String::new(),
    };
    let event_type = family.event_type;
    let complete = match family.repeat {
        None => format!("{event_type} where {surface}{outside}"),
        Some(repeat) => {
            let (same, count) = (repeat.same.join(" and "), repeat.count);
            let reached = match repeat.distinct {
                None => format!("number {count} or later with the same {same}"),
                Some(distinct) => format!(
                    "up to which {count} or more different {distinct} are seen with the same {same}"
                ),
            };
            format!("{event_type} {reached}, and where {surface}{outside}")
        }
    };
    if detection.is_fallback() {
        return format!("{complete}, and no other rule of {event_type} holds for it.");
    }
    match family.lead {
        Some(lead) => format!("{complete}{}.", past(lead, family, detection)),
        None => format!("{complete}, and {}.", own_context(family, detection)),
    }
}

fn own_context(family: &Family, detection: &Detection) -> String {
    named(family.event_type, family.context_field, detection.values)
}

/// `, after a mail.click whose recipient is its UserId and whose url_class is spear_url`; of what clears, every one.
fn past(lead: Lead, family: &Family, detection: &Detection) -> String {
    let (of_lead, of_event) = lead.join;
    let joined = match of_lead == of_event {
        true => format!("{} with the same {of_lead}", lead.event_type),
        false => format!("{} whose {of_lead} is its {of_event}", lead.event_type),
    };
    if clears_alone(lead, detection) {
        return format!(", and {}", own_context(family, detection));
    }
    if !lead.holds_context {
        let count = match lead.count {
            1 => "a".to_owned(),
            count => format!("{count} or more"),
        };
        let context = own_context(family, detection);
        return format!(", and {context}, after {count} {joined}");
    }
    let context = named(lead.event_type, family.context_field, detection.values);
    let and = if of_lead == of_event {
        "whose"
    } else {
        "and whose"
    };
    let alone = match detection.action {
        Action::Dismiss => format!(" and none with another {} or without", family.context_field),
        _ => String::new(),
    };
    format!(", after a {joined} {and} {context}{alone}")
}

fn surface(family: &Family) -> String {
    let field = family.surface_field;
    match family.surface {
        Surface::Words { hot, .. } => named(family.event_type, field, hot),
        Surface::AtMost { limit, .. } => format!("{field} is at most {limit}"),
        Surface::AtLeast { limit, .. } => format!("{field} is at least {limit}"),
    }
}

/// `ticket is approved`, `the last part of Image is mshta.exe or wmic.exe`, `ImagePath is below C:\Users\Public\`.
fn named(event_type: &str, field: &str, words: &[&str]) -> String {
    let kind = events::find(event_type).and_then(|found| found.field(field));
    let is_path = kind.is_some_and(|field| field.kind == Kind::Program);
    let any = any(words);
    if words.iter().all(|word| word.ends_with("\\*")) {
        format!("{field} is a file in {}", any.replace('*', ""))
    } else if words.iter().all(|word| word.ends_with('\\')) {
        let below = if words.iter().any(|word| word.starts_with('\\')) {
            "goes through"
        } else {
            "is below"
        };
        format!("{field} {below} {any}")
    } else if is_path && words.iter().all(|word| !word.contains('\\')) {
        format!("the last part of {field} is {any}")
    } else {
        format!("{field} is {any}")
    }
}

/// `a`, `a or b`, `a, b or c`.
fn any(words: &[&str]) -> String {
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::find;

    #[test]
    fn conditions_read_as_sentences() {
        for (id, when) in [
            (
                "lolbin_office_parent",
                "process.create where the last part of Image is mshta.exe, rundll32.exe, regsvr32.exe, certutil.exe, \
                 powershell.exe or wmic.exe, and the last part of ParentImage is winword.exe, outlook.exe or excel.exe.",
            ),
            (
                "lolbin_managed_parent",
                "process.create where the last part of Image is mshta.exe, rundll32.exe, regsvr32.exe, certutil.exe, \
                 powershell.exe or wmic.exe, and ParentImage is C:\\Windows\\CCM\\CcmExec.exe.",
            ),
            (
                "service_public_dir",
                "service.install where AccountName is LocalSystem, and ImagePath is below C:\\Users\\Public\\.",
            ),
            (
                "beacon_rented_server",
                "net.beacon where jitter_pct is at most 20 and id.resp_h is outside the organisation, and resp_class is \
                 rented_vps.",
            ),
            (
                "sweep_by_our_scanner",
                "net.connection up to which 3 or more different id.resp_h are seen with the same id.orig_h and service, \
                 and where service is smb, rdp or ssh, and orig_role is scan_box.",
            ),
            (
                "script_after_drill",
                "script.block where script_class is encoded or obfuscated, after a mail.click whose recipient is its \
                 UserId and whose url_class is drill_url and none with another url_class or without.",
            ),
            (
                "task_from_mail",
                "task.create where Trigger is LogonTrigger or BootTrigger, after a file.download whose TargetFilename is \
                 its Command and whose origin is mail_box.",
            ),
            (
                "mfa_approved_otherwise",
                "auth.mfa_approve where factor is push or voice, and no other rule of auth.mfa_approve holds for it.",
            ),
            (
                "mfa_approved_on_site",
                "auth.mfa_approve where factor is push or voice, and client_class is our_desk.",
            ),
            (
                "travel_abroad",
                "vpn.login where status is success, and srcregion is abroad, after a badge.entry whose cardholder is its \
                 srcuser.",
            ),
        ] {
            assert_eq!(find(id).map(super::Rule::when).as_deref(), Some(when));
        }
    }
}
