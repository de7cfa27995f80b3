//! What an audit prints beside its bounds: constant policies, rules and their twins, the words that say most of a label.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::features;
use crate::env::reward;
use crate::env::schema::{Action, Episode, Stage};

/// The most a constant policy may earn by its action alone, labels balanced.
const CONSTANT_BOUND: f64 = 0.25;
/// Tokens shown a stage.
const TOKENS: usize = 5;
/// A token counts from one episode in this many.
const COMMON: usize = 50;

/// What always giving one answer earns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConstantRow {
    pub stage: Stage,
    pub action: Action,
    /// Mean reward without citations.
    pub reward: f64,
    pub bound: f64,
    pub ok: bool,
}

/// How often a rule decides, and what its twins turn on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleRow {
    pub rule: String,
    pub action: Action,
    /// Episodes it decides.
    pub episodes: u64,
    /// Different rules that decide their twins.
    pub twins: u64,
}

/// A token and the label it goes with most.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiftRow {
    pub stage: Stage,
    pub token: String,
    /// Episodes it occurs in.
    pub episodes: u64,
    pub action: Action,
    /// Share of that label among them, over the label's share among all.
    pub lift: f64,
}

/// The tables of one stage's episodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tables {
    pub constants: Vec<ConstantRow>,
    pub rules: Vec<RuleRow>,
    pub lifts: Vec<LiftRow>,
}

impl Tables {
    /// Of train episodes in the order of their indices, so that twins stand side by side.
    #[must_use]
    pub fn of(stage: Stage, episodes: &[Episode]) -> Self {
        Self {
            constants: constants(stage, episodes),
            rules: rules(episodes),
            lifts: lifts(stage, episodes),
        }
    }

    /// Adds another stage's.
    pub fn merge(&mut self, other: Self) {
        self.constants.extend(other.constants);
        self.lifts.extend(other.lifts);
        for row in other.rules {
            match self.rules.iter_mut().find(|known| known.rule == row.rule) {
                Some(known) => {
                    known.episodes += row.episodes;
                    known.twins = known.twins.max(row.twins);
                }
                None => self.rules.push(row),
            }
        }
        self.rules.sort_by(|a, b| {
            b.episodes
                .cmp(&a.episodes)
                .then_with(|| a.rule.cmp(&b.rule))
        });
    }

    /// Whether no constant policy earns too much.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.constants.iter().all(|row| row.ok)
    }

    /// The three as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "\n{:<20} {:<30} {:>8} {:>8}\n",
            "stage", "always", "reward", "bound"
        );
        for row in &self.constants {
            let mark = if row.ok { "" } else { "  BROKEN" };
            let (stage, action) = (row.stage.as_str(), row.action.as_str());
            let numbers = format!("{:>8.3} {:>8.3}", row.reward, row.bound);
            let _ = writeln!(text, "{stage:<20} {action:<30} {numbers}{mark}");
        }
        let _ = writeln!(
            text,
            "\n{:<30} {:<16} {:>8} {:>6}",
            "rule", "action", "episodes", "twins"
        );
        for row in &self.rules {
            let action = row.action.as_str();
            let _ = writeln!(
                text,
                "{:<30} {action:<16} {:>8} {:>6}",
                row.rule, row.episodes, row.twins
            );
        }
        let _ = writeln!(
            text,
            "\n{:<20} {:<40} {:<16} {:>8} {:>5}",
            "stage", "token", "action", "episodes", "lift"
        );
        for row in &self.lifts {
            let (stage, action) = (row.stage.as_str(), row.action.as_str());
            let token: String = row.token.chars().take(40).collect();
            let _ = writeln!(
                text,
                "{stage:<20} {token:<40} {action:<16} {:>8} {:>5.2}",
                row.episodes, row.lift
            );
        }
        text
    }
}

fn constants(stage: Stage, episodes: &[Episode]) -> Vec<ConstantRow> {
    let row = |action: Action| {
        let rewards = episodes
            .iter()
            .map(|e| reward::score(&e.truth, Some(action), None).0);
        let reward = rewards.sum::<f64>() / episodes.len().max(1) as f64;
        ConstantRow {
            stage,
            action,
            reward,
            bound: CONSTANT_BOUND,
            ok: reward <= CONSTANT_BOUND,
        }
    };
    Action::ALL.map(row).to_vec()
}

fn rules(episodes: &[Episode]) -> Vec<RuleRow> {
    let mut found: BTreeMap<&str, (Action, u64, BTreeSet<&str>)> = BTreeMap::new();
    for pair in episodes.chunks(2) {
        for (i, episode) in pair.iter().enumerate() {
            let truth = &episode.truth;
            let twin = pair.get(1 - i).map(|twin| twin.truth.rule.as_str());
            let entry = found
                .entry(&truth.rule)
                .or_insert_with(|| (truth.action, 0, BTreeSet::new()));
            entry.1 += 1;
            entry.2.extend(twin);
        }
    }
    let row = |(rule, (action, episodes, twins)): (&str, (Action, u64, BTreeSet<&str>))| RuleRow {
        rule: rule.to_owned(),
        action,
        episodes,
        twins: twins.len() as u64,
    };
    found.into_iter().map(row).collect()
}

fn lifts(stage: Stage, episodes: &[Episode]) -> Vec<LiftRow> {
    let mut seen: BTreeMap<String, [u64; 5]> = BTreeMap::new();
    let mut labels = [0u64; 5];
    for episode in episodes {
        let label = episode.truth.action.index();
        labels[label] += 1;
        for token in features::bag(&episode.log_window).counts.into_keys() {
            seen.entry(token).or_default()[label] += 1;
        }
    }
    let least = (episodes.len() / COMMON).max(1) as u64;
    let mut rows: Vec<LiftRow> = seen
        .into_iter()
        .filter(|(_, counts)| counts.iter().sum::<u64>() >= least)
        .map(|(token, counts)| lift(stage, token, counts, labels))
        .collect();
    rows.sort_by(|a, b| {
        b.lift
            .total_cmp(&a.lift)
            .then_with(|| a.token.cmp(&b.token))
    });
    rows.truncate(TOKENS);
    rows
}

fn lift(stage: Stage, token: String, counts: [u64; 5], labels: [u64; 5]) -> LiftRow {
    let (episodes, all) = (counts.iter().sum::<u64>(), labels.iter().sum::<u64>());
    let of = |action: Action| {
        let i = action.index();
        let share = counts[i] as f64 / episodes.max(1) as f64;
        share * all as f64 / labels[i].max(1) as f64
    };
    let best = Action::ALL
        .into_iter()
        .max_by(|a, b| of(*a).total_cmp(&of(*b)));
    let action = best.unwrap_or(Action::Dismiss);
    LiftRow {
        stage,
        token,
        episodes,
        action,
        lift: of(action),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::generate;
    use crate::env::schema::Split;

    fn episodes(stage: Stage) -> Vec<Episode> {
        let episode = |i| generate::episode(stage, Split::Train, 4, i);
        (0..1_000).map(episode).collect()
    }

    #[test]
    fn constants_earn_what_the_matrix_says() {
        let tables = Tables::of(Stage::Multi, &episodes(Stage::Multi));
        // Row means of the matrix in the README.
        for (row, want) in tables.constants.iter().zip([
            (1.0 - 0.25 - 3.0) / 5.0,
            (1.0 + 0.05 + 0.05 - 0.5) / 5.0,
            (-0.3 - 0.1 + 1.0 + 0.3 + 0.2) / 5.0,
            (-0.3 - 0.1 + 0.3 + 1.0 + 0.2) / 5.0,
            (-0.05 - 0.05 + 0.1 + 0.1 + 1.0) / 5.0,
        ]) {
            assert!((row.reward - want).abs() < 1e-9, "{row:?}");
        }
        assert!(tables.ok());
    }

    #[test]
    fn a_planted_word_has_the_greatest_lift() {
        let mut all = episodes(Stage::Mixed);
        for (i, episode) in all.iter_mut().enumerate() {
            let is_told = episode.truth.action == Action::BlockIp && i % 3 > 0;
            if let (true, Some(event)) = (is_told, episode.log_window.first_mut()) {
                event.fields.insert("note".into(), "planted".into());
            }
        }
        let lifts = Tables::of(Stage::Mixed, &all).lifts;
        assert!(lifts[0].token.contains("planted"), "{lifts:?}");
        assert_eq!(lifts[0].action, Action::BlockIp);
        assert!((lifts[0].lift - 5.0).abs() < 1e-9);
    }

    #[test]
    fn every_rule_has_twins_of_other_rules() {
        let mut tables = Tables::of(Stage::Mixed, &episodes(Stage::Mixed));
        tables.merge(Tables::of(
            Stage::Adversarial,
            &episodes(Stage::Adversarial),
        ));
        let sum: u64 = tables.rules.iter().map(|row| row.episodes).sum();
        assert_eq!(sum, 2_000);
        assert!(tables.rules.iter().all(|row| row.twins > 0));
        let text = tables.text();
        assert!(text.contains("always") && text.contains("lift"), "{text}");
    }
}
