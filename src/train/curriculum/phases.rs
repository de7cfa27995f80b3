//! One optimiser step of each kind: supervised on gold examples, reinforced on rollouts.

use std::collections::BTreeMap;

use super::Run;
use super::rollouts::{Group, described, rollout_values};
use crate::env::schema::{Action, Stage};
use crate::env::verdict;
use crate::link::MetricRow;
use crate::model::decode::{Request, generate};
use crate::model::sampler::Sampling;
use crate::stream::Stream;
use crate::train::error::{Result, TrainError};
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
        let order = task::gold_order(self.config.seed, epoch, config.examples);
        let start = (first * config.batch) as usize;
        let end = (start + config.batch as usize).min(order.len());
        let examples: Vec<Sequence> = order[start..end]
            .iter()
            .map(|&i| {
                task::gold_sequence(
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
        if !step.is_multiple_of(every) {
            return Ok(());
        }
        // The first group stands for its step; its id counts groups over the whole run.
        let group_id = step * self.config.grpo.prompts_per_step;
        if let Some(group) = groups.first() {
            self.rollouts(described(stage, step, group_id, group))?;
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
