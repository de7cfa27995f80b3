//! Labels to test with.

use super::{Decision, Label, Origin, State};
use crate::env::schema::Action;

/// A submitted decision.
pub fn decided(action: Action, cited: &str, rationale: &str) -> Decision {
    Decision {
        state: State::Submitted,
        action: Some(action),
        cited_log_id: Some(cited.into()),
        rationale: rationale.into(),
        ..Decision::default()
    }
}

/// The first revision of it.
pub fn label(annotator: &str, episode_id: &str, decision: Decision) -> Label {
    Label {
        episode_id: episode_id.into(),
        annotator: annotator.into(),
        revision: 1,
        unix_time: 1_790_000_000,
        origin: Origin::Change,
        decision,
    }
}
