//! Families of detections: an event type whose surface field raises the alert, and a context field that decides.
//!
//! This table is the single source of the rules and of what the generator writes: a hot surface with a known context fires
//! exactly that context's rule, with an unknown one the family's `monitor` rule, and a cold surface fires nothing. A family may ask for several events of one actor
//! ([`Repeat`]), or for what happened before to the same user, machine, file or address ([`Lead`]). Sign-ins count
//! failures up to a success and have their own file, [`crate::env::login`].

mod chains;
mod endpoint;
mod identity;
mod network;
pub mod weights;

use super::schema::{Action, Split};

/// What makes an event worth an alert.
#[derive(Clone, Copy, Debug)]
pub enum Surface {
    /// The field is one of the `hot` words; `cold` are words the generator uses instead.
    Words {
        hot: &'static [&'static str],
        cold: &'static [&'static str],
    },
    /// The number is at most `limit`.
    AtMost {
        /// What the limit is called.
        threshold: &'static str,
        limit: u64,
        hot: (u64, u64),
        cold: (u64, u64),
        /// Ranges that hug the threshold.
        near_hot: (u64, u64),
        near_cold: (u64, u64),
    },
    /// The number is at least `limit`.
    AtLeast {
        threshold: &'static str,
        limit: u64,
        hot: (u64, u64),
        cold: (u64, u64),
        near_hot: (u64, u64),
        near_cold: (u64, u64),
    },
}

/// One context of a family and what it asks for.
#[derive(Clone, Copy, Debug)]
pub struct Detection {
    pub id: &'static str,
    pub action: Action,
    /// Values of the context field, about as long as those of the family's other contexts. None of a fallback, which is for
    /// every other value.
    pub values: &'static [&'static str],
    /// At most nine words.
    pub reason: &'static str,
    pub attack: &'static [&'static str],
}

/// How many events of the same actor complete the condition.
#[derive(Clone, Copy, Debug)]
pub struct Repeat {
    /// The condition is complete at this many events, and again at each further one.
    pub count: usize,
    /// Fields in which these events agree.
    pub same: &'static [&'static str],
    /// A field of which so many different values are asked for, instead of so many events.
    pub distinct: Option<&'static str>,
}

/// What has to have happened before the event, and what ties the two together.
#[derive(Clone, Copy, Debug)]
pub struct Lead {
    pub event_type: &'static str,
    /// So many of them.
    pub count: usize,
    /// The field of the lead and the field of the event that hold one value.
    pub join: (&'static str, &'static str),
    /// Whether the context is a field of the lead; it is one of the event otherwise.
    pub holds_context: bool,
}

/// One event type and its detections.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    pub event_type: &'static str,
    /// The static severity of its alerts.
    pub severity: &'static str,
    pub surface_field: &'static str,
    pub surface: Surface,
    pub context_field: &'static str,
    pub detections: &'static [Detection],
    /// Contexts that no detection names, for the generator: the first half for training, the rest for the hold-out.
    pub unknown: &'static [&'static str],
    /// A field whose address has to be outside the organisation.
    pub external: Option<&'static str>,
    pub repeat: Option<Repeat>,
    pub lead: Option<Lead>,
}

/// Which malicious actions a family can ask for; families of one kind share generator weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    QuarantineEscalate,
    BlockQuarantine,
    BlockEscalate,
    Every,
}

impl Detection {
    /// Whether it is what an event gets that no other detection of its family knows: unknown is neither harmless nor proof.
    #[must_use]
    pub fn is_fallback(&self) -> bool {
        self.action == Action::Monitor
    }
}

impl Family {
    /// Whether several lines decide together.
    #[must_use]
    pub const fn is_relational(&self) -> bool {
        self.repeat.is_some() || self.lead.is_some()
    }

    /// The contexts no detection names that a split shows.
    #[must_use]
    pub fn unknown(&self, split: Split) -> &'static [&'static str] {
        let (train, holdout) = self.unknown.split_at(self.unknown.len() / 2);
        match split {
            Split::Train => train,
            Split::Holdout => holdout,
        }
    }

    /// Whether the context is a field of the event itself.
    #[must_use]
    pub const fn has_own_context(&self) -> bool {
        !matches!(self.lead, Some(lead) if lead.holds_context)
    }

    /// The events it takes to complete a condition.
    #[must_use]
    pub fn hot_count(&self) -> usize {
        self.repeat.map_or(1, |repeat| repeat.count)
    }

    /// The detection that asks for `action`.
    #[must_use]
    pub fn detection(&self, action: Action) -> Option<&'static Detection> {
        self.detections.iter().find(|d| d.action == action)
    }

    /// Which malicious actions it can ask for.
    #[must_use]
    pub fn reach(&self) -> Reach {
        let has = |action| self.detection(action).is_some();
        match (
            has(Action::QuarantineHost),
            has(Action::BlockIp),
            has(Action::Escalate),
        ) {
            (true, true, true) => Reach::Every,
            (true, true, false) => Reach::BlockQuarantine,
            (false, true, _) => Reach::BlockEscalate,
            _ => Reach::QuarantineEscalate,
        }
    }
}

/// Every family of the table.
pub fn all() -> impl Iterator<Item = &'static Family> {
    endpoint::FAMILIES
        .iter()
        .chain(network::FAMILIES)
        .chain(identity::FAMILIES)
        .chain(chains::families())
}

/// The family of an event type.
#[must_use]
pub fn find(event_type: &str) -> Option<&'static Family> {
    all().find(|family| family.event_type == event_type)
}

/// The family whose events this event type leads up to, and how.
#[must_use]
pub fn led_by(event_type: &str) -> Option<(&'static Family, Lead)> {
    all().find_map(|family| {
        let lead = family.lead.filter(|lead| lead.event_type == event_type)?;
        Some((family, lead))
    })
}

/// The fields of an event type that a family looks at: surface, context, whose it is, and what ties it to another.
#[must_use]
pub fn decisive(event_type: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    if let Some(family) = find(event_type) {
        found.push(family.surface_field);
        found.extend(family.has_own_context().then_some(family.context_field));
        found.extend(family.repeat.iter().flat_map(|repeat| repeat.same));
        found.extend(family.repeat.and_then(|repeat| repeat.distinct));
        found.extend(family.lead.map(|lead| lead.join.1));
    }
    if let Some((family, lead)) = led_by(event_type) {
        found.push(lead.join.0);
        found.extend(lead.holds_context.then_some(family.context_field));
    }
    found
}

const fn detection(
    id: &'static str,
    action: Action,
    values: &'static [&'static str],
    reason: &'static str,
    attack: &'static [&'static str],
) -> Detection {
    Detection {
        id,
        action,
        values,
        reason,
        attack,
    }
}

const fn family(
    event_type: &'static str,
    severity: &'static str,
    surface_field: &'static str,
    surface: Surface,
    context_field: &'static str,
    detections: &'static [Detection],
    unknown: &'static [&'static str],
) -> Family {
    Family {
        event_type,
        severity,
        surface_field,
        surface,
        context_field,
        detections,
        unknown,
        external: None,
        repeat: None,
        lead: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{events, paths};
    use super::*;

    #[test]
    fn every_family_has_dismiss_monitor_and_two_more_on_known_fields() {
        for family in all() {
            let event_type = events::find(family.event_type).expect("registered");
            assert!(event_type.field(family.surface_field).is_some());
            if family.has_own_context() {
                assert!(event_type.field(family.context_field).is_some());
            }
            assert!((4..=5).contains(&family.detections.len()));
            assert!(family.detection(Action::Dismiss).is_some());
            assert!(family.detection(Action::Monitor).is_some());
        }
    }

    #[test]
    fn decisive_fields_are_fields_of_their_type() {
        for event_type in events::all() {
            for name in decisive(event_type.name) {
                assert!(event_type.field(name).is_some(), "{name}");
            }
        }
        assert_eq!(decisive("share.access"), ["Computer", "client_role"]);
        assert_eq!(decisive("process.create"), ["Image", "ParentImage"]);
        assert!(decisive("image.load").is_empty());
    }

    #[test]
    fn leads_are_registered_and_hold_what_joins_them() {
        for family in all() {
            let Some(lead) = family.lead else { continue };
            let (of_lead, of_event) = lead.join;
            let leading = events::find(lead.event_type).expect("registered");
            let event_type = events::find(family.event_type).expect("registered");
            let kinds = [leading.field(of_lead), event_type.field(of_event)];
            let [Some(a), Some(b)] = kinds else {
                panic!("{}: no such field", family.event_type)
            };
            let both_accounts = a.kind.is_account() && b.kind.is_account();
            assert!(a.kind == b.kind || both_accounts, "{}", family.event_type);
            assert!(find(lead.event_type).is_none(), "a lead is no subject");
            if lead.holds_context {
                assert!(leading.field(family.context_field).is_some());
                assert_eq!(lead.count, 1, "one of them holds it");
            }
        }
    }

    #[test]
    fn contexts_of_a_family_have_nearly_one_length_so_that_no_line_tells_its_label_by_its_own() {
        for family in all() {
            let words = family.detections.iter().flat_map(|d| d.values);
            let words = words.chain(family.unknown);
            let whole = words.map(|word| match word.contains(".exe") || word.ends_with('\\') {
                true => paths::whole(word, ""),
                false => (*word).to_owned(),
            });
            let lengths: std::collections::BTreeSet<usize> = whole.map(|w| w.len()).collect();
            let (shortest, longest) = (lengths.first(), lengths.last());
            let spread = longest.zip(shortest).map(|(most, least)| most - least);
            assert!(spread <= Some(9), "{}: {lengths:?}", family.event_type);
        }
    }

    #[test]
    fn every_family_falls_back_to_watching_and_no_rule_clears_what_nothing_explains() {
        for family in all() {
            let fallback = family.detections.iter().filter(|d| d.is_fallback());
            assert_eq!(fallback.count(), 1, "{}", family.event_type);
            for detection in family.detections {
                let names_none = detection.values.is_empty();
                assert_eq!(names_none, detection.is_fallback(), "{}", detection.id);
            }
        }
    }

    #[test]
    fn what_no_detection_names_is_named_by_none_and_differs_between_splits() {
        for family in all() {
            let known: Vec<&&str> = family.detections.iter().flat_map(|d| d.values).collect();
            let [train, holdout] = [Split::Train, Split::Holdout].map(|s| family.unknown(s));
            assert_eq!(
                (train.len(), holdout.len()),
                (2, 2),
                "{}",
                family.event_type
            );
            for word in train {
                assert!(!known.contains(&word) && !holdout.contains(word), "{word}");
            }
            assert!(!holdout.iter().any(|word| known.contains(&word)));
        }
    }

    #[test]
    fn reasons_have_at_most_nine_words() {
        for d in all().flat_map(|family| family.detections) {
            assert!(d.reason.split(' ').count() <= 9, "{}", d.reason);
        }
    }
}
