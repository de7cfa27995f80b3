//! One optimiser step of each kind: supervised on gold examples, reinforced on rollouts.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Run;
use super::rollouts::{Group, described, rollout_values};
use crate::env::schema::Stage;
use crate::link::MetricRow;
use crate::model::decode::{Request, generate};
use crate::model::sampler::Sampling;
use crate::stream::Stream;
use crate::train::config::GrpoConfig;
use crate::train::error::{Result, TrainError};
use crate::train::extra;
use crate::train::grpo::{self, BatchTerms, StepTotals};
use crate::train::learner::{BatchStats, Learner, Sequence};
use crate::train::task;

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
        let gold = task::gold_order(self.config.seed, epoch, config.examples);
        let order = extra::spread(gold, self.extra_order(epoch));
        let start = (first * config.batch) as usize;
        let end = (start + config.batch as usize).min(order.len());
        let examples: Vec<Sequence> = order[start..end].iter().map(|&i| self.example(i)).collect();
        let tokens: usize = examples
            .iter()
            .flat_map(|e| &e.completions)
            .map(Vec::len)
            .sum();
        let mut stats = BatchStats::default();
        // Between two packings the host may answer a screen.
        for batch in packings(&examples, self.config.micro_batch_tokens, Sequence::tokens) {
            stats.add(&self.learner.supervised(batch, tokens)?);
            self.listen()?;
        }
        let step = self.position.phase_step;
        let schedule = config.lr_scheduler_type;
        let lr = config.lr * schedule.share(step, phase_steps, config.warmup_steps);
        let norm = self.learner.apply(lr, config.max_grad_norm)?;
        let prompts: usize = examples.iter().map(|e| e.prompt.len()).sum();
        let values = self.step_values(&stats, lr, norm, prompts + tokens);
        self.row("sft".into(), values)
    }

    /// The labelled examples in the order of an epoch, numbered after the gold ones.
    fn extra_order(&self, epoch: u64) -> Vec<u64> {
        let first = self.config.sft.examples;
        let mut order: Vec<u64> = (first..first + self.extra.len() as u64).collect();
        Stream::named(self.config.seed, &["train", "sft extra order"])
            .fork(epoch)
            .shuffle(&mut order);
        order
    }

    /// The `i`th example of SFT: gold, or a labelled one after those.
    fn example(&self, i: u64) -> Sequence {
        let tokenizer = &self.model.tokenizer;
        let labelled = i.checked_sub(self.config.sft.examples);
        match labelled.and_then(|at| self.extra.get(at as usize)) {
            Some(example) => example.sequence(tokenizer),
            None => task::gold_sequence(tokenizer, &task::gold_episode(self.config.seed, i)),
        }
    }

    pub(super) fn grpo_step(&mut self, stage: Stage) -> Result<MetricRow> {
        let config = self.config.grpo.clone();
        let began = Instant::now();
        let groups = self.roll_out(stage)?;
        self.rollout_s = Some(began.elapsed().as_secs_f64());
        let tokens: usize = groups.iter().map(Group::tokens).sum();
        let schedule = config.lr_scheduler_type;
        let (done, steps) = self.grpo_steps();
        let share = schedule.share(done, steps, config.warmup_steps);
        let lr = config.lr * share * fill(&config, &groups);
        let (stats, norm) = self.reinforce(&groups, lr)?;
        let prompts: usize = groups.iter().map(|g| g.prompt.len()).sum();
        let mut values = self.step_values(&stats, lr, norm, prompts + tokens);
        values.extend(rollout_values(&groups));
        values.extend(self.attack_values());
        if config.beta > 0.0 {
            values.insert("kl".into(), stats.told.mean(stats.told.kl));
        }
        let row = self.row(stage.as_str().into(), values)?;
        self.tell_rollouts(stage, &groups, row.step)?;
        self.watch_collapse(&groups)?;
        Ok(row)
    }

    /// Passes over the groups: what the last of them told, and its last gradient's length. Groups that cannot move the
    /// adapter are scored for the log only, and left out where dynamic sampling has drawn others in their place.
    fn reinforce(&mut self, groups: &[Group], lr: f64) -> Result<(BatchStats, f64)> {
        let config = self.config.grpo.clone();
        let all = config.learns_from_equal_rewards();
        let (moving, mut still): (Vec<&Group>, Vec<&Group>) =
            groups.iter().partition(|group| all || !group.is_flat());
        if config.max_draws > 1 && !moving.is_empty() {
            still.clear();
        }
        let updates = (config.steps_per_generation as usize).clamp(1, moving.len().max(1));
        let step = step_totals(&config, moving.iter().chain(&still), updates);
        let mut batches = self.batches(&moving, updates)?;
        let (mut stats, mut norm) = (BatchStats::default(), 0.0);
        for _ in 0..config.num_iterations {
            stats = self.observe(&still)?;
            for update in &mut batches {
                for batch in update {
                    let told = self.reinforce_batch(batch, step)?;
                    stats.add(&told);
                    self.listen()?;
                }
                norm = self.learner.apply(lr, config.max_grad_norm)?;
            }
        }
        Ok((stats, norm))
    }

    /// The groups cut into updates, and these into packings; where there are several updates, with the log-probabilities
    /// before the first.
    fn batches<'g>(&mut self, groups: &[&'g Group], updates: usize) -> Result<Vec<Vec<Batch<'g>>>> {
        let config = self.config.grpo.clone();
        let needs_old = updates > 1 || config.num_iterations > 1;
        let mut all = Vec::with_capacity(updates);
        let updates = updates.min(groups.len());
        for update in 0..updates {
            // As even as they can be: each update is weighed as one of so many.
            let cut = |n: usize| groups.len() * n / updates;
            let update = &groups[cut(update)..cut(update + 1)];
            let mut batches = Vec::new();
            for groups in packings(update, self.config.micro_batch_tokens, group_tokens) {
                let (sequences, sampled) = sequences(groups);
                let decoder = &self.learner.decoder;
                let score = |decoder| Learner::score(decoder, &sequences, config.temperature);
                batches.push(Batch {
                    groups: groups.to_vec(),
                    old: needs_old.then(|| score(decoder)).transpose()?,
                    reference: self.reference.as_ref().map(score).transpose()?,
                    sequences,
                    sampled,
                });
                self.listen()?;
            }
            all.push(batches);
        }
        Ok(all)
    }

    fn reinforce_batch(&mut self, batch: &Batch<'_>, step: StepTotals) -> Result<BatchStats> {
        let responses = batch.groups.iter().flat_map(|group| group.terms());
        let terms = BatchTerms {
            responses: responses.collect(),
            old: batch.old.clone(),
            reference: batch.reference.clone(),
            step,
        };
        let config = &self.config.grpo;
        self.learner
            .reinforced(&batch.sequences, config, &terms, &batch.sampled)
    }

    /// What groups tell that cannot move the adapter.
    fn observe(&mut self, still: &[&Group]) -> Result<BatchStats> {
        let mut stats = BatchStats::default();
        for groups in packings(still, self.config.micro_batch_tokens, group_tokens) {
            let (sequences, sampled) = sequences(groups);
            let temperature = self.config.grpo.temperature;
            let decoder = &self.learner.decoder;
            stats.add(&Learner::observe(
                decoder,
                &sequences,
                temperature,
                &sampled,
            )?);
            self.listen()?;
        }
        Ok(stats)
    }

    /// The groups of this step with their advantages: one draw of prompts, or as many as the configuration allows until
    /// enough groups have something to tell.
    fn roll_out(&mut self, stage: Stage) -> Result<Vec<Group>> {
        let config = self.config.grpo.clone();
        let first = self.position.phase_step * config.max_draws;
        let mut groups: Vec<Group> = Vec::new();
        for draw in first..first + config.max_draws {
            groups.extend(self.draw(stage, draw)?);
            let telling = groups.iter().filter(|group| !group.is_flat()).count();
            if telling as u64 >= config.prompts_per_step {
                break;
            }
        }
        let verdicts = groups.iter().flat_map(|g| &g.verdicts);
        let rewards: Vec<f64> = verdicts.map(|verdict| verdict.reward).collect();
        let size = config.num_generations as usize;
        let advantages = grpo::advantages(&rewards, size, config.scale_rewards);
        for (group, advantages) in groups.iter_mut().zip(advantages.chunks(size)) {
            group.advantages = advantages.to_vec();
        }
        Ok(groups)
    }

    /// Samples and judges the groups of the `draw`th draw of a stage.
    fn draw(&mut self, stage: Stage, draw: u64) -> Result<Vec<Group>> {
        let config = self.config.grpo.clone();
        let (seed, tokenizer) = (self.config.seed, &self.model.tokenizer);
        let mut episodes =
            task::step_episodes(seed, stage, draw, config.prompts_per_step, config.stage_mix);
        let tries = match stage {
            Stage::Adversarial => self.attack(draw, &mut episodes)?,
            _ => Vec::new(),
        };
        let stream = Stream::named(seed, &["train", "rollouts", stage.as_str()]).fork(draw);
        let requests = episodes.iter().enumerate().map(|(g, episode)| Request {
            prompt: task::prompt_tokens(tokenizer, episode),
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
        let samples = generate(&self.learner.decoder, requests, &sampling, tokenizer.end())?;
        self.listen()?;
        let judged = episodes.into_iter().zip(prompts).zip(samples);
        let groups: Vec<Group> = judged
            .map(|((episode, prompt), samples)| Group::judged(tokenizer, episode, prompt, samples))
            .collect();
        self.judge_attacks(tries, &groups)?;
        Ok(groups)
    }

    /// Optimiser steps of the curriculum before this one, and of all its stages: the learning rate warms up once and falls
    /// once, not at each stage. A stage that ended early counts whole: those after it learn as they would have.
    fn grpo_steps(&self) -> (u64, u64) {
        let phases = self.plan.phases.iter().enumerate();
        let stages = phases.filter(|(_, phase)| phase.name != "sft");
        let (mut done, mut all) = (self.position.phase_step, 0);
        for (at, phase) in stages {
            all += phase.wanted_steps();
            if at < self.position.phase {
                done += phase.wanted_steps();
            }
        }
        (done, all)
    }

    fn step_values(
        &mut self,
        stats: &BatchStats,
        lr: f64,
        norm: f64,
        tokens: usize,
    ) -> BTreeMap<String, f64> {
        self.position.num_tokens += tokens as u64;
        let (told, scored) = (&stats.told, stats.scored.max(1.0));
        let clipped = told.clipped_low + told.clipped_high;
        let mut values = vec![
            ("loss", stats.loss),
            ("grad_norm", norm),
            ("learning_rate", lr),
            ("entropy", told.mean(told.entropy)),
            ("num_tokens", self.position.num_tokens as f64),
            ("step_tokens", tokens as f64),
            ("clip_ratio/low_mean", told.mean(told.clipped_low)),
            ("clip_ratio/high_mean", told.mean(told.clipped_high)),
            ("clip_ratio/region_mean", told.mean(clipped)),
            (
                "sampling/sampling_logp_difference/mean",
                stats.mismatch_sum / scored,
            ),
            ("sampling/sampling_logp_difference/max", stats.mismatch_max),
        ];
        if told.tokens > 0.0 {
            values.push(("clip_ratio/low_min", told.low_min));
            values.push(("clip_ratio/high_max", told.high_max));
        }
        let named = values
            .into_iter()
            .map(|(name, value)| (name.to_string(), value));
        named.collect()
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
        // A group with something to tell stands for its step, looked for from another place at each: crafts stand last. Its
        // id counts the run's possible groups.
        let config = &self.config.grpo;
        let first_id = step * config.prompts_per_step * config.max_draws;
        let from = step as usize % groups.len().max(1);
        let mut all = (from..groups.len()).chain(0..from);
        let telling = all.find(|at| groups.get(*at).is_some_and(|group| !group.is_flat()));
        let at = telling.unwrap_or(from);
        if let Some(group) = groups.get(at) {
            let tokenizer = &self.model.tokenizer;
            let group = described(tokenizer, stage, step, first_id + at as u64, group);
            self.rollouts(group)?;
        }
        Ok(())
    }
}

/// Consecutive items that run together: as many as `budget` tokens hold, at least one.
fn packings<T>(items: &[T], budget: u64, tokens: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let (mut packings, mut start, mut sum) = (Vec::new(), 0, 0);
    for (i, item) in items.iter().enumerate() {
        let own = tokens(item) as u64;
        if i > start && sum + own > budget {
            packings.push(&items[start..i]);
            (start, sum) = (i, 0);
        }
        sum += own;
    }
    packings.extend((start < items.len()).then(|| &items[start..]));
    packings
}

fn group_tokens(group: &&Group) -> usize {
    group.prompt.len() + group.tokens()
}

/// Groups that run in one packing, with what does not change between passes.
struct Batch<'g> {
    groups: Vec<&'g Group>,
    sequences: Vec<Sequence>,
    sampled: Vec<f32>,
    old: Option<Vec<f32>>,
    reference: Option<Vec<f32>>,
}

/// What one of `updates` updates counts of the groups: an equal share, as TRL has it.
fn step_totals<'g>(
    config: &GrpoConfig,
    groups: impl Iterator<Item = &'g &'g Group>,
    updates: usize,
) -> StepTotals {
    let responses: Vec<_> = groups.flat_map(|group| group.terms()).collect();
    let whole = StepTotals::of(config, responses.iter());
    StepTotals {
        tokens: whole.tokens / updates as f64,
        responses: whole.responses.div_ceil(updates),
    }
}

/// With dynamic sampling: how full of telling groups the step is, at most 1.
///
/// Adam makes an update from two groups as long as one from thirty. Where a stage is all but solved the few groups left tell
/// of little besides chance, and full steps along them walk the adapter away; so a step is as long as it is full.
fn fill(config: &GrpoConfig, groups: &[Group]) -> f64 {
    if config.max_draws == 1 {
        return 1.0;
    }
    let telling = groups.iter().filter(|group| !group.is_flat()).count();
    (telling as f64 / config.prompts_per_step as f64).min(1.0)
}

/// The sequences of groups, and their tokens' log-probabilities as the sampler saw them.
fn sequences(batch: &[&Group]) -> (Vec<Sequence>, Vec<f32>) {
    let sequences = batch.iter().map(|group| group.sequence()).collect();
    let samples = batch.iter().flat_map(|group| &group.samples);
    let sampled = samples.flat_map(|sample| sample.log_probs.iter().copied());
    (sequences, sampled.collect())
}

#[cfg(test)]
mod tests {
    use super::packings;

    #[test]
    fn packings_keep_the_order_and_the_budget() {
        let cut = |items: &[usize]| {
            packings(items, 10, |&n| n)
                .into_iter()
                .map(<[usize]>::len)
                .collect::<Vec<_>>()
        };
        assert_eq!(cut(&[4, 6, 1, 30, 2, 8]), [2, 1, 1, 2]);
        assert_eq!(cut(&[11]), [1]);
        assert!(cut(&[]).is_empty());
    }
}
