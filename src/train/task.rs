//! Episodes as tokens: the prompt a model answers to, the gold completion it learns from.

use super::learner::Sequence;
use crate::env::schema::{Episode, Split, Stage};
use crate::env::{generate, gold, prompt};
use crate::model::tokenizer::Tokenizer;
use crate::stream::Stream;

/// The prompt of an episode.
#[must_use]
pub fn prompt_tokens(tokenizer: &Tokenizer, episode: &Episode) -> Vec<u32> {
    let user = prompt::user_message(&episode.alert, &episode.log_window);
    tokenizer.prompt(Some(prompt::SYSTEM), &user)
}

/// The gold completion of an episode, end token included.
#[must_use]
pub fn gold_tokens(tokenizer: &Tokenizer, episode: &Episode) -> Vec<u32> {
    tokenizer.completion(&gold::response(episode))
}

/// A gold example as a training sequence.
#[must_use]
pub fn gold_sequence(tokenizer: &Tokenizer, episode: &Episode) -> Sequence {
    Sequence {
        prompt: prompt_tokens(tokenizer, episode),
        completions: vec![gold_tokens(tokenizer, episode)],
    }
}

/// A seed of its own for one use of a run's seed.
#[must_use]
pub fn derived_seed(seed: u64, purpose: &str) -> u64 {
    Stream::named(seed, &["train", purpose]).bits() >> 1
}

/// Episodes in which every label stands twice, twins side by side (see [`generate`]).
pub const BLOCK: u64 = 10;

/// One gold example in so many is a plain sign-in, in the place of the last of its block.
const PLAIN_ONE_IN: u64 = 50;

/// The `i`th gold example of a run: whole blocks of balanced labels, all stages in turn, and a plain sign-in now and then.
#[must_use]
pub fn gold_episode(seed: u64, i: u64) -> Episode {
    if i % PLAIN_ONE_IN == PLAIN_ONE_IN - 1 {
        let seed = derived_seed(seed, "plain sign-ins");
        return generate::plain_sign_in(Split::Train, seed, i / PLAIN_ONE_IN);
    }
    let block = i / BLOCK;
    let stage = Stage::ALL[(block % 4) as usize];
    let index = block / 4 * BLOCK + i % BLOCK;
    generate::episode(stage, Split::Train, derived_seed(seed, "gold"), index)
}

/// The order of `count` gold examples in an epoch: blocks shuffled, each kept whole, so that a step's labels balance and
/// its twins' common gradient cancels. Shuffled singly, the easiest direction, raising one action for every prompt, swings
/// with each step's labels and hides what tells them apart.
#[must_use]
pub fn gold_order(seed: u64, epoch: u64, count: u64) -> Vec<u64> {
    let mut blocks: Vec<u64> = (0..count.div_ceil(BLOCK)).collect();
    Stream::named(seed, &["train", "sft order"])
        .fork(epoch)
        .shuffle(&mut blocks);
    let examples = blocks
        .into_iter()
        .flat_map(|block| block * BLOCK..(block + 1) * BLOCK);
    examples.filter(|&i| i < count).collect()
}

/// The seed of the episodes that steps of `stage` draw, those of earlier stages among them: nobody has seen these yet.
#[must_use]
pub fn prompts_seed(seed: u64, stage: Stage) -> u64 {
    derived_seed(seed, &format!("prompts {stage}"))
}

/// The prompts of a step of `stage`: twin pairs, a `mix` share of them as in the stages before.
#[must_use]
pub fn step_episodes(seed: u64, stage: Stage, step: u64, count: u64, mix: f64) -> Vec<Episode> {
    let mut stream = Stream::named(seed, &["train", "prompts", stage.as_str()]).fork(step);
    let source = prompts_seed(seed, stage);
    let pairs = count.div_ceil(2);
    let episodes = (0..pairs).flat_map(|pair| {
        let earlier = stage as u64;
        let mixed = earlier > 0 && f64::from(stream.unit()) < mix;
        let stage = if mixed {
            Stage::ALL[stream.below(earlier) as usize]
        } else {
            stage
        };
        let index = (step * pairs + pair) * 2;
        [0, 1].map(|twin| generate::episode(stage, Split::Train, source, index + twin))
    });
    episodes.take(count as usize).collect()
}

/// `count` hold-out episodes over all stages, as a run's own evaluations see them.
#[must_use]
pub fn holdout_episodes(seed: u64, stages: &[Stage], count: u64) -> Vec<Episode> {
    let per_stage = stages.len() as u64;
    let episode = |i: u64| {
        generate::episode(
            stages[(i % per_stage) as usize],
            Split::Holdout,
            seed,
            i / per_stage,
        )
    };
    (0..count).map(episode).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn prompts_of_earlier_stages_that_a_step_mixes_in_are_new_ones() {
        let ids = |stage, mix| -> BTreeSet<String> {
            let steps = (0..20).flat_map(|step| step_episodes(1, stage, step, 8, mix));
            steps.map(|episode| episode.episode_id).collect()
        };
        let before = ids(Stage::Basic, 0.0);
        let mixed = ids(Stage::Multi, 1.0);
        assert!(mixed.iter().all(|id| id.contains("stage1_basic")));
        assert_eq!((before.len(), mixed.len()), (160, 160));
        assert!(before.is_disjoint(&mixed));
    }
}
