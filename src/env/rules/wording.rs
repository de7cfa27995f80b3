//! A rule's condition in words: what the table prints, exact enough to be checked by hand.

use super::{Condition, Rule};
use crate::env::families::{Detection, Family, Lead, Surface};

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
    let (event_type, field) = (family.event_type, family.context_field);
    let context = format!("{field} is {}", any(detection.values));
    match (family.repeat, family.lead) {
        (Some(repeat), _) => {
            let (same, count) = (repeat.same.join(" and "), repeat.count);
            match repeat.distinct {
                None => format!(
                    "{event_type} number {count} or later with the same {same}, and where {surface}{outside}; that \
                     one's {context}."
                ),
                Some(distinct) => format!(
                    "{event_type} up to which {count} or more different {distinct} are seen with the same {same}, \
                     and where {surface}{outside}; that one's {context}."
                ),
            }
        }
        (None, Some(lead)) => {
            let past = past(lead, family, detection);
            if detection.is_alone() || lead.holds_context {
                format!("{event_type} where {surface}{outside}, after {past}.")
            } else {
                format!("{event_type} where {surface}{outside}, and {context}, after {past}.")
            }
        }
        (None, None) => format!("{event_type} where {surface}{outside}, and {context}."),
    }
}

/// `a mail.click with the same user whose url_verdict is drill_url`, `no file.download whose file is its command`.
fn past(lead: Lead, family: &Family, detection: &Detection) -> String {
    let (of_lead, of_event) = lead.join;
    let joined = match of_lead == of_event {
        true => format!("with the same {of_lead}"),
        false => format!("whose {of_lead} is its {of_event}"),
    };
    let named = format!("{} {joined}", lead.event_type);
    match (detection.is_alone(), lead.count) {
        (true, 1) => format!("no {named}"),
        (true, count) => format!("fewer than {count} {named}"),
        (false, 1) if lead.holds_context => {
            let and = if of_lead == of_event {
                "whose"
            } else {
                "and whose"
            };
            let context = any(detection.values);
            format!("a {named} {and} {} is {context}", family.context_field)
        }
        (false, 1) => format!("a {named}"),
        (false, count) => format!("{count} or more {named}"),
    }
}

fn surface(family: &Family) -> String {
    let field = family.surface_field;
    match family.surface {
        Surface::Words { hot, .. } => format!("{field} is {}", any(hot)),
        Surface::AtMost { limit, .. } => format!("{field} is at most {limit}"),
        Surface::AtLeast { limit, .. } => format!("{field} is at least {limit}"),
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
                "process.create where image is mshta.exe, rundll32.exe, regsvr32.exe or certutil.exe, and parent_image is \
                 winword.exe or outlook.exe.",
            ),
            (
                "beacon_malicious",
                "net.beacon where jitter_pct is at most 9 and dst_ip is outside the organisation, and reputation is \
                 malicious.",
            ),
            (
                "sweep_honeypot",
                "net.connection up to which 3 or more different dst_ip are seen with the same src_ip and service, and \
                 where service is smb, rdp or ssh; that one's dst_role is honey_trap.",
            ),
            (
                "script_after_drill",
                "script.block where script_class is encoded or obfuscated, after a mail.click with the same user whose \
                 url_verdict is drill_url.",
            ),
            (
                "task_from_mail",
                "task.create where trigger is at_logon or at_boot, after a file.download whose file is its command and \
                 whose zone is mail_box.",
            ),
            (
                "mfa_approved_unforced",
                "auth.mfa_approve where factor is push or voice, after fewer than 2 auth.mfa_deny with the same user.",
            ),
            (
                "travel_abroad",
                "vpn.login where status is connected or resumed, and geo is abroad, after a badge.entry with the same \
                 user.",
            ),
        ] {
            assert_eq!(find(id).map(super::Rule::when).as_deref(), Some(when));
        }
    }
}
