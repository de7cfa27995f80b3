//! An independent oracle of the rule table. It reads only the prompt text that a model is shown, evaluates every rule
//! as its sentence in `opensoc rules` says, and must name the action, log id and rule that the binary calls the truth.
//! All words, numbers and the order of the table are typed again here: nothing is imported from the crate, and nothing
//! here was written with its source open, but for how paths are read and names compare (`prompt.rs`): who mended those in
//! the verifier mended them here, from the sentences of the table. A change of the table has to be made in both places.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod addresses;
mod binary;
mod chains;
mod changes;
mod corrupt;
mod families;
mod groups;
mod lines;
mod pools;
mod prompt;
mod random;
mod rules;
mod signins;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use binary::{Case, cases, rule_table};
use rules::{Answer, RULES};

/// Rules that no episode is decided by.
const NEVER_GENERATED: [(&str, &str); 2] = [
    (
        "internal_login",
        "the generator makes no window that is one internal sign-in, the rule serves incidents from outside",
    ),
    (
        "no_finding",
        "every generated episode has a subject, so some rule fires",
    ),
];

/// 500 episodes a stage, half of them held out.
fn sample() -> &'static [Case] {
    static SAMPLE: OnceLock<Vec<Case>> = OnceLock::new();
    SAMPLE.get_or_init(|| cases(11, 300))
}

fn answer(message: &str) -> Answer {
    let window = prompt::read(message).expect("the oracle can read the prompt");
    rules::decide(&window).expect("the window is not empty")
}

/// The first disagreements in full: the rest rarely has another cause.
fn disagreements(cases: &[Case]) -> String {
    let wrong = cases
        .iter()
        .filter(|case| answer(&case.message) != case.truth);
    let told = wrong.map(|case| {
        let oracle = answer(&case.message);
        format!(
            "{}\n\noracle: {oracle:?}\nbinary: {:?}\n----\n",
            case.message, case.truth
        )
    });
    told.take(3).collect()
}

fn deciding(cases: &[Case]) -> BTreeSet<String> {
    cases
        .iter()
        .map(|case| answer(&case.message).rule)
        .collect()
}

/// Ids of the rules that fire, whether or not they decide.
fn firing(cases: &[Case]) -> BTreeSet<&'static str> {
    let mut ids = BTreeSet::new();
    for case in cases {
        let window = prompt::read(&case.message).expect("the oracle can read the prompt");
        ids.extend(rules::firing(&window).iter().map(|(rule, _)| rule.id));
    }
    ids
}

#[test]
fn agrees_with_the_binary_on_two_thousand_episodes() {
    assert!(sample().len() >= 2_000);
    let wrong = disagreements(sample());
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
#[ignore = "the slow proof: 100,000 episodes"]
fn agrees_with_the_binary_on_a_hundred_thousand_episodes() {
    let (mut checked, mut fired, mut decided) = (0, BTreeSet::new(), BTreeSet::new());
    for seed in [101, 202, 303, 404, 505] {
        let cases = cases(seed, 2_500);
        let wrong = disagreements(&cases);
        assert!(wrong.is_empty(), "seed {seed}: {wrong}");
        checked += cases.len();
        fired.extend(firing(&cases));
        decided.extend(deciding(&cases));
    }
    let all = RULES.len();
    println!(
        "{checked} episodes checked; {} of {all} rules fired, {} decided",
        fired.len(),
        decided.len()
    );
    assert_eq!(checked, 100_000);
}

#[test]
fn implements_every_rule_of_the_table_in_its_order() {
    let table = rule_table();
    let missing: Vec<_> = table
        .iter()
        .filter(|(id, _)| RULES.iter().all(|rule| rule.id != id))
        .collect();
    assert!(missing.is_empty(), "rules without an oracle: {missing:?}");
    let ours: Vec<_> = RULES
        .iter()
        .map(|rule| (rule.id.to_owned(), rule.action.to_owned()))
        .collect();
    assert_eq!(ours, table);
}

#[test]
fn every_generated_rule_decides_at_least_once() {
    let mut seen = deciding(sample());
    // A rule's share of the episodes is small for the rarest, so another seed may be needed to see it.
    if seen.len() + NEVER_GENERATED.len() < RULES.len() {
        seen.extend(deciding(&cases(12, 1_000)));
    }
    let generated = RULES
        .iter()
        .filter(|rule| NEVER_GENERATED.iter().all(|(id, _)| *id != rule.id));
    let unseen: Vec<_> = generated
        .filter(|rule| !seen.contains(rule.id))
        .map(|rule| rule.id)
        .collect();
    assert!(unseen.is_empty(), "rules that never decide: {unseen:?}");
    for (id, reason) in NEVER_GENERATED {
        assert!(
            !seen.contains(id),
            "{id} decides after all, though {reason}"
        );
    }
}

/// In one half of a stage of the sample.
const HALF: usize = 250;

#[test]
fn a_second_finding_costs_less_and_comes_from_stage_three_on() {
    for (half, cases) in sample().chunks(HALF).enumerate() {
        let mut seen = BTreeSet::new();
        for case in cases {
            let window = prompt::read(&case.message).expect("the oracle can read the prompt");
            let firing = rules::firing(&window);
            // Leads that say different things let several rules fire at one line.
            let others = firing
                .iter()
                .filter(|(_, at)| window[*at].log_id != case.truth.log_id);
            for (rule, _) in others {
                let cheaper = rules::cost(rule.action) < rules::cost(&case.truth.action);
                assert!(cheaper, "{} beside {:?}", rule.id, case.truth);
                seen.insert(rule.action);
            }
        }
        let actions: &[_] = if half < 4 {
            &[]
        } else {
            &["dismiss", "monitor"]
        };
        assert!(seen.iter().eq(actions), "half {half}: {seen:?}");
    }
}

/// What is left over is told from the rest by no word of its own, so a model cannot learn it as one.
#[test]
fn what_is_left_over_has_words_of_many_kinds_or_none() {
    for (event, context, ..) in changes::FIELDS {
        let rules = rules::left_over(event);
        let of_type = |case: &&Case| rules.contains(&case.truth.rule.as_str());
        let cases: Vec<_> = sample().iter().filter(of_type).collect();
        assert!(!cases.is_empty(), "{event}");
        if !context.is_empty() {
            let words = cases.iter().filter_map(|case| word_of(case, context));
            let words: BTreeSet<_> = words.collect();
            assert!(words.len() >= 3, "{event} {context}: {words:?}");
        }
    }
}

/// What the line that decides has in that field.
fn word_of(case: &Case, key: &str) -> Option<String> {
    let window = prompt::read(&case.message).expect("the oracle can read the prompt");
    let mut lines = window
        .iter()
        .filter(|line| line.log_id == case.truth.log_id);
    lines.next()?.word(key).map(str::to_owned)
}
