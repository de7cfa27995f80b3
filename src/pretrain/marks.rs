//! What a single line shows: whether it holds a sensitive value and what stands beside it (or stood in what led up to it),
//! or how often a user has failed to sign in.
//!
//! A large model knows from its own pretraining that `mshta.exe` is a system tool attackers borrow and `chrome.exe` is
//! not; nano has read nothing else, so it is told here which values are sensitive. A mark describes one line and those
//! before it; what follows for an analyst is not said.

use super::line::Line;
use super::note::{Kind, Note};
use crate::env::address;
use crate::env::families::{self, Family, Lead};
use crate::env::login::{ADMIN, FAILURE, GUESSES, SUCCESS};
use crate::env::paths;
use crate::stream::Stream;

/// What a line shows.
enum Mark {
    Ordinary,
    /// A sensitive value: which in a row of such lines where they come in rows, and the value beside it; [`ALONE`] where
    /// nothing led up to it.
    Sensitive {
        nth: Option<usize>,
        beside: String,
    },
    /// What may lead up to such a line: which of its actor's, or the value it holds.
    Lead(String),
    /// A failed sign-in: the user's failures since the last success.
    Failed(usize),
    /// A successful one after so many failures. After many its mark begins with what tells such sign-ins apart, as other marks
    /// do with what stands beside: what comes first is what is repeated when an answer is begun. While the failures always came
    /// first, a base model told all of it, and SFT left inside and outside a coin.
    Entered {
        failures: usize,
        zone: &'static str,
        role: String,
    },
}

impl Mark {
    fn text(&self) -> String {
        match self {
            Mark::Ordinary => "ordinary".to_string(),
            Mark::Sensitive { nth, beside } => {
                let nth = nth.map(|n| format!(" {}", ordinal(n))).unwrap_or_default();
                format!("{beside} {SENSITIVE}{nth}")
            }
            Mark::Lead(what) => format!("{what} leads"),
            Mark::Failed(n) => format!("{} failed", ordinal(*n)),
            Mark::Entered {
                failures,
                zone,
                role,
            } => {
                let nth = ordinal(*failures);
                let [first, then] = match &**role {
                    ADMIN => [ADMIN, *zone],
                    role => [*zone, role],
                };
                match *failures >= GUESSES {
                    true => format!("{first} {then} {ENTERED} {nth}"),
                    false => format!("{nth} {ENTERED} {first} {then}"),
                }
            }
        }
    }
}

/// Said of a line with a sensitive value.
pub(super) const SENSITIVE: &str = "sensitive";

/// Said of a sign-in that succeeds.
pub(super) const ENTERED: &str = "entered";

/// Said of a sensitive line that nothing led up to.
pub(super) const ALONE: &str = "alone";

/// Words for small numbers, as a mark writes them.
pub(super) const ORDINALS: [&str; 5] = ["none", "first", "second", "third", "more"];

fn ordinal(n: usize) -> &'static str {
    ORDINALS[n.min(ORDINALS.len() - 1)]
}

/// A mark as a note right after each line.
pub(super) fn after_each_line(lines: &[Line]) -> Vec<Note> {
    let notes = (0..lines.len()).map(|at| Note {
        kind: Kind::Mark,
        after: Some(at),
        question: String::new(),
        answer: mark(lines, at).text(),
    });
    notes.collect()
}

/// Asks for marks from after the window.
pub(super) fn ask(kind: Kind, lines: &[Line], stream: &mut Stream) -> Option<(String, String)> {
    let marks: Vec<Mark> = (0..lines.len()).map(|at| mark(lines, at)).collect();
    match kind {
        Kind::Tell => tell(lines, &marks, stream),
        Kind::SignIns => sign_ins(lines, &marks, stream),
        Kind::Label => label(lines, &marks, stream),
        _ => sensitive(kind, lines, &marks, stream),
    }
}

fn tell(lines: &[Line], marks: &[Mark], stream: &mut Stream) -> Option<(String, String)> {
    let at = stream.index(lines.len());
    let (line, mark) = lines.get(at).zip(marks.get(at))?;
    // Most lines are ordinary: two in three of those are passed over.
    if matches!(mark, Mark::Ordinary) && stream.chance(2, 3) {
        return None;
    }
    Some((format!("Tell {}\n", line.id), mark.text()))
}

/// Asks for the first or last sensitive line: its id, the value beside, or that value's initial. The last makes a model
/// do something with a value it has looked up besides repeating it.
fn sensitive(
    kind: Kind,
    lines: &[Line],
    marks: &[Mark],
    stream: &mut Stream,
) -> Option<(String, String)> {
    let is_first = stream.chance(1, 2);
    let edge = if is_first { "first" } else { "last" };
    let mut found = lines
        .iter()
        .zip(marks)
        .filter_map(|(line, mark)| match mark {
            Mark::Sensitive { beside, .. } => Some((&line.id, beside)),
            _ => None,
        });
    let found = if is_first {
        found.next()
    } else {
        found.next_back()
    };
    let (question, answer) = match kind {
        Kind::Sensitive => ("Sensitive", found.map(|(id, _)| id.clone())),
        Kind::Beside => ("Beside sensitive", found.map(|(_, value)| value.clone())),
        _ => (
            "Initial beside sensitive",
            found.and_then(|(_, value)| value.get(..1).map(str::to_string)),
        ),
    };
    let answer = answer.unwrap_or_else(|| "none".to_string());
    Some((format!("{question} {edge}\n"), answer))
}

/// Words that open a line of an answer.
const LABELS: [&str; 20] = [
    "Seen", "Found", "Value", "Note", "Detail", "Shown", "Point", "Item", "Named", "Read", "Given",
    "Here", "Matter", "Sign", "Fact", "Word", "Entry", "Text", "Thing", "Main",
];

/// An answer in lines with labels, cut at one of them: whatever the first label says, what stands beside the last
/// sensitive value (or the most failures and who entered after them) comes first, the id of that line second. Two times in
/// three the line before the id says nothing of the window: the id is then to be found by what its line shows, not by the
/// value just repeated.
fn label(lines: &[Line], marks: &[Mark], stream: &mut Stream) -> Option<(String, String)> {
    let mut word = || stream.pick(&LABELS).copied().unwrap_or("Seen");
    let (first, second) = (word(), word());
    let both = || lines.iter().zip(marks);
    let sensitive = both().rev().find_map(|(line, mark)| match mark {
        Mark::Sensitive { beside, .. } => Some((&line.id, beside.clone())),
        _ => None,
    });
    let signed_in = || {
        let counted = both().filter_map(|(line, mark)| match mark {
            Mark::Failed(n) => Some((*n, line, mark)),
            Mark::Entered { failures, .. } => Some((*failures, line, mark)),
            _ => None,
        });
        let most = counted.max_by_key(|(n, ..)| *n);
        most.map(|(_, line, mark)| (&line.id, mark.text()))
    };
    let (id, value) = sensitive.or_else(signed_in)?;
    Some(match stream.below(6) {
        0 => (format!("{first}: {value}\n{second}: "), id.clone()),
        1 | 2 => {
            let idle = stream.pick(&LABELS)?.to_lowercase();
            (format!("{first}: {idle}\n{second}: "), id.clone())
        }
        3 => ("Initial: ".to_string(), value.get(..1)?.to_string()),
        _ => (format!("{first}: "), value),
    })
}

/// Asks about the last of most failures in a row, or about the last sign-in after most failures; windows without say so.
fn sign_ins(lines: &[Line], marks: &[Mark], stream: &mut Stream) -> Option<(String, String)> {
    let wants_failure = stream.chance(1, 3);
    let counted = lines
        .iter()
        .zip(marks)
        .filter_map(|(line, mark)| match mark {
            Mark::Failed(failures) if wants_failure => Some((*failures, line, "", "")),
            Mark::Entered {
                failures,
                zone,
                role,
            } if !wants_failure => Some((*failures, line, *zone, role.as_str())),
            _ => None,
        });
    let most = counted.max_by_key(|(failures, ..)| *failures);
    // "none" is the answer of most windows: it is asked now and then only.
    if most.is_none() && stream.chance(5, 6) {
        return None;
    }
    let aspect = if wants_failure { 0 } else { stream.index(4) };
    let answer = most.map(|(failures, line, zone, role)| match aspect {
        0 => ordinal(failures),
        1 => zone,
        2 => role,
        _ => line.id.as_str(),
    });
    let question = match (wants_failure, aspect) {
        (true, _) => "Most failures",
        (_, 0) => "Failures before entering",
        (_, 1) => "Entered zone",
        (_, 2) => "Entered role",
        _ => "Entered after most failures",
    };
    Some((
        format!("{question}\n"),
        answer.unwrap_or("none").to_string(),
    ))
}

/// Whether something leads up to a sensitive line.
pub(super) fn is_led(lines: &[Line]) -> bool {
    lines.iter().enumerate().any(|(at, line)| {
        let family = families::find(value(line, "type"));
        let is_chained = family.is_some_and(|family| family.lead.is_some());
        is_chained && matches!(mark(lines, at), Mark::Sensitive { beside, .. } if beside != ALONE)
    })
}

fn mark(lines: &[Line], at: usize) -> Mark {
    let Some((line, earlier)) = lines.get(at).zip(lines.get(..at)) else {
        return Mark::Ordinary;
    };
    let event_type = value(line, "type");
    if event_type == FAILURE {
        return Mark::Failed(1 + failures(line, earlier));
    }
    if event_type == SUCCESS {
        let is_internal = address::is_internal(value(line, "IpAddress"));
        return Mark::Entered {
            failures: failures(line, earlier),
            zone: match is_internal {
                Some(true) => "internal",
                _ => "external",
            },
            role: value(line, "account_role").to_string(),
        };
    }
    if let Some((family, lead)) = families::led_by(event_type) {
        return Mark::Lead(match lead.holds_context {
            true => context(family, line),
            false => ordinal(1 + leads(lead, value(line, lead.join.0), earlier).len()).to_owned(),
        });
    }
    let Some(family) = families::find(event_type).filter(|_| line.is_sensitive) else {
        return Mark::Ordinary;
    };
    let beside = match family.lead {
        None => context(family, line),
        Some(lead) => {
            let leads = leads(lead, value(line, lead.join.1), earlier);
            match leads.last() {
                Some(last) if lead.holds_context => context(family, last),
                Some(_) if leads.len() >= lead.count => context(family, line),
                _ => ALONE.to_owned(),
            }
        }
    };
    Mark::Sensitive {
        nth: family
            .repeat
            .map(|_| 1 + earlier.iter().filter(|l| alike(family, l, line)).count()),
        beside,
    }
}

/// What the family looks at in a line; of a path its known folder, or its last part.
fn context(family: &Family, line: &Line) -> String {
    let printed = value(line, family.context_field);
    let path = printed.replace(r"\\", r"\");
    if !path.contains('\\') {
        return printed.to_owned();
    }
    let mut words = family.detections.iter().flat_map(|d| d.values);
    let is_folder = |word: &str| word.trim_end_matches('*').ends_with('\\');
    let folder = words.find(|word| is_folder(word) && paths::is_named(&path, word));
    match folder.map(|folder| folder.trim_end_matches('*')) {
        Some(folder) => folder.replace('\\', r"\\"),
        None => paths::file_name(&path).to_owned(),
    }
}

/// Earlier lines that lead up to one tied to `wanted`.
fn leads<'a>(lead: Lead, wanted: &str, earlier: &'a [Line]) -> Vec<&'a Line> {
    let leading = earlier
        .iter()
        .filter(|l| value(l, "type") == lead.event_type);
    leading
        .filter(|l| value(l, lead.join.0) == wanted)
        .collect()
}

/// The user's failures since the last success.
fn failures(line: &Line, earlier: &[Line]) -> usize {
    let of_user = |l: &&Line| value(l, "TargetUserName") == value(line, "TargetUserName");
    earlier
        .iter()
        .rev()
        .filter(of_user)
        .take_while(|l| value(l, "type") != SUCCESS)
        .filter(|l| value(l, "type") == FAILURE)
        .count()
}

/// Whether an earlier line is sensitive too and of the same actor.
fn alike(family: &Family, earlier: &Line, line: &Line) -> bool {
    let same = family.repeat.map_or(&[][..], |repeat| repeat.same);
    value(earlier, "type") == family.event_type
        && earlier.is_sensitive
        && same
            .iter()
            .all(|key| value(earlier, key) == value(line, key))
}

fn value<'a>(line: &'a Line, key: &str) -> &'a str {
    line.get(key).map_or("", |pair| &pair.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::Event;
    use serde_json::json;

    fn lines(events: &[(&str, serde_json::Value)]) -> Vec<Line> {
        let events = events.iter().enumerate().map(|(n, (event_type, fields))| {
            let event: Event = serde_json::from_value(json!({
                "log_id": format!("L1-{n}"), "timestamp": "2026-04-25T10:00:00Z", "source": "any",
                "event_type": event_type, "fields": fields
            }))
            .expect("an event");
            Line::new(&event)
        });
        events.collect()
    }

    fn texts(events: &[(&str, serde_json::Value)]) -> Vec<String> {
        let notes = after_each_line(&lines(events));
        notes.into_iter().map(|note| note.answer).collect()
    }

    #[test]
    fn sensitive_values_are_told_with_what_stands_beside_them() {
        let told = texts(&[
            (
                "process.create",
                json!({"Image": r"C:\Windows\System32\mshta.exe", "ParentImage": r"C:\Windows\CCM\CcmExec.exe"}),
            ),
            (
                "process.create",
                json!({"Image": "chrome.exe", "ParentImage": "tomcat9.exe"}),
            ),
            (
                "net.transfer",
                json!({"resp_class": "pastebin", "orig_bytes": 299_999_999, "id.resp_h": "8.8.8.8"}),
            ),
            (
                "net.transfer",
                json!({"resp_class": "pastebin", "orig_bytes": 300_000_000, "id.resp_h": "8.8.8.8"}),
            ),
            ("image.load", json!({"ImageLoaded": "ntdll.dll"})),
            (
                "service.install",
                json!({"AccountName": "LocalSystem", "ImagePath": r"C:\Users\Public\a.exe"}),
            ),
        ]);
        assert_eq!(
            told,
            [
                "CcmExec.exe sensitive",
                "ordinary",
                "ordinary",
                "pastebin sensitive",
                "ordinary",
                r"C:\\Users\\Public\\ sensitive"
            ]
        );
    }

    #[test]
    fn a_line_is_told_with_what_led_up_to_it() {
        let click = |user: &str, class: &str| {
            ("mail.click", json!({"recipient": user, "url_class": class}))
        };
        let script = |user: &str| {
            (
                "script.block",
                json!({"script_class": "encoded", "UserId": user}),
            )
        };
        assert_eq!(
            texts(&[
                script("a"),
                click("a", "drill_url"),
                click("b", "lookalike"),
                script("a"),
                script("b"),
            ]),
            [
                "alone sensitive",
                "drill_url leads",
                "lookalike leads",
                "drill_url sensitive",
                "lookalike sensitive"
            ]
        );
        let deny = |user: &str| ("auth.mfa_deny", json!({"actor.alternateId": user}));
        let approve = |user: &str| {
            (
                "auth.mfa_approve",
                json!({"factor": "push", "client_class": "overseas", "actor.alternateId": user}),
            )
        };
        assert_eq!(
            texts(&[deny("a"), deny("b"), deny("a"), approve("a"), approve("b")]),
            [
                "first leads",
                "first leads",
                "second leads",
                "overseas sensitive",
                "alone sensitive"
            ]
        );
    }

    #[test]
    fn rows_are_counted_by_actor_and_failures_by_user_since_the_last_success() {
        let rename = |id: u64, image: &str| {
            (
                "file.rewrite",
                json!({"Computer": "h", "ProcessId": id, "extension": "locked", "Image": image}),
            )
        };
        let sign_in = |event_type, user: &str| {
            (
                event_type,
                json!({"TargetUserName": user, "IpAddress": "10.0.0.7", "account_role": "staff"}),
            )
        };
        assert_eq!(
            texts(&[rename(7, "a.exe"), rename(8, "a.exe"), rename(7, "b.exe")]),
            [
                "a.exe sensitive first",
                "a.exe sensitive first",
                "b.exe sensitive second"
            ]
        );
        assert_eq!(
            texts(&[
                sign_in(FAILURE, "a"),
                sign_in(FAILURE, "b"),
                sign_in(FAILURE, "a"),
                sign_in(SUCCESS, "a"),
                sign_in(FAILURE, "a"),
            ]),
            [
                "first failed",
                "first failed",
                "second failed",
                "second entered internal staff",
                "first failed"
            ]
        );
        let guessed = |role: &str| {
            let event = |event_type| {
                let fields =
                    json!({"TargetUserName": "a", "IpAddress": "8.8.8.8", "account_role": role});
                (event_type, fields)
            };
            let told = texts(&[FAILURE, FAILURE, FAILURE, SUCCESS].map(event));
            told.last().cloned().unwrap_or_default()
        };
        assert_eq!(guessed("staff"), "external staff entered third");
        assert_eq!(guessed("admin"), "admin external entered third");
    }
}
