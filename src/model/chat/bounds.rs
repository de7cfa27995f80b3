//! What a template that means harm may take: steps, bytes, depth and time.
//!
//! Fuel stops most of it. Some of Jinja's methods make their text before it is paid for, lists that share their items grow by
//! powers of two at no price, and a value nested deep enough overflows the stack that drops it.

use std::fmt::{self, Write as _};
use std::io;
use std::sync::mpsc;
use std::time::Duration;

use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;
use serde_json::Value as Json;

use crate::model::guard;

/// Steps a template may take, or blocks of [`BLOCK`] bytes it may make: a hundred times what a long one needs.
pub(super) const FUEL: u64 = 100_000;
/// Bytes that cost a step.
const BLOCK: u64 = 64;
/// Bytes nobody can pay for.
pub(super) const MOST_BYTES: u64 = FUEL * BLOCK;
/// Longest number that a format writes, its padding left out: the greatest float has 309 digits before its point.
const LONGEST_NUMBER: u64 = 512;
/// How long a template may run, on a machine that is busy too; it needs a thousandth.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Stack for the deepest value that the fuel pays for; what is not used takes no memory.
const STACK: usize = 64 << 20;

/// Runs `work` on a thread of its own, with a deep stack. A panic is an error, and so is taking too long: the thread is then
/// left to itself.
///
/// # Errors
/// What `work` itself says, or why there is no result.
pub(super) fn apart(
    patience: Duration,
    work: impl FnOnce() -> Result<String, String> + Send + 'static,
) -> Result<String, String> {
    let (tell, told) = mpsc::channel();
    let builder = std::thread::Builder::new().name("template".into());
    let started = builder.stack_size(STACK).spawn(move || {
        // Where it took too long nobody listens any more.
        let _ = tell.send(guard::quietly(work));
    });
    started.map_err(|e| e.to_string())?;
    match told.recv_timeout(patience) {
        Ok(Ok(rendered)) => rendered,
        Ok(Err(panicked)) => Err(panicked.to_string()),
        Err(_) => Err(format!(
            "it takes longer than {} seconds: put a simpler one into a file chat_template.jinja beside the model",
            patience.as_secs()
        )),
    }
}

/// Python's methods. `format` and `join` pay first for what they are about to write.
pub(super) fn method(
    state: &mut State,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        match (name, arguments) {
            ("format", _) => state.consume_fuel(price(text, arguments) / BLOCK)?,
            ("join", [items]) => {
                for item in items.try_iter()?.checked() {
                    state.consume_fuel(1 + shown(&item?) / BLOCK)?;
                }
            }
            _ => {}
        }
    }
    pycompat::unknown_method_callback(state, value, name, arguments)
}

/// A value as JSON; refused where that is longer than all that a template may write, or too deep for the reader of JSON.
pub(super) fn json(value: &Value) -> Result<Json, Error> {
    let json = serde_json::to_writer(Counted(0), value)
        .and_then(|()| serde_json::to_vec(value))
        .and_then(|text| serde_json::from_slice(&text));
    json.map_err(|e| Error::new(ErrorKind::InvalidOperation, e.to_string()))
}

/// Most bytes that a format can write besides its own text: in every field one of the arguments, and as many characters as the
/// field's numbers say, of up to four bytes.
fn price(format: &str, arguments: &[Value]) -> u64 {
    let longest = arguments.iter().map(shown).max().unwrap_or(0);
    let fields = format.split('{').skip(1).map(|field| {
        // A closing brace after the colon may be what the field is filled with.
        let field = field.replacen(":}", "::", 1);
        let spec = field.split('}').next().unwrap_or_default();
        let numbers = spec.split(|c: char| !c.is_ascii_digit());
        let numbers = numbers.filter(|digits| !digits.is_empty());
        numbers
            .map(|digits| digits.parse().unwrap_or(u64::MAX))
            .fold(0_u64, u64::saturating_add)
            .saturating_mul(4)
            .saturating_add(longest + LONGEST_NUMBER)
    });
    fields.fold(0_u64, u64::saturating_add)
}

/// How many bytes a value shows, counted no further than anybody can pay for.
fn shown(value: &Value) -> u64 {
    let mut counted = Counted(0);
    // An error only ends the counting.
    let _ = write!(counted, "{value}");
    counted.0
}

/// Counts what is written to it, and takes no more when it is too much.
struct Counted(u64);

impl Counted {
    fn has_room(&mut self, bytes: usize) -> bool {
        self.0 = self.0.saturating_add(bytes as u64);
        self.0 < MOST_BYTES
    }
}

impl fmt::Write for Counted {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.has_room(text.len()).then_some(()).ok_or(fmt::Error)
    }
}

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.has_room(bytes.len()) {
            true => Ok(bytes.len()),
            false => Err(io::Error::other("tojson: the value is too long")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::chat::ChatTemplate;

    fn rendered(source: &str) -> Result<String, String> {
        let template = ChatTemplate {
            source: source.into(),
            ..ChatTemplate::default()
        };
        template.render(&json!([]), &Json::Null, false)
    }

    #[test]
    fn formats_and_joins_that_somebody_means_are_pythons() {
        for (source, want) in [
            (
                "{{ '{:>5}|{:.2f}|{}'.format('a', 1.5, 'b') }}",
                "    a|1.50|b",
            ),
            (
                "{{ 'On 20240726 {0:*<3}{x}'.format('a', x='b') }}",
                "On 20240726 a**b",
            ),
            ("{{ ', '.join(['a', 'b']) }}", "a, b"),
        ] {
            assert_eq!(rendered(source).as_deref(), Ok(want), "{source}");
        }
    }

    #[test]
    fn a_template_that_means_harm_is_refused() {
        let doubled = |by: &str, use_it: &str| {
            format!(
                "{{% set ns = namespace(x=[1]) %}}{{% for i in range(40) %}}{{% set ns.x = {by} %}}{{% endfor %}}{use_it}"
            )
        };
        for source in [
            // As many digits, and as many spaces.
            "{{ '{:.99999999999}'.format(1.5) }}",
            "{{ '{:>99999999999999}'.format('a') }}",
            "{{ '{:}>99999999999999}'.format('a') }}",
            "{{ ('{0}' * 100000).format('a' * 1000000) }}",
            "{{ ''.join(['a' * 1000000] * 100000) }}",
            &doubled("[ns.x, ns.x]", "{{ ns.x | tojson }}"),
            &doubled("[ns.x, ns.x]", "{{ '{}'.format(ns.x) }}"),
            // Nested so deep that dropping it takes megabytes of stack.
            "{% set ns = namespace(x=[1]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}",
        ] {
            let told = rendered(source).expect_err(source);
            assert!(told.starts_with("chat template: "), "{source}: {told}");
        }
    }

    #[test]
    fn a_panic_and_a_work_without_end_are_errors() {
        let patience = Duration::from_millis(20);
        let slow = apart(patience, || {
            std::thread::sleep(Duration::from_secs(2));
            Ok(String::new())
        });
        assert!(slow.expect_err("too long").contains("takes longer"));
        let empty: [u8; 0] = [];
        let panicking = apart(PATIENCE, move || {
            Ok(empty[std::hint::black_box(3)].to_string())
        });
        assert!(panicking.expect_err("beyond").contains("out of bounds"));
        let passing = apart(PATIENCE, || Ok("x".to_owned()));
        assert_eq!(passing.as_deref(), Ok("x"));
    }
}
