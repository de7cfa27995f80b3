//! `opensoc rules`: the rule table, to read or as JSON.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::Outcome;
use crate::env::events::{self, EventType, Field};
use crate::env::rules::{self, Rule};

/// What holds of all rules.
const PREAMBLE: &str = "\
Of the rules that fire, the one whose action costs most decides (dismiss, monitor, quarantine_host and block_ip,
escalate); among equals the one that stands first here. The event at which its condition is complete is the trigger.
Inside the organisation are private, loopback, link-local and shared (100.64.0.0/10) addresses, mapped ones (::ffff:)
too; outside are the other addresses that machines can have; unspecified, multicast, broadcast and reserved ones are
neither. One address in two spellings is one. Numbers are written whole. A field that an event lacks, or that is empty, is
none of the words asked for, and nobody's own: nothing with the same leads up to it. Before and after go by the order of
the lines. Words, names and paths are compared without regard to the case of a to z. Of events that are counted together
those count that meet all that is said of them and show every field that is named. The last part of a path is what follows its
last backslash, the whole where it has none; a path is below a folder when it begins with it, and goes through one when it
holds it anywhere; it is a file in a folder when only a name without blanks and backslashes follows it; one with a part that
is .. is none of these. Slashes in a path are backslashes, quotes around it are no part
of it.";

/// Arguments of `rules`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// The types of events instead: the record each imitates, and its fields
    #[arg(long)]
    pub events: bool,
}

/// Prints the table.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    if args.events {
        return print_events(args.json, out);
    }
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

fn print_events(json: bool, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    if !json {
        writeln!(out, "{:<24} {:<12} imitates", "event type", "source")?;
    }
    for event_type in events::all() {
        let EventType { name, source, .. } = event_type;
        if json {
            writeln!(out, "{}", event_as_json(event_type))?;
            continue;
        }
        writeln!(out, "{name:<24} {source:<12} {}", event_type.record)?;
        let fields = event_type.fields.iter();
        let fields = fields.map(|field| {
            let looked_up = if field.is_looked_up {
                ", looked up"
            } else {
                ""
            };
            format!("{} ({}{looked_up})", field.name, field.kind.as_str())
        });
        writeln!(out, "    {}", fields.collect::<Vec<_>>().join(", "))?;
    }
    Ok(Outcome::Complete)
}

fn event_as_json(event_type: &EventType) -> Value {
    let field = |field: &Field| {
        json!({
            "name": field.name,
            "kind": field.kind.as_str(),
            "required": field.required,
            "looked_up": field.is_looked_up,
        })
    };
    json!({
        "event_type": event_type.name,
        "source": event_type.source,
        "record": event_type.record,
        "fields": event_type.fields.iter().map(field).collect::<Vec<_>>(),
    })
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

    const fn args(json: bool, events: bool) -> Args {
        Args { json, events }
    }

    #[test]
    fn every_type_of_event_tells_the_record_it_imitates_and_its_fields() {
        for json in [false, true] {
            let mut out = Vec::new();
            run(&args(json, true), &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            for event_type in events::all() {
                assert!(!event_type.record.is_empty());
                for told in [event_type.name, event_type.record] {
                    assert!(text.contains(told), "{told}");
                }
                for field in event_type.fields {
                    assert!(text.contains(field.name), "{}", field.name);
                }
            }
        }
    }

    #[test]
    fn both_forms_have_every_rule_once() {
        for json in [false, true] {
            let mut out = Vec::new();
            run(&args(json, false), &mut out).unwrap();
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
