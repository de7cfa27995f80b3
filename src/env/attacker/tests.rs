use std::collections::BTreeSet;

use super::*;
use crate::env::generate;
use crate::env::prompt;
use crate::env::schema::{Action, Split, Stage};

fn bases() -> impl Iterator<Item = Episode> {
    (0..200).map(|i| generate::episode(Stage::Adversarial, Split::Train, 5, i))
}

#[test]
fn arms_are_named_once_and_cover_every_template() {
    let arms = arms();
    let names: BTreeSet<String> = arms.iter().map(Arm::to_string).collect();
    assert_eq!(names.len(), arms.len());
    let templates: BTreeSet<&str> = bases().filter_map(|e| template(&e)).collect();
    assert!(templates.len() > 10, "{templates:?}");
    for template in templates {
        assert!(
            arms.iter().any(|arm| arm.template == template),
            "{template}"
        );
    }
    let hugging = arms
        .iter()
        .filter(|arm| arm.mutation == Mutation::HugThreshold);
    let numbered = families::all().filter(|f| !matches!(f.surface, Surface::Words { .. }));
    assert_eq!(hugging.count(), numbered.count());
}

#[test]
fn a_craft_keeps_its_truth_and_could_have_happened() {
    let (mut crafted, mut refused) = (0, 0);
    for (i, base) in bases().enumerate() {
        for mutation in Mutation::ALL {
            let mut stream = Stream::named(i as u64, &["craft", mutation.as_str()]);
            let craft = match craft(&base, mutation, &mut stream) {
                Ok(craft) => craft,
                Err(_) => {
                    refused += 1;
                    continue;
                }
            };
            crafted += 1;
            let (was, is) = (&base.truth, &craft.truth);
            assert_eq!((&was.rule, was.action), (&is.rule, is.action));
            assert_eq!(verify::truth(&craft.log_window).as_ref(), Ok(is));
            assert_eq!(coherence::check(&craft.log_window), Ok(()));
            assert!(craft.log_window.len() <= MOST_EVENTS.max(base.log_window.len()));
            let changed = craft.log_window != base.log_window || craft.alert != base.alert;
            let can_stay = [
                Mutation::HugThreshold,
                Mutation::Flood,
                Mutation::Interleave,
            ];
            assert!(changed || can_stay.contains(&mutation), "{mutation:?}");
        }
    }
    assert!(
        crafted > 9 * refused,
        "{crafted} crafted, {refused} refused"
    );
}

#[test]
fn an_injection_claims_another_action_and_touches_no_other_field() {
    for (i, base) in bases().enumerate() {
        let mut stream = Stream::named(i as u64, &["injection"]);
        let craft = craft(&base, Mutation::Injection, &mut stream).expect("text moves no truth");
        let shown = prompt::user_message(&craft.alert, &craft.log_window);
        let claimed = Action::ALL
            .into_iter()
            .filter(|a| craft.alert.summary.contains(a.as_str()));
        let claimed: Vec<Action> = claimed.collect();
        assert_eq!(claimed.len(), 1);
        assert!(claimed[0] != base.truth.action && shown.contains(&craft.alert.summary));
        for (was, is) in base.log_window.iter().zip(&craft.log_window) {
            let without_note = |event: &Event| {
                let mut fields = event.fields.clone();
                fields.remove("note");
                fields
            };
            assert_eq!(without_note(was), without_note(is));
        }
    }
}

#[test]
fn hugged_numbers_stay_on_their_side() {
    let mut hugged = 0;
    for stage in [Stage::Multi, Stage::Mixed] {
        for i in 0..400 {
            let base = generate::episode(stage, Split::Train, 6, i);
            let mut stream = Stream::named(i, &["hug"]);
            let craft = craft(&base, Mutation::HugThreshold, &mut stream).expect("same side");
            hugged += u64::from(craft.log_window != base.log_window);
            assert_eq!(craft.truth, base.truth);
        }
    }
    assert!(hugged > 50, "{hugged}");
}

#[test]
fn what_moves_the_truth_is_refused_by_name() {
    let base = generate::episode(Stage::Multi, Split::Train, 1, 0);
    let mut moved = base.clone();
    moved.truth.rule = "another".into();
    let refused = craft(&moved, Mutation::Interleave, &mut Stream::named(1, &["x"]));
    let error = refused.expect_err("refused").to_string();
    assert!(error.contains("from another to "), "{error}");
}

#[test]
fn what_contradicts_itself_is_refused_by_name() {
    let mut base = bases()
        .find(|base| base.log_window.iter().any(|e| e.event_type == "dns.query"))
        .expect("one with a query");
    let line = base
        .log_window
        .iter()
        .position(|e| e.event_type == "dns.query");
    let line = line.expect("there");
    let mut other = base.log_window[line].clone();
    let class = match other.text("domain_class") {
        Some("site") => "cdn",
        _ => "site",
    };
    other.fields.insert("domain_class".into(), class.into());
    base.log_window.insert(line, other);
    let refused = craft(&base, Mutation::Flood, &mut Stream::named(1, &["x"]));
    let error = refused.expect_err("refused").to_string();
    assert!(error.starts_with("incoherent: "), "{error}");
}
