//! Questions about a log window and their answers: what nano learns to read by.

use super::line::{Line, Pair};
use super::marks;
use super::note::{Kind, Note};
use super::words::Words;
use crate::env::address;
use crate::env::events;
use crate::stream::Stream;

pub(super) fn note(words: &Words, lines: &[Line], stream: &mut Stream) -> Note {
    loop {
        let kind = Kind::ALL[stream.weighted(&Kind::WEIGHTS).unwrap_or(0)];
        if let Some((question, answer)) = ask(words, kind, lines, stream) {
            return Note {
                kind,
                after: None,
                question,
                answer,
            };
        }
    }
}

fn ask(words: &Words, kind: Kind, lines: &[Line], stream: &mut Stream) -> Option<(String, String)> {
    let line = stream.pick(lines)?;
    match kind {
        Kind::Value => {
            let pair = stream.pick(&line.pairs)?;
            Some((
                format!("{}{}", line.id, pair.open()),
                format!("{}{}", pair.value, pair.close()),
            ))
        }
        Kind::Find => find(line, lines, stream),
        Kind::Where => {
            let (given, wanted) = two_pairs(line, stream)?;
            unique(lines, &[&given])?;
            Some((
                format!("Where{}{}", given.whole(), wanted.open()),
                format!("{}{}", wanted.value, wanted.close()),
            ))
        }
        Kind::Any | Kind::AnyWhere => any(words, kind, line, lines, stream),
        Kind::Count => {
            let (text, wanted) = type_and_user(line, stream);
            let count = lines
                .iter()
                .filter(|l| wanted.iter().all(|p| l.has(p)))
                .count();
            Some((format!("Count{text}\n"), count.to_string()))
        }
        Kind::Before => {
            let (text, wanted) = type_and_user(stream.pick(lines)?, stream);
            let earlier = lines.iter().take_while(|l| l.id != line.id);
            let count = earlier.filter(|l| wanted.iter().all(|p| l.has(p))).count();
            Some((format!("Before {}{text}\n", line.id), count.to_string()))
        }
        Kind::Zone => zone(line),
        Kind::Compare => compare(line, stream),
        Kind::Same => same(line, lines, stream),
        Kind::Again => again(line, lines, stream),
        Kind::Edge => edge(line, lines, stream),
        Kind::Mark => None,
        Kind::Tell
        | Kind::Sensitive
        | Kind::Beside
        | Kind::Initial
        | Kind::Label
        | Kind::SignIns => marks::ask(kind, lines, stream),
    }
}

/// Asks whether the first address of a line is internal.
fn zone(line: &Line) -> Option<(String, String)> {
    let pair = line
        .pairs
        .iter()
        .find(|pair| address::is_internal(&pair.value).is_some())?;
    let zone = if address::is_internal(&pair.value)? {
        "internal"
    } else {
        "external"
    };
    Some((format!("Zone {} {}\n", line.id, pair.key), zone.into()))
}

/// Asks whether two lines agree in a field both have.
fn same(line: &Line, lines: &[Line], stream: &mut Stream) -> Option<(String, String)> {
    let pair = stream.pick(&line.pairs)?.clone();
    let others: Vec<&Line> = lines
        .iter()
        .filter(|l| l.id != line.id && l.get(&pair.key).is_some())
        .collect();
    let other = stream.pick(&others)?;
    let answer = if other.has(&pair) { "yes" } else { "no" };
    Some((
        format!("Same {} {} {}\n", line.id, other.id, pair.key),
        answer.into(),
    ))
}

/// Asks for the nearest line before that holds a value of this one: who is called one thing in a record is called another
/// in the next. Names of accounts, machines, files and addresses only.
fn again(line: &Line, lines: &[Line], stream: &mut Stream) -> Option<(String, String)> {
    let of_type = events::find(&line.get("type")?.value)?;
    let names = of_type.fields.iter().filter(|field| is_name(field.kind));
    let pairs: Vec<&Pair> = names.filter_map(|field| line.get(field.name)).collect();
    let pair = *stream.pick(&pairs)?;
    let at = lines.iter().position(|l| l.id == line.id)?;
    let holds = |l: &&Line| l.pairs.iter().any(|p| p.value == pair.value);
    let nearest = lines.get(..at)?.iter().rev().find(holds);
    // Mostly there is none: two in three of those are passed over.
    if nearest.is_none() && stream.chance(2, 3) {
        return None;
    }
    let answer = nearest.map_or_else(|| "none".to_owned(), |l| l.id.clone());
    Some((format!("Again {} {}\n", line.id, pair.key), answer))
}

fn is_name(kind: events::Kind) -> bool {
    let of_things = matches!(
        kind,
        events::Kind::Host | events::Kind::File | events::Kind::Domain
    );
    of_things || kind.is_account() || kind.is_address()
}

/// Asks for the first or last line of a type.
fn edge(line: &Line, lines: &[Line], stream: &mut Stream) -> Option<(String, String)> {
    let pair = line.get("type")?.clone();
    let mut of_type = lines.iter().filter(|l| l.has(&pair));
    let first = stream.chance(1, 2);
    let edge = if first {
        of_type.next()
    } else {
        of_type.next_back()
    }?;
    Some((
        format!("{}{}\n", if first { "First" } else { "Last" }, pair.whole()),
        edge.id.clone(),
    ))
}

/// Asks for the id of the only line with one to three given pairs, or of none.
fn find(line: &Line, lines: &[Line], stream: &mut Stream) -> Option<(String, String)> {
    let mut given: Vec<Pair> = line.pairs.clone();
    stream.shuffle(&mut given);
    given.truncate(stream.between(1, 3) as usize);
    given.sort_by_key(|pair| line.pairs.iter().position(|p| p == pair));
    if stream.chance(1, 6) {
        // A near miss: one value taken from another line.
        let slot = stream.index(given.len());
        let other = stream.pick(lines)?.get(&given.get(slot)?.key)?.clone();
        *given.get_mut(slot)? = other;
    }
    let hits: Vec<&Line> = lines
        .iter()
        .filter(|l| given.iter().all(|p| l.has(p)))
        .collect();
    let answer = match hits.as_slice() {
        [] => "none".to_string(),
        [only] => only.id.clone(),
        _ => return None,
    };
    let text: String = given.iter().map(Pair::whole).collect();
    Some((format!("Find{text}\n"), answer))
}

/// The line that has all of `given`, where there is exactly one.
fn unique<'a>(lines: &'a [Line], given: &[&Pair]) -> Option<&'a Line> {
    let mut hits = lines.iter().filter(|l| given.iter().all(|p| l.has(p)));
    let hit = hits.next();
    if hits.next().is_some() { None } else { hit }
}

/// Two different pairs of a line.
fn two_pairs(line: &Line, stream: &mut Stream) -> Option<(Pair, Pair)> {
    let given = stream.index(line.pairs.len());
    let wanted = stream.index(line.pairs.len());
    if given == wanted {
        return None;
    }
    Some((
        line.pairs.get(given)?.clone(),
        line.pairs.get(wanted)?.clone(),
    ))
}

/// Names two or three values of one key, exactly one of which is in the window.
fn any(
    words: &Words,
    kind: Kind,
    line: &Line,
    lines: &[Line],
    stream: &mut Stream,
) -> Option<(String, String)> {
    let (given, wanted) = two_pairs(line, stream)?;
    let known = words.0.get(&given.key)?;
    let here = |value: &String| {
        lines
            .iter()
            .any(|l| l.get(&given.key).is_some_and(|p| p.value == *value))
    };
    let absent: Vec<&String> = known.iter().filter(|value| !here(value)).collect();
    unique(lines, &[&given])?;
    let mut named = vec![given.value.clone()];
    for _ in 0..stream.between(1, 2) {
        let value = (*stream.pick(&absent)?).to_string();
        if !named.contains(&value) {
            named.push(value);
        }
    }
    stream.shuffle(&mut named);
    let named = named.join("|");
    let question = format!("Any {}={named}", given.key);
    if kind == Kind::Any {
        return Some((format!("{question}\n"), line.id.clone()));
    }
    Some((
        format!("{question}{}", wanted.open()),
        format!("{}{}", wanted.value, wanted.close()),
    ))
}

/// ` type=…`, half the time with a user, and the pairs a counted line must have.
fn type_and_user(line: &Line, stream: &mut Stream) -> (String, Vec<Pair>) {
    let mut wanted: Vec<Pair> = line.get("type").into_iter().cloned().collect();
    if stream.chance(1, 2) {
        wanted.extend(account(line).cloned());
    }
    (wanted.iter().map(Pair::whole).collect(), wanted)
}

/// Whose line it is.
fn account(line: &Line) -> Option<&Pair> {
    let of_type = events::find(&line.get("type")?.value)?;
    let field = of_type.fields.iter().find(|f| f.kind.is_account())?;
    line.get(field.name)
}

fn compare(line: &Line, stream: &mut Stream) -> Option<(String, String)> {
    let numbers: Vec<(&Pair, u64)> = line
        .pairs
        .iter()
        .filter(|p| !p.quoted)
        .filter_map(|p| Some((p, p.value.parse().ok()?)))
        .collect();
    let &(pair, value) = stream.pick(&numbers)?;
    let stated = match stream.below(3) {
        0 => 10u64.pow(stream.between(1, 9) as u32),
        1 => value.saturating_add(stream.between(1, value / 4 + 2)),
        _ => value.saturating_sub(stream.between(1, value / 4 + 2)),
    };
    let answer = if value > stated {
        "larger"
    } else if value < stated {
        "smaller"
    } else {
        "equal"
    };
    Some((
        format!("Compare {} {}={stated}\n", line.id, pair.key),
        answer.into(),
    ))
}
