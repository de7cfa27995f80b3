//! A rule's condition in words: what the table prints, exact enough to be checked by hand.

use super::{Condition, Rule};
use crate::env::families::{Detection, Family, Surface};

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
    let Some(repeat) = family.repeat else {
        return format!("{event_type} where {surface}{outside}, and {context}.");
    };
    let same = repeat.same.join(" and ");
    let distinct = match repeat.distinct {
        Some(field) => format!(", each with its own {field}"),
        None => String::new(),
    };
    format!(
        "{event_type} number {} with the same {same}{distinct}, and where {surface}{outside}; that one's {context}.",
        repeat.count
    )
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
                "process.create where image is mshta.exe, rundll32.exe, regsvr32.exe or certutil.exe, and parent is \
                 winword.exe or outlook.exe.",
            ),
            (
                "beacon_malicious",
                "net.beacon where jitter_pct is at most 9 and dst_ip is outside the organisation, and reputation is \
                 malicious.",
            ),
            (
                "sweep_honeypot",
                "net.connection number 3 with the same src_ip and service, each with its own dst_ip, and where \
                 service is smb, rdp or ssh; that one's dst_role is honey_trap.",
            ),
        ] {
            assert_eq!(find(id).map(super::Rule::when).as_deref(), Some(when));
        }
    }
}
