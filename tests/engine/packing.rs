//! A prompt run once equals a prompt copied in front of every completion, in values and in gradients.

use std::sync::Arc;

use opensoc::model::config::Architecture;
use opensoc::model::pack::Packed;
use opensoc::stream::Stream;

use crate::fixture::{Outcome, Task, adapted, config, relative_error};

#[test]
fn a_shared_prompt_equals_copies_of_it() -> Outcome {
    let mut worst = (0f64, 0f64);
    let mut saved = 0;
    for seed in 0..24 {
        let mut stream = Stream::named(seed, &["engine test", "packing"]);
        let groups = stream.between(1, 4) as usize;
        // Every other task is long enough that sequences span several blocks of the attention kernel.
        let longest = if seed % 2 == 0 { 9 } else { 150 };
        let task = Task::random(&mut stream, groups, longest, 96);
        let mut config = config(1 + seed as usize % 3, seed % 3 == 0);
        if seed % 2 == 1 {
            config.architecture = Architecture::Llama;
        }
        let decoder = adapted(&config, seed);
        let (shared, unshared) = (task.shared(), task.unshared());
        let prompts: usize = task.groups.iter().map(|g| g.prompt.len()).sum();
        let completions: usize = task
            .groups
            .iter()
            .flat_map(|g| &g.completions)
            .map(Vec::len)
            .sum();
        saved += prompts + completions - shared.0.len();
        let log_probs = |(packed, targets): &(Arc<Packed>, Vec<(usize, u32)>)| {
            decoder.log_probs(packed, targets.clone(), task.temperature)
        };
        let error = relative_error(&log_probs(&shared)?, &log_probs(&unshared)?);
        assert!(error < 1e-5, "seed {seed}: log-probs {error:.1e}");
        worst.0 = worst.0.max(error);
        let ours = task.loss(&decoder, &shared)?.backward()?;
        let naive = task.loss(&decoder, &unshared)?.backward()?;
        for (name, var) in decoder.adapter().expect("adapted").named() {
            let (ours, naive) = (ours.get(&var), naive.get(&var));
            let error = relative_error(ours.ok_or("none")?, naive.ok_or("none")?);
            assert!(error < 1e-5, "seed {seed}: {name} {error:.1e}");
            worst.1 = worst.1.max(error);
        }
    }
    assert!(
        saved > 100,
        "prompts share no beginnings: {saved} rows saved"
    );
    println!(
        "shared against copies: log-probs {:.1e}, gradients {:.1e}",
        worst.0, worst.1
    );
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
