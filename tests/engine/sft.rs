//! Tokens, losses, gradients, steps and schedules of SFT held to TRL 1.16's own: `sft.json` was written by
//! `tests/parity/sft.py`.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{Tensor, Var};
use opensoc::config::{AdamOptions, Schedule, SftConfig, TrainConfig};
use opensoc::model::config::Projection;
use opensoc::model::lora::{Adapter, LoraConfig};
use opensoc::model::source::LoadedModel;
use opensoc::stream::Stream;
use opensoc::train::learner::{BatchStats, Learner, Sequence, completion_tokens};
use opensoc::train::optim::AdamW;
use serde_json::Value;

use crate::fixture::{CPU, Outcome};
use crate::tiny::{ids, open};

fn fixture() -> Value {
    serde_json::from_str(include_str!("sft.json")).expect("JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("list")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("number")
}

fn count(value: &Value) -> usize {
    value.as_u64().expect("count") as usize
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// To `most`, beside the greater of 1 and what is wanted.
fn assert_near(what: &str, got: f64, want: f64, most: f64) {
    let error = (got - want).abs() / want.abs().max(1.0);
    assert!(
        error <= most,
        "{what}: {got} for {want}, off by {error:.1e}"
    );
}

/// The tokens of a row, and where of them the labels are.
fn row(row: &Value) -> (Vec<u32>, Range<usize>) {
    let labels = list(&row["labels"]);
    (ids(&row["tokens"]), count(&labels[0])..count(&labels[1]))
}

fn sequences(run: &Value) -> Vec<Sequence> {
    let rows = list(&run["rows"]).iter().map(row);
    let sequences = rows.map(|(tokens, labels)| Sequence {
        prompt: tokens[..labels.start].to_vec(),
        completions: vec![tokens[labels].to_vec()],
    });
    sequences.collect()
}

/// The formula of the script: values of the `tensor`th tensor.
fn weights(tensor: usize, count: usize) -> Vec<f32> {
    let values = (0..count).map(|at| ((at * at * 3 + at * 7 + tensor * 13) % 31) as f32 - 15.0);
    values.map(|value| value / 64.0).collect()
}

/// Variables under the names, and in the order, that the script has.
fn sorted(vars: &[(String, Var)]) -> Vec<(String, Var)> {
    let mut vars = vars.to_vec();
    vars.sort_by(|a, b| a.0.cmp(&b.0));
    vars
}

fn learner(base: &LoadedModel, fixture: &Value, config: &SftConfig) -> Learner {
    let lora = LoraConfig {
        rank: count(&fixture["rank"]),
        alpha: number(&fixture["alpha"]),
        targets: Projection::ALL.into_iter().collect(),
    };
    let mut stream = Stream::named(0, &["engine test", "sft"]);
    let adapter = Adapter::fresh(lora, &base.decoder.config, &mut stream, &CPU).expect("adapter");
    for (tensor, (_, var)) in sorted(&adapter.named()).into_iter().enumerate() {
        let values = weights(tensor, var.elem_count());
        let values = Tensor::from_vec(values, var.dims(), &CPU).expect("shape");
        var.set(&values).expect("shape");
    }
    let decoder = base.decoder.with_adapter(Some(adapter)).expect("fits");
    Learner::new(decoder, config.adam())
}

/// Our configuration of TRL's options.
fn config(options: &Value) -> SftConfig {
    let mut json = serde_json::to_value(TrainConfig::nano().sft).expect("serialises");
    for (name, value) in options.as_object().expect("options") {
        match name.as_str() {
            "learning_rate" => json["lr"] = value.clone(),
            // Says which tokens have labels, which the rows of the fixture tell.
            "assistant_only_loss" => {}
            name => json[name] = value.clone(),
        }
    }
    serde_json::from_value(json).expect("known options")
}

/// Norm, first, middle and last of a tensor's values beside the script's.
fn assert_tensor(what: &str, got: &[f32], want: &Value) {
    let norm = got
        .iter()
        .map(|v| f64::from(*v).powi(2))
        .sum::<f64>()
        .sqrt();
    let some = [0, got.len() / 2, got.len() - 1].map(|at| f64::from(got[at]));
    let got = std::iter::once(norm).chain(some);
    assert_eq!(list(want).len(), 4, "{what}");
    for (got, want) in got.zip(list(want)) {
        assert_near(what, got, number(want), 1e-5);
    }
}

#[test]
fn prompts_and_completions_are_the_tokens_that_trl_makes() {
    let fixture = fixture();
    let examples = list(&fixture["examples"]);
    for run in list(&fixture["runs"]) {
        let (name, kind) = (text(&run["model"]), text(&run["kind"]));
        let tokenizer = open(name).tokenizer;
        let rows = list(&run["rows"]);
        assert_eq!(rows.len(), examples.len());
        for (example, of_trl) in examples.iter().zip(rows) {
            let (user, answer) = (text(&example[0]), text(&example[1]));
            let (tokens, labels) = row(of_trl);
            let prompt = tokenizer.prompt(Some(text(&fixture["system"])), user);
            assert_eq!(prompt, tokens[..labels.start], "{name}, {kind}: {user}");
            let mut completion = tokenizer.completion(answer);
            if kind != "text" {
                // In a conversation TRL learns the line's end that the template has after the end token too, which no
                // sampled answer comes to.
                completion.extend(tokenizer.encode("\n"));
            }
            assert_eq!(
                completion,
                tokens[labels.start..],
                "{name}, {kind}: {answer}"
            );
            assert_eq!(labels.end, tokens.len(), "{name}, {kind}: {answer}");
        }
    }
}

/// The rows of a step in TRL's micro-batches, each of which tells what TRL's did.
fn in_parts(
    learner: &mut Learner,
    batch: &[Sequence],
    parts: &[Value],
    what: &str,
) -> Result<BatchStats, Box<dyn std::error::Error>> {
    let (mut told, mut rest) = (BatchStats::default(), batch);
    for part in parts {
        let (own, later) = rest.split_at(count(&part["rows"]));
        rest = later;
        let stats = learner.supervised(own, completion_tokens(batch))?;
        let entropy = stats.told.mean(stats.told.entropy);
        assert_near(what, stats.loss, number(&part["loss"]), 1e-5);
        assert_near(what, entropy, number(&part["entropy"]), 1e-5);
        told.add(&stats);
    }
    Ok(told)
}

/// What micro-batches gather for a step, by tensor. An optimiser that keeps nothing has it as its first moments, and at a rate
/// of 0 it moves nothing.
fn gathered(
    learner: &mut Learner,
    gather: impl FnOnce(&mut Learner) -> Result<BatchStats, Box<dyn std::error::Error>>,
) -> Result<BTreeMap<String, Vec<f32>>, Box<dyn std::error::Error>> {
    let options = AdamOptions {
        beta1: 0.0,
        ..AdamOptions::default()
    };
    let probe = AdamW::new(learner.vars(), options);
    let adam = std::mem::replace(&mut learner.adam, probe);
    gather(learner)?;
    learner.apply(0.0, 0.0)?;
    let probe = std::mem::replace(&mut learner.adam, adam);
    let mut gradients = BTreeMap::new();
    for (name, tensor) in probe.state(learner.vars())? {
        if let Some(name) = name.strip_prefix("adamw.m.") {
            gradients.insert(name.to_owned(), tensor.flatten_all()?.to_vec1::<f32>()?);
        }
    }
    Ok(gradients)
}

/// Runs TRL's steps, each in TRL's micro-batches or in one packing.
fn train(fixture: &Value, run: &Value, is_one_packing: bool) -> Outcome {
    let (config, base) = (config(&run["options"]), open(text(&run["model"])));
    let mut learner = learner(&base, fixture, &config);
    let (all, steps) = (sequences(run), list(&run["steps"]));
    let names = list(&run["tensors"]).iter().map(text);
    let vars = sorted(learner.vars());
    assert!(names.eq(vars.iter().map(|(name, _)| name)));
    let mut rest = all.as_slice();
    let mut seen = 0;
    for (at, step) in steps.iter().enumerate() {
        let what = format!("{}, {}, step {at}", run["model"], run["kind"]);
        let parts = list(&step["parts"]);
        let rows = parts.iter().map(|part| count(&part["rows"])).sum();
        let (batch, later) = rest.split_at(rows);
        rest = later;
        seen += batch.iter().map(Sequence::tokens).sum::<usize>();
        let tokens = completion_tokens(batch);
        assert_eq!(tokens, count(&step["items"]), "{what}");
        let gather = |learner: &mut Learner| -> Result<BatchStats, Box<dyn std::error::Error>> {
            match is_one_packing {
                true => Ok(learner.supervised(batch, tokens)?),
                false => in_parts(learner, batch, parts, &what),
            }
        };
        let gradients = gathered(&mut learner, gather)?;
        for ((name, _), want) in vars.iter().zip(list(&step["gradients"])) {
            let what = format!("{what}: gradient of {name}");
            assert_tensor(&what, &gradients[name], want);
        }
        let told = gather(&mut learner)?;
        let share = config
            .lr_scheduler_type
            .share(at as u64, steps.len() as u64, 0);
        let norm = learner.apply(config.lr * share, config.max_grad_norm)?;
        let logged = &step["logged"];
        for (key, got) in [
            ("loss", told.loss),
            ("grad_norm", norm),
            ("learning_rate", config.lr * share),
            ("num_tokens", seen as f64),
        ] {
            assert_near(&format!("{what}: {key}"), got, number(&logged[key]), 1e-5);
        }
        for ((name, var), want) in vars.iter().zip(list(&step["weights"])) {
            let values = var.flatten_all()?.to_vec1::<f32>()?;
            assert_tensor(&format!("{what}: {name}"), &values, want);
        }
    }
    assert!(
        rest.is_empty() && steps.len() == 2,
        "every row is learned from"
    );
    Ok(())
}

#[test]
fn steps_of_sft_are_trls_however_they_are_packed() -> Outcome {
    let fixture = fixture();
    let runs = list(&fixture["runs"]);
    assert_eq!(runs.len(), 4, "two models, three ways of giving examples");
    for run in runs {
        for is_one_packing in [false, true] {
            train(&fixture, run, is_one_packing)?;
        }
    }
    Ok(())
}

#[test]
fn schedules_are_transformers_but_for_a_warm_up_that_begins_above_zero() {
    let fixture = &fixture()["schedules"];
    let (steps, warmup) = (count(&fixture["steps"]), count(&fixture["warmup"]));
    for (schedule, name) in [
        (Schedule::Constant, "constant_with_warmup"),
        (Schedule::Linear, "linear"),
        (Schedule::Cosine, "cosine"),
    ] {
        let want = list(&fixture[name]);
        assert_eq!(want.len(), steps);
        for step in 0..steps {
            let of_trl = step + usize::from(step < warmup);
            let got = schedule.share(step as u64, steps as u64, warmup as u64);
            assert_near(
                &format!("{name}, step {step}"),
                got,
                number(&want[of_trl]),
                1e-6,
            );
        }
    }
}
