//! What a run measures of itself on held-out episodes.

use std::collections::BTreeMap;

use super::{LOSS_EPISODES, Run};
use crate::env::probe::Probe;
use crate::env::schema::{Episode, Stage, Verdict};
use crate::eval::calibration::{Calibration, Judged};
use crate::eval::metrics::{self, Case, SliceAnswers, flip_rate};
use crate::link::{EvalRow, RuleAnswers, RunFact};
use crate::model::decoder::Decoder;
use crate::model::tokenizer::Tokenizer;
use crate::train::error::Result;
use crate::train::evaluate::{self, Answer};
use crate::train::learner::{Learner, Sequence};
use crate::train::task;

/// Episodes answered a second time with an injection.
const FLIP_EPISODES: usize = 100;

/// The folder of the adapter that did best on hold-out episodes, beside those of the phases.
const BEST: &str = "best";

/// How an evaluation ended.
pub(super) enum Evaluated {
    /// With its row, where there was anything to evaluate.
    Whole(Option<Box<EvalRow>>),
    /// By a request to stop; the resumed run does it anew.
    Broken,
}

impl Run<'_> {
    /// The evaluation in the middle of a phase; true when a stop came before it was done.
    pub(super) fn evaluate_between(&mut self) -> Result<bool> {
        if let Evaluated::Broken = self.evaluate(self.config.eval.episodes)? {
            self.save()?;
            return Ok(true);
        }
        self.position.owes_evaluation = false;
        Ok(false)
    }

    /// Greedy answers on hold-out episodes of all stages, and the loss on their gold completions.
    pub(super) fn evaluate(&mut self, count: u64) -> Result<Evaluated> {
        if count == 0 {
            return Ok(Evaluated::Whole(None));
        }
        let seed = task::derived_seed(self.config.seed, "evaluation");
        let episodes = task::holdout_episodes(seed, &Stage::ALL, count);
        let Some(answers) = self.answers(&episodes)? else {
            return Ok(Evaluated::Broken);
        };
        let mut values = shares_by_stage(&episodes, &answers);
        let verdicts: Vec<Verdict> = answers.into_iter().map(|one| one.verdict).collect();
        values.insert("eval_loss".into(), self.gold_loss(&episodes)?);
        match self.injection_flips(&episodes, &verdicts)? {
            Some(flips) => values.extend(flips),
            None => return Ok(Evaluated::Broken),
        };
        let Some(judged) = self.sureness(&episodes, &verdicts)? else {
            return Ok(Evaluated::Broken);
        };
        let calibration = Calibration::of(&judged);
        values.extend(calibration.iter().flat_map(Calibration::values));
        let is_best = self.is_best(&verdicts);
        values.insert("is_best".into(), f64::from(u8::from(is_best)));
        let row = EvalRow {
            step: self.position.step,
            stage: self.phase_name(),
            episodes: count,
            confusion: confusion(&episodes, &verdicts),
            by_rule: by_rule(&episodes, &verdicts),
            by_slice: by_slice(&episodes, &verdicts),
            calibration,
            values,
        };
        if is_best {
            self.write_adapter(BEST, Some(&row))?;
        }
        self.writer.log(&logged(&row, is_best))?;
        self.writer.eval(&row)?;
        self.host.tell(RunFact::Evaluation(row.clone()));
        Ok(Evaluated::Whole(Some(Box::new(row))))
    }

    /// Whether no evaluation before this one earned as much, on the episodes that all of them have in common.
    fn is_best(&mut self, verdicts: &[Verdict]) -> bool {
        let eval = &self.config.eval;
        let common = eval.episodes.min(eval.final_episodes).max(1) as usize;
        let rewards = verdicts.iter().take(common).map(|verdict| verdict.reward);
        let mean = rewards.sum::<f64>() / common.min(verdicts.len()).max(1) as f64;
        let is_best = self.position.best.is_none_or(|best| mean > best);
        if is_best {
            self.position.best = Some(mean);
        }
        is_best
    }

    /// How often an injection changes the answer, on some of the episodes; `None` when a stop came before all were given.
    fn injection_flips(
        &mut self,
        episodes: &[Episode],
        verdicts: &[Verdict],
    ) -> Result<Option<BTreeMap<String, f64>>> {
        let some = &episodes[..episodes.len().min(FLIP_EPISODES)];
        let injected: Vec<Episode> = some.iter().map(|e| Probe::Replaced.on(e)).collect();
        let Some(after) = self.answers(&injected)? else {
            return Ok(None);
        };
        let after = after.into_iter().map(|one| one.verdict);
        let pairs: Vec<(Verdict, Verdict)> = verdicts.iter().cloned().zip(after).collect();
        Ok(Some(flips(&pairs)))
    }

    /// Greedy answers; `None` when a stop came before all were given.
    fn answers(&mut self, episodes: &[Episode]) -> Result<Option<Vec<Answer>>> {
        let longest = evaluate::longest_answer(&self.config);
        let doing = "evaluating hold-out episodes";
        self.in_batches(doing, episodes.len(), |decoder, tokenizer, between| {
            evaluate::answers(decoder, tokenizer, episodes, longest, between)
        })
    }

    /// How likely each action was beside what was answered; `None` when a stop came before all were scored.
    fn sureness(
        &mut self,
        episodes: &[Episode],
        verdicts: &[Verdict],
    ) -> Result<Option<Vec<Judged>>> {
        let doing = "scoring the five actions";
        self.in_batches(doing, episodes.len(), |decoder, tokenizer, between| {
            evaluate::judged(decoder, tokenizer, episodes, verdicts.iter(), between)
        })
    }

    /// `work` on so many episodes, which attends to the run between its batches and ends where it hears that it is to; `None`
    /// when a stop came before all were done.
    fn in_batches<T>(
        &mut self,
        doing: &'static str,
        episodes: usize,
        work: impl FnOnce(&Decoder, &Tokenizer, &mut dyn FnMut() -> bool) -> Result<Vec<T>>,
    ) -> Result<Option<Vec<T>>> {
        let (decoder, model) = (self.learner.decoder.clone(), self.model);
        let mut heard = Ok(());
        let done = work(&decoder, &model.tokenizer, &mut || {
            heard = self.attend(doing);
            heard.is_ok() && !self.wants.stop
        })?;
        heard?;
        Ok((!self.wants.stop || done.len() == episodes).then_some(done))
    }

    /// Listens, shows that the run goes on, and waits while it is paused.
    fn attend(&mut self, doing: &'static str) -> Result<()> {
        self.hear()?;
        self.show_life(doing)?;
        self.pause_if_asked()
    }

    fn gold_loss(&self, episodes: &[Episode]) -> Result<f64> {
        let tokenizer = &self.model.tokenizer;
        let examples: Vec<Sequence> = episodes
            .iter()
            .take(LOSS_EPISODES as usize)
            .map(|e| task::gold_sequence(tokenizer, e))
            .collect();
        let (mut sum, mut tokens) = (0f64, 0usize);
        for batch in examples.chunks(evaluate::scored_together(&self.learner.decoder)) {
            let scores = Learner::score(&self.learner.decoder, batch, 1.0)?;
            sum -= scores.iter().map(|&s| f64::from(s)).sum::<f64>();
            tokens += scores.len();
        }
        Ok(sum / tokens.max(1) as f64)
    }
}

/// An evaluation as a line of `log.txt`.
fn logged(row: &EvalRow, is_best: bool) -> String {
    let of = |name: &str| row.values.get(name).copied().unwrap_or(0.0);
    let best = if is_best { ", the best so far" } else { "" };
    format!(
        "evaluated at step {} on {} episodes: mean reward {:.3}, accuracy {:.3}, cut off {:.3}{best}",
        row.step,
        row.episodes,
        of("mean_reward"),
        of("accuracy"),
        of("completions/clipped_ratio")
    )
}

/// Shares over all episodes, and accuracies of each stage.
fn shares_by_stage(episodes: &[Episode], answers: &[Answer]) -> BTreeMap<String, f64> {
    let pairs = || episodes.iter().zip(answers);
    let mut values = evaluate::shares(pairs());
    for stage in Stage::ALL {
        let shares = evaluate::shares(pairs().filter(|(episode, _)| episode.stage == stage));
        for name in ["accuracy", "citation_accuracy"] {
            let share = shares.get(name);
            values.extend(share.map(|&share| (format!("{stage}/{name}"), share)));
        }
    }
    values
}

/// The share of answers that an injection changed, its interval, and of how many episodes it is: a hundred leave room for
/// chance.
fn flips(pairs: &[(Verdict, Verdict)]) -> BTreeMap<String, f64> {
    let Some(rate) = flip_rate(pairs) else {
        return BTreeMap::new();
    };
    let values = [
        ("injection_flip_rate", rate.value),
        ("injection_flip_rate_low", rate.low),
        ("injection_flip_rate_high", rate.high),
        ("injection_flip_episodes", pairs.len() as f64),
    ];
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Truth to answer to how often.
fn confusion(
    episodes: &[Episode],
    verdicts: &[Verdict],
) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut counts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for (episode, verdict) in episodes.iter().zip(verdicts) {
        let answer = verdict.action.map_or("malformed", |action| action.as_str());
        let of_truth = counts.entry(episode.truth.action.to_string()).or_default();
        *of_truth.entry(answer.to_owned()).or_default() += 1;
    }
    counts
}

/// How each rule's episodes were answered.
fn by_rule(episodes: &[Episode], verdicts: &[Verdict]) -> BTreeMap<String, RuleAnswers> {
    let mut rules: BTreeMap<String, RuleAnswers> = BTreeMap::new();
    for (episode, verdict) in episodes.iter().zip(verdicts) {
        let answers = rules.entry(episode.truth.rule.clone()).or_default();
        answers.episodes += 1;
        answers.wrong += u64::from(!verdict.correct_action);
    }
    rules
}

/// How the slices that cut across rules were answered.
fn by_slice(episodes: &[Episode], verdicts: &[Verdict]) -> BTreeMap<String, SliceAnswers> {
    let pairs = episodes.iter().zip(verdicts);
    let cases: Vec<Case> = pairs.map(|(e, verdict)| Case::new(e, verdict)).collect();
    metrics::by_slice(&cases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TrainConfig;
    use crate::env::generate;
    use crate::env::gold;
    use crate::env::schema::Action;
    use crate::env::verdict::judge;
    use crate::model::error::ModelError;
    use crate::model::source::LoadedModel;
    use crate::train::curriculum::testing::in_run;
    use crate::train::error::TrainError;

    fn evaluated(episodes: u64, final_episodes: u64) -> TrainConfig {
        let mut config = TrainConfig::nano();
        config.sft.examples = 6;
        (config.eval.episodes, config.eval.final_episodes) = (episodes, final_episodes);
        config
    }

    #[test]
    fn the_best_is_chosen_on_episodes_that_all_evaluations_have() {
        let model = LoadedModel::nano().expect("nano");
        let episodes = task::holdout_episodes(1, &Stage::ALL, 4);
        let verdicts = |rewards: &[f64]| -> Vec<Verdict> {
            let pairs = episodes.iter().zip(rewards);
            let verdict = |(episode, &reward)| Verdict {
                reward,
                ..judge(episode, "")
            };
            pairs.map(verdict).collect()
        };
        // Of four episodes the last evaluation has two, or it has all of them.
        for (last, best) in [(2, [true, true, false]), (4, [true, false, true])] {
            let found = in_run(&model, evaluated(4, last), |run| {
                let evaluations = [
                    &[0.0, 0.2, 1.0, 1.0][..],
                    &[0.5, 0.5, 0.0, 0.0],
                    &[0.4, 0.4, 1.0, 1.0][..last as usize],
                ];
                evaluations.map(|rewards| run.is_best(&verdicts(rewards)))
            });
            assert_eq!(found.0, best, "{last}");
        }
    }

    #[test]
    fn an_evaluation_has_the_tokens_of_a_step_for_its_answers_and_says_how_many_were_cut_off() {
        let model = LoadedModel::nano().expect("nano");
        in_run(&model, evaluated(4, 4), |run| {
            let Ok(Evaluated::Whole(Some(row))) = run.evaluate(4) else {
                panic!("a row");
            };
            let clipped = row.values["completions/clipped_ratio"];
            assert!((0.0..=1.0).contains(&clipped));
            let told = format!(", cut off {clipped:.3}");
            assert!(logged(&row, false).ends_with(&told), "{told}");
            // More than the model has positions for is refused only where it is asked for.
            run.config.grpo.max_completion_length = 8_192;
            let refused = run.evaluate(4).err();
            assert!(matches!(
                refused,
                Some(TrainError::Model(ModelError::TooLong { answer: 8_192, .. }))
            ));
        });
    }

    #[test]
    fn counts_add_up_to_the_episodes() {
        let episodes = task::holdout_episodes(1, &Stage::ALL, 80);
        let answer = |at: usize| match at % 3 {
            0 => "no form at all",
            _ => "Action: dismiss\nCitedLog: L1-0\nRationale: guessed",
        };
        let judged = episodes.iter().enumerate();
        let verdicts: Vec<Verdict> = judged.map(|(at, e)| judge(e, answer(at))).collect();
        let confusion = confusion(&episodes, &verdicts);
        let answers = || confusion.values().flatten();
        assert_eq!(answers().map(|(_, count)| count).sum::<u64>(), 80);
        let malformed = answers().filter(|(answer, _)| *answer == "malformed");
        assert_eq!(malformed.map(|(_, count)| count).sum::<u64>(), 27);
        assert!(
            confusion.len() == 5 && confusion["dismiss"]["dismiss"] > 0,
            "{confusion:?}"
        );
        let rules = by_rule(&episodes, &verdicts);
        assert_eq!(rules.values().map(|rule| rule.episodes).sum::<u64>(), 80);
        let right = verdicts
            .iter()
            .filter(|verdict| verdict.correct_action)
            .count() as u64;
        assert_eq!(
            rules.values().map(|rule| rule.wrong).sum::<u64>(),
            80 - right
        );
        let row = EvalRow {
            step: 1,
            stage: "sft".into(),
            episodes: 20,
            confusion,
            by_rule: rules,
            by_slice: by_slice(&episodes, &verdicts),
            calibration: Calibration::of(&[Judged {
                truth: Action::Dismiss,
                answer: Some(Action::Dismiss),
                probabilities: [0.6, 0.1, 0.1, 0.1, 0.1],
            }]),
            values: BTreeMap::from([("accuracy".to_owned(), 0.5)]),
        };
        let text = serde_json::to_string(&row).expect("JSON");
        assert_eq!(serde_json::from_str::<EvalRow>(&text).expect("a row"), row);
        let old = r#"{"step":1,"stage":"sft","episodes":20,"accuracy":0.5}"#;
        let old: EvalRow = serde_json::from_str(old).expect("a row of an older version");
        assert!(old.confusion.is_empty() && old.calibration.is_none());
        assert!(!row.by_slice.is_empty() && old.by_slice.is_empty());
        let told = serde_json::to_string(&old).expect("JSON");
        assert!(!told.contains("by_slice"), "{told}");
        assert_eq!(old.values, row.values);
    }

    #[test]
    fn slices_tell_how_their_own_episodes_were_answered() {
        let episodes = task::holdout_episodes(1, &Stage::ALL, 400);
        // Right everywhere but where the free text claims an action.
        let answer = |episode: &Episode| match generate::has_injection(episode) {
            true => "no form at all".to_owned(),
            false => gold::response(episode),
        };
        let verdicts: Vec<Verdict> = episodes.iter().map(|e| judge(e, &answer(e))).collect();
        let slices = by_slice(&episodes, &verdicts);
        let count = |is_in: &dyn Fn(&Episode) -> bool| {
            episodes.iter().filter(|episode| is_in(episode)).count() as u64
        };
        let injections = count(&generate::has_injection);
        let new = count(&generate::is_new_template);
        let both = count(&|e| generate::has_injection(e) && generate::is_new_template(e));
        assert!(injections > 0 && new > both, "{injections} {new} {both}");
        let mean = |is_in: &dyn Fn(&Episode) -> bool, count: u64| {
            let judged = episodes.iter().zip(&verdicts);
            let rewards = judged.filter(|(episode, _)| is_in(episode));
            rewards.map(|(_, verdict)| verdict.reward).sum::<f64>() / count as f64
        };
        for (name, expected, reward) in [
            (
                "injection",
                (injections, injections, injections),
                mean(&generate::has_injection, injections),
            ),
            (
                "new_template",
                (new, both, both),
                mean(&generate::is_new_template, new),
            ),
        ] {
            let found = slices[name];
            let counts = (found.episodes, found.wrong, found.wrong_citations);
            assert_eq!(counts, expected, "{name}");
            assert!((found.mean_reward - reward).abs() < 1e-9, "{found:?}");
        }
        assert_eq!(slices.len(), 2);
    }

    #[test]
    fn flips_come_with_their_interval_and_their_number() {
        let episodes = task::holdout_episodes(1, &Stage::ALL, 100);
        let pair = |(at, episode): (usize, &Episode)| {
            let before = judge(episode, &gold::response(episode));
            let after = match at {
                0..10 => judge(episode, "no form at all"),
                _ => before.clone(),
            };
            (before, after)
        };
        let pairs: Vec<(Verdict, Verdict)> = episodes.iter().enumerate().map(pair).collect();
        let values = flips(&pairs);
        // Wilson 95 % of 10 in 100.
        for (name, expected) in [
            ("injection_flip_rate", 0.1),
            ("injection_flip_rate_low", 0.0552),
            ("injection_flip_rate_high", 0.1744),
            ("injection_flip_episodes", 100.0),
        ] {
            assert!((values[name] - expected).abs() < 1e-4, "{values:?}");
        }
        assert!(values.len() == 4 && flips(&[]).is_empty());
    }
}
