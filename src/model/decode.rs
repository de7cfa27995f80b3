//! Sampling with a KV cache: prompts run once, all their samples decode in lockstep.
//!
//! Samples of one prompt share its keys and values. Everything here works on plain slices of the effective weights, so a
//! sampled token's log-probability equals the training forward's up to rounding; a test holds them together.

mod composed;
mod flat;
mod forward;
mod session;
mod team;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use flat::Flat;
use session::{Prefix, Session};
use team::{Member, Team};

use super::decoder::Decoder;
use super::error::{ModelError, Result};
use super::sampler::{Sampling, draw};
use crate::stream::Stream;

/// Lines from which on a shard of them keeps a thread busy.
const LINES_A_SHARD: usize = 32;
/// The same where all weights stay in the cache, so that reading them in every thread costs nothing.
const CACHED_LINES_A_SHARD: usize = 4;
/// Parameters of such a model.
const CACHED: u64 = 4_000_000;

/// One prompt and a random stream for each sample wanted of it.
#[derive(Clone, Debug)]
pub struct Request {
    pub prompt: Vec<u32>,
    pub streams: Vec<Stream>,
}

/// A sampled completion.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// With the end token, where it came.
    pub tokens: Vec<u32>,
    /// Of each token, at the sampling temperature (at 1 for greedy).
    pub log_probs: Vec<f32>,
    /// Whether the length limit came before the end token.
    pub truncated: bool,
    /// Which request it answers.
    pub group: usize,
}

/// Samples completions until one of `ends` or `sampling.max_tokens`; one list a request.
///
/// # Errors
/// On an empty prompt, or one that leaves no room within the model's positions.
pub fn generate(
    decoder: &Decoder,
    requests: Vec<Request>,
    sampling: &Sampling,
    ends: &[u32],
) -> Result<Vec<Vec<Sample>>> {
    let limit = decoder.config.max_positions;
    for request in &requests {
        let tokens = request.prompt.len();
        if tokens == 0 || tokens + sampling.max_tokens > limit {
            return Err(ModelError::TooLong {
                tokens,
                answer: sampling.max_tokens,
                limit,
            });
        }
    }
    if !decoder.device().is_cpu() {
        return composed::generate(decoder, requests, sampling, ends);
    }
    let weights = Flat::new(decoder)?;
    let prefix = Prefix::fill(decoder, &weights, &requests);
    let mut lines: Vec<Line> = Vec::new();
    for (group, request) in requests.into_iter().enumerate() {
        let prompt: Arc<[u32]> = request.prompt.into();
        lines.extend(request.streams.into_iter().map(|stream| Line {
            group,
            prompt: prompt.clone(),
            stream,
            sample: Sample::empty(group),
        }));
    }
    let lines = decode_shards(&prefix, lines, sampling, ends);
    let groups = lines.iter().map(|line| line.group + 1).max().unwrap_or(0);
    let mut samples = vec![Vec::new(); groups];
    for mut line in lines {
        line.sample.truncated = !line.sample.has_ended(ends);
        samples[line.group].push(line.sample);
    }
    Ok(samples)
}

/// Decodes all lines: many of them in as many shards as there are threads, each on one, which need not wait for one another
/// at every product; few of them by a team of all threads, so that each weight is read once.
fn decode_shards(
    prefix: &Prefix<'_>,
    lines: Vec<Line>,
    sampling: &Sampling,
    ends: &[u32],
) -> Vec<Line> {
    let threads = rayon::current_num_threads();
    let enough = match prefix.parameters() <= CACHED {
        true => CACHED_LINES_A_SHARD,
        false => LINES_A_SHARD,
    };
    let lines: Vec<Mutex<Line>> = lines.into_iter().map(Mutex::new).collect();
    let by_team = |members, lines: &[Mutex<Line>]| {
        Team::new(members).run(|member| decode(prefix, lines, sampling, ends, member));
    };
    match lines.len() < threads * enough {
        true => by_team(threads, &lines),
        false => {
            let shards = lines.par_chunks(lines.len().div_ceil(threads));
            shards.for_each(|lines| by_team(1, lines));
        }
    }
    let lines = lines.into_iter();
    lines
        .map(|line| line.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect()
}

/// Samples every line to its end, as a member of a team. What decides how it goes on is the same for all members.
fn decode(
    prefix: &Prefix<'_>,
    lines: &[Mutex<Line>],
    sampling: &Sampling,
    ends: &[u32],
    member: Member<'_>,
) {
    let vocabulary = prefix.vocabulary();
    let groups_of: Vec<usize> = lines.iter().map(|line| held(line).group).collect();
    let mut session = Session::new(prefix, lines.len(), member);
    let mut logits = session.first_logits(&groups_of);
    let mut active: Vec<usize> = (0..lines.len()).collect();
    for step in 0..sampling.max_tokens {
        let mine = &active[session.drawing(active.len())];
        for (&line, row) in mine.iter().zip(logits.chunks_exact_mut(vocabulary)) {
            held(&lines[line]).draw(row, sampling);
        }
        session.wait();
        let last = |&line: &usize| held(&lines[line]).sample.has_ended(ends);
        let going: Vec<usize> = (0..active.len()).filter(|&i| !last(&active[i])).collect();
        if going.is_empty() || step + 1 == sampling.max_tokens {
            break;
        }
        session.keep(&going);
        active = going.into_iter().map(|i| active[i]).collect();
        let tokens: Vec<u32> = active
            .iter()
            .filter_map(|&line| held(&lines[line]).sample.tokens.last().copied())
            .collect();
        let groups: Vec<usize> = active.iter().map(|&line| groups_of[line]).collect();
        logits = session.step(&tokens, &groups, step);
    }
}

/// A line, for as long as it is looked at or drawn.
fn held(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Line {
    group: usize,
    prompt: Arc<[u32]>,
    stream: Stream,
    sample: Sample,
}

impl Line {
    fn draw(&mut self, logits: &mut [f32], sampling: &Sampling) {
        let (prompt, stream) = (&self.prompt, &mut self.stream);
        self.sample.draw_next(prompt, logits, sampling, stream);
    }
}

impl Sample {
    /// Draws the token after `prompt` and what is there of the completion.
    fn draw_next(
        &mut self,
        prompt: &[u32],
        logits: &mut [f32],
        sampling: &Sampling,
        stream: &mut Stream,
    ) -> u32 {
        let (token, log_prob) = draw(logits, [prompt, &self.tokens], sampling, stream);
        self.tokens.push(token);
        self.log_probs.push(log_prob);
        token
    }

    /// Whether its last token is one that ends a completion.
    fn has_ended(&self, ends: &[u32]) -> bool {
        self.tokens.last().is_some_and(|last| ends.contains(last))
    }

    fn empty(group: usize) -> Self {
        Self {
            tokens: Vec::new(),
            log_probs: Vec::new(),
            truncated: false,
            group,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::config::{Architecture, Projection};
    use crate::model::lora::{Adapter, LoraConfig};
    use crate::model::pack::Packed;
    use crate::model::tensors::NamedTensors;
    use crate::model::testing::small;
    use crate::model::weights::Weights;
    use candle_core::{DType, Device, Tensor};
    use std::path::Path;

    fn decoder() -> Result<Decoder> {
        decoder_in(DType::F32)
    }

    /// One whose matrices are kept in `dtype`.
    fn decoder_in(dtype: DType) -> Result<Decoder> {
        let config = small(Architecture::Qwen2);
        let mut stream = Stream::named(5, &["decode test"]);
        let weights = Decoder::random(&config, 0.3, &mut stream, &Device::Cpu)?;
        let lora = LoraConfig {
            rank: 2,
            alpha: 4.0,
            targets: Projection::ALL.into(),
        };
        let adapter = Adapter::fresh(lora, &config, &mut stream, &Device::Cpu)?;
        for (name, var) in adapter.named() {
            if name.contains("lora_B") {
                let noise: Vec<f32> = (0..var.elem_count())
                    .map(|_| 0.1 * stream.normal())
                    .collect();
                var.set(&Tensor::from_vec(noise, var.dims(), &Device::Cpu)?)?;
            }
        }
        let named = weights.named().into_iter().collect();
        let mut named = NamedTensors::new(named, Path::new("memory"));
        let weights = Weights::from_named(&config, &mut named, dtype)?;
        Decoder::new(config, weights).with_adapter(Some(adapter))
    }

    fn requests() -> Vec<Request> {
        let base = Stream::named(9, &["samples"]);
        // Some begin alike, one is another's beginning, and one is there twice.
        let prompts: [&[u32]; 6] = [
            &[1, 2, 3, 4, 5, 6, 7],
            &[9],
            &[8, 3, 50, 2],
            &[1, 2, 3, 4, 50, 6, 9, 9],
            &[1, 2, 3],
            &[8, 3, 50, 2],
        ];
        let request = |(g, p): (usize, &[u32])| Request {
            prompt: p.to_vec(),
            // One asks for fewer than the others.
            streams: (0..4 - usize::from(g == 2))
                .map(|i| base.fork((g * 4 + i) as u64))
                .collect(),
        };
        assert!(
            prompts
                .iter()
                .any(|p| p.starts_with(prompts[4]) && p.len() > 3)
        );
        prompts.into_iter().enumerate().map(request).collect()
    }

    #[test]
    fn sampled_log_probs_equal_the_training_forward_whatever_weights_are_kept_in() -> Result<()> {
        for dtype in [DType::F32, DType::BF16, DType::F16] {
            sampled_equal_trained(&decoder_in(dtype)?)?;
        }
        Ok(())
    }

    fn sampled_equal_trained(decoder: &Decoder) -> Result<()> {
        let sampling = Sampling {
            temperature: 0.8,
            max_tokens: 20,
            ..Sampling::default()
        };
        let samples = generate(decoder, requests(), &sampling, &[0])?;
        let mut packed = Packed::default();
        let (mut targets, mut want) = (Vec::new(), Vec::new());
        for (request, samples) in requests().iter().zip(&samples) {
            let prompt = packed.push(&request.prompt);
            for sample in samples {
                let own = packed.push_continuation(&sample.tokens);
                for (i, &token) in sample.tokens.iter().enumerate() {
                    targets.push((
                        if i == 0 {
                            prompt.end - 1
                        } else {
                            own.start + i - 1
                        },
                        token,
                    ));
                }
                want.extend_from_slice(&sample.log_probs);
            }
        }
        let got = decoder
            .log_probs(&Arc::new(packed), targets, 0.8)?
            .get(0)?
            .to_vec1::<f32>()?;
        assert!(got.len() > 100);
        for (g, w) in got.iter().zip(&want) {
            assert!((g - w).abs() < 2e-4, "{g} {w}");
        }
        Ok(())
    }

    #[test]
    fn other_devices_draw_the_same_tokens() -> Result<()> {
        let decoder = decoder()?;
        let sampling = Sampling {
            max_tokens: 20,
            ..Sampling::default()
        };
        // A likely end, so that lines leave at different times.
        for ends in [&[0][..], &[7], &[8], &[8, 7, 50]] {
            let want = generate(&decoder, requests(), &sampling, ends)?;
            let got = composed::generate(&decoder, requests(), &sampling, ends)?;
            let sizes = |groups: &[Vec<Sample>]| groups.iter().map(Vec::len).collect::<Vec<_>>();
            assert_eq!(sizes(&got), sizes(&want));
            let lengths: Vec<usize> = want.iter().flatten().map(|s| s.tokens.len()).collect();
            assert!(lengths.iter().any(|&length| length < 20), "{lengths:?}");
            for (got, want) in got.iter().flatten().zip(want.iter().flatten()) {
                assert_eq!((&got.tokens, got.truncated), (&want.tokens, want.truncated));
                assert_eq!(
                    (got.group, got.log_probs.len()),
                    (want.group, want.log_probs.len())
                );
                for (g, w) in got.log_probs.iter().zip(&want.log_probs) {
                    assert!((g - w).abs() < 1e-4, "{g} {w}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn a_sample_depends_on_its_stream_and_prompt_only() -> Result<()> {
        let decoder = decoder()?;
        let sampling = Sampling {
            max_tokens: 12,
            ..Sampling::default()
        };
        let together = generate(&decoder, requests(), &sampling, &[0])?;
        for (i, request) in requests().into_iter().enumerate() {
            let alone = generate(&decoder, vec![request], &sampling, &[0])?;
            let tokens = |s: &Vec<Sample>| s.iter().map(|s| s.tokens.clone()).collect::<Vec<_>>();
            assert_eq!(tokens(&alone[0]), tokens(&together[i]));
        }
        Ok(())
    }

    #[test]
    fn a_prompt_without_room_is_refused() -> Result<()> {
        let request = Request {
            prompt: vec![1; 120],
            streams: vec![Stream::named(1, &["x"])],
        };
        let sampling = Sampling {
            max_tokens: 20,
            ..Sampling::default()
        };
        let error = generate(&decoder()?, vec![request], &sampling, &[0]).expect_err("too long");
        assert!(error.to_string().contains("120 tokens"));
        Ok(())
    }
}
