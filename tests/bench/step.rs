//! A whole GRPO step, phase by phase, beside the speed of the machine's matrix product.
//!
//! `cargo bench --bench step` prints, for the shapes of SmolLM2-135M and of a small nano: one prompt of 400 tokens, 8 answers
//! of 48 forced tokens, LoRA of rank 16 on all seven projections, f32. Bars and goals are scaled by the rate of a
//! 1024 x 576 x 1536 product on this machine against the 220 GFLOP/s they were set at. `-- nano`, `-- 135m` or
//! `-- 135m-bf16` (the same with its frozen weights in 16 bits) runs one shape.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run has failed")]

use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device};
use mimalloc::MiMalloc;
use opensoc::model::config::{Architecture, ModelConfig, Projection};
use opensoc::model::decode::{Request, Sample, generate};
use opensoc::model::decoder::Decoder;
use opensoc::model::kernels::{Threads, View, ViewMut, matmul};
use opensoc::model::lora::{Adapter, LoraConfig};
use opensoc::model::sampler::Sampling;
use opensoc::model::tensors::NamedTensors;
use opensoc::model::weights::Weights;
use opensoc::stream::Stream;
use opensoc::train::config::{AdamOptions, TrainConfig};
use opensoc::train::grpo::{self, BatchTerms, ResponseTerms, StepTotals};
use opensoc::train::learner::{Learner, Sequence};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const PROMPT: usize = 400;
const GROUP: usize = 8;
const ANSWER: usize = 48;
/// GFLOP/s of the product the bars were set at.
const REFERENCE_RATE: f64 = 220.0;

/// A shape with its bar and goal in seconds.
struct Case {
    name: &'static str,
    config: ModelConfig,
    /// What the frozen matrices are kept in; all sums are f32.
    kept: DType,
    bar: f64,
    goal: f64,
    repeats: usize,
}

fn cases() -> [Case; 3] {
    let shape = |d, ffn, layers, heads, kv_heads, vocab_size| ModelConfig {
        architecture: Architecture::Llama,
        vocab_size,
        hidden_size: d,
        intermediate_size: ffn,
        layers,
        heads,
        kv_heads,
        max_positions: 1024,
        rms_norm_eps: 1e-5,
        rope_theta: 100_000.0,
        tied: true,
    };
    [
        Case {
            name: "nano",
            config: shape(256, 768, 4, 4, 2, 2_048),
            kept: DType::F32,
            bar: 0.35,
            goal: 0.25,
            repeats: 15,
        },
        Case {
            name: "135m",
            config: shape(576, 1_536, 30, 9, 3, 49_152),
            kept: DType::F32,
            bar: 8.5,
            goal: 6.1,
            repeats: 3,
        },
        Case {
            name: "135m-bf16",
            config: shape(576, 1_536, 30, 9, 3, 49_152),
            kept: DType::BF16,
            bar: 8.5,
            goal: 6.1,
            repeats: 3,
        },
    ]
}

/// Seconds of the phases of one step.
#[derive(Clone, Copy, Default)]
struct Phases {
    rollout: f64,
    /// The pass of the reference policy, which the bars were set without.
    reference: f64,
    gradients: f64,
    update: f64,
}

impl Phases {
    /// Without the reference's pass.
    fn total(&self) -> f64 {
        self.rollout + self.gradients + self.update
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    let made = work();
    (made, started.elapsed().as_secs_f64())
}

/// GFLOP/s of a product `[m, k] x [k, n]`, the best of several.
fn product_rate(m: usize, k: usize, n: usize) -> f64 {
    let (a, b, mut c) = (vec![0.5f32; m * k], vec![0.5f32; k * n], vec![0f32; m * n]);
    let mut once = || {
        let (a, b) = (View::dense(&a, m, k), View::dense(&b, k, n));
        let product = || matmul(ViewMut::dense(&mut c, m, n), false, a, b, 1.0, Threads::All);
        timed(product).1
    };
    let best = (0..12).map(|_| once()).fold(f64::INFINITY, f64::min);
    2.0 * (m * k * n) as f64 / best / 1e9
}

fn learner(Case { config, kept, .. }: &Case) -> Learner {
    let mut stream = Stream::named(1, &["bench", "weights"]);
    let weights = Decoder::random(config, 0.02, &mut stream, &Device::Cpu).expect("weights");
    let named = weights.named().into_iter().collect();
    let mut named = NamedTensors::new(named, Path::new("memory"));
    let weights = Weights::from_named(config, &mut named, *kept).expect("weights");
    let lora = LoraConfig {
        rank: 16,
        alpha: 32.0,
        targets: Projection::ALL.into_iter().collect(),
    };
    let adapter = Adapter::fresh(lora, config, &mut stream, &Device::Cpu).expect("adapter");
    let decoder = Decoder::new(config.clone(), weights);
    Learner::new(
        decoder.with_adapter(Some(adapter)).expect("fits"),
        AdamOptions::default(),
    )
}

fn roll_out(learner: &Learner, prompt: &[u32], step: u64) -> Vec<Sample> {
    let stream = Stream::named(2, &["bench", "rollout"]).fork(step);
    let request = Request {
        prompt: prompt.to_vec(),
        streams: (0..GROUP as u64).map(|i| stream.fork(i)).collect(),
    };
    let sampling = Sampling {
        max_tokens: ANSWER,
        ..Sampling::default()
    };
    // No token ends an answer: all are of full length.
    let samples = generate(&learner.decoder, vec![request], &sampling, &[]);
    samples.expect("sampled").remove(0)
}

fn step(learner: &mut Learner, prompt: &[u32], number: u64) -> (Phases, f64) {
    let (samples, rollout) = timed(|| roll_out(learner, prompt, number));
    let config = TrainConfig::qwen3b().grpo;
    let rewards: Vec<f64> = (0..GROUP).map(|i| i as f64 / 7.0 - 0.5).collect();
    let advantages = grpo::advantages(&rewards, GROUP, config.scale_rewards);
    let responses: Vec<ResponseTerms> = samples
        .iter()
        .zip(advantages)
        .map(|(sample, advantage)| ResponseTerms {
            tokens: sample.tokens.len(),
            advantage: advantage as f32,
            truncated: false,
        })
        .collect();
    let step = StepTotals::of(&config, responses.iter());
    let sampled: Vec<f32> = samples.iter().flat_map(|s| s.log_probs.clone()).collect();
    let sequences = [Sequence {
        prompt: prompt.to_vec(),
        completions: samples.into_iter().map(|sample| sample.tokens).collect(),
    }];
    // The preset's beta is not 0: its divergence asks the model without the adapter.
    let base = learner.decoder.with_adapter(None).expect("base");
    let (scores, reference) =
        timed(|| Learner::score(&base, &sequences, config.temperature).expect("scores"));
    let terms = BatchTerms {
        responses,
        step,
        reference: Some(scores),
        ..BatchTerms::default()
    };
    let (told, gradients) = timed(|| {
        learner
            .reinforced(&sequences, &config, &terms, &sampled)
            .expect("gradients")
    });
    let (_, update) = timed(|| learner.apply(1e-6, 1.0).expect("update"));
    let phases = Phases {
        rollout,
        reference,
        gradients,
        update,
    };
    (phases, told.mismatch_max)
}

/// GFLOP of the step's matrix products: the frozen ones forward and back to the input, LoRA's own, the head twice.
fn products(config: &ModelConfig) -> (f64, f64) {
    let weights = |p: Projection| config.projection_shape(p).iter().product::<usize>() as f64;
    let layers: f64 = Projection::ALL.into_iter().map(weights).sum::<f64>() * config.layers as f64;
    let head = (config.vocab_size * config.hidden_size) as f64;
    let (rows, answers) = ((PROMPT + GROUP * ANSWER) as f64, (GROUP * ANSWER) as f64);
    let rollout = 2.0 * (layers * rows + head * answers);
    let gradients = 4.0 * layers * rows + 6.0 * head * answers;
    (rollout / 1e9, gradients / 1e9)
}

/// Greatest resident memory since the last call, in GB (Linux).
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    // 5 resets the mark (proc(5)).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    Some(kilobytes / 1e6)
}

fn run(case: &Case, rate: f64) {
    let mut learner = learner(case);
    peak_memory();
    let mut stream = Stream::named(3, &["bench", "prompt"]);
    let prompt: Vec<u32> = (0..PROMPT)
        .map(|_| stream.index(case.config.vocab_size) as u32)
        .collect();
    step(&mut learner, &prompt, 0);
    let mut runs: Vec<(Phases, f64)> = (1..=case.repeats as u64)
        .map(|i| step(&mut learner, &prompt, i))
        .collect();
    runs.sort_by(|a, b| a.0.total().total_cmp(&b.0.total()));
    let (phases, mismatch) = runs[runs.len() / 2];
    let scale = REFERENCE_RATE / rate;
    let (rollout, gradients) = products(&case.config);
    println!(
        "{}: {:.3} s a step (median of {})",
        case.name,
        phases.total(),
        case.repeats
    );
    println!(
        "  rollout {:.3} s ({:.0} GFLOP/s), gradients {:.3} s ({:.0} GFLOP/s), update {:.3} s",
        phases.rollout,
        rollout / phases.rollout,
        phases.gradients,
        gradients / phases.gradients,
        phases.update
    );
    println!(
        "  with the reference's pass, which a beta above 0 asks for: {:.3} s (the pass {:.3} s)",
        phases.total() + phases.reference,
        phases.reference
    );
    println!(
        "  {:.2} of the bar ({:.2} s at this rate), {:.2} of the goal ({:.2} s); the products alone: {:.2} s",
        phases.total() / (case.bar * scale),
        case.bar * scale,
        phases.total() / (case.goal * scale),
        case.goal * scale,
        (rollout + gradients) / rate
    );
    println!("  sampler and trainer differ by at most {mismatch:.1e} in a log-probability");
    if let Some(peak) = peak_memory() {
        println!("  peak memory {peak:.2} GB");
    }
    for batch in [8, 16] {
        println!(
            "  decoding {batch} answers: {:.0} tokens/s",
            decode_rate(&learner, &prompt, batch)
        );
    }
}

/// Tokens a second of decoding alone, prompt in the cache.
fn decode_rate(learner: &Learner, prompt: &[u32], batch: u64) -> f64 {
    let seconds = |tokens: usize| {
        let stream = Stream::named(4, &["bench", "decode"]);
        let request = Request {
            prompt: prompt.to_vec(),
            streams: (0..batch).map(|i| stream.fork(i)).collect(),
        };
        let sampling = Sampling {
            max_tokens: tokens,
            ..Sampling::default()
        };
        timed(|| generate(&learner.decoder, vec![request], &sampling, &[]).expect("sampled")).1
    };
    let (short, long) = (seconds(8), seconds(40));
    (batch * 32) as f64 / (long - short)
}

fn main() {
    opensoc::allocator::keep_freed_pages();
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let rate = product_rate(1_024, 576, 1_536);
    println!("1024 x 576 x 1536 in f32: {rate:.0} GFLOP/s");
    for case in cases() {
        if wanted.is_empty() || wanted.iter().any(|name| name == case.name) {
            run(&case, rate);
        }
    }
}
