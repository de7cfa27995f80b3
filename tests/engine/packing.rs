//! A prompt run once equals a prompt copied in front of every completion, in values and in gradients.

use std::collections::BTreeSet;
use std::sync::Arc;

use opensoc::model::config::{Architecture, ModelConfig, Projection};
use opensoc::model::decoder::Decoder;
use opensoc::model::pack::Packed;
use opensoc::stream::Stream;

use crate::fixture::{Outcome, Task, adapted, adapter_of_rank, config, relative_error, weights};
use crate::twin::Twin;

/// Greatest difference of log-probabilities and of gradients, over the greatest magnitude in the tensor.
const TOLERANCE: f64 = 1e-5;
/// Random shapes that are tried.
const SEEDS: u64 = 24;

/// A model, an adapter and a task, all of random size.
struct Drawn {
    config: ModelConfig,
    rank: usize,
    targets: Vec<Projection>,
    task: Task,
}

impl Drawn {
    fn of(seed: u64) -> Result<Self, String> {
        let mut stream = Stream::named(seed, &["engine test", "packing"]);
        let mut size = |low: usize, high: usize| stream.between(low as u64, high as u64) as usize;
        let kv_heads = size(1, 3);
        let heads = kv_heads * size(1, 3);
        // Heads of even width, 16 to 64 numbers in all of them.
        let head_dim = 2 * size(8usize.div_ceil(heads), 32 / heads);
        let config = ModelConfig {
            architecture: Architecture::ALL[size(0, 1)],
            vocab_size: size(24, 200),
            hidden_size: heads * head_dim,
            intermediate_size: size(8, 96),
            layers: size(1, 3),
            heads,
            kv_heads,
            tied: size(0, 1) == 1,
            ..config(1, true)
        };
        config.check()?;
        let (rank, groups) = (size(1, 8), size(1, 4));
        let mut targets = Projection::ALL.to_vec();
        stream.shuffle(&mut targets);
        targets.truncate(1 + stream.index(Projection::ALL.len()));
        // Every other task is long enough that sequences span several blocks of the attention kernel.
        let longest = if seed.is_multiple_of(2) { 12 } else { 100 };
        let vocabulary = config.vocab_size;
        let mut task = Task::random(&mut stream, groups, longest, vocabulary);
        // Of a lone token attention has nothing to choose from, and the queries' and keys' gradients are rounding alone.
        let more = (0..8).map(|_| stream.index(vocabulary) as u32);
        task.groups[0].prompt.extend(more);
        Ok(Self {
            config,
            rank,
            targets,
            task,
        })
    }

    fn decoder(&self, seed: u64) -> Result<Decoder, Box<dyn std::error::Error>> {
        let Self { config, rank, .. } = self;
        let adapter = adapter_of_rank(*rank, config, seed, &self.targets);
        let base = Decoder::new(config.clone(), weights(config, seed));
        Ok(base.with_adapter(Some(adapter))?)
    }

    /// Rows that sharing saves.
    fn saved(&self) -> usize {
        let prompts: usize = self.task.groups.iter().map(|g| g.prompt.len()).sum();
        let completions = self.task.groups.iter().flat_map(|g| &g.completions);
        let completions: usize = completions.map(Vec::len).sum();
        prompts + completions - self.task.shared().0.len()
    }
}

/// Greatest errors so far, of log-probabilities and of gradients.
#[derive(Default)]
struct Worst {
    log_probs: f64,
    gradients: f64,
}

/// Holds shared prompts to copies of them in the engine itself, and to the batch of a plain trainer: every completion behind a
/// prompt of its own, padded on the right, with a mask, in the twin, which computes in f64.
fn compare(drawn: &Drawn, seed: u64, copies: &mut Worst, padded: &mut Worst) -> Outcome {
    let (task, decoder) = (&drawn.task, drawn.decoder(seed)?);
    let (shared, unshared) = (task.shared(), task.unshared());
    let twin = Twin::new(&drawn.config, &decoder.weights, decoder.adapter())?;
    let log_probs = |(packed, targets): &(Arc<Packed>, Vec<(usize, u32)>)| {
        decoder.log_probs(packed, targets.clone(), task.temperature)
    };
    let ours = log_probs(&shared)?;
    let from_copies = relative_error(&ours, &log_probs(&unshared)?);
    let from_padded = relative_error(&ours.get(0)?, &twin.padded_log_probs(task)?);
    for (worst, error) in [(&mut *copies, from_copies), (&mut *padded, from_padded)] {
        assert!(error <= TOLERANCE, "seed {seed}: log-probs {error:.1e}");
        worst.log_probs = worst.log_probs.max(error);
    }
    let ours = task.loss(&decoder, &shared)?.backward()?;
    let unshared = task.loss(&decoder, &unshared)?.backward()?;
    let plain = twin.padded_loss(task)?.backward()?;
    let named = decoder.adapter().ok_or("not adapted")?.named();
    assert_eq!(
        named.len(),
        2 * drawn.config.layers * drawn.targets.len(),
        "seed {seed}"
    );
    for (name, var) in named {
        let ours = ours.get(&var).ok_or("none")?;
        let from_copies = relative_error(ours, unshared.get(&var).ok_or("none")?);
        let from_padded = relative_error(ours, plain.get(&twin.lora[&name]).ok_or("none")?);
        for (worst, error) in [(&mut *copies, from_copies), (&mut *padded, from_padded)] {
            assert!(error <= TOLERANCE, "seed {seed}: {name} {error:.1e}");
            worst.gradients = worst.gradients.max(error);
        }
    }
    Ok(())
}

#[test]
fn a_shared_prompt_equals_copies_of_it_and_a_padded_batch_at_every_shape() -> Outcome {
    let (mut copies, mut padded) = (Worst::default(), Worst::default());
    let (mut saved, mut shapes) = (0, BTreeSet::new());
    for seed in 0..SEEDS {
        let drawn = Drawn::of(seed)?;
        compare(&drawn, seed, &mut copies, &mut padded)?;
        saved += drawn.saved();
        let shape = &drawn.config;
        shapes.insert((shape.hidden_size, shape.heads, shape.kv_heads, shape.layers));
    }
    assert!(
        saved > 50,
        "prompts share no beginnings: {saved} rows saved"
    );
    assert!(shapes.len() > 12, "much the same shape: {shapes:?}");
    for (what, worst) in [("copies", copies), ("a padded batch", padded)] {
        println!(
            "shared against {what}: log-probs {:.1e}, gradients {:.1e}",
            worst.log_probs, worst.gradients
        );
    }
    Ok(())
}

#[test]
fn groups_in_one_packing_do_not_see_each_other() -> Outcome {
    let decoder = adapted(&config(2, true), 3);
    let mut stream = Stream::named(3, &["engine test", "groups"]);
    let task = Task::random(&mut stream, 3, 20, 96);
    let together = task.shared();
    let all = decoder.log_probs(&together.0, together.1, task.temperature)?;
    let mut at = 0;
    for group in task.groups {
        let alone = Task {
            groups: vec![group],
            coefficients: Vec::new(),
            temperature: task.temperature,
        };
        let (packed, targets) = alone.shared();
        let n = targets.len();
        let want = decoder.log_probs(&packed, targets, task.temperature)?;
        let error = relative_error(&all.narrow(1, at, n)?, &want);
        assert!(error < 1e-5, "{error:.1e}");
        at += n;
    }
    Ok(())
}
