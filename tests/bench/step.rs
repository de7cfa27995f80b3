//! A whole GRPO step, phase by phase, beside the speed of the machine's matrix product.
//!
//! `cargo bench --bench step` prints, for the shapes of SmolLM2-135M and of a small nano: one prompt of 400 tokens, 8 answers
//! of 48 forced tokens, LoRA of rank 16 on all seven projections, f32. Bars, goals and the peers' seconds are scaled by the
//! rate of a 1024 x 576 x 1536 product on this machine against the 220 GFLOP/s they were set at. `-- nano`, `-- 135m` or
//! `-- 135m-bf16` (the same with its frozen weights in 16 bits) runs one shape.
//!
//! A step runs its rollout and its gradients in one call each. The prompt's part of the one and the forward part of the other
//! are timed by themselves, once; what is left of the call is decoding and the way back.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run has failed")]
#![expect(
    unsafe_code,
    reason = "the environment is written to, which nobody may read meanwhile"
)]

use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device};
use mimalloc::MiMalloc;
use opensoc::config::{AdamOptions, TrainConfig};
use opensoc::env::schema::{Action, Episode, Split, Stage};
use opensoc::env::{generate, gold, verdict};
use opensoc::model::config::{Architecture, ModelConfig, Projection};
use opensoc::model::decode::{Request, Sample, generate};
use opensoc::model::decoder::Decoder;
use opensoc::model::kernels::{Threads, View, ViewMut, matmul};
use opensoc::model::lora::{Adapter, LoraConfig};
use opensoc::model::nano;
use opensoc::model::sampler::Sampling;
use opensoc::model::tensors::NamedTensors;
use opensoc::model::tokenizer::Tokenizer;
use opensoc::model::weights::Weights;
use opensoc::stream::Stream;
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
/// Who else was timed at a step, on a quiet machine of about that rate.
const PEERS: [&str; 3] = [
    "TRL",
    "TRL with its head on completion tokens only",
    "PyTorch by hand, prompt shared",
];
/// Bar and goal of a large shape's memory, in GB.
const MEMORY: [f64; 2] = [3.6, 2.0];
/// Answers decoded together, and the tokens a second they are held to in a large shape.
const DECODING: [(usize, &str, f64); 2] = [
    (8, "tokens/s of 8 answers", 100.0),
    (16, "tokens/s of 16 answers", 160.0),
];

/// A shape with its bar and goal in seconds.
struct Case {
    name: &'static str,
    config: ModelConfig,
    /// What the frozen matrices are kept in; all sums are f32.
    kept: DType,
    bar: f64,
    goal: f64,
    /// Seconds of [`PEERS`] at this shape.
    peers: [f64; 3],
    /// Whether [`MEMORY`] and [`DECODING`] are meant for it.
    is_large: bool,
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
    let nano = Case {
        name: "nano",
        config: shape(256, 768, 4, 4, 2, 2_048),
        kept: DType::F32,
        bar: 0.35,
        goal: 0.25,
        peers: [2.2, 1.8, 0.56],
        is_large: false,
        repeats: 15,
    };
    let large = |name, kept| Case {
        name,
        config: shape(576, 1_536, 30, 9, 3, 49_152),
        kept,
        bar: 8.5,
        goal: 6.1,
        peers: [38.9, 30.6, 10.6],
        is_large: true,
        repeats: 3,
    };
    [
        nano,
        large("135m", DType::F32),
        large("135m-bf16", DType::BF16),
    ]
}

/// Seconds of the phases of one step.
#[derive(Clone, Copy, Default)]
struct Phases {
    rollout: f64,
    rewards: f64,
    /// The pass of the reference policy, which the bars were set without.
    reference: f64,
    gradients: f64,
    update: f64,
}

impl Phases {
    /// Without the reference's pass.
    fn total(&self) -> f64 {
        self.rollout + self.rewards + self.gradients + self.update
    }
}

/// Answers to an episode as the verifier gets them, in tokens. They stand for the sampled ones: random weights write nothing
/// that could be judged.
struct Answers {
    tokenizer: Tokenizer,
    episode: Episode,
    tokens: Vec<Vec<u32>>,
}

impl Answers {
    fn new() -> Self {
        let tokenizer = Tokenizer::parse(nano::TOKENIZER, None, Path::new(nano::NAME));
        let tokenizer = tokenizer.expect("nano's tokenizer");
        let episode = generate::episode(Stage::Adversarial, Split::Train, 1, 0);
        let (gold, truth) = (gold::response(&episode), episode.truth.action.as_str());
        // Every action in turn; after them one without any form.
        let answer = |i: usize| match Action::ALL.get(i % (Action::ALL.len() + 1)) {
            Some(action) => gold.replacen(truth, action.as_str(), 1),
            None => gold.replace('\n', " "),
        };
        let tokens = (0..GROUP).map(|i| tokenizer.completion(&answer(i)));
        Self {
            tokens: tokens.collect(),
            tokenizer,
            episode,
        }
    }

    /// Their rewards, as a step makes them of what was sampled: decoded, parsed, judged.
    fn rewards(&self) -> Vec<f64> {
        let judge = |tokens: &Vec<u32>| {
            let response = self.tokenizer.decode(tokens);
            verdict::judge(&self.episode, &response).reward
        };
        self.tokens.iter().map(judge).collect()
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

/// So many answers of so many tokens: no token ends one.
fn sample(
    learner: &Learner,
    prompt: &[u32],
    stream: &Stream,
    answers: usize,
    tokens: usize,
) -> Vec<Sample> {
    let request = Request {
        prompt: prompt.to_vec(),
        streams: (0..answers as u64).map(|i| stream.fork(i)).collect(),
    };
    let sampling = Sampling {
        max_tokens: tokens,
        ..Sampling::default()
    };
    let samples = generate(&learner.decoder, vec![request], &sampling, &[]);
    samples.expect("sampled").remove(0)
}

fn step(learner: &mut Learner, prompt: &[u32], answers: &Answers, number: u64) -> (Phases, f64) {
    let stream = Stream::named(2, &["bench", "rollout"]).fork(number);
    let (samples, rollout) = timed(|| sample(learner, prompt, &stream, GROUP, ANSWER));
    let config = TrainConfig::qwen3b().grpo;
    let (advantages, rewards) =
        timed(|| grpo::advantages(&answers.rewards(), GROUP, config.scale_rewards));
    let spread = grpo::std_dev(&advantages);
    assert!(!grpo::is_zero(spread), "the answers earn the same");
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
        rewards,
        reference,
        gradients,
        update,
    };
    (phases, told.mismatch_max)
}

/// GFLOP of a step's matrix products, without LoRA's narrow ones: of the rollout's prompt and decoding, of the gradients'
/// way there and back. The head is multiplied again on the way back, which spares keeping its logits.
fn products(config: &ModelConfig) -> [f64; 4] {
    let weights = |p: Projection| config.projection_shape(p).iter().product::<usize>() as f64;
    let layers: f64 = Projection::ALL.into_iter().map(weights).sum::<f64>() * config.layers as f64;
    let head = (config.vocab_size * config.hidden_size) as f64;
    let (prompt, answers) = (PROMPT as f64, (GROUP * ANSWER) as f64);
    let all = layers * (prompt + answers);
    [
        2.0 * layers * prompt,
        2.0 * (layers + head) * answers,
        2.0 * (all + head * answers),
        2.0 * (all + 2.0 * head * answers),
    ]
    .map(|flop| flop / 1e9)
}

/// Greatest resident memory since the last call, in GB (Linux).
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    // 5 resets the mark (proc(5)).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    // The kernel's kilobytes are of 1,024 bytes.
    Some(kilobytes * 1_024.0 / 1e9)
}

/// Decoding by itself.
struct Decoding {
    /// Seconds until the first token: the prompt's.
    prompt: f64,
    /// Tokens a second after it.
    rate: f64,
}

fn decoding(learner: &Learner, prompt: &[u32], answers: usize) -> Decoding {
    let stream = Stream::named(4, &["bench", "decode"]);
    let seconds = |tokens| timed(|| sample(learner, prompt, &stream, answers, tokens)).1;
    let (first, all) = (seconds(1), seconds(40));
    Decoding {
        prompt: first,
        rate: (answers * 39) as f64 / (all - first),
    }
}

/// Seconds of a pass that is not gone back through, with the adapter.
fn forward(learner: &Learner, prompt: &[u32]) -> f64 {
    let answer = |i: usize| (0..ANSWER).map(|at| prompt[(i + at) % PROMPT]).collect();
    let sequences = [Sequence {
        prompt: prompt.to_vec(),
        completions: (0..GROUP).map(answer).collect(),
    }];
    timed(|| Learner::score(&learner.decoder, &sequences, 1.0).expect("scores")).1
}

/// All that is told of a shape.
struct Measured {
    /// Of the median step.
    phases: Phases,
    mismatch: f64,
    peak: Option<f64>,
    forward: f64,
    /// As [`DECODING`] asks.
    decoding: [Decoding; 2],
}

fn measure(case: &Case, answers: &Answers) -> Measured {
    let mut learner = learner(case);
    peak_memory();
    let mut stream = Stream::named(3, &["bench", "prompt"]);
    let prompt: Vec<u32> = (0..PROMPT)
        .map(|_| stream.index(case.config.vocab_size) as u32)
        .collect();
    step(&mut learner, &prompt, answers, 0);
    let mut runs: Vec<(Phases, f64)> = (1..=case.repeats as u64)
        .map(|i| step(&mut learner, &prompt, answers, i))
        .collect();
    runs.sort_by(|a, b| a.0.total().total_cmp(&b.0.total()));
    let (phases, mismatch) = runs[runs.len() / 2];
    Measured {
        phases,
        mismatch,
        peak: peak_memory(),
        forward: forward(&learner, &prompt),
        decoding: DECODING.map(|(answers, ..)| decoding(&learner, &prompt, answers)),
    }
}

/// A phase or a part of one: its name, its seconds, the GFLOP of its products.
type Part = (&'static str, f64, f64);

fn parts(config: &ModelConfig, measured: &Measured) -> [Part; 6] {
    let phases = measured.phases;
    let [prompt, answers, there, back] = products(config);
    // What was timed by itself may have taken longer than the whole on a busy machine.
    let prefill = measured.decoding[0].prompt.min(phases.rollout);
    let forward = measured.forward.min(phases.gradients);
    [
        ("rollout, prompt", prefill, prompt),
        ("rollout, decoding", phases.rollout - prefill, answers),
        ("rewards", phases.rewards, 0.0),
        ("gradients, forward", forward, there),
        ("gradients, backward", phases.gradients - forward, back),
        ("update", phases.update, 0.0),
    ]
}

fn tell_step(case: &Case, measured: &Measured, rate: f64) {
    let (phases, total) = (measured.phases, measured.phases.total());
    let parts = parts(&case.config, measured);
    let Case { name, repeats, .. } = case;
    println!("{name}: {total:.3} s a step (median of {repeats})");
    println!("  phase                  seconds   share   products alone");
    let products: f64 = parts.iter().map(|(_, _, products)| products).sum();
    for (name, seconds, products) in parts.into_iter().chain([("all", total, products)]) {
        let (share, alone) = (seconds / total * 100.0, products / rate);
        let beside = match products > 0.0 {
            true => format!("{alone:.4} s, {:.2} times that", seconds / alone),
            false => "none".to_owned(),
        };
        println!("  {name:<20} {seconds:>9.5} {share:>5.1} %   {beside}");
    }
    println!(
        "  rollout {:.3} s, gradients {:.3} s; a beta above 0 asks for the reference's pass too: {:.3} s",
        phases.rollout, phases.gradients, phases.reference
    );
    println!(
        "  sampler and trainer differ by at most {:.1e} in a log-probability",
        measured.mismatch
    );
    if let Some(peak) = measured.peak {
        println!("  peak memory {peak:.2} GB");
    }
    for ((_, what, _), decoding) in DECODING.into_iter().zip(&measured.decoding) {
        println!("  {:.0} {what}", decoding.rate);
    }
}

/// What a shape is held to: ours, that, their ratio, and that at this machine's rate with the ratio to it.
fn tell_limits(case: &Case, measured: &Measured, rate: f64) {
    let (total, longer) = (measured.phases.total(), REFERENCE_RATE / rate);
    let mut rows = vec![
        ("seconds, bar", total, case.bar, longer),
        ("seconds, goal", total, case.goal, longer),
    ];
    let peers = PEERS.into_iter().zip(case.peers);
    rows.extend(peers.map(|(peer, seconds)| (peer, total, seconds, longer)));
    if case.is_large {
        let [bar, goal] = MEMORY;
        // Memory is the same on a machine of any rate.
        let limits = [("GB, bar", bar), ("GB, goal", goal)];
        let peak = measured.peak.into_iter();
        rows.extend(peak.flat_map(|peak| limits.map(|(what, limit)| (what, peak, limit, 1.0))));
        let rates = DECODING.into_iter().zip(&measured.decoding);
        rows.extend(rates.map(|((_, what, wanted), ours)| (what, ours.rate, wanted, 1.0 / longer)));
    }
    println!(
        "  beside                                            ours    limit   ratio  scaled   ratio"
    );
    for (what, ours, limit, scale) in rows {
        let (scaled, ratio) = (limit * scale, ours / limit);
        println!(
            "  {what:<45} {ours:>8.3} {limit:>8.2} {ratio:>7.2} {scaled:>7.2} {:>7.2}",
            ours / scaled
        );
    }
}

fn main() {
    // SAFETY: there is no other thread yet.
    unsafe { opensoc::process::prepare() }
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let rate = product_rate(1_024, 576, 1_536);
    println!(
        "1024 x 576 x 1536 in f32: {rate:.0} GFLOP/s, {:.2} of the {REFERENCE_RATE} bars were set at",
        rate / REFERENCE_RATE
    );
    let answers = Answers::new();
    for case in cases() {
        if wanted.is_empty() || wanted.iter().any(|name| name == case.name) {
            let measured = measure(&case, &answers);
            tell_step(&case, &measured, rate);
            tell_limits(&case, &measured, rate);
        }
    }
}
