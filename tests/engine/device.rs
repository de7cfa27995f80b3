//! A GPU held to the CPU and to transformers: logits, gradients, sampling, optimiser steps. Needs a binary built for one
//! (`--features cuda` or `metal`) and the GPU; elsewhere each test says that it was skipped.

use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device};
use opensoc::config::TrainConfig;
use opensoc::env::schema::Stage;
use opensoc::model::config::Architecture;
use opensoc::model::decode::{Request, Sample, generate};
use opensoc::model::decoder::Decoder;
use opensoc::model::lora::{Adapter, BaseId};
use opensoc::model::nano;
use opensoc::model::placement::{DeviceChoice, DtypeChoice, Placement, device_name};
use opensoc::model::sampler::Sampling;
use opensoc::model::source::LoadedModel;
use opensoc::model::tensors::NamedTensors;
use opensoc::model::weights::Weights;
use opensoc::stream::Stream;
use opensoc::train::grpo::{BatchTerms, ResponseTerms, StepTotals};
use opensoc::train::learner::{Learner, Sequence, completion_tokens};
use opensoc::train::task;

use crate::fixture::{Outcome, Task, adapted, config_of, relative_error};
use crate::tiny;

/// The GPU, where there is one.
#[expect(
    clippy::print_stdout,
    reason = "says what was tested, and what was not"
)]
fn gpu(test: &str) -> Option<Device> {
    let device = DeviceChoice::Auto.open().expect("auto opens");
    if device.is_cpu() {
        println!("{test}: skipped, no GPU that this binary was built for");
        return None;
    }
    println!("{test}: on {}", device_name(&device));
    Some(device)
}

/// The same model, adapter included, elsewhere.
fn moved(decoder: &Decoder, device: &Device, dtype: DType) -> Decoder {
    let there = |(name, tensor): (String, candle_core::Tensor)| {
        (name, tensor.to_device(device).expect("room"))
    };
    let tensors = decoder.weights.named().into_iter().map(there).collect();
    let mut named = NamedTensors::new(tensors, Path::new("memory"));
    let weights = Weights::from_named(&decoder.config, &mut named, dtype).expect("complete");
    let base = Decoder::new(decoder.config.clone(), weights);
    let Some(adapter) = decoder.adapter() else {
        return base;
    };
    let dir = tempfile::tempdir().expect("folder");
    let id = BaseId::named("test");
    adapter.save(dir.path(), &id, DType::F32).expect("saved");
    let adapter = Adapter::load(dir.path(), &decoder.config, device).expect("adapter");
    base.with_adapter(Some(adapter)).expect("fits")
}

#[test]
#[ignore = "needs a GPU"]
fn logits_on_a_gpu_are_those_of_transformers() -> Outcome {
    let Some(device) = gpu("logits") else {
        return Ok(());
    };
    let reference = tiny::json("reference.json");
    for (name, want) in reference["models"].as_object().expect("models") {
        let path = tiny::folder().join(name);
        let placement = Placement::of(device.clone(), DtypeChoice::F32);
        let model = LoadedModel::open(&path.display().to_string(), &placement)?;
        for (i, tokens) in want["tokens"].as_array().expect("texts").iter().enumerate() {
            let logits = model.decoder.logits(&tiny::ids(tokens))?;
            tiny::assert_near(&format!("{name}: text {i}"), &logits, &want["logits"][i]);
        }
    }
    Ok(())
}

#[test]
#[ignore = "needs a GPU"]
fn gradients_on_a_gpu_are_the_cpu_s() -> Outcome {
    let Some(device) = gpu("gradients") else {
        return Ok(());
    };
    let mut stream = Stream::named(5, &["device", "task"]);
    for architecture in [Architecture::Qwen2, Architecture::Llama] {
        let config = config_of(architecture, 3, architecture == Architecture::Qwen2);
        let here = adapted(&config, 9);
        let task = Task::random(&mut stream, 3, 40, config.vocab_size);
        let (packed, targets) = task.shared();
        let run = |decoder: &Decoder, checkpointing: bool| {
            let pass = decoder.pass(&packed, targets.clone(), 0.8, checkpointing)?;
            let weights = candle_core::Tensor::new(task.coefficients.as_slice(), decoder.device())?;
            let loss = (pass.scored.get(0)? * weights)?.sum_all()?;
            let store = pass.backward(&loss)?;
            let named = decoder.adapter().expect("adapted").named();
            let gradients = named.iter().map(|(name, var)| {
                let gradient = store.get(var).expect(name);
                Ok((name.clone(), gradient.to_device(&Device::Cpu)?))
            });
            let gradients: Vec<_> = gradients.collect::<candle_core::Result<_>>()?;
            let scored = pass.scored.detach().to_device(&Device::Cpu)?;
            Ok::<_, Box<dyn std::error::Error>>((scored, gradients))
        };
        let (scored, want) = run(&here, false)?;
        for (dtype, tolerance) in [(DType::F32, 1e-4), (DType::BF16, 0.15)] {
            let there = moved(&here, &device, dtype);
            for checkpointing in [false, true] {
                let (got_scored, got) = run(&there, checkpointing)?;
                let mut worst = relative_error(&got_scored, &scored);
                for ((name, got), (_, want)) in got.iter().zip(&want) {
                    let error = relative_error(got, want);
                    worst = worst.max(error);
                    assert!(
                        error < tolerance,
                        "{architecture:?} {dtype:?} {name}: {error:.1e}"
                    );
                }
                println!("{architecture:?} {dtype:?} checkpointing {checkpointing}: {worst:.1e}");
            }
        }
    }
    Ok(())
}

/// The shipped nano with an adapter of its own, and prompts of four stages.
fn nano_and_prompts(device: &Device, dtype: DType) -> (LoadedModel, Decoder, Vec<Vec<u32>>) {
    let placement = Placement {
        device: device.clone(),
        dtype,
    };
    let model = LoadedModel::open(nano::NAME, &placement).expect("nano");
    let adapters = nano::adapters(&model.decoder.config, device).expect("adapters");
    let (_, adapter) = adapters.into_iter().next().expect("one");
    let decoder = model.decoder.with_adapter(Some(adapter)).expect("fits");
    let episodes = task::holdout_episodes(4, &Stage::ALL, 8);
    let prompts = episodes
        .iter()
        .map(|episode| task::prompt_tokens(&model.tokenizer, episode));
    let prompts = prompts.collect();
    (model, decoder, prompts)
}

fn sampled(
    decoder: &Decoder,
    prompts: &[Vec<u32>],
    each: usize,
    sampling: &Sampling,
    end: u32,
) -> Vec<Vec<Sample>> {
    let request = |(i, prompt): (usize, &Vec<u32>)| Request {
        prompt: prompt.clone(),
        streams: (0..each)
            .map(|line| Stream::named((i * 100 + line) as u64, &["device", "draw"]))
            .collect(),
    };
    let requests = prompts.iter().enumerate().map(request).collect();
    generate(decoder, requests, sampling, &[end]).expect("sampled")
}

#[test]
#[ignore = "needs a GPU"]
fn sampling_on_a_gpu_tells_the_training_pass_s_log_probabilities() -> Outcome {
    let Some(device) = gpu("sampling") else {
        return Ok(());
    };
    for (dtype, mean_limit) in [(DType::F32, 1e-4), (DType::BF16, 0.02)] {
        let (model, decoder, prompts) = nano_and_prompts(&device, dtype);
        let end = model.tokenizer.end();
        let sampling = Sampling {
            max_tokens: 48,
            ..Sampling::default()
        };
        let started = Instant::now();
        let samples = sampled(&decoder, &prompts, 4, &sampling, end);
        let tokens: usize = samples.iter().flatten().map(|s| s.tokens.len()).sum();
        let rate = tokens as f64 / started.elapsed().as_secs_f64();
        let sequences: Vec<Sequence> = prompts
            .iter()
            .zip(&samples)
            .map(|(prompt, samples)| Sequence {
                prompt: prompt.clone(),
                completions: samples.iter().map(|s| s.tokens.clone()).collect(),
            })
            .collect();
        let scored = Learner::score(&decoder, &sequences, 1.0)?;
        let told = samples.iter().flatten().flat_map(|s| &s.log_probs);
        let differences: Vec<f64> = told
            .zip(&scored)
            .map(|(a, b)| f64::from((a - b).abs()))
            .collect();
        assert_eq!(differences.len(), tokens);
        let mean = differences.iter().sum::<f64>() / tokens as f64;
        let most = differences.iter().copied().fold(0.0, f64::max);
        println!(
            "{dtype:?}: {tokens} tokens, {rate:.0} a second, off by {mean:.1e}, at most {most:.1e}"
        );
        assert!(mean < mean_limit, "{dtype:?}: {mean:.1e}");
    }
    // What the likeliest tokens are does not depend on the device, but for the rare near tie.
    let (model, there, prompts) = nano_and_prompts(&device, DType::F32);
    let (_, here, _) = nano_and_prompts(&Device::Cpu, DType::F32);
    let (greedy, end) = (Sampling::greedy(48), model.tokenizer.end());
    let tokens = |decoder: &Decoder| -> Vec<Vec<u32>> {
        let samples = sampled(decoder, &prompts, 1, &greedy, end);
        samples.into_iter().flatten().map(|s| s.tokens).collect()
    };
    let (got, want) = (tokens(&there), tokens(&here));
    let same = got
        .iter()
        .zip(&want)
        .filter(|(got, want)| got == want)
        .count();
    assert!(same + 1 >= want.len(), "{same} of {} answers", want.len());
    Ok(())
}

/// Log-probabilities of a policy a little away from the one that gave these: far from it, e to the difference would
/// swallow in f32 what the gradient is made of.
fn near(log_probs: &[f32]) -> Vec<f32> {
    let shifted = log_probs.iter().enumerate();
    shifted.map(|(i, p)| p + [0.2, -0.3, 0.1][i % 3]).collect()
}

#[test]
#[ignore = "needs a GPU"]
fn optimiser_steps_on_a_gpu_go_where_the_cpu_s_do() -> Outcome {
    let Some(device) = gpu("steps") else {
        return Ok(());
    };
    let steps = |device: &Device| -> Result<Vec<f64>, Box<dyn std::error::Error>> {
        let placement = Placement {
            device: device.clone(),
            dtype: DType::F32,
        };
        let model = LoadedModel::open(nano::NAME, &placement)?;
        let config = TrainConfig::nano();
        let mut learner = Learner::fresh(&model, &config)?;
        let mut losses = Vec::new();
        for step in 0..4 {
            let episodes = (0..6).map(|i| task::gold_episode(3, 4, step * 6 + i));
            let sequences: Vec<Sequence> = episodes
                .map(|episode| task::gold_sequence(&model.tokenizer, &episode))
                .collect();
            let tokens = completion_tokens(&sequences);
            losses.push(learner.supervised(&sequences, tokens)?.loss);
            losses.push(learner.apply(2e-3, 1.0)?);
            let responses = sequences
                .iter()
                .enumerate()
                .map(|(i, sequence)| ResponseTerms {
                    tokens: completion_tokens(std::slice::from_ref(sequence)),
                    advantage: [0.7, -0.4][i % 2],
                    truncated: false,
                });
            let responses: Vec<ResponseTerms> = responses.collect();
            let terms = BatchTerms {
                reference: Some(near(&Learner::score(&learner.decoder, &sequences, 1.0)?)),
                step: StepTotals::of(&config.grpo, responses.iter()),
                responses,
                ..BatchTerms::default()
            };
            let told = learner.reinforced(&sequences, &config.grpo, &terms, &vec![-1.0; tokens])?;
            losses.extend([told.loss, told.told.kl, told.told.entropy]);
            losses.push(learner.apply(2e-3, 1.0)?);
        }
        Ok(losses)
    };
    let (got, want) = (steps(&device)?, steps(&Device::Cpu)?);
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        let error = (got - want).abs() / want.abs().max(0.1);
        println!("value {i}: {got:.6} {want:.6}");
        assert!(error < 2e-3, "value {i}: {got} and {want}");
    }
    Ok(())
}
