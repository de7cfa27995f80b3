//! `opensoc rules`: the rule table, to read or as JSON.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::Outcome;
use crate::env::rules::{self, Rule};

/// What holds of all rules.
const PREAMBLE: &str = "\
Of the rules that fire, the one whose action costs most decides (dismiss, monitor, quarantine_host and block_ip,
escalate); among equals the one that stands first here. The event at which its condition is complete is the trigger.
Inside the organisation are private, loopback, link-local and shared (100.64.0.0/10) addresses, mapped ones (::ffff:)
too; outside are the other addresses that machines can have; unspecified, multicast, broadcast and reserved ones are
neither. One address in two spellings is one. Numbers are written whole. A field that an event lacks, or that is empty, is
none of the words asked for, and nobody's own: nothing with the same leads up to it. Before and after go by the order of
the lines.";

/// Arguments of `rules`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Prints the table.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    if !args.json {
        writeln!(out, "{PREAMBLE}\n")?;
        writeln!(
            out,
            "{:<31} {:<16} {:<28} reason",
            "rule", "action", "ATT&CK"
        )?;
    }
    for rule in rules::all() {
        if args.json {
            writeln!(out, "{}", as_json(rule))?;
        } else {
            writeln!(
                out,
                "{:<31} {:<16} {:<28} {}",
                rule.id,
                rule.action.as_str(),
                rule.attack.join(" "),
                rule.reason
            )?;
            writeln!(out, "    {}", rule.when())?;
        }
    }
    Ok(Outcome::Complete)
}

fn as_json(rule: &Rule) -> Value {
    let thresholds: Map<String, Value> = rule
        .thresholds
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    json!({
        "id": rule.id,
        "action": rule.action,
        "reason": rule.reason,
        "when": rule.when(),
        "attack": rule.attack,
        "thresholds": thresholds,
        "event_types": rule.event_types,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_have_every_rule_once() {
        for json in [false, true] {
            let mut out = Vec::new();
            run(&Args { json }, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            let lines = match json {
                true => rules::all().len(),
                false => PREAMBLE.lines().count() + 2 + 2 * rules::all().len(),
            };
            assert_eq!(text.lines().count(), lines);
            for rule in rules::all() {
                assert!(text.contains(rule.reason), "{}", rule.id);
            }
        }
    }
}
