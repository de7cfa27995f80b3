//! What an attacker can do to an incident without changing what it is: mutations of drawn episodes.
//!
//! An arm is a template (what the incident is about) and a mutation of it. The attacker writes lines, values on their side
//! of a threshold, order and free text; never a field that exculpates. A craft whose truth moved, or that could not have
//! happened, is refused by name and costs the attacker [`REFUSED`]. Which arm is tried is not decided here: see
//! [`crate::train::bandit`].

mod mutate;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::coherence::{self, Contradiction};
use super::families::{self, Surface};
use super::login;
use super::plausible::{self, Implausible};
use super::schema::{Episode, Event};
use super::verify;
use crate::stream::Stream;

/// What the attacker earns for a craft that is refused: no defender sees it.
pub const REFUSED: f64 = -0.5;

/// Longest window of a craft: that of stage 4.
const MOST_EVENTS: usize = 10;

/// What is done to an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mutation {
    /// Numbers move next to their threshold, each on its side.
    HugThreshold,
    /// Harmless lines of the trigger's type stand beside it, with contexts of other labels.
    LookAlikes,
    /// Free text claims another action.
    Injection,
    /// The window is filled up with background.
    Flood,
    /// Lines change places, those of the evidence keep their order.
    Interleave,
}

impl Mutation {
    /// All five.
    pub const ALL: [Mutation; 5] = [
        Mutation::HugThreshold,
        Mutation::LookAlikes,
        Mutation::Injection,
        Mutation::Flood,
        Mutation::Interleave,
    ];

    /// The name it has in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Mutation::HugThreshold => "hug_threshold",
            Mutation::LookAlikes => "look_alikes",
            Mutation::Injection => "injection",
            Mutation::Flood => "flood",
            Mutation::Interleave => "interleave",
        }
    }
}

/// A template and what is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arm {
    /// The event type that incidents of it turn on.
    pub template: &'static str,
    pub mutation: Mutation,
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.template, self.mutation.as_str())
    }
}

/// Every arm there is, in a fixed order: thresholds can only be hugged where a template has one.
#[must_use]
pub fn arms() -> Vec<Arm> {
    let has_threshold = |template: &str| {
        families::find(template).is_some_and(|f| !matches!(f.surface, Surface::Words { .. }))
    };
    let templates = families::all().map(|family| family.event_type);
    let of = |template: &'static str| {
        let mutations = Mutation::ALL.into_iter();
        let fits = move |m: &Mutation| *m != Mutation::HugThreshold || has_threshold(template);
        mutations
            .filter(fits)
            .map(move |mutation| Arm { template, mutation })
    };
    templates.chain([login::SUCCESS]).flat_map(of).collect()
}

/// The template of an episode: the type of the event its truth turns on.
#[must_use]
pub fn template(episode: &Episode) -> Option<&'static str> {
    let trigger = &episode.truth.triggering_log_id;
    let event = episode.log_window.iter().find(|e| e.log_id == *trigger)?;
    match event.event_type.as_str() {
        login::FAILURE | login::SUCCESS => Some(login::SUCCESS),
        other => families::find(other).map(|family| family.event_type),
    }
}

/// Why a craft never reaches the defender.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    #[error("implausible: {0}")]
    Implausible(#[from] Implausible),
    #[error("incoherent: {0}")]
    Incoherent(#[from] Contradiction),
    #[error("its truth moved from {was} to {is}")]
    TruthMoved { was: String, is: String },
    #[error("incident and window do not agree on its truth")]
    Disagree,
}

/// A line of a craft: whether it belongs to the incident, or is there to distract.
#[derive(Clone, Debug)]
struct Line {
    event: Event,
    is_incident: bool,
    is_evidence: bool,
}

/// `base` after a mutation: the same truth, another window or other text.
///
/// # Errors
/// When the mutation moved the truth, or made something that could not have happened.
pub fn craft(base: &Episode, mutation: Mutation, stream: &mut Stream) -> Result<Episode, Refused> {
    let mut crafted = base.clone();
    let mut lines = mutate::apply(&mut crafted.alert, lines(base), base, mutation, stream);
    stamp(&mut lines);
    let events = |of: &dyn Fn(&Line) -> bool| -> Vec<Event> {
        let lines = lines.iter().filter(|line| of(line));
        lines.map(|line| line.event.clone()).collect()
    };
    crafted.log_window = events(&|_| true);
    crafted.incident.events = events(&|line| line.is_incident);
    crafted.episode_id = format!("{}+{}", base.episode_id, mutation.as_str());
    plausible::check(&crafted.incident.category, &crafted.log_window)?;
    coherence::check(&crafted.log_window)?;
    let truth = verify::truth(&crafted.log_window)?;
    if truth != verify::truth(&crafted.incident.events)? {
        return Err(Refused::Disagree);
    }
    if truth.rule != base.truth.rule {
        return Err(Refused::TruthMoved {
            was: base.truth.rule.clone(),
            is: truth.rule,
        });
    }
    crafted.truth = truth;
    Ok(crafted)
}

fn lines(base: &Episode) -> Vec<Line> {
    let ids: Vec<&str> = base.incident.events.iter().map(|e| &*e.log_id).collect();
    let line = |event: &Event| Line {
        is_incident: ids.contains(&&*event.log_id),
        is_evidence: base.truth.evidence.contains(&event.log_id),
        event: event.clone(),
    };
    base.log_window.iter().map(line).collect()
}

/// Ids by position, times in order: those there were, the last again where there are more lines.
fn stamp(lines: &mut [Line]) {
    let mut times: Vec<String> = lines.iter().map(|l| l.event.timestamp.clone()).collect();
    times.sort();
    for (n, (line, time)) in lines.iter_mut().zip(times).enumerate() {
        line.event.log_id = format!("L1-{n}");
        line.event.timestamp = time;
    }
}
