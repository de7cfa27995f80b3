//! A response held against the truth of its episode.

use super::response;
use super::reward;
use super::schema::{Episode, Verdict};

/// Parses and scores `response` for `episode`.
#[must_use]
pub fn judge(episode: &Episode, response: &str) -> Verdict {
    let parsed = response::parse(response);
    let malformed_because = parsed.as_ref().err().map(ToString::to_string);
    let answer = parsed.ok();
    let action = answer.as_ref().map(|a| a.action);
    let cited = answer.as_ref().map(|a| a.cited_log_id.as_str());
    let (reward, components) = reward::score(&episode.truth, action, cited);
    Verdict {
        episode_id: episode.episode_id.clone(),
        format_ok: answer.is_some(),
        malformed_because,
        action,
        reward,
        components,
        correct_action: action == Some(episode.truth.action),
        correct_citation: cited == Some(episode.truth.triggering_log_id.as_str()),
        cited_log_id: answer.as_ref().map(|a| a.cited_log_id.clone()),
        rationale: answer.map(|a| a.rationale),
    }
}
