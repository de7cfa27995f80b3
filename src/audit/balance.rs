//! Whether labels, lengths, event types and twins are spread as the contract says.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::env::schema::{Action, Episode, Event, Stage};

/// One thing checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BalanceRow {
    /// `None` where all stages are looked at together.
    pub stage: Option<Stage>,
    pub check: &'static str,
    pub value: f64,
    pub bound: f64,
    pub ok: bool,
    /// What was found, in words; empty where the number says it all.
    pub detail: String,
}

/// Occurrences below which the labels of an event type cannot be told.
const ENOUGH: usize = 15;
/// Least share of non-dismiss episodes with a twin.
const TWINS: f64 = 0.5;

/// The checks on the episodes of one stage.
#[must_use]
pub fn stage_rows(stage: Stage, episodes: &[Episode]) -> Vec<BalanceRow> {
    let mut rows = vec![labels(stage, episodes), length_range(stage, episodes)];
    if stage != Stage::Basic {
        rows.push(length_by_label(stage, episodes));
    }
    rows.push(twins(stage, episodes));
    rows
}

fn labels(stage: Stage, episodes: &[Episode]) -> BalanceRow {
    let n = episodes.len().max(1) as f64;
    let fair = 1.0 / Action::ALL.len() as f64;
    let shares = Action::ALL.map(|action| {
        let count = episodes.iter().filter(|e| e.truth.action == action).count();
        count as f64 / n
    });
    let value = shares.iter().map(|s| (s - fair).abs()).fold(0.0, f64::max);
    // Four standard errors of a fair draw: a balanced generator stays below, however it draws.
    let bound = 4.0 * (fair * (1.0 - fair) / n).sqrt();
    let named: Vec<String> = Action::ALL
        .iter()
        .zip(shares)
        .map(|(action, share)| format!("{action} {share:.3}"))
        .collect();
    BalanceRow {
        stage: Some(stage),
        check: "label share off one fifth",
        value,
        bound,
        ok: value <= bound,
        detail: named.join(", "),
    }
}

const fn length_bounds(stage: Stage) -> (usize, usize) {
    match stage {
        Stage::Basic => (1, 1),
        Stage::Multi => (3, 5),
        Stage::Mixed => (4, 7),
        Stage::Adversarial => (5, 10),
    }
}

fn length_range(stage: Stage, episodes: &[Episode]) -> BalanceRow {
    let (least, most) = length_bounds(stage);
    let outside: Vec<&Episode> = episodes
        .iter()
        .filter(|e| !(least..=most).contains(&e.log_window.len()))
        .collect();
    let detail = outside.first().map_or_else(String::new, |e| {
        format!("{} has {} events", e.episode_id, e.log_window.len())
    });
    let value = outside.len() as f64 / episodes.len().max(1) as f64;
    BalanceRow {
        stage: Some(stage),
        check: "windows of another length",
        value,
        bound: 0.0,
        ok: outside.is_empty(),
        detail,
    }
}

/// Chi-square of window length against label, as Cramér's V.
fn length_by_label(stage: Stage, episodes: &[Episode]) -> BalanceRow {
    let mut cells: BTreeMap<(usize, Action), f64> = BTreeMap::new();
    let mut lengths: BTreeMap<usize, f64> = BTreeMap::new();
    let mut labels: BTreeMap<Action, f64> = BTreeMap::new();
    for episode in episodes {
        let (length, label) = (episode.log_window.len(), episode.truth.action);
        *cells.entry((length, label)).or_default() += 1.0;
        *lengths.entry(length).or_default() += 1.0;
        *labels.entry(label).or_default() += 1.0;
    }
    let n = episodes.len().max(1) as f64;
    let mut chi = 0.0;
    for (&length, of_length) in &lengths {
        for (&label, of_label) in &labels {
            let expected = of_length * of_label / n;
            let seen = cells.get(&(length, label)).copied().unwrap_or(0.0);
            chi += (seen - expected).powi(2) / expected;
        }
    }
    let freedom = (lengths.len().max(1) - 1) as f64 * (labels.len().max(1) - 1) as f64;
    let sides = (lengths.len().min(labels.len()).max(2) - 1) as f64;
    // Four standard deviations above the mean of chi-square under independence.
    let limit = freedom + 4.0 * (2.0 * freedom).sqrt();
    BalanceRow {
        stage: Some(stage),
        check: "length tied to label (V)",
        value: (chi / (n * sides)).sqrt(),
        bound: (limit / (n * sides)).sqrt(),
        ok: chi <= limit,
        detail: String::new(),
    }
}

fn type_names(window: &[Event]) -> Vec<&str> {
    window.iter().map(|e| e.event_type.as_str()).collect()
}

/// How many field values differ between windows of the same event types.
fn differences(a: &[Event], b: &[Event]) -> usize {
    let of = |a: &Event, b: &Event| {
        let changed = a.fields.iter().filter(|(k, v)| b.fields.get(*k) != Some(v));
        let only_there = b.fields.keys().filter(|k| !a.fields.contains_key(*k));
        changed.count() + only_there.count()
    };
    a.iter().zip(b).map(|(a, b)| of(a, b)).sum()
}

/// Share of non-dismiss episodes beside which there is one of the same event types that differs in one value and has
/// another label. Looks for it among `episodes` themselves: a twin that is never drawn teaches nothing.
fn twins(stage: Stage, episodes: &[Episode]) -> BalanceRow {
    let mut alike: BTreeMap<Vec<&str>, Vec<&Episode>> = BTreeMap::new();
    for episode in episodes {
        let types = type_names(&episode.log_window);
        alike.entry(types).or_default().push(episode);
    }
    let has_twin = |episode: &Episode, others: &[&Episode]| {
        others.iter().any(|other| {
            other.truth.action != episode.truth.action
                && differences(&episode.log_window, &other.log_window) == 1
        })
    };
    let (mut guilty, mut paired) = (0u32, 0u32);
    for group in alike.values() {
        for episode in group.iter().filter(|e| e.truth.action != Action::Dismiss) {
            guilty += 1;
            paired += u32::from(has_twin(episode, group));
        }
    }
    let value = f64::from(paired) / f64::from(guilty.max(1));
    BalanceRow {
        stage: Some(stage),
        check: "non-dismiss with a twin",
        value,
        bound: TWINS,
        ok: value >= TWINS,
        detail: String::new(),
    }
}

/// Under which labels each event type occurs.
#[derive(Clone, Debug, Default)]
pub struct TypeLabels {
    types: BTreeMap<String, (usize, BTreeSet<Action>)>,
}

impl TypeLabels {
    /// Adds the windows of `episodes`.
    pub fn add(&mut self, episodes: &[Episode]) {
        for episode in episodes {
            for event in &episode.log_window {
                let entry = self.types.entry(event.event_type.clone()).or_default();
                entry.0 += 1;
                entry.1.insert(episode.truth.action);
            }
        }
    }

    /// Adds what another table holds.
    pub fn merge(&mut self, other: Self) {
        for (name, (count, labels)) in other.types {
            let entry = self.types.entry(name).or_default();
            entry.0 += count;
            entry.1.extend(labels);
        }
    }

    /// How many event types occur under fewer than three labels, or never under `dismiss`.
    #[must_use]
    pub fn row(&self) -> BalanceRow {
        let narrow: Vec<String> = self
            .types
            .iter()
            .filter(|(_, (count, _))| *count >= ENOUGH)
            .filter(|(_, (_, labels))| labels.len() < 3 || !labels.contains(&Action::Dismiss))
            .map(|(name, (_, labels))| {
                let labels: Vec<&str> = labels.iter().map(|l| l.as_str()).collect();
                format!("{name} only under {}", labels.join("/"))
            })
            .collect();
        BalanceRow {
            stage: None,
            check: "event types of too few labels",
            value: narrow.len() as f64,
            bound: 0.0,
            ok: narrow.is_empty(),
            detail: narrow.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::planted::{Leak, episodes};

    fn failed(rows: &[BalanceRow]) -> Vec<&'static str> {
        rows.iter().filter(|r| !r.ok).map(|r| r.check).collect()
    }

    #[test]
    fn even_episodes_pass_and_a_missing_label_does_not() {
        let even = episodes(Leak::None, 0, 1_000, 1);
        assert_eq!(failed(&stage_rows(Stage::Multi, &even)), [""; 0]);
        let kept = |e: &&Episode| e.truth.action != Action::BlockIp || e.index.is_multiple_of(2);
        let thinned: Vec<Episode> = even.iter().filter(kept).cloned().collect();
        let checks = failed(&stage_rows(Stage::Multi, &thinned));
        assert_eq!(checks, ["label share off one fifth"]);
    }

    #[test]
    fn length_that_follows_the_label_and_windows_too_long_are_found() {
        let mut tied = episodes(Leak::EventType, 0, 1_000, 2);
        for episode in &mut tied {
            if episode.truth.action == Action::Escalate && episode.index.is_multiple_of(3) {
                episode.log_window.truncate(3);
            }
        }
        let checks = failed(&stage_rows(Stage::Multi, &tied));
        assert_eq!(checks, ["length tied to label (V)"]);
        let mut long = episodes(Leak::None, 0, 1_000, 2);
        let extra = long[7].log_window.clone();
        long[7].log_window.extend(extra);
        let rows = stage_rows(Stage::Multi, &long);
        assert_eq!(failed(&rows), ["windows of another length"]);
        assert!((rows[1].value - 0.001).abs() < 1e-12);
        assert!(rows[1].detail.contains("events"));
    }

    #[test]
    fn a_second_difference_makes_a_twin_none() {
        let mut own = episodes(Leak::None, 0, 400, 3);
        assert!((twins(Stage::Multi, &own).value - 1.0).abs() < 1e-12);
        for episode in own.iter_mut().filter(|e| !e.index.is_multiple_of(3)) {
            let label = episode.truth.action.as_str();
            episode.log_window[2]
                .fields
                .insert("told".into(), label.into());
        }
        let row = twins(Stage::Multi, &own);
        assert!(!row.ok && row.value == 0.0, "{row:?}");
    }

    #[test]
    fn an_event_type_of_two_labels_is_named() {
        let mut types = TypeLabels::default();
        let mut narrow = episodes(Leak::None, 0, 400, 4);
        types.add(&narrow);
        assert!(types.row().ok);
        for episode in &mut narrow {
            if episode.truth.action.is_containment() {
                episode.log_window[0].event_type = "net.odd".into();
            }
        }
        let mut more = TypeLabels::default();
        more.add(&narrow);
        types.merge(more);
        assert_eq!(
            types.row().detail,
            "net.odd only under quarantine_host/block_ip"
        );
    }
}
