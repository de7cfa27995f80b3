//! The leak and balance audit: can a program that understands nothing still guess the label?
//!
//! Classifiers are fitted on train episodes and held against hold-out episodes, channel by channel, and everything is
//! compared with the bounds of the product contract. Episodes come from outside; this module does not generate.

pub mod balance;
pub mod citation;
pub mod features;
pub mod lbfgs;
pub mod logistic;
#[cfg(test)]
pub mod planted;
pub mod tables;
pub mod tree;

use std::fmt::Write as _;

use serde::Serialize;

use crate::env::schema::{Action, Episode, Split, Stage};
use crate::interval::wilson;
use crate::stream::Stream;
use balance::{BalanceRow, TypeLabels};
use citation::{Citer, TypeTable};
use features::{Channel, Columns, Row, Sample};
use logistic::{Logistic, Table};
use tables::Tables;
use tree::Tree;

/// By how much a citation baseline may beat chance.
const CITATION_MARGIN: f64 = 0.10;

/// Gives the episode of a stage, split and index; the seed is the caller's.
pub type Source<'a> = dyn Fn(Stage, Split, u64) -> Episode + Sync + 'a;

/// How large an audit to make.
#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    /// Episodes a stage to fit on; half as many again are tested.
    pub train_episodes: u64,
    pub test_episodes: u64,
    pub stages: Vec<Stage>,
}

impl Options {
    /// All stages, `train_episodes` each and half as many to test.
    #[must_use]
    pub fn new(seed: u64, train_episodes: u64) -> Self {
        Self {
            seed,
            train_episodes,
            test_episodes: train_episodes.div_ceil(2),
            stages: Stage::ALL.to_vec(),
        }
    }
}

/// One classifier on one channel of one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditRow {
    pub stage: Stage,
    /// A [`Channel`], or `citation`.
    pub channel: &'static str,
    pub classifier: &'static str,
    /// On label-balanced hold-out episodes.
    pub accuracy: f64,
    pub low: f64,
    pub high: f64,
    /// On train-split episodes that were not fitted: a shortcut in values the two splits do not share shows here only.
    pub fresh_train_accuracy: f64,
    /// What a blind guess reaches.
    pub chance: f64,
    /// `None` where the contract sets none.
    pub bound: Option<f64>,
    pub ok: bool,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub seed: u64,
    pub train_episodes: u64,
    pub test_episodes: u64,
    pub rows: Vec<AuditRow>,
    pub balance: Vec<BalanceRow>,
    pub tables: Tables,
    /// Whether every bound holds.
    pub ok: bool,
}

/// The episodes of one stage: fitted, held out, and of the train split but not fitted.
struct StageEpisodes {
    stage: Stage,
    train: Vec<Episode>,
    holdout: Vec<Episode>,
    fresh: Vec<Episode>,
}

type StageFindings = (Vec<AuditRow>, Vec<BalanceRow>, TypeLabels, Tables);

/// Audits the episodes that `source` gives, on two threads.
#[must_use]
pub fn audit(options: &Options, source: &Source) -> Report {
    // Long and short stages in pairs, so that both threads end at about the same time.
    let shares: [Vec<usize>; 2] = [0, 1].map(|half| {
        let places = 0..options.stages.len();
        places.filter(|i| i.div_ceil(2) % 2 == half).collect()
    });
    let work = |share: &[usize]| -> Vec<(usize, StageFindings)> {
        let stages = share
            .iter()
            .filter_map(|&i| Some((i, *options.stages.get(i)?)));
        stages
            .map(|(i, stage)| (i, stage_findings(options, stage, source)))
            .collect()
    };
    let [mine, other] = &shares;
    let mut found = std::thread::scope(|scope| {
        let beside = scope.spawn(|| work(other));
        let mut found = work(mine);
        match beside.join() {
            Ok(more) => found.extend(more),
            Err(cause) => std::panic::resume_unwind(cause),
        }
        found
    });
    found.sort_by_key(|(i, _)| *i);
    assemble(options, found.into_iter().map(|(_, findings)| findings))
}

fn assemble(options: &Options, found: impl Iterator<Item = StageFindings>) -> Report {
    let (mut rows, mut balance) = (Vec::new(), Vec::new());
    let (mut types, mut tables) = (TypeLabels::default(), Tables::default());
    for (stage_rows, stage_balance, stage_types, stage_tables) in found {
        rows.extend(stage_rows);
        balance.extend(stage_balance);
        types.merge(stage_types);
        tables.merge(stage_tables);
    }
    balance.push(types.row());
    let holds = rows.iter().all(|row| row.ok) && balance.iter().all(|row| row.ok);
    let ok = holds && tables.ok();
    Report {
        seed: options.seed,
        train_episodes: options.train_episodes,
        test_episodes: options.test_episodes,
        rows,
        balance,
        tables,
        ok,
    }
}

fn stage_findings(options: &Options, stage: Stage, source: &Source) -> StageFindings {
    let take = |split, from: u64, n: u64| -> Vec<Episode> {
        (from..from + n).map(|i| source(stage, split, i)).collect()
    };
    let (train, test) = (options.train_episodes, options.test_episodes);
    let episodes = StageEpisodes {
        stage,
        train: take(Split::Train, 0, train),
        holdout: take(Split::Holdout, 0, test),
        fresh: take(Split::Train, train, test),
    };
    let mut types = TypeLabels::default();
    types.add(&episodes.train);
    types.add(&episodes.holdout);
    let mut rows = channel_rows(&episodes);
    rows.extend(citation_rows(options.seed, &episodes));
    let tables = Tables::of(stage, &episodes.train);
    (
        rows,
        balance::stage_rows(stage, &episodes.train),
        types,
        tables,
    )
}

fn channel_rows(episodes: &StageEpisodes) -> Vec<AuditRow> {
    let train = balanced(&episodes.train);
    let holdout = balanced(&episodes.holdout);
    let fresh = balanced(&episodes.fresh);
    let mut rows = Vec::new();
    for channel in Channel::ALL {
        let samples = samples_of(channel, &train);
        let columns = Columns::learn(&samples);
        let fitted = Coded::of(&columns, &samples, &train);
        let holdout = Coded::of(&columns, &samples_of(channel, &holdout), &holdout);
        let fresh = Coded::of(&columns, &samples_of(channel, &fresh), &fresh);
        let logistic = Logistic::fit(&fitted.table());
        let tree = Tree::fit(&fitted.table());
        let mut push = |classifier, measure: &dyn Fn(&Table) -> f64| {
            let accuracy = measure(&holdout.table());
            let bound = channel.bound().filter(|_| episodes.stage != Stage::Basic);
            let n = holdout.rows.len() as u64;
            let fresh_train_accuracy = measure(&fresh.table());
            let name = (channel.as_str(), classifier);
            let chance = 1.0 / Action::ALL.len() as f64;
            let row = row(episodes.stage, name, (accuracy, n), chance, bound);
            rows.push(AuditRow {
                fresh_train_accuracy,
                ..row
            });
        };
        push("logistic", &|table| logistic.accuracy(table));
        push("tree", &|table| tree.accuracy(table));
    }
    rows
}

fn citation_rows(seed: u64, episodes: &StageEpisodes) -> Vec<AuditRow> {
    let types = TypeTable::learn(&episodes.train);
    let (holdout, fresh) = (balanced(&episodes.holdout), balanced(&episodes.fresh));
    let chance = citation::chance(&holdout);
    let mut stream = Stream::named(seed, &["audit", "citation", episodes.stage.as_str()]);
    let mut rows = Vec::new();
    for citer in Citer::ALL {
        let accuracy = citation::hit_rate(citer, &holdout, &types, &mut stream);
        let bounded = citer.is_bounded() && episodes.stage != Stage::Basic;
        let bound = bounded.then_some(chance + CITATION_MARGIN);
        let name = ("citation", citer.as_str());
        let n = holdout.len() as u64;
        let row = row(episodes.stage, name, (accuracy, n), chance, bound);
        rows.push(AuditRow {
            fresh_train_accuracy: citation::hit_rate(citer, &fresh, &types, &mut stream),
            ..row
        });
    }
    rows
}

fn row(
    stage: Stage,
    (channel, classifier): (&'static str, &'static str),
    (accuracy, n): (f64, u64),
    chance: f64,
    bound: Option<f64>,
) -> AuditRow {
    let hits = (accuracy * n as f64).round() as u64;
    let interval = wilson(hits, n);
    AuditRow {
        stage,
        channel,
        classifier,
        accuracy,
        low: interval.map_or(0.0, |i| i.low),
        high: interval.map_or(1.0, |i| i.high),
        fresh_train_accuracy: accuracy,
        chance,
        bound,
        ok: bound.is_none_or(|bound| accuracy <= bound),
    }
}

/// As many episodes of every label, the first ones of each; all of them where a label is missing.
fn balanced(episodes: &[Episode]) -> Vec<&Episode> {
    let of = |action| episodes.iter().filter(|e| e.truth.action == action).count();
    let least = Action::ALL.into_iter().map(of).min().unwrap_or(0);
    if least == 0 {
        return episodes.iter().collect();
    }
    let mut taken = [0usize; Action::ALL.len()];
    let fits = |episode: &&Episode| {
        taken
            .get_mut(episode.truth.action.index())
            .is_some_and(|taken| {
                *taken += 1;
                *taken <= least
            })
    };
    episodes.iter().filter(fits).collect()
}

fn samples_of(channel: Channel, episodes: &[&Episode]) -> Vec<Sample> {
    let sample = |episode: &&Episode| features::sample(channel, episode);
    episodes.iter().map(sample).collect()
}

/// Episodes in columns.
struct Coded {
    rows: Vec<Row>,
    labels: Vec<Action>,
    columns: usize,
}

impl Coded {
    fn of(columns: &Columns, samples: &[Sample], episodes: &[&Episode]) -> Self {
        Self {
            rows: samples.iter().map(|sample| columns.row(sample)).collect(),
            labels: episodes.iter().map(|e| e.truth.action).collect(),
            columns: columns.len(),
        }
    }

    fn table(&self) -> Table<'_> {
        Table {
            rows: &self.rows,
            labels: &self.labels,
            columns: self.columns,
        }
    }
}

/// Share of rows whose label `predict` gives; zero of none.
fn accuracy(table: &Table, predict: impl Fn(&Row) -> Action) -> f64 {
    let pairs = table.rows.iter().zip(table.labels);
    let hits = pairs.filter(|(row, label)| predict(row) == **label).count();
    hits as f64 / table.rows.len().max(1) as f64
}

impl AuditRow {
    /// Whether its interval holds the bound: an accuracy above it may be chance.
    #[must_use]
    pub fn is_within_error(&self) -> bool {
        self.bound.is_some_and(|bound| self.low <= bound)
    }
}

impl Report {
    /// The report as text, one row a line, broken bounds marked.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<20} {:<10} {:<19} {:>8}  {:<15} {:>11} {:>7} {:>6}\n",
            "stage",
            "channel",
            "classifier",
            "accuracy",
            "95 % interval",
            "fresh train",
            "chance",
            "bound"
        );
        for row in &self.rows {
            let interval = format!("[{:.3}, {:.3}]", row.low, row.high);
            let bound = row.bound.map_or("-".into(), |b| format!("{b:.3}"));
            let mark = match (row.ok, row.is_within_error()) {
                (true, _) => "",
                (false, false) => "  BROKEN",
                (false, true) => "  BROKEN, by no more than sampling error: more --episodes tell",
            };
            let _ = writeln!(
                text,
                "{:<20} {:<10} {:<19} {:>8.3}  {:<15} {:>11.3} {:>7.3} {:>6}{mark}",
                row.stage.as_str(),
                row.channel,
                row.classifier,
                row.accuracy,
                interval,
                row.fresh_train_accuracy,
                row.chance,
                bound
            );
        }
        let _ = writeln!(
            text,
            "\n{:<20} {:<30} {:>8} {:>8}",
            "stage", "balance", "value", "bound"
        );
        for row in &self.balance {
            let stage = row.stage.map_or("all", Stage::as_str);
            let mark = if row.ok { "" } else { "  BROKEN" };
            let line = format!(
                "{stage:<20} {:<30} {:>8.3} {:>8.3}{mark}  {}",
                row.check, row.value, row.bound, row.detail
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text.push_str(&self.tables.text());
        let verdict = if self.ok {
            "every bound holds"
        } else {
            "a bound is broken"
        };
        let _ = writeln!(text, "\n{verdict}");
        text
    }
}
