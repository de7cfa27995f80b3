//! Families of rules: those of one event type, which ask the same of the event and differ in its context.

use crate::groups::Group;
use crate::prompt::Event;

/// What a rule of a family asks for beyond what all of them do.
#[derive(Clone, Copy)]
pub enum Told {
    By(fn(&Event) -> bool),
    /// A field is this word.
    Is(&'static str, &'static str),
    /// No other rule of the event type holds for the event.
    Otherwise,
}

pub struct Family {
    pub event: &'static str,
    pub surface: fn(&Event) -> bool,
    /// The lines of which the event has to be number three or later.
    pub group: Option<&'static Group>,
    pub rules: &'static [(&'static str, &'static str, Told)],
}

impl Family {
    /// What all sentences of the family ask of the event at that place.
    pub fn starts(&self, window: &[Event], at: usize) -> bool {
        let event = &window[at];
        let complete = |group: &Group| group.is_complete(&window[..=at]);
        event.is_a(self.event) && (self.surface)(event) && self.group.is_none_or(complete)
    }

    /// The ids of its rules, without the one for all other contexts, or that one.
    pub fn ids(&self, otherwise: bool) -> Vec<&'static str> {
        let rules = self.rules.iter();
        rules
            .filter(|(_, _, told)| matches!(told, Told::Otherwise) == otherwise)
            .map(|&(id, _, _)| id)
            .collect()
    }
}
