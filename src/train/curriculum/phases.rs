//! One optimiser step of each kind: supervised on gold examples, reinforced on rollouts.

use std::collections::BTreeMap;

use super::{Run, gold_sequence};
use crate::env::schema::{Action, Episode, Stage, Truth, Verdict};
use crate::env::{reward, verdict};
use crate::link::{MetricRow, Rollout, RolloutGroup};
use crate::model::decode::{Request, Sample, generate};
use crate::model::sampler::Sampling;
use crate::stream::Stream;
use crate::train::error::{Result, TrainError};
use crate::train::evaluate::Tally;
use crate::train::grpo::{self, TokenTerms};
use crate::train::learner::{BatchStats, Learner, Sequence};
use crate::train::task;

/// Groups in one packing: between two packings the host may answer a screen.
const GROUPS_A_BATCH: usize = 4;
/// Gold examples in one packing.
const EXAMPLES_A_BATCH: usize = 8;
/// Steps looked at for the collapse warning, and the share of one action that raises it.
const COLLAPSE_WINDOW: usize = 20;
const COLLAPSE_SHARE: f64 = 0.6;

/// Responses to one prompt, judged.
struct Group {
    episode: Episode,
    prompt: Vec<u32>,
    samples: Vec<Sample>,
    responses: Vec<String>,
    verdicts: Vec<Verdict>,
    advantages: Vec<f64>,
}

impl Group {
    fn sequence(&self) -> Sequence {
        let completions = self
            .samples
            .iter()
            .map(|sample| sample.tokens.clone())
            .collect();
        Sequence {
            prompt: self.prompt.clone(),
            completions,
        }
    }
}

impl Run<'_> {
    pub(super) fn sft_step(&mut self, phase_steps: u64) -> Result<MetricRow> {
        let config = self.config.sft.clone();
        let (epoch, first) = {
            let per_epoch = phase_steps / config.epochs.max(1);
            (
                self.position.phase_step / per_epoch.max(1),
                self.position.phase_step % per_epoch.max(1),
            )
        };
        let mut order: Vec<u64> = (0..config.examples).collect();
        Stream::named(self.config.seed, &["train", "sft order"])
            .fork(epoch)
            .shuffle(&mut order);
        let start = (first * config.batch) as usize;
        let end = (start + config.batch as usize).min(order.len());
        let examples: Vec<Sequence> = order[start..end]
            .iter()
            .map(|&i| {
                gold_sequence(
                    &self.model.tokenizer,
                    &task::gold_episode(self.config.seed, i),
                )
            })
            .collect();
        let tokens: usize = examples
            .iter()
            .flat_map(|e| &e.completions)
            .map(Vec::len)
            .sum();
        let mut stats = BatchStats::default();
        for batch in examples.chunks(EXAMPLES_A_BATCH) {
            stats.add(&self.learner.supervised(batch, tokens)?);
            self.listen()?;
        }
        let step = self.position.phase_step;
        let warm = warmed(config.lr, step, config.warmup_steps);
        let lr = warm * (1.0 - step as f64 / phase_steps as f64);
        let norm = self.learner.apply(lr, config.max_grad_norm)?;
        let prompts: usize = examples.iter().map(|e| e.prompt.len()).sum();
        let values = self.step_values(&stats, lr, norm, prompts + tokens);
        self.row("sft".into(), values)
    }

    pub(super) fn grpo_step(&mut self, stage: Stage) -> Result<MetricRow> {
        let config = self.config.grpo.clone();
        let groups = self.roll_out(stage)?;
        let responses: usize = groups.iter().map(|g| g.samples.len()).sum();
        let tokens: usize = groups
            .iter()
            .flat_map(|g| &g.samples)
            .map(|s| s.tokens.len())
            .sum();
        let lr = warmed(config.lr, self.grpo_steps_done(), config.warmup_steps);
        let mut stats = BatchStats::default();
        let mut norm = 0.0;
        let mut old: Vec<Option<Vec<f32>>> = vec![None; groups.len().div_ceil(GROUPS_A_BATCH)];
        for iteration in 0..config.num_iterations {
            stats = BatchStats::default();
            for (batch, old) in groups.chunks(GROUPS_A_BATCH).zip(&mut old) {
                let sequences: Vec<Sequence> = batch.iter().map(Group::sequence).collect();
                if iteration == 0 && config.num_iterations > 1 {
                    *old = Some(Learner::score(
                        &self.learner.decoder,
                        &sequences,
                        config.temperature,
                    )?);
                }
                let terms = self.terms(batch, &sequences, old.clone(), (tokens, responses))?;
                let sampled: Vec<f32> = batch
                    .iter()
                    .flat_map(|g| &g.samples)
                    .flat_map(|s| s.log_probs.iter().copied())
                    .collect();
                stats.add(
                    &self
                        .learner
                        .reinforced(&sequences, &config, &terms, &sampled)?,
                );
                self.listen()?;
            }
            norm = self.learner.apply(lr, config.max_grad_norm)?;
        }
        let prompts: usize = groups.iter().map(|g| g.prompt.len()).sum();
        let mut values = self.step_values(&stats, lr, norm, prompts + tokens);
        values.extend(rollout_values(&groups));
        if config.beta > 0.0 {
            values.insert("kl".into(), stats.kl / stats.tokens);
        }
        let row = self.row(stage.as_str().into(), values)?;
        self.tell_rollouts(stage, &groups, row.step)?;
        self.watch_collapse(&groups)?;
        Ok(row)
    }

    /// Samples and judges the groups of this step.
    fn roll_out(&mut self, stage: Stage) -> Result<Vec<Group>> {
        let config = self.config.grpo.clone();
        let (seed, step) = (self.config.seed, self.position.phase_step);
        let episodes =
            task::step_episodes(seed, stage, step, config.prompts_per_step, config.stage_mix);
        let stream = Stream::named(seed, &["train", "rollouts", stage.as_str()]).fork(step);
        let requests = episodes.iter().enumerate().map(|(g, episode)| Request {
            prompt: task::prompt_tokens(&self.model.tokenizer, episode),
            streams: (0..config.num_generations)
                .map(|i| stream.fork(g as u64 * config.num_generations + i))
                .collect(),
        });
        let requests: Vec<Request> = requests.collect();
        let prompts: Vec<Vec<u32>> = requests.iter().map(|r| r.prompt.clone()).collect();
        let sampling = Sampling {
            temperature: config.temperature,
            top_p: config.top_p,
            top_k: config.top_k as usize,
            max_tokens: config.max_completion_length as usize,
        };
        let samples = generate(
            &self.learner.decoder,
            requests,
            &sampling,
            self.model.tokenizer.end(),
        )?;
        self.listen()?;
        let mut groups = Vec::with_capacity(episodes.len());
        for ((episode, prompt), samples) in episodes.into_iter().zip(prompts).zip(samples) {
            let responses: Vec<String> = samples
                .iter()
                .map(|s| self.model.tokenizer.decode(&s.tokens))
                .collect();
            let verdicts = responses
                .iter()
                .map(|response| verdict::judge(&episode, response))
                .collect();
            groups.push(Group {
                episode,
                prompt,
                samples,
                responses,
                verdicts,
                advantages: Vec::new(),
            });
        }
        let rewards: Vec<f64> = groups
            .iter()
            .flat_map(|g| &g.verdicts)
            .map(|v| v.reward)
            .collect();
        let size = config.num_generations as usize;
        let advantages = grpo::advantages(&rewards, size, config.scale_rewards);
        for (group, advantages) in groups.iter_mut().zip(advantages.chunks(size)) {
            group.advantages = advantages.to_vec();
        }
        Ok(groups)
    }

    fn terms(
        &self,
        batch: &[Group],
        sequences: &[Sequence],
        old: Option<Vec<f32>>,
        (tokens, responses): (usize, usize),
    ) -> Result<TokenTerms> {
        let config = &self.config.grpo;
        let lengths: Vec<usize> = batch
            .iter()
            .flat_map(|g| &g.samples)
            .map(|s| s.tokens.len())
            .collect();
        let advantages = batch.iter().flat_map(|g| &g.advantages);
        let advantages = lengths
            .iter()
            .zip(advantages)
            .flat_map(|(&n, &a)| std::iter::repeat_n(a as f32, n));
        let reference = match &self.reference {
            Some(reference) => Some(Learner::score(reference, sequences, config.temperature)?),
            None => None,
        };
        Ok(TokenTerms {
            advantages: advantages.collect(),
            weights: grpo::token_weights(config, &lengths, tokens, responses),
            old,
            reference,
        })
    }

    /// Optimiser steps of the curriculum before this one: the warm-up runs once, not at each stage.
    fn grpo_steps_done(&self) -> u64 {
        let before = self
            .plan
            .phases
            .iter()
            .take(self.position.phase)
            .filter(|p| p.name != "sft");
        before.map(|phase| phase.steps).sum::<u64>() + self.position.phase_step
    }

    fn step_values(
        &mut self,
        stats: &BatchStats,
        lr: f64,
        norm: f64,
        tokens: usize,
    ) -> BTreeMap<String, f64> {
        self.position.num_tokens += tokens as u64;
        BTreeMap::from([
            ("loss".to_string(), stats.loss),
            ("grad_norm".to_string(), norm),
            ("learning_rate".to_string(), lr),
            ("entropy".to_string(), stats.entropy / stats.tokens.max(1.0)),
            ("num_tokens".to_string(), self.position.num_tokens as f64),
            ("step_tokens".to_string(), tokens as f64),
            (
                "clip_ratio/low_mean".to_string(),
                stats.clipped_low / stats.tokens.max(1.0),
            ),
            (
                "clip_ratio/high_mean".to_string(),
                stats.clipped_high / stats.tokens.max(1.0),
            ),
            (
                "clip_ratio/region_mean".to_string(),
                (stats.clipped_low + stats.clipped_high) / stats.tokens.max(1.0),
            ),
            (
                "sampling/sampling_logp_difference/mean".to_string(),
                stats.mismatch_sum / stats.tokens.max(1.0),
            ),
            (
                "sampling/sampling_logp_difference/max".to_string(),
                stats.mismatch_max,
            ),
        ])
    }

    /// Counts the step and makes its row.
    fn row(&mut self, stage: String, values: BTreeMap<String, f64>) -> Result<MetricRow> {
        self.position.step += 1;
        self.position.phase_step += 1;
        let step = self.position.step;
        let loss = values.get("loss").copied().unwrap_or(0.0);
        if !loss.is_finite() {
            return Err(TrainError::Diverged { step, loss });
        }
        Ok(MetricRow {
            step,
            stage,
            values,
        })
    }

    fn tell_rollouts(&mut self, stage: Stage, groups: &[Group], step: u64) -> Result<()> {
        let every = self.config.log_rollouts_every.max(1);
        if step % every != 0 {
            return Ok(());
        }
        let first = self.position.num_tokens;
        for (i, group) in groups.iter().enumerate().take(1) {
            self.rollouts(described(stage, step, first + i as u64, group))?;
        }
        Ok(())
    }

    /// Warns once when one action takes over.
    fn watch_collapse(&mut self, groups: &[Group]) -> Result<()> {
        let mut counts = [0u64; 5];
        for action in groups
            .iter()
            .flat_map(|g| &g.verdicts)
            .filter_map(|v| v.action)
        {
            counts[action.index()] += 1;
        }
        let recent = &mut self.position.recent_shares;
        let share = |recent: &std::collections::VecDeque<[u64; 5]>| {
            let total: u64 = recent.iter().flatten().sum();
            let of =
                |i: usize| recent.iter().map(|c| c[i]).sum::<u64>() as f64 / total.max(1) as f64;
            Action::ALL
                .into_iter()
                .map(|a| (a, of(a.index())))
                .max_by(|a, b| a.1.total_cmp(&b.1))
        };
        let full = |recent: &std::collections::VecDeque<[u64; 5]>| recent.len() == COLLAPSE_WINDOW;
        let before = full(recent) && share(recent).is_some_and(|(_, s)| s > COLLAPSE_SHARE);
        recent.push_back(counts);
        if recent.len() > COLLAPSE_WINDOW {
            recent.pop_front();
        }
        let now = if full(recent) { share(recent) } else { None };
        match now {
            Some((action, share)) if share > COLLAPSE_SHARE && !before => {
                let percent = (share * 100.0).round();
                self.warn(format!(
                    "{percent} % of answers over {COLLAPSE_WINDOW} steps are {action}: a collapse?"
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Linear warm-up to `lr`, then constant.
fn warmed(lr: f64, step: u64, warmup: u64) -> f64 {
    lr * ((step + 1) as f64 / (warmup.max(1)) as f64).min(1.0)
}

/// Rewards, shares and lengths of a step's rollouts, under TRL's names where it has one.
fn rollout_values(groups: &[Group]) -> BTreeMap<String, f64> {
    let mut tally = Tally::default();
    let mut components: BTreeMap<&str, f64> = BTreeMap::new();
    for group in groups {
        for verdict in &group.verdicts {
            tally.add(group.episode.truth.action, verdict);
            for (name, value) in &verdict.components {
                *components.entry(name).or_default() += value;
            }
        }
    }
    let rewards: Vec<f64> = groups
        .iter()
        .flat_map(|g| &g.verdicts)
        .map(|v| v.reward)
        .collect();
    let count = rewards.len().max(1) as f64;
    let mean = rewards.iter().sum::<f64>() / count;
    let mut values = tally.values();
    values.remove("mean_reward");
    for (name, of) in [("reward", mean), ("rewards/verifier/mean", mean)] {
        values.insert(name.into(), of);
    }
    for name in ["reward_std", "rewards/verifier/std"] {
        values.insert(name.into(), grpo::std_dev(&rewards));
    }
    let flat = groups.iter().filter(|g| {
        let rewards: Vec<f64> = g.verdicts.iter().map(|v| v.reward).collect();
        grpo::std_dev(&rewards) < 1e-8
    });
    values.insert(
        "frac_reward_zero_std".into(),
        flat.count() as f64 / groups.len().max(1) as f64,
    );
    for (name, sum) in components {
        values.insert(format!("components/{name}"), sum / count);
    }
    for action in Action::ALL {
        let constant = groups
            .iter()
            .map(|g| constant_reward(&g.episode.truth, action))
            .sum::<f64>();
        values.insert(
            format!("constant/{action}"),
            constant / groups.len().max(1) as f64,
        );
    }
    values.extend(lengths(groups));
    values
}

/// What always answering `action`, citing nothing in the window, would have earned.
fn constant_reward(truth: &Truth, action: Action) -> f64 {
    reward::score(truth, Some(action), None).0
}

fn lengths(groups: &[Group]) -> Vec<(String, f64)> {
    let samples: Vec<&Sample> = groups.iter().flat_map(|g| &g.samples).collect();
    let stats = |which: Vec<f64>| {
        let mean = which.iter().sum::<f64>() / which.len().max(1) as f64;
        let least = which.iter().copied().fold(f64::INFINITY, f64::min);
        let most = which.iter().copied().fold(0.0, f64::max);
        (mean, if least.is_finite() { least } else { 0.0 }, most)
    };
    let (mean, least, most) = stats(samples.iter().map(|s| s.tokens.len() as f64).collect());
    let ended = samples
        .iter()
        .filter(|s| !s.truncated)
        .map(|s| s.tokens.len() as f64)
        .collect();
    let (ended_mean, ended_least, ended_most) = stats(ended);
    let clipped =
        samples.iter().filter(|s| s.truncated).count() as f64 / samples.len().max(1) as f64;
    let named = [
        ("mean_length", mean),
        ("min_length", least),
        ("max_length", most),
        ("clipped_ratio", clipped),
        ("mean_terminated_length", ended_mean),
        ("min_terminated_length", ended_least),
        ("max_terminated_length", ended_most),
    ];
    named
        .into_iter()
        .map(|(name, value)| (format!("completions/{name}"), value))
        .collect()
}

fn described(stage: Stage, step: u64, group_id: u64, group: &Group) -> RolloutGroup {
    let rollout =
        |((sample, response), (verdict, &advantage)): ((&Sample, &String), (&Verdict, &f64))| {
            Rollout {
                response: response.clone(),
                action: verdict.action,
                cited_log_id: verdict.cited_log_id.clone(),
                reward: verdict.reward,
                components: verdict.components.clone(),
                advantage,
                truncated: sample.truncated,
            }
        };
    let judged = group.verdicts.iter().zip(&group.advantages);
    let episode = &group.episode;
    RolloutGroup {
        step,
        stage: stage.as_str().into(),
        group_id,
        episode_id: episode.episode_id.clone(),
        summary: format!(
            "{} | {} | {}",
            episode.alert.alert_id, episode.alert.severity, episode.alert.summary
        ),
        truth_action: episode.truth.action,
        truth_log_id: episode.truth.triggering_log_id.clone(),
        rule: episode.truth.rule.clone(),
        rollouts: group
            .samples
            .iter()
            .zip(&group.responses)
            .zip(judged)
            .map(rollout)
            .collect(),
    }
}
