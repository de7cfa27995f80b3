//! Labels against the verifier's.

use super::{Bench, in_order};
use crate::env::schema::{Action, Split, Stage};
use crate::ui::queue::EpisodeSource;
use crate::ui::tests::fixtures::right;

#[test]
fn agreement_is_told_in_words_and_a_disagreement_gone_to() {
    let source = EpisodeSource {
        split: Split::Train,
        seed: 5,
    };
    let episode = source.episode(Stage::Basic, 0);
    let truth = &episode.truth;
    let others = Action::ALL.into_iter();
    let mut others = others.filter(|action| *action != truth.action);
    let own = others.next().expect("there are five");
    let text = Bench::new(right).told(&format!(
        "agreement\nlabelling\nagreement\n{own} 1\nlabel Because.\nv\nagreement 7\nagreement 1\nagreement 1\nfilter state:submitted\nagreement 1\n"
    ));
    in_order(
        &text,
        &[
            "agreement works on labelling: labelling goes there",
            "ann and the verifier: no alert that both have decided\n",
            &format!("Label on disk: {} {own}", episode.episode_id),
            "ann and the verifier: 0 of 1 actions the same (0.0 %), Cohen's kappa 0.000\n",
            &format!(
                "Where ann decides {own}, the verifier decides: {} 1\n",
                truth.action
            ),
            "Disagreement 1: ",
            &format!(
                "{}, ann {own} citing {}, the verifier {} citing {}\n",
                episode.episode_id,
                episode.log_window[0].log_id,
                truth.action,
                truth.triggering_log_id
            ),
            "no disagreement 7 among 1",
            "Alert 0 to label: ",
            // In front already: told all the same.
            "Alert 0 to label: ",
            "Filter state:submitted: 1 alerts so far\n",
            "The filter is off: every alert is let through.\n",
            "Alert 0 to label: ",
        ],
    );
}
