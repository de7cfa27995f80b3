//! Losses, gradients and metrics of GRPO held to TRL 1.16's own: `trl.json` was written by `tests/parity/trl.py`.

use candle_core::{Tensor, Var};
use opensoc::config::{GrpoConfig, LossType, ScaleRewards, TrainConfig};
use opensoc::train::grpo::{self, BatchTerms, ResponseTerms, StepTotals};
use serde_json::Value;

use crate::fixture::{CPU, Outcome};

fn fixture() -> Value {
    serde_json::from_str(include_str!("trl.json")).expect("JSON")
}

/// The preset with the options of a case.
fn config(options: &Value) -> GrpoConfig {
    let mut json = serde_json::to_value(TrainConfig::nano().grpo).expect("serialises");
    for (name, value) in options.as_object().expect("options") {
        json[name] = value.clone();
    }
    serde_json::from_value(json).expect("known options")
}

fn numbers(value: &Value) -> Vec<f32> {
    let list = value.as_array().expect("list").iter();
    list.map(|v| v.as_f64().expect("number") as f32).collect()
}

/// The values of a padded matrix where the mask is 1, row after row.
fn unpadded(matrix: &Value, mask: &Value) -> Option<Vec<f32>> {
    let rows = matrix.as_array()?.iter().zip(mask.as_array()?);
    let kept = rows.flat_map(|(row, mask)| {
        let pairs = numbers(row).into_iter().zip(numbers(mask));
        pairs
            .filter(|(_, mask)| *mask > 0.0)
            .map(|(value, _)| value)
    });
    Some(kept.collect())
}

fn terms(config: &GrpoConfig, batch: &Value) -> BatchTerms {
    let mask = &batch["mask"];
    let lengths = mask.as_array().expect("mask").iter().map(numbers);
    let truncated = batch["truncated"].as_array().expect("flags").iter();
    let responses: Vec<ResponseTerms> = lengths
        .zip(numbers(&batch["advantages"]))
        .zip(truncated)
        .map(|((mask, advantage), truncated)| ResponseTerms {
            tokens: mask.iter().sum::<f32>() as usize,
            advantage,
            truncated: truncated.as_bool().expect("flag"),
        })
        .collect();
    let steps = batch["accumulation_steps"].as_u64().expect("count") as usize;
    let updates = batch["updates"].as_u64().unwrap_or(1) as usize;
    let whole = StepTotals::of(config, responses.iter());
    let generation = StepTotals {
        tokens: batch["num_items_in_batch"].as_f64().expect("count"),
        responses: whole.responses * (steps * updates) as f64,
    };
    let step = generation.share(updates);
    if steps * updates == 1 {
        assert_eq!(step, whole, "what is left of the batch");
    }
    BatchTerms {
        responses,
        old: unpadded(&batch["old"], mask),
        reference: unpadded(&batch["reference"], mask),
        step,
    }
}

fn assert_near(what: &str, got: f64, want: f64) {
    let error = (got - want).abs();
    assert!(error <= 2e-6 + 2e-5 * want.abs(), "{what}: {got} {want}");
}

fn assert_all_near(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert_near(&format!("{what}[{i}]"), f64::from(*got), f64::from(*want));
    }
}

#[test]
fn losses_and_gradients_are_trls_for_every_option() -> Outcome {
    let fixture = fixture();
    let cases = fixture["loss"].as_array().expect("cases");
    let mut policies = 0;
    for case in cases {
        let name = case["name"].as_str().expect("name");
        let (batch, want) = (&case["batch"], &case["expected"]);
        let (config, mask) = (config(&case["config"]), &batch["mask"]);
        let rows = ["log_probs", "entropies"].map(|rows| unpadded(&batch[rows], mask).expect(name));
        let scored = Var::from_tensor(&Tensor::new(rows.to_vec(), &CPU)?)?;
        let got = grpo::loss(&config, &scored, &terms(&config, batch))?;
        let loss = f64::from(got.loss.to_scalar::<f32>()?);
        assert_near(
            &format!("{name}: loss"),
            loss,
            want["loss"].as_f64().expect(name),
        );
        let gradient = got.loss.backward()?;
        let gradient = gradient.get(&scored).expect("gradient");
        for (row, key) in ["grad_log_probs", "grad_entropies"].into_iter().enumerate() {
            let got = gradient.get(row)?.to_vec1::<f32>()?;
            let zeros = vec![0.0; got.len()];
            let want = unpadded(&want[key], mask).unwrap_or(zeros);
            assert_all_near(&format!("{name}: {key}"), &got, &want);
        }
        if let Some(want) = want["policy_loss"].as_f64() {
            // TRL logs it before it divides by the step's micro-batches; DAPO's is never divided.
            let parts = batch["accumulation_steps"].as_f64().expect(name);
            let parts = if config.loss_type == LossType::Dapo {
                1.0
            } else {
                parts
            };
            let policy = f64::from(got.policy_loss.to_scalar::<f32>()?);
            assert_near(&format!("{name}: policy_loss"), policy * parts, want);
            policies += 1;
        }
        let told = &got.told;
        let clipped = told.clipped_low + told.clipped_high;
        for (key, got) in [
            ("loss_tokens", told.tokens),
            ("kl", told.mean(told.kl)),
            ("entropy", told.mean(told.entropy)),
            ("clip_ratio/low_mean", told.clip_share(told.clipped_low)),
            ("clip_ratio/high_mean", told.clip_share(told.clipped_high)),
            ("clip_ratio/region_mean", told.clip_share(clipped)),
            ("clip_ratio/low_min", told.low_min),
            ("clip_ratio/high_max", told.high_max),
        ] {
            if let Some(want) = want[key].as_f64() {
                assert_near(&format!("{name}: {key}"), got, want);
            }
        }
    }
    assert_eq!(policies, 40, "cases with an entropy bonus");
    Ok(())
}

#[test]
fn there_are_cases_of_every_option() {
    let fixture = fixture();
    let cases = fixture["loss"].as_array().expect("cases");
    assert_eq!(cases.len(), 81);
    for (option, wanted) in [("importance_sampling_level", 26), ("delta", 6)] {
        let is_set = |case: &&Value| !case["config"][option].is_null();
        assert_eq!(cases.iter().filter(is_set).count(), wanted, "{option}");
    }
}

#[test]
fn advantages_are_trls_for_every_scaling() {
    let fixture = fixture();
    let cases = fixture["advantages"].as_array().expect("cases");
    for case in cases {
        let scale: ScaleRewards =
            serde_json::from_value(case["scale_rewards"].clone()).expect("scaling");
        let rewards: Vec<f64> = numbers(&case["rewards"])
            .into_iter()
            .map(f64::from)
            .collect();
        let group = case["group"].as_u64().expect("size") as usize;
        let expected = |key: &str| case["expected"][key].as_f64().expect("logged");
        let mean = rewards.iter().sum::<f64>() / rewards.len() as f64;
        let zero = grpo::zero_std_share(&rewards, group, scale);
        for (key, got) in [
            ("reward", mean),
            ("reward_std", grpo::std_dev(&rewards)),
            ("frac_reward_zero_std", zero),
        ] {
            assert_near(&format!("{}: {key}", case["name"]), got, expected(key));
        }
        let got = grpo::advantages(&rewards, group, scale)
            .into_iter()
            .map(|a| a as f32);
        let (got, want): (Vec<f32>, _) = (got.collect(), numbers(&case["expected"]["advantages"]));
        assert_all_near(&case["name"].to_string(), &got, &want);
    }
    assert_eq!(cases.len(), 9);
}
