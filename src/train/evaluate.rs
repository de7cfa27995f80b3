//! Greedy answers to episodes, and the shares a run logs of them.

use std::collections::BTreeMap;

use super::error::Result;
use super::learner::{Learner, Sequence};
use super::task;
use crate::config::TrainConfig;
use crate::env::probe::Probe;
use crate::env::schema::{Action, Episode, Verdict};
use crate::env::verdict;
use crate::eval::calibration::Judged;
use crate::eval::metrics::flip_rate;
use crate::interval::Estimate;
use crate::model::decode::{self, Request};
use crate::model::decoder::Decoder;
use crate::model::sampler::Sampling;
use crate::model::tokenizer::Tokenizer;
use crate::stream::Stream;

/// Longest answer, in tokens, where nothing says otherwise.
pub const MAX_TOKENS: usize = 64;
/// Episodes decoded together.
pub(super) const BATCH: usize = 32;
/// Episodes whose tokens are scored together; fewer on devices whose attention scores every row against every other.
pub(super) const SCORED: usize = 16;
const SCORED_ELSEWHERE: usize = 1;

/// How many episodes to score together.
#[must_use]
pub fn scored_together(decoder: &Decoder) -> usize {
    match decoder.device().is_cpu() {
        true => SCORED,
        false => SCORED_ELSEWHERE,
    }
}

/// Tokens that the answers of a run's evaluations may have: what its rollouts have, and no fewer than [`MAX_TOKENS`].
#[must_use]
pub fn longest_answer(config: &TrainConfig) -> usize {
    (config.grpo.max_completion_length as usize).max(MAX_TOKENS)
}

/// A greedy response, judged.
#[derive(Clone, Debug)]
pub struct Answer {
    pub response: String,
    pub verdict: Verdict,
    /// Whether the length limit came before its end.
    pub truncated: bool,
}

/// Greedy responses of at most [`MAX_TOKENS`] and their verdicts. `between` as in [`answers`].
///
/// # Errors
/// As [`answers`].
pub fn answer(
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    episodes: &[Episode],
    between: impl FnMut() -> bool,
) -> Result<Vec<(String, Verdict)>> {
    let answers = answers(decoder, tokenizer, episodes, MAX_TOKENS, between)?;
    let pairs = answers.into_iter();
    Ok(pairs.map(|one| (one.response, one.verdict)).collect())
}

/// Greedy answers of at most `longest` tokens. `between` runs after each batch; where it says stop, what is there so far returns.
///
/// # Errors
/// When the model cannot be run, or a prompt does not fit it.
pub fn answers(
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    episodes: &[Episode],
    longest: usize,
    mut between: impl FnMut() -> bool,
) -> Result<Vec<Answer>> {
    let mut answers = Vec::with_capacity(episodes.len());
    for batch in episodes.chunks(BATCH) {
        let request = |episode: &Episode| Request {
            prompt: task::prompt_tokens(tokenizer, episode),
            // Greedy decoding draws nothing; the stream is there for its type.
            streams: vec![Stream::named(0, &["greedy"])],
        };
        let requests = batch.iter().map(request).collect();
        let samples = decode::generate(
            decoder,
            requests,
            &Sampling::greedy(longest),
            tokenizer.ends(),
        )?;
        for (episode, sample) in batch.iter().zip(samples.iter().flatten()) {
            let response = tokenizer.decode(&sample.tokens);
            let verdict = verdict::judge(episode, &response);
            answers.push(Answer {
                response,
                verdict,
                truncated: sample.truncated,
            });
        }
        if !between() {
            break;
        }
    }
    Ok(answers)
}

/// Share of answers that change when a probe changes the episode's free text; `verdicts` are those on the answers without.
/// `between` as in [`answer`].
///
/// # Errors
/// As [`answer`].
pub fn flips<'a>(
    probe: Probe,
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    episodes: &[Episode],
    verdicts: impl Iterator<Item = &'a Verdict>,
    between: impl FnMut() -> bool,
) -> Result<Option<Estimate>> {
    let probed: Vec<Episode> = episodes.iter().map(|e| probe.on(e)).collect();
    let answers = answer(decoder, tokenizer, &probed, between)?;
    let after = answers.into_iter().map(|(_, verdict)| verdict);
    let pairs: Vec<(Verdict, Verdict)> = verdicts.cloned().zip(after).collect();
    Ok(flip_rate(&pairs))
}

/// Log-probability of each of the five actions after `Action: `, in the order of [`Action::ALL`], whatever the model would
/// have said of its own accord.
///
/// # Errors
/// When the model cannot be run, or a prompt does not fit it.
pub fn action_log_probs(
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    episode: &Episode,
) -> Result<[f64; 5]> {
    let of_one = log_probs_of_actions(decoder, tokenizer, std::slice::from_ref(episode))?;
    Ok(of_one.first().copied().unwrap_or([f64::NAN; 5]))
}

/// [`action_log_probs`] of each of some episodes, in one pass.
fn log_probs_of_actions(
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    episodes: &[Episode],
) -> Result<Vec<[f64; 5]>> {
    let (lead, completions) = action_paths(tokenizer);
    let sequence = |episode: &Episode| {
        let mut prompt = task::prompt_tokens(tokenizer, episode);
        prompt.extend(&lead);
        Sequence {
            prompt,
            completions: completions.to_vec(),
        }
    };
    let sequences: Vec<Sequence> = episodes.iter().map(sequence).collect();
    let mut scores = Learner::score(decoder, &sequences, 1.0)?.into_iter();
    let mut sum = |tokens: usize| scores.by_ref().take(tokens).map(f64::from).sum::<f64>();
    let of_one = |_: &Episode| completions.each_ref().map(|tokens| sum(tokens.len()));
    Ok(episodes.iter().map(of_one).collect())
}

/// Tokens that the first lines of all five responses begin with, and how each goes on. Lines are encoded whole: where a space belongs
/// to the word after it (GPT-2's way), no answer has the tokens of `Action: ` and of `dismiss` apart.
fn action_paths(tokenizer: &Tokenizer) -> (Vec<u32>, [Vec<u32>; 5]) {
    let lines = Action::ALL.map(|action| tokenizer.encode(&format!("Action: {action}\n")));
    let [first, others @ ..] = &lines;
    let is_common = |at: usize| others.iter().all(|line| line.get(at) == first.get(at));
    let common = (0..first.len()).take_while(|at| is_common(*at)).count();
    let lead = first[..common].to_vec();
    (lead, lines.map(|line| line[common..].to_vec()))
}

/// What the model's probabilities are worth beside its answers; an episode whose probabilities are no numbers is left out.
/// An action takes several tokens, of which decoding has seen one only: so all five are scored anew, in a pass of its own.
/// `between` as in [`answer`].
///
/// # Errors
/// As [`action_log_probs`].
pub fn judged<'a>(
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    episodes: &[Episode],
    verdicts: impl Iterator<Item = &'a Verdict>,
    mut between: impl FnMut() -> bool,
) -> Result<Vec<Judged>> {
    let mut log_probs = Vec::with_capacity(episodes.len());
    for batch in episodes.chunks(scored_together(decoder)) {
        log_probs.extend(log_probs_of_actions(decoder, tokenizer, batch)?);
        if !between() {
            break;
        }
    }
    let judged = |((episode, verdict), log_probs): ((&Episode, &Verdict), [f64; 5])| {
        Some(Judged {
            truth: episode.truth.action,
            answer: verdict.action.filter(|_| verdict.format_ok),
            probabilities: normalised(log_probs)?,
        })
    };
    let pairs = episodes.iter().zip(verdicts);
    Ok(pairs.zip(log_probs).filter_map(judged).collect())
}

/// What five log-probabilities are as shares of each other; none where one of them is no number.
#[must_use]
pub fn normalised(log_probs: [f64; 5]) -> Option<[f64; 5]> {
    let most = log_probs.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let weights = log_probs.map(|one| (one - most).exp());
    let sum: f64 = weights.iter().sum();
    sum.is_finite().then(|| weights.map(|weight| weight / sum))
}

/// The shares of a row of `eval.jsonl`.
#[must_use]
pub fn shares<'a>(pairs: impl Iterator<Item = (&'a Episode, &'a Answer)>) -> BTreeMap<String, f64> {
    let mut tally = Tally::default();
    for (episode, answer) in pairs {
        tally.add(episode.truth.action, &answer.verdict, answer.truncated);
    }
    tally.values()
}

/// Counts over verdicts, as shares by name: what rollouts and evaluations log alike.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    answers: f64,
    reward: f64,
    format_ok: f64,
    right: f64,
    cited: f64,
    clipped: f64,
    chosen: [f64; 5],
    truths: [f64; 5],
    recalled: [f64; 5],
    missed: f64,
    over: f64,
    false_escalations: f64,
}

impl Tally {
    /// Counts one answer, which the length limit cut off where it is `truncated`.
    pub fn add(&mut self, truth: Action, verdict: &Verdict, truncated: bool) {
        let one = |yes: bool| f64::from(u8::from(yes));
        self.answers += 1.0;
        self.reward += verdict.reward;
        self.format_ok += one(verdict.format_ok);
        self.right += one(verdict.correct_action);
        self.cited += one(verdict.correct_citation);
        self.clipped += one(truncated);
        self.truths[truth.index()] += 1.0;
        self.recalled[truth.index()] += one(verdict.correct_action);
        if let Some(action) = verdict.action {
            self.chosen[action.index()] += 1.0;
            self.missed += one(truth.is_malicious() && action == Action::Dismiss);
            self.over += one(truth == Action::Dismiss && action.is_containment());
            self.false_escalations += one(!truth.is_malicious() && action == Action::Escalate);
        }
    }

    /// Shares by name; one without cases is left out.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, f64> {
        let mut values = BTreeMap::new();
        let mut put = |name: &str, part: f64, of: f64| {
            if of > 0.0 {
                values.insert(name.to_string(), part / of);
            }
        };
        put("mean_reward", self.reward, self.answers);
        put("format_ok", self.format_ok, self.answers);
        put("accuracy", self.right, self.answers);
        put("citation_accuracy", self.cited, self.answers);
        put("completions/clipped_ratio", self.clipped, self.answers);
        for action in Action::ALL {
            let i = action.index();
            put(&format!("share/{action}"), self.chosen[i], self.answers);
            put(
                &format!("recall/{action}"),
                self.recalled[i],
                self.truths[i],
            );
        }
        let malicious: f64 = Action::ALL
            .iter()
            .filter(|a| a.is_malicious())
            .map(|a| self.truths[a.index()])
            .sum();
        put("dismiss_on_malicious", self.missed, malicious);
        put(
            "over_react",
            self.over,
            self.truths[Action::Dismiss.index()],
        );
        put(
            "false_escalation",
            self.false_escalations,
            self.answers - malicious,
        );
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::Stage;
    use crate::model::nano;
    use crate::model::source::LoadedModel;

    #[test]
    fn actions_scored_together_are_those_scored_alone() {
        let model = LoadedModel::nano().expect("nano");
        let (decoder, tokenizer) = (&model.decoder, &model.tokenizer);
        let episodes = task::holdout_episodes(7, &Stage::ALL, SCORED as u64 + 1);
        let verdicts: Vec<Verdict> = episodes
            .iter()
            .map(|e| verdict::judge(e, "Action: dismiss\nCitedLog: L1-0\nRationale: guessed"))
            .collect();
        let all = judged(decoder, tokenizer, &episodes, verdicts.iter(), || true).expect("scored");
        assert_eq!(all.len(), episodes.len());
        for at in [0, 3, SCORED] {
            let alone = action_log_probs(decoder, tokenizer, &episodes[at]).expect("scored");
            let alone = normalised(alone).expect("numbers");
            for (one, other) in alone.iter().zip(all[at].probabilities) {
                assert!((one - other).abs() < 1e-4, "{alone:?} {:?}", all[at]);
            }
            assert_eq!(all[at].truth, episodes[at].truth.action);
        }
        let some = judged(decoder, tokenizer, &episodes, verdicts.iter(), || false);
        assert_eq!(some.expect("scored").len(), SCORED);
    }

    #[test]
    fn answers_that_are_cut_off_are_counted_as_such() {
        let model = LoadedModel::nano().expect("nano");
        let (decoder, tokenizer) = (&model.decoder, &model.tokenizer);
        let shipped = nano::adapters(&decoder.config, decoder.device()).expect("shipped");
        let (_, sft) = shipped.into_iter().next().expect("the first is SFT's");
        let decoder = decoder.with_adapter(Some(sft)).expect("fits");
        let episodes = task::holdout_episodes(7, &Stage::ALL, 4);
        let within = |longest: usize| {
            let answers = answers(&decoder, tokenizer, &episodes, longest, || true);
            answers.expect("answers")
        };
        let clipped = |answers: &[Answer]| {
            let shares = shares(episodes.iter().zip(answers));
            shares["completions/clipped_ratio"]
        };
        let (short, whole) = (within(3), within(longest_answer(&TrainConfig::nano())));
        assert_eq!(clipped(&short), 1.0);
        assert!(clipped(&whole) < 1.0);
        for (short, whole) in short.iter().zip(&whole) {
            assert!(short.truncated && !short.verdict.format_ok);
            assert!(whole.response.starts_with(&short.response));
        }
        let told = answer(&decoder, tokenizer, &episodes, || true).expect("answers");
        assert!(
            told.iter()
                .map(|(response, _)| response)
                .eq(whole.iter().map(|one| &one.response))
        );
    }

    #[test]
    fn a_run_is_evaluated_on_answers_as_long_as_those_it_learns_from() {
        let mut config = TrainConfig::nano();
        for (tokens, longest) in [(1, 64), (64, 64), (65, 65), (96, 96)] {
            config.grpo.max_completion_length = tokens;
            assert_eq!(longest_answer(&config), longest);
        }
    }

    /// A tokenizer as GPT-2's: bytes, and a space that belongs to the word after it.
    fn with_spaces_before_words() -> Tokenizer {
        let bytes = Action::ALL
            .map(|action| format!("ActionĠ:{action}Ċ"))
            .concat();
        let bytes: std::collections::BTreeSet<char> = bytes.chars().collect();
        let words = bytes.into_iter().map(String::from);
        let words = words.chain(["Ġd", "Ġm", "Ġq", "Ġb", "Ġe"].map(String::from));
        let vocab: serde_json::Map<String, serde_json::Value> = words
            .enumerate()
            .map(|(id, word)| (word, id.into()))
            .collect();
        let special = |id: usize, content: &str| {
            serde_json::json!({"id": id, "content": content, "special": true, "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false})
        };
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
            "added_tokens": [special(90, "<|im_start|>"), special(91, "<|im_end|>"), special(92, "<|endoftext|>")],
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
            "post_processor": null,
            "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
            "model": {"type": "BPE", "vocab": vocab,
                "merges": [["Ġ", "d"], ["Ġ", "m"], ["Ġ", "q"], ["Ġ", "b"], ["Ġ", "e"]]},
        });
        let path = std::path::Path::new("gpt2.json");
        Tokenizer::parse(json.to_string().as_bytes(), None, path).expect("a tokenizer")
    }

    #[test]
    fn actions_are_scored_on_the_tokens_that_an_answer_has() {
        let nano = LoadedModel::nano().expect("nano").tokenizer;
        for tokenizer in [nano, with_spaces_before_words()] {
            let (lead, paths) = action_paths(&tokenizer);
            for (action, path) in Action::ALL.into_iter().zip(&paths) {
                let line = tokenizer.encode(&format!("Action: {action}\n"));
                assert_eq!([lead.as_slice(), path].concat(), line);
            }
            let firsts: std::collections::BTreeSet<u32> =
                paths.iter().map(|path| path[0]).collect();
            assert!(firsts.len() > 1, "they part where the lead ends");
        }
        let gpt2 = with_spaces_before_words();
        let (lead, _) = action_paths(&gpt2);
        assert_eq!(lead, gpt2.encode("Action:"), "the space is the action's");
        assert_ne!(lead, gpt2.encode("Action: "));
    }

    #[test]
    fn log_probabilities_become_shares() {
        let thirds = [-900.0, -900.0, -900.0, f64::NEG_INFINITY, -1e9];
        let shares = normalised(thirds).expect("numbers");
        assert!(
            shares[..3]
                .iter()
                .all(|share| (share - 1.0 / 3.0).abs() < 1e-12)
        );
        assert_eq!(shares[3..], [0.0, 0.0]);
        assert_eq!(normalised([f64::NAN, 0.0, 0.0, 0.0, 0.0]), None);
        assert_eq!(normalised([f64::NEG_INFINITY; 5]), None);
    }
}
