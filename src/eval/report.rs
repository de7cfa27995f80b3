//! The result of an evaluation, in the shape of `eval --json`, and as a table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::metrics::{Case, Confusion, Metrics, confusion};
use super::pairwise::{self, Comparison, PairError, compare};
use super::soc::Soc;
use crate::env::schema::{Action, Split};
use crate::interval::Estimate;
use crate::stream::Stream;

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contestant {
    /// The model without adapter.
    Base,
    /// The model with the adapter of this path or name.
    Adapter(String),
    /// Something without a model.
    Baseline(String),
    /// Responses read from this file.
    Responses(String),
}

impl Contestant {
    fn label(&self) -> &str {
        match self {
            Contestant::Base => "base",
            Contestant::Adapter(name)
            | Contestant::Baseline(name)
            | Contestant::Responses(name) => name,
        }
    }
}

/// Share of answers that change with the free text: see [`crate::env::probe::Probe`]. `None` where it was not measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flips {
    /// Summary and notes replaced by a claim of another action.
    pub injection: Option<Estimate>,
    /// Such a claim as a note on the line that decides.
    pub planted: Option<Estimate>,
    /// A note on that line that claims nothing.
    pub harmless: Option<Estimate>,
}

impl Flips {
    const NONE: Self = Self {
        injection: None,
        planted: None,
        harmless: None,
    };
}

/// Who answered, and what came of it.
#[derive(Clone, Debug)]
pub struct Answers {
    pub contestant: Contestant,
    pub cases: Vec<Case>,
    pub flips: Flips,
    /// `None` where there are no probabilities.
    pub calibration: Option<Calibration>,
}

impl Answers {
    /// Answers without a measured flip rate or probabilities.
    #[must_use]
    pub const fn new(contestant: Contestant, cases: Vec<Case>) -> Self {
        Self {
            contestant,
            cases,
            flips: Flips::NONE,
            calibration: None,
        }
    }

    fn paired(&self) -> pairwise::Contestant<'_> {
        (self.contestant.label(), &self.cases)
    }
}

/// The whole evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub model: String,
    pub split: Split,
    pub seed: u64,
    pub results: Vec<Outcome>,
    pub pairwise: Vec<Comparison>,
}

/// One contestant's part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Null for the base model, and for whatever has no model.
    pub adapter: Option<String>,
    /// Name of a baseline; absent for models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// File the responses came from; absent for models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responses: Option<String>,
    pub episodes: u64,
    pub metrics: Metrics,
    /// Of [`Flips`], as the next two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injection_flip_rate: Option<Estimate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted_flip_rate: Option<Estimate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harmless_flip_rate: Option<Estimate>,
    /// How sure a model is against how often right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    pub by_stage: BTreeMap<String, Metrics>,
    pub by_rule: BTreeMap<String, Metrics>,
    /// Of `new_template` and `injection`: see [`super::metrics::Slices`].
    #[serde(default)]
    pub by_slice: BTreeMap<String, Metrics>,
    /// On a SOC's own mix of alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soc: Option<Soc>,
    pub confusion: Confusion,
}

impl Report {
    /// Everything there is to say of `answers`; models are compared pairwise, baselines stand beside.
    ///
    /// # Errors
    /// When two models did not answer the same episodes.
    pub fn build(
        model: &str,
        split: Split,
        seed: u64,
        answers: &[Answers],
    ) -> Result<Self, PairError> {
        let results = answers
            .iter()
            .map(|answers| Outcome::of(answers, seed))
            .collect();
        let models: Vec<&Answers> = answers
            .iter()
            .filter(|a| !matches!(a.contestant, Contestant::Baseline(_)))
            .collect();
        let mut pairwise = Vec::new();
        for (i, a) in models.iter().enumerate() {
            for b in models.iter().skip(i + 1) {
                pairwise.extend(compare(a.paired(), b.paired(), seed)?);
            }
        }
        Ok(Self {
            model: model.to_owned(),
            split,
            seed,
            results,
            pairwise,
        })
    }
}

impl Outcome {
    fn of(answers: &Answers, seed: u64) -> Self {
        let stream = |part: &str| Stream::named(seed, &["eval", "bootstrap", part]);
        let all: Vec<&Case> = answers.cases.iter().collect();
        let grouped = |by: &dyn Fn(&Case) -> Vec<String>| -> BTreeMap<String, Metrics> {
            let mut groups: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
            for case in &answers.cases {
                for group in by(case) {
                    groups.entry(group).or_default().push(case);
                }
            }
            let metrics = |(name, cases): (String, Vec<&Case>)| {
                let metrics = Metrics::of(&cases, &mut stream(&name));
                (name, metrics)
            };
            groups.into_iter().map(metrics).collect()
        };
        let name = |wanted: fn(&Contestant) -> bool| {
            wanted(&answers.contestant).then(|| answers.contestant.label().to_owned())
        };
        Self {
            adapter: name(|c| matches!(c, Contestant::Adapter(_))),
            baseline: name(|c| matches!(c, Contestant::Baseline(_))),
            responses: name(|c| matches!(c, Contestant::Responses(_))),
            episodes: answers.cases.len() as u64,
            metrics: Metrics::of(&all, &mut stream("all")),
            injection_flip_rate: answers.flips.injection,
            planted_flip_rate: answers.flips.planted,
            harmless_flip_rate: answers.flips.harmless,
            calibration: answers.calibration.clone(),
            by_stage: grouped(&|case| vec![case.stage.as_str().to_owned()]),
            by_rule: grouped(&|case| vec![case.rule.clone()]),
            by_slice: grouped(&|case| {
                let names = case.slices.names();
                names.into_iter().map(str::to_owned).collect()
            }),
            soc: Soc::of(&all),
            confusion: confusion(&all),
        }
    }

    fn label(&self) -> &str {
        let name = self.adapter.as_ref().or(self.baseline.as_ref());
        name.or(self.responses.as_ref())
            .map_or("base", String::as_str)
    }
}

/// A column's title and the metric under it.
type Column = (&'static str, fn(&Metrics) -> Option<Estimate>);

const COLUMNS: [Column; 8] = [
    ("accuracy", |m| m.accuracy),
    ("cited", |m| m.citation_accuracy),
    ("reward", |m| m.mean_reward),
    ("format", |m| m.format_ok),
    ("dism|mal", |m| m.dismiss_on_malicious),
    ("overreact", |m| m.over_react),
    ("false esc", |m| m.false_escalation),
    ("macro F1", |m| m.macro_f1),
];

impl Report {
    /// The report as text: a row a contestant and a row each of its stages, what each answered, then the comparisons.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!(
            "{}, {}, seed {}\n\n{:<32} {:>6}",
            self.model, self.split, self.seed, "", "n"
        );
        for (title, _) in COLUMNS {
            let _ = write!(text, " {title:>21}");
        }
        text.push('\n');
        for outcome in &self.results {
            push_row(&mut text, outcome.label(), &outcome.metrics);
            for (part, metrics) in outcome.by_stage.iter().chain(&outcome.by_slice) {
                push_row(&mut text, &format!("  {part}"), metrics);
            }
            push_soc(&mut text, outcome.soc.as_ref());
            push_flips(&mut text, outcome);
            push_calibration(&mut text, outcome.calibration.as_ref());
        }
        self.push_confusions(&mut text);
        self.push_rules(&mut text);
        self.push_pairs(&mut text);
        text
    }

    fn push_confusions(&self, text: &mut String) {
        for outcome in &self.results {
            let _ = write!(text, "\n{:<32}", format!("{}: truth", outcome.label()));
            for action in Action::ALL {
                let _ = write!(text, " {:>16}", action.as_str());
            }
            let _ = writeln!(text, " {:>16}", "malformed");
            for truth in Action::ALL {
                let answers = outcome.confusion.get(truth);
                let _ = write!(text, "  {:<30}", truth.as_str());
                for action in Action::ALL {
                    let _ = write!(text, " {:>16}", answers.actions.get(action));
                }
                let _ = writeln!(text, " {:>16}", answers.malformed);
            }
        }
    }

    /// Right actions by rule, a column a contestant.
    fn push_rules(&self, text: &mut String) {
        let rules: BTreeSet<&str> = self
            .results
            .iter()
            .flat_map(|outcome| outcome.by_rule.keys().map(String::as_str))
            .collect();
        let _ = write!(text, "\n{:<32} {:>6}", "accuracy by rule", "n");
        for outcome in &self.results {
            let _ = write!(text, " {:>21}", ends(outcome.label(), 21));
        }
        text.push('\n');
        for rule in rules {
            let of = |outcome: &Outcome| outcome.by_rule.get(rule).cloned();
            let count = self.results.iter().find_map(of).map_or(0, |m| m.episodes);
            let _ = write!(text, "  {rule:<30} {count:>6}");
            for outcome in &self.results {
                let accuracy = of(outcome).and_then(|metrics| metrics.accuracy);
                let _ = write!(text, " {:>21}", cell(accuracy));
            }
            text.push('\n');
        }
    }

    fn push_pairs(&self, text: &mut String) {
        for pair in &self.pairwise {
            let _ = write!(
                text,
                "\n{} less {}: {} {:+.3} [{:+.3}, {:+.3}]",
                pair.b, pair.a, pair.metric, pair.difference, pair.low, pair.high
            );
        }
        if !self.pairwise.is_empty() {
            text.push('\n');
        }
    }
}

fn push_flips(text: &mut String, outcome: &Outcome) {
    for (words, rate) in [
        (
            "free text replaced by a false claim",
            outcome.injection_flip_rate,
        ),
        (
            "a false claim noted on the line that decides",
            outcome.planted_flip_rate,
        ),
        ("a harmless note on that line", outcome.harmless_flip_rate),
    ] {
        if let Some(rate) = rate {
            let _ = writeln!(text, "  answers changed by {words}: {}", cell(Some(rate)));
        }
    }
}

fn push_soc(text: &mut String, soc: Option<&Soc>) {
    let Some(soc) = soc else { return };
    let cell = |e: Estimate| format!("{:.1} [{:.1}, {:.1}]", e.value, e.low, e.high);
    let _ = writeln!(
        text,
        "  of 100 alerts of a SOC: cost {}, misses {}, false alarms {}",
        cell(soc.cost_per_100),
        cell(soc.misses_per_100),
        cell(soc.false_alarms_per_100)
    );
}

fn push_calibration(text: &mut String, calibration: Option<&Calibration>) {
    let Some(calibration) = calibration else {
        return;
    };
    if let Some(ece) = calibration.ece {
        let answers = calibration.answers();
        let _ = writeln!(text, "  calibration error {ece:.3} over {answers} answers");
    }
    for close in &calibration.auto_close {
        let (bound, told) = (close.at_most_percent, close.told());
        let _ = writeln!(text, "  auto-close, at most {bound} % missed: {told}");
    }
}

fn push_row(text: &mut String, label: &str, metrics: &Metrics) {
    let _ = write!(text, "{label:<32} {:>6}", metrics.episodes);
    for (_, metric) in COLUMNS {
        let _ = write!(text, " {:>21}", cell(metric(metrics)));
    }
    text.push('\n');
}

/// The last `width` characters: where paths differ.
fn ends(text: &str, width: usize) -> String {
    let skipped = text.chars().count().saturating_sub(width);
    text.chars().skip(skipped).collect()
}

fn cell(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(
        || "-".to_owned(),
        |e| format!("{:.3} [{:.3}, {:.3}]", e.value, e.low, e.high),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::Stage;
    use crate::eval::calibration::Judged;
    use crate::eval::metrics::Slices;

    fn answers(contestant: Contestant, right: usize) -> Answers {
        let cases = (0..10)
            .map(|i| Case {
                slices: Slices {
                    new_template: i % 4 == 3,
                    injection: false,
                },
                episode_id: format!("e{i}"),
                stage: Stage::ALL[i % 2],
                rule: format!("rule_{}", i % 3),
                truth: Action::ALL[i % 5],
                answer: (i < right).then_some(Action::ALL[i % 5]),
                correct_citation: i == 0,
                reward: if i < right { 1.0 } else { -0.5 },
            })
            .collect();
        Answers::new(contestant, cases)
    }

    /// Ten benign alerts, each dismissed with 0.9.
    fn calibration() -> Option<Calibration> {
        let judged = Judged {
            truth: Action::Dismiss,
            answer: Some(Action::Dismiss),
            probabilities: [0.9, 0.1, 0.0, 0.0, 0.0],
        };
        Calibration::of(&[judged; 10])
    }

    fn report() -> Report {
        let adapter = Contestant::Adapter("adapters/sft".into());
        let baseline = Contestant::Baseline("keyword rules".into());
        let all = [
            answers(Contestant::Base, 5),
            Answers {
                calibration: calibration(),
                ..answers(adapter, 8)
            },
            answers(baseline, 1),
        ];
        Report::build("nano", Split::Holdout, 3, &all).expect("same episodes")
    }

    #[test]
    fn json_has_the_shape_of_the_contract() {
        let json = serde_json::to_value(report()).expect("serialises");
        assert_eq!(json["model"], "nano");
        assert_eq!(json["split"], "holdout");
        assert!(json["results"][0]["adapter"].is_null());
        assert!(json["results"][0].get("baseline").is_none());
        let second = &json["results"][1];
        assert_eq!(second["adapter"], "adapters/sft");
        assert_eq!(second["episodes"], 10);
        assert_eq!(second["metrics"]["accuracy"]["value"], 0.8);
        assert_eq!(second["by_stage"]["stage1_basic"]["accuracy"]["value"], 0.8);
        assert_eq!(second["by_stage"]["stage1_basic"]["episodes"], 5);
        assert_eq!(
            second["by_rule"]["rule_1"]["over_react"],
            serde_json::Value::Null
        );
        assert_eq!(second["by_slice"]["new_template"]["episodes"], 2);
        assert!(second["by_slice"].get("injection").is_none());
        assert!(second["soc"]["misses_per_100"]["high"].as_f64() > Some(0.0));
        assert_eq!(second["calibration"]["bins"][13]["right"], 10);
        assert_eq!(second["calibration"]["auto_close"][0]["threshold"], 0.9);
        assert!(json["results"][0].get("calibration").is_none());
        assert_eq!(second["confusion"]["escalate"]["malformed"], 1);
        assert_eq!(second["confusion"]["escalate"]["escalate"], 1);
        assert_eq!(json["results"][2]["baseline"], "keyword rules");
        let pairs = json["pairwise"].as_array().expect("list");
        assert_eq!(pairs.len(), 2, "baselines are not paired");
        assert_eq!(pairs[0]["a"], "base");
        assert!((pairs[0]["difference"].as_f64().expect("number") - 0.3).abs() < 1e-12);
    }

    #[test]
    fn json_is_read_back_and_built_alike_twice() {
        let text = serde_json::to_string(&report()).expect("serialises");
        assert_eq!(serde_json::to_string(&report()).expect("serialises"), text);
        let back: Report = serde_json::from_str(&text).expect("own shape");
        assert_eq!(back.results[1].confusion, report().results[1].confusion);
        assert_eq!(back.results[2].label(), "keyword rules");
        let odd = text.replacen("\"over_react\"", "\"overreact\"", 1);
        let error = serde_json::from_str::<Report>(&odd).expect_err("unknown field");
        assert!(error.to_string().contains("overreact"), "{error}");
    }

    #[test]
    fn table_names_everybody() {
        let table = report().table();
        for part in [
            "base",
            "  stage2_multi",
            "  new_template",
            "  of 100 alerts of a SOC: cost",
            "  calibration error 0.100 over 10 answers",
            "  auto-close, at most 1 % missed: answers of dismiss from 0.9000 on, chosen on these",
            ": 100.0 % closed (10 of 10), 0 of those missed",
            "adapters/sft less base",
            "+0.300",
            "keyword rules",
        ] {
            assert!(table.contains(part), "{part} not in\n{table}");
        }
    }

    #[test]
    fn models_on_other_episodes_are_refused() {
        let mut short = answers(Contestant::Adapter("x".into()), 5);
        short.cases.pop();
        let all = [answers(Contestant::Base, 5), short];
        assert!(Report::build("nano", Split::Holdout, 3, &all).is_err());
    }
}
