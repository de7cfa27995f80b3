//! The strict parser of a model's response. Knows the three lines and nothing of any episode.

use thiserror::Error;

use super::schema::{Action, is_log_id};

const MAX_RATIONALE_CHARS: usize = 200;

/// A well-formed response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub action: Action,
    pub cited_log_id: String,
    pub rationale: String,
}

/// Why a response is malformed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    #[error("empty response")]
    Empty,
    #[error("{0} line(s) instead of three")]
    LineCount(usize),
    #[error("line 1 does not start with `Action: `")]
    ActionLabel,
    #[error("`{0}` is not one of the five actions")]
    UnknownAction(String),
    #[error("line 2 does not start with `CitedLog: `")]
    CitationLabel,
    #[error("`{0}` is no log id (L<digits>-<digits>)")]
    LogId(String),
    #[error("line 3 does not start with `Rationale: `")]
    RationaleLabel,
    #[error("rationale of {0} characters, at most {MAX_RATIONALE_CHARS} are allowed")]
    RationaleLength(usize),
    #[error("the rationale is empty")]
    EmptyRationale,
}

/// Reads a response; trailing white space is ignored, nothing else is.
///
/// # Errors
/// The first thing that is not as the format asks.
pub fn parse(text: &str) -> Result<Answer, Malformed> {
    let text = text.trim_end();
    if text.is_empty() {
        return Err(Malformed::Empty);
    }
    let lines: Vec<&str> = text.split('\n').collect();
    let [first, second, third] = lines.as_slice() else {
        return Err(Malformed::LineCount(lines.len()));
    };
    let name = first
        .strip_prefix("Action: ")
        .ok_or(Malformed::ActionLabel)?;
    let action = Action::from_name(name).ok_or_else(|| Malformed::UnknownAction(clip(name)))?;
    let cited = second
        .strip_prefix("CitedLog: ")
        .ok_or(Malformed::CitationLabel)?;
    if !is_log_id(cited) {
        return Err(Malformed::LogId(clip(cited)));
    }
    Ok(Answer {
        action,
        cited_log_id: cited.to_owned(),
        rationale: rationale(third)?,
    })
}

fn rationale(line: &str) -> Result<String, Malformed> {
    if line == "Rationale:" {
        return Err(Malformed::EmptyRationale);
    }
    let text = line
        .strip_prefix("Rationale: ")
        .ok_or(Malformed::RationaleLabel)?;
    match text.chars().count() {
        0 => Err(Malformed::EmptyRationale),
        n if n > MAX_RATIONALE_CHARS => Err(Malformed::RationaleLength(n)),
        _ => Ok(text.to_owned()),
    }
}

/// Enough of a wrong value to recognise it.
fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_responses() {
        let answer = parse("Action: block_ip\nCitedLog: L1-3\nRationale: Beacon.\n\n ").unwrap();
        assert_eq!(answer.action, Action::BlockIp);
        assert_eq!(answer.cited_log_id, "L1-3");
        assert_eq!(answer.rationale, "Beacon.");
        let long = format!(
            "Action: dismiss\nCitedLog: L12-0\nRationale: {}",
            "é".repeat(200)
        );
        assert!(parse(&long).is_ok());
        let id = format!("L1-{}", "9".repeat(30));
        let far = parse(&format!("Action: dismiss\nCitedLog: {id}\nRationale: a"));
        assert_eq!(far.map(|answer| answer.cited_log_id), Ok(id));
    }

    #[test]
    fn malformed_responses_are_named() {
        let table: &[(&str, Malformed)] = &[
            ("", Malformed::Empty),
            (" \n ", Malformed::Empty),
            ("Action: dismiss", Malformed::LineCount(1)),
            (
                "Action: dismiss\nCitedLog: L1-0\nRationale: a\nb",
                Malformed::LineCount(4),
            ),
            (
                "action: dismiss\nCitedLog: L1-0\nRationale: a",
                Malformed::ActionLabel,
            ),
            (
                " Action: dismiss\nCitedLog: L1-0\nRationale: a",
                Malformed::ActionLabel,
            ),
            (
                "Action: Dismiss\nCitedLog: L1-0\nRationale: a",
                Malformed::UnknownAction("Dismiss".into()),
            ),
            (
                "Action: dismiss\r\nCitedLog: L1-0\r\nRationale: a",
                Malformed::UnknownAction("dismiss\r".into()),
            ),
            (
                "Action: dismiss\nCited: L1-0\nRationale: a",
                Malformed::CitationLabel,
            ),
            (
                "Action: dismiss\nCitedLog: L1\nRationale: a",
                Malformed::LogId("L1".into()),
            ),
            (
                "Action: dismiss\nCitedLog: L1-0\nWhy: a",
                Malformed::RationaleLabel,
            ),
            (
                "Action: dismiss\nCitedLog: L1-0\nRationale: ",
                Malformed::EmptyRationale,
            ),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).as_ref(), Err(expected), "{text:?}");
        }
        let long = format!(
            "Action: dismiss\nCitedLog: L1-0\nRationale: {}",
            "a".repeat(201)
        );
        assert_eq!(parse(&long), Err(Malformed::RationaleLength(201)));
    }
}
