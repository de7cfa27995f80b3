//! Families whose event means one thing or another by what led up to it: the same user, machine, file or address before.

mod foothold;
mod tracks;

use super::{Family, Lead};

/// Families of events that something led up to.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    foothold::FAMILIES.iter().chain(tracks::FAMILIES)
}

/// One earlier event that holds the context.
const fn after(event_type: &'static str, join: (&'static str, &'static str)) -> Option<Lead> {
    Some(Lead {
        event_type,
        count: 1,
        join,
        holds_context: true,
    })
}

/// `count` earlier events; the context is the later event's own.
const fn following(
    count: usize,
    event_type: &'static str,
    join: (&'static str, &'static str),
) -> Option<Lead> {
    Some(Lead {
        event_type,
        count,
        join,
        holds_context: false,
    })
}
