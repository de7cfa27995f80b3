//! The generator: an episode from stage, split, seed and index, the same bytes on every machine.
//!
//! Indices 2k and 2k+1 are twins: the same window but for what one line or one actor says, and another label. Ten indices from a multiple
//! of ten hold every label twice. Window length, label and family are drawn in this order, so that none tells of the next.

mod background;
mod chain;
mod contexts;
mod draft;
mod fields;
mod header;
mod lesser;
mod organisation;
mod scattered;
mod sign_in;
#[cfg(test)]
mod tests;

use super::coherence;
use super::login::GUESSES;
use super::schema::{Action, ENV_VERSION, Episode, Event, Incident, Split, Stage, Truth};
use super::{plausible, verify};
use crate::stream::Stream;

use organisation::Organisation;

pub use header::injections;
pub(crate) use header::timestamp;

/// A window before ids, times and truth.
pub(crate) struct Draft {
    pub lines: Vec<Line>,
    pub severity: &'static str,
}

/// One event to be.
pub(crate) struct Line {
    pub event_type: &'static str,
    pub source: &'static str,
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// Benign and no part of the incident.
    pub is_decoy: bool,
}

/// Who and where an episode is about.
pub(crate) struct Scene {
    pub stage: Stage,
    pub split: Split,
    pub organisation: Organisation,
    /// Drawn from templates training never sees.
    pub is_new_template: bool,
}

/// The label of an episode and the one of its twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    pub own: Action,
    pub twin: Action,
    /// Whether the episode is the first of the pair.
    pub is_first: bool,
}

impl Labels {
    /// Both labels, the first twin's first: what draws may depend on.
    pub fn pair(self) -> (Action, Action) {
        if self.is_first {
            (self.own, self.twin)
        } else {
            (self.twin, self.own)
        }
    }

    fn swapped(self) -> Self {
        Self {
            own: self.twin,
            twin: self.own,
            is_first: !self.is_first,
        }
    }
}

/// The episode at `index`. Its twin has to be drawn too: [`pair`] and [`episodes`] give both for one drawing.
#[must_use]
pub fn episode(stage: Stage, split: Split, seed: u64, index: u64) -> Episode {
    let [first, second] = pair(stage, split, seed, index / 2);
    match index % 2 {
        0 => first,
        _ => second,
    }
}

/// The episodes from `first` on.
pub fn episodes(
    stage: Stage,
    split: Split,
    seed: u64,
    first: u64,
) -> impl Iterator<Item = Episode> {
    (first / 2..)
        .flat_map(move |number| pair(stage, split, seed, number))
        .skip((first % 2) as usize)
}

/// The twins at indices `2 * number` and `2 * number + 1`.
#[must_use]
pub fn pair(stage: Stage, split: Split, seed: u64, number: u64) -> [Episode; 2] {
    let index = 2 * number;
    let labels = labels(stage, split, seed, index);
    let mut attempt = 0u64;
    // Ends at the first draw in nearly every case: what is drawn again is chance coincidence, such as equal addresses.
    loop {
        let attempt_name = attempt.to_string();
        let path = ["episode", stage.as_str(), split.as_str(), &attempt_name];
        let mut stream = Stream::named(seed, &path).fork(number);
        let scene = header::scene(stage, split, has_new_template(split, index), &mut stream);
        let first = assemble(&scene, seed, index, labels, stream.clone());
        let second = || assemble(&scene, seed, index + 1, labels.swapped(), stream);
        if let Some(twins) = first.and_then(|first| Some([first, second()?])) {
            return twins;
        }
        attempt += 1;
    }
}

/// A sign-in of somebody inside, at once or after one or two mistyped passwords, and nothing else: truth is `dismiss`.
///
/// No stage draws such windows, for they have no twin; a model that has never seen one takes it for the beginning of guessing.
#[must_use]
pub fn plain_sign_in(split: Split, seed: u64, index: u64) -> Episode {
    let failures = (index % GUESSES as u64) as usize;
    let stage = match failures {
        0 => Stage::Basic,
        _ => Stage::Multi,
    };
    let labels = Labels {
        own: Action::Dismiss,
        twin: Action::Dismiss,
        is_first: true,
    };
    let mut attempt = 0u64;
    loop {
        let attempt_name = attempt.to_string();
        let path = ["plain sign-in", split.as_str(), &attempt_name];
        let mut stream = Stream::named(seed, &path).fork(index);
        let scene = header::scene(stage, split, false, &mut stream);
        let draft = Draft {
            lines: sign_in::plain(&scene, failures, &mut stream),
            severity: sign_in::SEVERITY,
        };
        if let Some(episode) = finish(&scene, draft, seed, index, labels, stream) {
            let episode_id = format!("plain_sign_in-{split}-{seed}-{index}");
            return Episode {
                episode_id,
                ..episode
            };
        }
        attempt += 1;
    }
}

/// The twin of a generated episode: equal event types, one line or one actor changed, another label. `None` for an episode
/// that this generator did not make.
#[must_use]
pub fn twin(episode: &Episode) -> Option<Episode> {
    let number = episode.index / 2;
    let [first, second] = pair(episode.stage, episode.split, episode.seed, number);
    match (first == *episode, second == *episode) {
        (true, _) => Some(second),
        (_, true) => Some(first),
        _ => None,
    }
}

/// Whether a hold-out episode uses templates training never sees: one pair in four.
#[must_use]
pub fn is_new_template(episode: &Episode) -> bool {
    has_new_template(episode.split, episode.index)
}

fn has_new_template(split: Split, index: u64) -> bool {
    split == Split::Holdout && (index / 2) % 4 == 3
}

/// Whether an episode's free text claims an action.
#[must_use]
pub fn has_injection(episode: &Episode) -> bool {
    let claims = |text: &str| {
        let mut known = injections(episode.split).iter();
        known.any(|claim| text.contains(&**claim))
    };
    let mut notes = episode.log_window.iter().filter_map(|e| e.text("note"));
    claims(&episode.alert.summary) || notes.any(claims)
}

/// Five pairs around a shuffled circle of the five actions: every label twice in ten episodes.
fn labels(stage: Stage, split: Split, seed: u64, index: u64) -> Labels {
    let pair = index / 2;
    let mut circle = Action::ALL;
    Stream::named(seed, &["labels", stage.as_str(), split.as_str()])
        .fork(pair / 5)
        .shuffle(&mut circle);
    let place = (pair % 5) as usize;
    let at = |i: usize| circle.get(i % 5).copied().unwrap_or(Action::Dismiss);
    let first = Labels {
        own: at(place),
        twin: at(place + 1),
        is_first: true,
    };
    if index.is_multiple_of(2) {
        first
    } else {
        first.swapped()
    }
}

/// One try at an episode; `None` where truth is not what was wanted, or not the same on incident and window.
fn assemble(
    scene: &Scene,
    seed: u64,
    index: u64,
    labels: Labels,
    mut stream: Stream,
) -> Option<Episode> {
    let draft = draft::window(scene, labels, &mut stream)?;
    finish(scene, draft, seed, index, labels, stream)
}

/// The episode of a window; `None` as [`assemble`].
fn finish(
    scene: &Scene,
    draft: Draft,
    seed: u64,
    index: u64,
    labels: Labels,
    mut stream: Stream,
) -> Option<Episode> {
    let Scene { stage, split, .. } = *scene;
    let severity = draft.severity;
    let (log_window, incident_events) = header::stamp(scene, draft, &mut stream);
    let truth = agreed_truth(&incident_events, &log_window)?;
    let subject = header::about(scene, &truth, &log_window, &mut stream);
    let alert = header::alert(scene, severity, subject, &log_window, &mut stream);
    let incident = Incident {
        category: alert.category.clone(),
        target_label: stream.pick(&Action::ALL).copied()?,
        narrative: header::narrative(&mut stream),
        events: incident_events,
    };
    plausible::check(&incident.category, &log_window).ok()?;
    coherence::check(&log_window).ok()?;
    (truth.action == labels.own).then(|| Episode {
        episode_id: format!("{stage}-{split}-{seed}-{index}"),
        env_version: ENV_VERSION.to_owned(),
        stage,
        split,
        seed,
        index,
        alert,
        log_window,
        incident,
        truth,
    })
}

fn agreed_truth(incident: &[Event], window: &[Event]) -> Option<Truth> {
    let truth = verify::truth(window).ok()?;
    (verify::truth(incident).ok()? == truth && truth.rule != "no_finding").then_some(truth)
}
