//! The forward pass against candle-transformers' Qwen2 and against the twin.

use std::collections::HashMap;

use candle_core::{DType, Tensor};
use candle_nn::{Activation, VarBuilder};
use candle_transformers::models::qwen2;
use opensoc::model::config::{ModelConfig, Projection};
use opensoc::model::decoder::Decoder;
use opensoc::model::lora::Adapter;
use opensoc::model::weights::Weights;
use opensoc::stream::Stream;

use crate::fixture::{CPU, Outcome, adapter, config, relative_error, weights};
use crate::twin::Twin;

fn qwen2_config(config: &ModelConfig) -> qwen2::Config {
    qwen2::Config {
        vocab_size: config.vocab_size,
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        num_hidden_layers: config.layers,
        num_attention_heads: config.heads,
        num_key_value_heads: config.kv_heads,
        max_position_embeddings: config.max_positions,
        sliding_window: config.max_positions,
        max_window_layers: config.layers,
        tie_word_embeddings: config.tied,
        rope_theta: config.rope_theta,
        rms_norm_eps: config.rms_norm_eps,
        use_sliding_window: false,
        hidden_act: Activation::Silu,
    }
}

/// candle-transformers' logits at the last position, the adapter (if any) added to the weights here.
fn reference(
    config: &ModelConfig,
    weights: &Weights,
    adapter: Option<&Adapter>,
    tokens: &[u32],
) -> candle_core::Result<Tensor> {
    let mut tensors: HashMap<String, Tensor> = weights.named().into_iter().collect();
    for layer in 0..config.layers {
        for projection in Projection::ALL {
            let Some(pair) = adapter.and_then(|a| a.pair(layer, projection)) else {
                continue;
            };
            let scale = adapter.map_or(0.0, |a| a.config.alpha / a.config.rank as f64);
            let name = format!("{}.weight", projection.path(layer));
            let update = (pair.b.matmul(&pair.a)? * scale)?;
            let weight = (&tensors[&name] + update)?.detach();
            tensors.insert(name, weight);
        }
    }
    let vars = VarBuilder::from_tensors(tensors, DType::F32, &CPU);
    let mut model = qwen2::ModelForCausalLM::new(&qwen2_config(config), vars)?;
    let input = Tensor::new(tokens, &CPU)?.unsqueeze(0)?;
    model.forward(&input, 0)?.flatten_all()
}

#[test]
fn logits_equal_candle_transformers_and_the_twin_with_and_without_an_adapter() -> Outcome {
    let mut worst = (0f64, 0f64);
    for seed in 0..6 {
        let config = config(2 + seed as usize % 2, seed % 2 == 0);
        let base = Decoder::new(config.clone(), weights(&config, seed));
        let lora = (seed >= 2).then(|| adapter(&config, seed, &Projection::ALL));
        let decoder = base.with_adapter(lora)?;
        let twin = Twin::new(&config, &decoder.weights, decoder.adapter())?;
        let mut stream = Stream::named(seed, &["engine test", "reference"]);
        for n in [1, 2, 17, 130] {
            let tokens: Vec<u32> = (0..n).map(|_| stream.index(96) as u32).collect();
            let ours = Tensor::new(decoder.logits(&tokens)?, &CPU)?;
            let theirs = reference(&config, &decoder.weights, decoder.adapter(), &tokens)?;
            let error = relative_error(&ours, &theirs);
            assert!(error < 1e-4, "seed {seed}, {n} tokens: {error:.1e}");
            let twins = twin.logits(&tokens)?.get(n - 1)?;
            let from_twin = relative_error(&ours, &twins);
            assert!(
                from_twin < 1e-4,
                "seed {seed}, {n} tokens: twin {from_twin:.1e}"
            );
            worst = (worst.0.max(error), worst.1.max(from_twin));
        }
    }
    println!(
        "logits: {:.1e} from candle-transformers, {:.1e} from the twin",
        worst.0, worst.1
    );
    Ok(())
}

#[test]
fn an_adapter_whose_b_is_zero_changes_nothing_and_none_restores_the_base() -> Outcome {
    let config = config(2, true);
    let base = Decoder::new(config.clone(), weights(&config, 11));
    let tokens: Vec<u32> = (0..40).collect();
    let plain = base.logits(&tokens)?;
    let trained = adapter(&config, 11, &Projection::ALL);
    let fresh = Adapter::fresh(
        trained.config.clone(),
        &config,
        &mut Stream::named(11, &["fresh"]),
        &CPU,
    )?;
    assert_eq!(base.with_adapter(Some(fresh))?.logits(&tokens)?, plain);
    let adapted = base.with_adapter(Some(trained))?;
    assert_ne!(adapted.logits(&tokens)?, plain);
    assert_eq!(adapted.with_adapter(None)?.logits(&tokens)?, plain);
    Ok(())
}

#[test]
fn tokens_and_positions_out_of_range_are_errors() -> Outcome {
    let config = config(2, true);
    let decoder = Decoder::new(config.clone(), weights(&config, 12));
    assert!(decoder.logits(&[]).is_err());
    assert!(decoder.logits(&[96]).is_err());
    assert!(decoder.logits(&[0; 256]).is_ok());
    assert!(decoder.logits(&[0; 257]).is_err());
    Ok(())
}
