//! A step's rollouts, and what is logged of them.

use std::collections::BTreeMap;

use crate::config::ScaleRewards;
use crate::env::reward;
use crate::env::schema::{Action, Episode, Stage, Truth, Verdict};
use crate::env::verdict;
use crate::link::{Rollout, RolloutGroup};
use crate::model::decode::Sample;
use crate::model::tokenizer::Tokenizer;
use crate::train::evaluate::Tally;
use crate::train::grpo::{self, ResponseTerms};
use crate::train::learner::Sequence;

/// Responses to one prompt, judged.
pub(super) struct Group {
    /// Its number among the groups that its step may draw: its samples answer the request of that number in its draw.
    pub(super) id: u64,
    pub(super) episode: Episode,
    pub(super) prompt: Vec<u32>,
    pub(super) samples: Vec<Sample>,
    pub(super) responses: Vec<String>,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) advantages: Vec<f64>,
}

impl Group {
    /// Decodes and judges the samples of a prompt; advantages come when the whole step is known.
    pub(super) fn judged(
        tokenizer: &Tokenizer,
        id: u64,
        episode: Episode,
        prompt: Vec<u32>,
        samples: Vec<Sample>,
    ) -> Self {
        let responses: Vec<String> = samples
            .iter()
            .map(|sample| tokenizer.decode(&sample.tokens))
            .collect();
        let verdicts = responses
            .iter()
            .map(|response| verdict::judge(&episode, response))
            .collect();
        Self {
            id,
            episode,
            prompt,
            samples,
            responses,
            verdicts,
            advantages: Vec::new(),
        }
    }

    /// Completion tokens of all its samples.
    pub(super) fn tokens(&self) -> usize {
        self.samples.iter().map(|sample| sample.tokens.len()).sum()
    }

    /// Tokens as TRL counts what a trainer has seen: the prompt with each of its completions.
    pub(super) fn counted_tokens(&self) -> usize {
        self.prompt.len() * self.samples.len() + self.tokens()
    }

    /// Whether all its rewards are equal: nothing tells its responses apart.
    pub(super) fn is_flat(&self) -> bool {
        let rewards: Vec<f64> = self.verdicts.iter().map(|v| v.reward).collect();
        grpo::is_zero(grpo::std_dev(&rewards))
    }

    /// What the loss needs to know of its responses.
    pub(super) fn terms(&self) -> Vec<ResponseTerms> {
        let pairs = self.samples.iter().zip(&self.advantages);
        let terms = pairs.map(|(sample, &advantage)| ResponseTerms {
            tokens: sample.tokens.len(),
            advantage: advantage as f32,
            truncated: sample.truncated,
        });
        terms.collect()
    }

    pub(super) fn sequence(&self) -> Sequence {
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

/// How many groups have unequal rewards, and so something to tell.
pub(super) fn telling(groups: &[Group]) -> u64 {
    groups.iter().filter(|group| !group.is_flat()).count() as u64
}

/// Rewards, shares and lengths of a step's rollouts, under TRL's names where it has one.
pub(super) fn rollout_values(groups: &[Group], scale: ScaleRewards) -> BTreeMap<String, f64> {
    let mut tally = Tally::default();
    let mut components: BTreeMap<&str, f64> = BTreeMap::new();
    for group in groups {
        for (verdict, sample) in group.verdicts.iter().zip(&group.samples) {
            tally.add(group.episode.truth.action, verdict, sample.truncated);
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
    values.insert("rollout_groups".into(), groups.len() as f64);
    let size = groups.iter().map(|group| group.verdicts.len()).max();
    values.insert(
        "frac_reward_zero_std".into(),
        grpo::zero_std_share(&rewards, size.unwrap_or(0), scale),
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
        // A sum of no numbers is -0.
        let mean = which.iter().sum::<f64>() / which.len().max(1) as f64 + 0.0;
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
    let named = [
        ("mean_length", mean),
        ("min_length", least),
        ("max_length", most),
        ("mean_terminated_length", ended_mean),
        ("min_terminated_length", ended_least),
        ("max_terminated_length", ended_most),
    ];
    named
        .into_iter()
        .map(|(name, value)| (format!("completions/{name}"), value))
        .collect()
}

/// What each token adds to the text of them all; a token that only begins a character adds nothing, the one that ends it adds
/// the character.
fn pieces(tokens: &[u32], decode: impl Fn(&[u32]) -> String) -> Vec<String> {
    let is_whole = |text: &str, at: usize| !text.ends_with('\u{fffd}') || at + 1 == tokens.len();
    let (mut pieces, mut from) = (Vec::with_capacity(tokens.len()), 0);
    for at in 0..tokens.len() {
        let text = decode(&tokens[from..=at]);
        if is_whole(&text, at) {
            from = at + 1;
            pieces.push(text);
        } else {
            pieces.push(String::new());
        }
    }
    let whole = decode(tokens);
    if pieces.concat() == whole {
        return pieces;
    }
    // A decoder that looks at what stands before a token: each is what it adds to all before it.
    let mut said = String::new();
    let added = (0..tokens.len()).map(|at| {
        let text = decode(&tokens[..=at]);
        let adds = is_whole(&text, at) && whole.starts_with(&text);
        let new = text.strip_prefix(said.as_str()).filter(|_| adds);
        let new = new.unwrap_or_default().to_owned();
        said.push_str(&new);
        new
    });
    added.collect()
}

/// Log-probabilities to three decimals: more would say nothing and take room.
fn rounded(log_probs: &[f32]) -> Vec<f64> {
    let round = |log_prob: &f32| (f64::from(*log_prob) * 1e3).round() / 1e3 + 0.0;
    log_probs.iter().map(round).collect()
}

pub(super) fn described(
    tokenizer: &Tokenizer,
    stage: Stage,
    step: u64,
    group_id: u64,
    group: &Group,
) -> RolloutGroup {
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
                tokens: pieces(&sample.tokens, |ids| tokenizer.decode(ids)),
                log_probs: rounded(&sample.log_probs),
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

#[cfg(test)]
impl Group {
    /// Answers of three tokens each that earned `rewards`; which, the prompt and the episode do not tell.
    pub(super) fn of_rewards(rewards: &[f64]) -> Self {
        use crate::env::generate;
        use crate::env::schema::Split;

        let episode = generate::episode(Stage::ALL[0], Split::Train, 1, 0);
        let samples = (0..rewards.len() as u32).map(|i| Sample {
            tokens: vec![50 + i, 60 + i, 70],
            log_probs: vec![-1.0; 3],
            truncated: false,
            group: 0,
        });
        let verdicts = rewards.iter().map(|&reward| Verdict {
            reward,
            ..verdict::judge(&episode, "")
        });
        Self {
            id: 0,
            samples: samples.collect(),
            responses: vec![String::new(); rewards.len()],
            verdicts: verdicts.collect(),
            advantages: grpo::advantages(rewards, rewards.len(), ScaleRewards::None),
            prompt: (40..60).collect(),
            episode,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_tells_something_where_any_reward_differs() {
        let cases = [
            (&[0.5, 0.5, 0.5][..], 0),
            (&[0.5, 0.5, 0.4], 1),
            (&[1.0, -1.0], 1),
            (&[-0.5], 0),
            (&[], 0),
        ];
        for (rewards, told) in cases {
            assert_eq!(telling(&[Group::of_rewards(rewards)]), told, "{rewards:?}");
        }
        let all: Vec<Group> = cases.map(|(rewards, _)| Group::of_rewards(rewards)).into();
        assert_eq!(telling(&all), 2);
    }

    #[test]
    fn where_no_answer_ended_by_itself_lengths_of_those_that_did_are_zero() {
        let mut group = Group::of_rewards(&[1.0, 0.0]);
        for sample in &mut group.samples {
            sample.truncated = true;
        }
        let values = rollout_values(&[group], ScaleRewards::None);
        for name in ["mean", "min", "max"] {
            let value = values[&format!("completions/{name}_terminated_length")];
            // Zero without a sign: `-0.0` is equal to it.
            assert_eq!(value.to_bits(), 0, "{name}: {value:?}");
        }
        assert_eq!(values["completions/clipped_ratio"], 1.0);
        assert_eq!(values["completions/mean_length"], 3.0);
    }

    /// Bytes of text as tokens.
    fn of_bytes(ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().map(|id| *id as u8).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A decoder that drops a space at the very beginning, as SentencePiece's do.
    fn stripped(ids: &[u32]) -> String {
        let text = of_bytes(ids);
        text.strip_prefix(' ').unwrap_or(&text).to_owned()
    }

    #[test]
    fn pieces_make_up_the_text_and_no_character_is_torn() {
        for text in ["Action: dismiss", "", "né…\u{1f600}!", " a b ", "\u{fffd}x"] {
            let tokens: Vec<u32> = text.bytes().map(u32::from).collect();
            for decode in [of_bytes as fn(&[u32]) -> String, stripped] {
                let pieces = pieces(&tokens, decode);
                assert_eq!(pieces.len(), tokens.len(), "{text}");
                assert_eq!(pieces.concat(), decode(&tokens), "{text}");
            }
        }
        let torn: Vec<u32> = "é".bytes().map(u32::from).collect();
        assert_eq!(pieces(&torn, of_bytes), ["", "é"]);
        assert_eq!(
            pieces(&torn[..1], of_bytes),
            ["\u{fffd}"],
            "the last says what it has"
        );
    }

    #[test]
    fn log_probabilities_have_three_decimals_and_no_minus_zero() {
        let told = rounded(&[-0.123_456, -0.000_04, -12.0]);
        assert_eq!(
            serde_json::to_string(&told).expect("numbers"),
            "[-0.123,0.0,-12.0]"
        );
    }
}
