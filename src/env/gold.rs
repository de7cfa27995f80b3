//! The response that earns the most: what SFT learns from.

use super::schema::Episode;

/// The right action, the trigger and the rule's reason, in the three lines.
#[must_use]
pub fn response(episode: &Episode) -> String {
    let truth = &episode.truth;
    format!(
        "Action: {}\nCitedLog: {}\nRationale: {}",
        truth.action, truth.triggering_log_id, truth.reason
    )
}
