//! Gradients against the f64 twin's autograd, and against central differences of the engine's own forward pass.

use std::collections::BTreeMap;

use candle_core::{Tensor, Var};
use opensoc::model::config::{Architecture, Projection};
use opensoc::model::decoder::Decoder;
use opensoc::stream::Stream;

use crate::fixture::{
    CPU, Outcome, Scored, Task, adapted, adapter, config, config_of, relative_error, weights,
};
use crate::twin::Twin;

/// Engine and twin compute in f32 and f64; measured: 2e-6 at worst.
const TWIN_TOLERANCE: f64 = 2e-5;
/// Of a central difference in f32, relative to the tensor's greatest gradient.
const DIFFERENCE_TOLERANCE: f64 = 1e-2;

fn task(seed: u64) -> Task {
    let mut stream = Stream::named(seed, &["engine test", "task"]);
    Task::random(&mut stream, 3, 12, 96)
}

/// (loss(x + e) - loss(x - e)) / 2e for one element; leaves the variable as it was.
fn difference(
    var: &Var,
    at: usize,
    mut loss: impl FnMut() -> candle_core::Result<f64>,
) -> candle_core::Result<f64> {
    let original = var.as_detached_tensor().copy()?;
    let values = original.flatten_all()?.to_vec1::<f32>()?;
    let step = 4e-3f32;
    let mut ends = [0f64; 2];
    let mut moved = [0f32; 2];
    for (slot, sign) in [(0, 1.0), (1, -1.0)] {
        let mut values = values.clone();
        values[at] += sign * step;
        moved[slot] = values[at];
        var.set(&Tensor::from_vec(values, var.dims(), &CPU)?)?;
        ends[slot] = loss()?;
    }
    var.set(&original)?;
    Ok((ends[0] - ends[1]) / f64::from(moved[0] - moved[1]))
}

/// Three elements of a tensor: the one of the greatest gradient, and two at fixed places.
fn probes(gradient: &[f32]) -> [usize; 3] {
    let greatest = (0..gradient.len())
        .max_by(|&a, &b| gradient[a].abs().total_cmp(&gradient[b].abs()))
        .expect("not empty");
    [greatest, gradient.len() / 3, gradient.len() - 1]
}

/// Checks `gradient` of `var` against differences of `loss`; returns the worst error relative to the greatest element.
fn check(
    name: &str,
    var: &Var,
    gradient: &Tensor,
    mut loss: impl FnMut() -> candle_core::Result<f64>,
) -> candle_core::Result<f64> {
    let values = gradient.flatten_all()?.to_vec1::<f32>()?;
    assert!(values.iter().all(|v| v.is_finite()), "{name}");
    let greatest = values.iter().fold(0f32, |m, v| m.max(v.abs()));
    assert!(greatest > 1e-4, "{name}: greatest gradient {greatest}");
    let mut worst = 0f64;
    for at in probes(&values) {
        let want = difference(var, at, &mut loss)?;
        let error = (f64::from(values[at]) - want).abs() / f64::from(greatest);
        assert!(
            error < DIFFERENCE_TOLERANCE,
            "{name}[{at}]: {} and by differences {want}",
            values[at]
        );
        worst = worst.max(error);
    }
    Ok(worst)
}

#[test]
fn every_lora_tensor_gets_the_gradient_that_differences_give() -> Outcome {
    let task = task(1);
    let mut worst = 0f64;
    for architecture in Architecture::ALL {
        let mut decoder = adapted(&config_of(architecture, 3, true), 1);
        let scored: Scored = task.shared();
        let grads = task.loss(&decoder, &scored)?.backward()?;
        let named = decoder.adapter().expect("adapted").named();
        assert_eq!(named.len(), 3 * 7 * 2);
        for (name, var) in named {
            let gradient = grads.get(&var).ok_or_else(|| name.clone())?;
            let error = check(&name, &var, gradient, || {
                decoder.merge().map_err(candle_core::Error::wrap)?;
                task.loss_value(&decoder, &scored)
            })?;
            worst = worst.max(error);
        }
    }
    println!("LoRA against differences: {worst:.1e} of the greatest gradient at worst");
    Ok(())
}

#[test]
fn lora_gradients_and_log_probs_equal_the_twins() -> Outcome {
    let mut worst = 0f64;
    // Each seed and depth in every architecture.
    for (seed, architecture) in (0..4).flat_map(|seed| Architecture::ALL.map(|a| (seed, a))) {
        let config = config_of(architecture, 2 + seed as usize % 2, seed < 2);
        let task = task(seed);
        let decoder = adapted(&config, seed);
        let twin = Twin::new(&config, &decoder.weights, decoder.adapter())?;
        let scored = task.shared();
        let ours = decoder.log_probs(&scored.0, scored.1.clone(), task.temperature)?;
        let error = relative_error(&ours.get(0)?, &twin.log_probs(&task)?);
        assert!(error < TWIN_TOLERANCE, "log-probs: {error:.1e}");
        let got = task.loss(&decoder, &scored)?.backward()?;
        let want = twin.loss(&task)?.backward()?;
        for (name, var) in decoder.adapter().expect("adapted").named() {
            let got = got.get(&var).ok_or_else(|| name.clone())?;
            let want = want.get(&twin.lora[&name]).ok_or_else(|| name.clone())?;
            let error = relative_error(got, want);
            assert!(error < TWIN_TOLERANCE, "{name}: {error:.1e}");
            worst = worst.max(error);
        }
    }
    println!("LoRA against the twin: {worst:.1e} at worst");
    Ok(())
}

#[test]
fn an_adapter_on_some_projections_gets_the_twins_gradients() -> Outcome {
    let (config, task) = (config(2, true), task(5));
    for targets in [
        vec![Projection::V],
        vec![Projection::Q, Projection::Down],
        vec![Projection::O, Projection::Gate],
    ] {
        let decoder = Decoder::new(config.clone(), weights(&config, 5))
            .with_adapter(Some(adapter(&config, 5, &targets)))?;
        let twin = Twin::new(&config, &decoder.weights, decoder.adapter())?;
        let got = task.loss(&decoder, &task.shared())?.backward()?;
        let want = twin.loss(&task)?.backward()?;
        let named = decoder.adapter().expect("adapted").named();
        assert_eq!(named.len(), 2 * 2 * targets.len());
        for (name, var) in named {
            let (got, want) = (got.get(&var), want.get(&twin.lora[&name]));
            let error = relative_error(got.ok_or("none")?, want.ok_or("none")?);
            assert!(error < TWIN_TOLERANCE, "{name}: {error:.1e}");
        }
    }
    Ok(())
}

#[test]
fn every_trainable_weight_gets_the_gradient_of_twin_and_differences() -> Outcome {
    for (architecture, tied) in [
        (Architecture::Qwen2, true),
        (Architecture::Qwen2, false),
        (Architecture::Llama, true),
        (Architecture::Llama, false),
        (Architecture::LlamaBiased, true),
    ] {
        let (config, task) = (config_of(architecture, 2, tied), task(7));
        let start = weights(&config, 7);
        let (decoder, vars) = Decoder::trainable(config.clone(), &start)?;
        let biases = Projection::ALL.into_iter();
        let in_layer = 9 + biases.filter(|p| architecture.has_bias(*p)).count();
        assert_eq!(vars.len(), 2 * in_layer + if tied { 2 } else { 3 });
        let (twin, twin_vars) = Twin::new(&config, &start, None)?.track_weights()?;
        let scored = task.shared();
        let got = task.loss(&decoder, &scored)?.backward()?;
        let want = twin.loss(&task)?.backward()?;
        let errors: BTreeMap<String, (f64, f64)> = vars
            .iter()
            .map(|(name, var)| {
                let gradient = got.get(var).ok_or_else(|| name.clone())?;
                let twins = want.get(&twin_vars[name]).ok_or_else(|| name.clone())?;
                let loss = || task.loss_value(&decoder, &scored);
                let by_differences = check(name, var, gradient, loss)?;
                Ok((
                    name.clone(),
                    (relative_error(gradient, twins), by_differences),
                ))
            })
            .collect::<Result<_, Box<dyn std::error::Error>>>()?;
        for (name, (error, _)) in &errors {
            assert!(*error < TWIN_TOLERANCE, "{name}: {error:.1e}");
        }
        let worst = errors
            .values()
            .fold((0f64, 0f64), |w, e| (w.0.max(e.0), w.1.max(e.1)));
        println!(
            "weights, {architecture:?}, tied {tied}: {:.1e} from the twin, {:.1e} from differences",
            worst.0, worst.1
        );
    }
    Ok(())
}
