//! The verifier: truth as a function of events and nothing else.

use std::collections::BTreeSet;

use super::plausible::{Implausible, check_count};
use super::rules;
use super::schema::{Event, Truth, is_log_id};

/// What the rules say of `events`, in their order.
///
/// # Errors
/// No events or too many, which no rule is then held against; log ids that are malformed or repeat, so that there is
/// nothing a citation could mean.
pub fn truth(events: &[Event]) -> Result<Truth, Implausible> {
    check_count(events.len())?;
    check_log_ids(events)?;
    let (rule, firing) = rules::decide(events).ok_or(Implausible::Empty)?;
    let log_id = |position: &usize| events.get(*position).map(|event| event.log_id.clone());
    Ok(Truth {
        action: rule.action,
        triggering_log_id: log_id(&firing.trigger).ok_or(Implausible::Empty)?,
        rule: rule.id.to_owned(),
        reason: rule.reason.to_owned(),
        attack: rule.attack.iter().map(|id| (*id).to_owned()).collect(),
        evidence: firing.evidence.iter().filter_map(log_id).collect(),
    })
}

fn check_log_ids(events: &[Event]) -> Result<(), Implausible> {
    let mut seen = BTreeSet::new();
    for event in events {
        if !is_log_id(&event.log_id) {
            return Err(Implausible::LogId(event.log_id.clone()));
        }
        if !seen.insert(event.log_id.as_str()) {
            return Err(Implausible::RepeatedLogId(event.log_id.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::plausible::MAX_EVENTS;

    #[test]
    fn no_events_and_too_many_have_no_truth() {
        assert_eq!(truth(&[]), Err(Implausible::Empty));
        let event = |n| Event {
            log_id: format!("L1-{n}"),
            timestamp: String::new(),
            source: String::new(),
            event_type: "net.connection".into(),
            fields: serde_json::Map::new(),
        };
        let events: Vec<Event> = (0..=MAX_EVENTS).map(event).collect();
        assert_eq!(truth(&events), Err(Implausible::TooMany(MAX_EVENTS + 1)));
        assert!(truth(&events[1..]).is_ok());
    }
}
