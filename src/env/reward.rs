//! What an action and a citation earn against a truth. Pure arithmetic over the table of the product contract.

use std::collections::BTreeMap;

use super::schema::{Action, Truth};

const CITATION_BONUS: f64 = 0.1;

/// Reward and its components by name; `action` is `None` for a malformed response, which earns no bonus.
#[must_use]
pub fn score(
    truth: &Truth,
    action: Option<Action>,
    cited: Option<&str>,
) -> (f64, BTreeMap<String, f64>) {
    let mut components = BTreeMap::new();
    let mut add = |name: &str, value: f64| {
        components.insert(name.to_owned(), value);
    };
    match action {
        Some(action) => {
            if let Some((name, value)) = cell(action, truth.action) {
                add(name, value);
            }
            if cited == Some(truth.triggering_log_id.as_str()) {
                add("correct_citation_bonus", CITATION_BONUS);
            }
        }
        None => {
            add("malformed", -0.5);
            if truth.action.is_malicious() {
                add("missed_malicious", -1.0);
            }
        }
    }
    (components.values().sum(), components)
}

/// The one component of a prediction (row) on a truth (column); `None` where it earns nothing.
fn cell(predicted: Action, truth: Action) -> Option<(&'static str, f64)> {
    use Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};
    Some(match (predicted, truth) {
        (p, t) if p == t => ("correct_action", 1.0),
        (Dismiss, Monitor) => ("under_reaction", -0.25),
        (Dismiss, _) => ("missed_malicious", -1.0),
        (Monitor, Dismiss) => return None,
        (Monitor, Escalate) => ("under_reaction", -0.5),
        (Monitor, _) => ("partial_credit", 0.05),
        (QuarantineHost | BlockIp, Dismiss) => ("over_react_containment", -0.3),
        (QuarantineHost | BlockIp, Monitor) => ("over_react_containment", -0.1),
        (QuarantineHost | BlockIp, Escalate) => ("partial_credit", 0.2),
        (QuarantineHost | BlockIp, _) => ("partial_credit", 0.3),
        (Escalate, Dismiss | Monitor) => ("unnecessary_escalation", -0.05),
        (Escalate, _) => ("partial_credit", 0.1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(action: Action) -> Truth {
        Truth {
            action,
            triggering_log_id: "L1-0".into(),
            rule: "r".into(),
            reason: "r".into(),
            attack: vec![],
            evidence: vec!["L1-0".into()],
        }
    }

    #[test]
    fn all_thirty_cells() {
        let rows: [(Option<Action>, [f64; 5]); 6] = [
            (Some(Action::Dismiss), [1.0, -0.25, -1.0, -1.0, -1.0]),
            (Some(Action::Monitor), [0.0, 1.0, 0.05, 0.05, -0.5]),
            (Some(Action::QuarantineHost), [-0.3, -0.1, 1.0, 0.3, 0.2]),
            (Some(Action::BlockIp), [-0.3, -0.1, 0.3, 1.0, 0.2]),
            (Some(Action::Escalate), [-0.05, -0.05, 0.1, 0.1, 1.0]),
            (None, [-0.5, -0.5, -1.5, -1.5, -1.5]),
        ];
        for (predicted, row) in rows {
            for (column, expected) in Action::ALL.into_iter().zip(row) {
                for (cited, bonus) in [("L1-1", 0.0), ("L1-0", 0.1)] {
                    let bonus = if predicted.is_some() { bonus } else { 0.0 };
                    let (reward, parts) = score(&truth(column), predicted, Some(cited));
                    assert!(
                        (reward - expected - bonus).abs() < 1e-9,
                        "{predicted:?} on {column}: {reward}"
                    );
                    assert!((parts.values().sum::<f64>() - reward).abs() < 1e-9);
                    assert!((-1.5..=1.1 + 1e-9).contains(&reward));
                }
            }
        }
    }

    #[test]
    fn components_have_the_names_of_the_contract() {
        let names = |predicted, on| {
            let (_, parts) = score(&truth(on), predicted, None);
            parts.into_keys().collect::<Vec<_>>()
        };
        use Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};
        assert_eq!(names(Some(Dismiss), QuarantineHost), ["missed_malicious"]);
        assert_eq!(names(Some(Dismiss), Monitor), ["under_reaction"]);
        assert!(names(Some(Monitor), Dismiss).is_empty());
        assert_eq!(names(Some(BlockIp), Dismiss), ["over_react_containment"]);
        assert_eq!(names(Some(Escalate), Monitor), ["unnecessary_escalation"]);
        assert_eq!(names(Some(QuarantineHost), BlockIp), ["partial_credit"]);
        assert_eq!(names(None, Dismiss), ["malformed"]);
        assert_eq!(names(None, Escalate), ["malformed", "missed_malicious"]);
    }
}
