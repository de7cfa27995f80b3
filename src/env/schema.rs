//! The words of the environment as plain data: actions, stages, events, alerts, episodes, truths, verdicts.
//!
//! No behaviour beyond names, order and (de)serialisation lives here; JSON shapes are those of the product contract and
//! unknown fields are refused by name.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Version of generator, rules and prompt together; episodes carry it, and any change of bytes raises it.
pub const ENV_VERSION: &str = "9";

/// One of the five triage actions, in rising cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Dismiss,
    Monitor,
    QuarantineHost,
    BlockIp,
    Escalate,
}

impl Action {
    /// All five, in rising cost (and in the order of keys `1`-`5`).
    pub const ALL: [Action; 5] = [
        Action::Dismiss,
        Action::Monitor,
        Action::QuarantineHost,
        Action::BlockIp,
        Action::Escalate,
    ];

    /// The name used in prompts, responses and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::Dismiss => "dismiss",
            Action::Monitor => "monitor",
            Action::QuarantineHost => "quarantine_host",
            Action::BlockIp => "block_ip",
            Action::Escalate => "escalate",
        }
    }

    /// The action called exactly `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }

    /// Cost to the organisation: 0, 1, 2, 2, 3.
    #[must_use]
    pub const fn cost(self) -> u8 {
        match self {
            Action::Dismiss => 0,
            Action::Monitor => 1,
            Action::QuarantineHost | Action::BlockIp => 2,
            Action::Escalate => 3,
        }
    }

    /// The two actions of cost 2.
    #[must_use]
    pub const fn is_containment(self) -> bool {
        matches!(self, Action::QuarantineHost | Action::BlockIp)
    }

    /// Whether a truth of this action is a malicious one.
    #[must_use]
    pub const fn is_malicious(self) -> bool {
        matches!(
            self,
            Action::QuarantineHost | Action::BlockIp | Action::Escalate
        )
    }

    /// Position in [`Action::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A step of the curriculum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    #[serde(rename = "stage1_basic")]
    Basic,
    #[serde(rename = "stage2_multi")]
    Multi,
    #[serde(rename = "stage3_mixed")]
    Mixed,
    #[serde(rename = "stage4_adversarial")]
    Adversarial,
}

impl Stage {
    /// All four, in curriculum order.
    pub const ALL: [Stage; 4] = [Stage::Basic, Stage::Multi, Stage::Mixed, Stage::Adversarial];

    /// The task id.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Basic => "stage1_basic",
            Stage::Multi => "stage2_multi",
            Stage::Mixed => "stage3_mixed",
            Stage::Adversarial => "stage4_adversarial",
        }
    }

    /// The stage called `name`; its number alone (`1`-`4`) will do too.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .enumerate()
            .find(|(i, s)| s.as_str() == name || name == (i + 1).to_string())
            .map(|(_, s)| s)
    }

    /// Benign events mixed in: 0, 1, 2, 3.
    #[must_use]
    pub const fn decoys(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which value pools and templates an episode draws from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    Train,
    Holdout,
}

impl Split {
    /// Both.
    pub const ALL: [Split; 2] = [Split::Train, Split::Holdout];

    /// `train` or `holdout`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Holdout => "holdout",
        }
    }

    /// The split called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|split| split.as_str() == name)
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One log record. Fields keep their order: the prompt prints them as they stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// `L<turn>-<n>`, unique in its window.
    pub log_id: String,
    /// RFC 3339, UTC, whole seconds, with `Z`.
    pub timestamp: String,
    /// The product that wrote the record.
    pub source: String,
    /// Dotted name, see `env::events`.
    pub event_type: String,
    /// Typed fields: strings, numbers, booleans.
    pub fields: Map<String, Value>,
}

impl Event {
    /// What stands under `name`. Records have some ten fields: looking them through is quicker than hashing the name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        let mut fields = self.fields.iter();
        fields.find_map(|(held, value)| (held == name).then_some(value))
    }

    /// The string field `name`, when there is one and it is not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// The whole-number field `name`.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.value(name).and_then(Value::as_u64)
    }

    /// The boolean field `name`.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.value(name).and_then(Value::as_bool)
    }
}

/// The header an analyst sees first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    pub alert_id: String,
    pub timestamp: String,
    pub severity: String,
    pub category: String,
    pub host: String,
    pub user: String,
    pub summary: String,
}

/// Structured parameters: the only thing an attacker may emit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    pub category: String,
    /// The attacker's claim; never looked at when truth is made.
    pub target_label: Action,
    /// Free text; never looked at either.
    pub narrative: String,
    pub events: Vec<Event>,
}

/// What the verifier says of a list of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    pub action: Action,
    /// The event that completes the rule's condition.
    pub triggering_log_id: String,
    pub rule: String,
    pub reason: String,
    /// ATT&CK technique ids.
    pub attack: Vec<String>,
    /// All causal events, in window order.
    pub evidence: Vec<String>,
}

/// Incident, alert and log window, with their truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Episode {
    pub episode_id: String,
    pub env_version: String,
    pub stage: Stage,
    pub split: Split,
    pub seed: u64,
    pub index: u64,
    pub alert: Alert,
    pub log_window: Vec<Event>,
    pub incident: Incident,
    pub truth: Truth,
}

/// A response held against the truth of its episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    pub episode_id: String,
    pub format_ok: bool,
    pub malformed_because: Option<String>,
    pub action: Option<Action>,
    pub cited_log_id: Option<String>,
    pub rationale: Option<String>,
    pub reward: f64,
    /// Reward components by name; they sum to `reward`.
    pub components: BTreeMap<String, f64>,
    pub correct_action: bool,
    pub correct_citation: bool,
}

/// Whether `text` has the form `L<digits>-<digits>`; ids are compared as text, so their length does not matter.
#[must_use]
pub fn is_log_id(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix('L')
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(turn, n)| is_number(turn) && is_number(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_ids_have_one_form() {
        for good in [
            "L1-0",
            "L1-9",
            "L12-345",
            "L1234567890-12345678901234567890",
        ] {
            assert!(is_log_id(good), "{good}");
        }
        for bad in [
            "", "L", "L1", "L-0", "L1-", "l1-0", "L1-0 ", "L1-٣", "L1--0", "L1-0-1",
        ] {
            assert!(!is_log_id(bad), "{bad}");
        }
    }
}
