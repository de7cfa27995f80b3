//! What saves memory gives the same numbers: layers computed again on the way back, weights kept in 16 bits.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Tensor};
use opensoc::model::config::{Architecture, ModelConfig, Projection};
use opensoc::model::decode::{Request, generate};
use opensoc::model::decoder::Decoder;
use opensoc::model::sampler::Sampling;
use opensoc::model::tensors::NamedTensors;
use opensoc::model::weights::Weights;
use opensoc::stream::Stream;

use crate::fixture::{CPU, Outcome, Task, adapted, adapter, config, relative_error, weights};

fn some_config(seed: u64) -> ModelConfig {
    let mut config = config(1 + seed as usize % 3, seed.is_multiple_of(3));
    if seed % 2 == 1 {
        config.architecture = Architecture::Llama;
    }
    config
}

#[test]
fn checkpointed_gradients_equal_kept_ones() -> Outcome {
    for seed in 0..12 {
        let mut stream = Stream::named(seed, &["engine test", "checkpointing"]);
        let task = Task::random(&mut stream, 2, 60, 96);
        let decoder = adapted(&some_config(seed), seed);
        let (packed, targets) = task.shared();
        let coefficients = Tensor::new(task.coefficients.as_slice(), &CPU)?;
        let gradients = |checkpointing: bool| {
            let pass = decoder.pass(&packed, targets.clone(), task.temperature, checkpointing)?;
            let loss = (pass.scored.get(0)? * &coefficients)?.sum_all()?;
            Ok::<_, Box<dyn std::error::Error>>((pass.scored.detach(), pass.backward(&loss)?))
        };
        let ((kept, want), (again, got)) = (gradients(false)?, gradients(true)?);
        assert!(relative_error(&again, &kept) < 1e-6, "seed {seed}");
        let scored = decoder.score(&packed, targets.clone(), task.temperature)?;
        assert_eq!(scored.to_vec2::<f32>()?, again.to_vec2::<f32>()?);
        for (name, var) in decoder.adapter().expect("adapted").named() {
            let (got, want) = (got.get(&var), want.get(&var));
            let error = relative_error(got.ok_or("none")?, want.ok_or("none")?);
            assert!(error < 1e-6, "seed {seed}: {name} {error:.1e}");
        }
    }
    Ok(())
}

/// The same weights, rounded to 16 bits, kept in `dtype`.
fn rounded(config: &ModelConfig, seed: u64, to: DType, dtype: DType) -> Weights {
    let tensors = weights(config, seed).named();
    let round = |(name, tensor): (String, Tensor)| {
        let is_matrix = tensor.rank() == 2;
        let rounded = tensor.to_dtype(to).and_then(|t| t.to_dtype(DType::F32));
        let tensor = if is_matrix {
            rounded.expect("rounded")
        } else {
            tensor
        };
        (name, tensor)
    };
    let tensors: BTreeMap<String, Tensor> = tensors.into_iter().map(round).collect();
    let mut named = NamedTensors::new(tensors, Path::new("memory"));
    Weights::from_named(config, &mut named, dtype).expect("complete")
}

#[test]
fn weights_in_16_bits_give_the_numbers_of_the_same_weights_in_32() -> Outcome {
    for seed in 0..12 {
        let half = if seed % 4 < 2 {
            DType::BF16
        } else {
            DType::F16
        };
        let mut stream = Stream::named(seed, &["engine test", "halves"]);
        let task = Task::random(&mut stream, 2, 60, 96);
        let config = some_config(seed);
        let adapter = adapter(&config, seed, &Projection::ALL);
        let decoder = |dtype: DType| {
            let weights = rounded(&config, seed, half, dtype);
            let adapter = Some(adapter.clone());
            Decoder::new(config.clone(), weights).with_adapter(adapter)
        };
        let (wide, narrow) = (decoder(DType::F32)?, decoder(half)?);
        assert_eq!((wide.is_merged(), narrow.is_merged()), (true, false));
        let scored = task.shared();
        let log_probs =
            |decoder: &Decoder| decoder.log_probs(&scored.0, scored.1.clone(), task.temperature);
        let error = relative_error(&log_probs(&narrow)?, &log_probs(&wide)?);
        assert!(error < 1e-5, "seed {seed}: log-probs {error:.1e}");
        let got = task.loss(&narrow, &scored)?.backward()?;
        let want = task.loss(&wide, &scored)?.backward()?;
        for (name, var) in adapter.named() {
            let (got, want) = (got.get(&var), want.get(&var));
            let error = relative_error(got.ok_or("none")?, want.ok_or("none")?);
            assert!(error < 1e-5, "seed {seed}: {name} {error:.1e}");
        }
        let request = || Request {
            prompt: task.groups[0].prompt.clone(),
            streams: vec![Stream::named(seed, &["halves", "sample"])],
        };
        let sampling = Sampling {
            max_tokens: 16,
            ..Sampling::default()
        };
        let sample = |decoder: &Decoder| generate(decoder, vec![request()], &sampling, &[0]);
        let (narrow, wide) = (sample(&narrow)?, sample(&wide)?);
        assert_eq!(narrow[0][0].tokens, wide[0][0].tokens, "seed {seed}");
        for (n, w) in narrow[0][0].log_probs.iter().zip(&wide[0][0].log_probs) {
            assert!((n - w).abs() < 1e-4, "seed {seed}: {n} {w}");
        }
    }
    Ok(())
}
