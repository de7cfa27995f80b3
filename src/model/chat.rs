//! Chat templates: the Jinja text a model ships with, rendered as transformers renders it.
//!
//! What stands between the contents of a conversation does not depend on them, so a template is rendered once with
//! placeholders and cut up there: the frame's special tokens are tokens, those written out in a content stay text. A second
//! rendering, of contents that a filter would change, shows that it passes them on as they are.

mod bounds;

use fancy_regex::{Captures, Regex};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Rest, Serde, Value, ValueOrKwargs, from_args};
use minijinja::{Environment, Error, ErrorKind};
use serde_json::{Value as Json, json};

/// ChatML, for a model that has its tokens but no template.
pub const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// Widest indentation of JSON.
const MOST_INDENT: usize = 16;
/// The day of every conversation, Llama 3's where it has no clock: a run that goes on tomorrow must see today's tokens, and an
/// adapter the prompts that it was trained with.
const TODAY: jiff::civil::DateTime = jiff::civil::date(2024, 7, 26).at(0, 0, 0, 0);
/// Stands for a content; private-use characters that no template prints.
const OPEN: char = '\u{f8f0}';
const CLOSE: char = '\u{f8f1}';
/// A content with what filters change: quotes, signs, both cases, runs of white space, letters beyond ASCII. White space
/// around it is the template's to trim.
const PROBE: &str = "Say \"it's\" {ABC} \\ [xyz] <b>&amp;</b>  ~!#$%*+,-./0123456789:;=?@^_`|()\n\n\tGrüße, 東京; Done";

/// A chat template with the tokens it may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatTemplate {
    pub source: String,
    pub bos_token: Option<String>,
    pub eos_token: Option<String>,
    pub pad_token: Option<String>,
    pub unk_token: Option<String>,
}

/// A piece of a rendered conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The template's own text, in which special tokens are tokens.
    Frame(String),
    /// Where the content of message `0` goes, counted from the first.
    Content(usize),
}

impl ChatTemplate {
    /// Renders a conversation as `apply_chat_template(tokenize=False)` of transformers does, but that `strftime_now` tells the
    /// same day always. `messages` and `tools` are JSON lists.
    ///
    /// # Errors
    /// What the template itself refuses, and what is wrong with the template.
    pub fn render(&self, messages: &Json, tools: &Json, generate: bool) -> Result<String, String> {
        let mut context = json!({
            "messages": without_nulls(messages),
            "tools": tools,
            "documents": null,
            "add_generation_prompt": generate,
        });
        // A token that is not set is undefined, and prints as nothing.
        for (name, token) in [
            ("bos_token", &self.bos_token),
            ("eos_token", &self.eos_token),
            ("pad_token", &self.pad_token),
            ("unk_token", &self.unk_token),
        ] {
            if let Some(token) = token {
                context[name] = json!(token);
            }
        }
        let source = as_read(&self.source);
        let rendered = bounds::apart(bounds::PATIENCE, move || rendered(&source, context));
        rendered.map_err(|told| format!("chat template: {told}"))
    }

    /// The frame around messages of the given roles, with an assistant's turn opened after them if `generate`.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`], and when the template leaves a content out or writes another text in its place.
    pub fn frame(&self, roles: &[&str], generate: bool) -> Result<Vec<Piece>, String> {
        let rendered = |content: &dyn Fn(usize) -> String| {
            let message = |(i, role): (usize, &&str)| json!({"role": role, "content": content(i)});
            let messages = roles.iter().enumerate().map(message).collect();
            self.render(&Json::Array(messages), &Json::Null, generate)
        };
        let pieces = cut(&rendered(&|i| format!("{OPEN}{i}{CLOSE}"))?);
        let missing = (0..roles.len()).find(|&i| !pieces.contains(&Piece::Content(i)));
        if let Some(i) = missing {
            let role = roles[i];
            return Err(format!("chat template: it leaves out what the {role} says"));
        }
        let probe = |i: usize| format!("{PROBE}{i}");
        let expected = pieces.iter().map(|piece| match piece {
            Piece::Frame(text) => text.clone(),
            Piece::Content(i) => probe(*i),
        });
        match rendered(&probe)? == expected.collect::<String>() {
            true => Ok(pieces),
            false => Err(
                "its chat template rewrites what messages say (with tojson, upper, replace or the like), where contents go in \
                 as they are: put a template that prints them unchanged into a file chat_template.jinja beside the model"
                    .to_owned(),
            ),
        }
    }
}

/// What Jinja makes of a source.
fn rendered(source: &str, context: Json) -> Result<String, String> {
    let rendered = environment().render_str(source, Serde(context));
    rendered.map_err(|error| match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => {
            "it takes more steps or writes more than a conversation needs: put a simpler one into a file chat_template.jinja \
             beside the model"
                .to_owned()
        }
        (_, Some(detail)) => detail.to_owned(),
        (_, None) => error.to_string(),
    })
}

/// The source as Jinja of Python reads it, with line feeds alone, and as transformers does, without its marks.
fn as_read(source: &str) -> String {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    without_generation_marks(&source).into_owned()
}

/// The template without the tags by which transformers marks what an assistant says: they print nothing, but trim white
/// space like any block, so another block takes their place.
fn without_generation_marks(source: &str) -> std::borrow::Cow<'_, str> {
    let Ok(mark) = Regex::new(r"(\{%[-+]?\s*)(end)?generation(\s*[-+]?%\})") else {
        return source.into();
    };
    mark.replace_all(source, |found: &Captures<'_>| {
        let part = |i| found.get(i).map_or("", |part| part.as_str());
        let block = if part(2).is_empty() {
            "if true"
        } else {
            "endif"
        };
        format!("{}{block}{}", part(1), part(3))
    })
}

/// Messages without the keys that say null: transformers drops them before it renders.
fn without_nulls(messages: &Json) -> Json {
    let mut messages = messages.clone();
    for message in messages.as_array_mut().into_iter().flatten() {
        if let Some(message) = message.as_object_mut() {
            message.retain(|_, value| !value.is_null());
        }
    }
    messages
}

/// Cuts a rendered text at its placeholders.
fn cut(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, (index, after))) = rest
        .split_once(OPEN)
        .and_then(|(before, after)| Some((before, after.split_once(CLOSE)?)))
    {
        if !before.is_empty() {
            pieces.push(Piece::Frame(before.to_string()));
        }
        pieces.extend(index.parse().map(Piece::Content));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Frame(rest.to_string()));
    }
    pieces
}

/// Jinja as transformers sets it up.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    // The default delimiters are known to be sound.
    if let Ok(syntax) = syntax {
        environment.set_syntax(syntax);
    }
    environment.set_fuel(Some(bounds::FUEL));
    environment.set_unknown_method_callback(bounds::method);
    environment.add_filter("tojson", to_json);
    environment.add_function("raise_exception", |message: String| {
        Err::<Value, _>(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", |format: String| {
        let told = jiff::fmt::strtime::format(&format, TODAY);
        told.map_err(|e| Error::new(ErrorKind::InvalidOperation, e.to_string()))
    });
    environment
}

/// `json.dumps` with the parameters that transformers gives this filter, in its order: Jinja's own escapes what HTML would
/// need.
fn to_json(value: Value, arguments: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let arguments = arguments.into_values();
    let (positional, options) = from_args::<(&[Value], Kwargs)>(&arguments)?;
    let names = ["ensure_ascii", "indent", "separators", "sort_keys"];
    if let Some(extra) = positional.get(names.len()) {
        let told = format!("tojson takes no further argument {extra}");
        return Err(Error::new(ErrorKind::TooManyArguments, told));
    }
    let [ensure_ascii, indent, separators, sort_keys] = [0, 1, 2, 3].map(|at: usize| {
        let named = names.get(at).and_then(|name| options.get(name).ok());
        let given: Option<Value> = positional.get(at).cloned().or(named);
        given.filter(|value| !value.is_none() && !value.is_undefined())
    });
    options.assert_all_used()?;
    let json = bounds::json(&value)?;
    let indent = indent.map(usize::try_from).transpose()?;
    let style = Style {
        indent: indent.map(|n| n.min(MOST_INDENT)),
        separators: separators.map(|pair| pair_of(&pair)).transpose()?,
        is_ascii: ensure_ascii.is_some_and(|value| value.is_true()),
        is_sorted: sort_keys.is_some_and(|value| value.is_true()),
    };
    let mut text = String::new();
    style.dump(&json, 0, &mut text);
    if text.len() as u64 > bounds::MOST_BYTES {
        return Err(ErrorKind::OutOfFuel.into());
    }
    Ok(Value::from_safe_string(text))
}

/// Two strings: between items, and after a key.
fn pair_of(value: &Value) -> Result<[String; 2], Error> {
    let texts = value
        .try_iter()?
        .map(|text| text.as_str().map(str::to_owned));
    let texts: Option<Vec<String>> = texts.collect();
    let pair = texts.and_then(|texts| <[String; 2]>::try_from(texts).ok());
    pair.ok_or_else(|| {
        let told = "tojson: separators are two strings";
        Error::new(ErrorKind::InvalidOperation, told)
    })
}

/// How JSON is written: `{"a": 1, "b": [2, 3]}` if nothing is said.
#[derive(Default)]
struct Style {
    /// A line for each value, indented by so much.
    indent: Option<usize>,
    separators: Option<[String; 2]>,
    is_ascii: bool,
    is_sorted: bool,
}

impl Style {
    fn dump(&self, value: &Json, depth: usize, out: &mut String) {
        let mut entries: Vec<(Option<&String>, &Json)> = match value {
            Json::Array(list) => list.iter().map(|value| (None, value)).collect(),
            Json::Object(map) => map.iter().map(|(key, value)| (Some(key), value)).collect(),
            Json::Number(number) if number.is_f64() => {
                out.push_str(&python_float(number.as_f64().unwrap_or(0.0)));
                return;
            }
            Json::String(text) => return self.quote(text, out),
            plain => {
                out.push_str(&plain.to_string());
                return;
            }
        };
        if self.is_sorted && value.is_object() {
            entries.sort_by_key(|(key, _)| *key);
        }
        let (open, close) = if value.is_array() {
            ('[', ']')
        } else {
            ('{', '}')
        };
        let new_line = |out: &mut String, depth: usize| {
            if let Some(indent) = self.indent.filter(|_| !entries.is_empty()) {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent * depth));
            }
        };
        let [item, colon] = match &self.separators {
            Some([item, colon]) => [item.as_str(), colon.as_str()],
            None if self.indent.is_some() => [",", ": "],
            None => [", ", ": "],
        };
        out.push(open);
        for (i, (key, value)) in entries.iter().enumerate() {
            if i > 0 {
                out.push_str(item);
            }
            // So long a text is refused.
            if out.len() as u64 > bounds::MOST_BYTES {
                break;
            }
            new_line(out, depth + 1);
            if let Some(key) = key {
                self.quote(key, out);
                out.push_str(colon);
            }
            self.dump(value, depth + 1, out);
        }
        new_line(out, depth);
        out.push(close);
    }

    /// A string in quotes; with `ensure_ascii` in nothing but ASCII.
    fn quote(&self, text: &str, out: &mut String) {
        let quoted = Json::from(text).to_string();
        if !self.is_ascii {
            out.push_str(&quoted);
            return;
        }
        for c in quoted.chars() {
            match c.is_ascii() {
                true => out.push(c),
                false => {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
        }
    }
}

/// `repr(value)`: like Rust's, but for two digits and a sign in exponents.
fn python_float(value: f64) -> String {
    let text = format!("{value:e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => format!("{digits}e{exponent:+03}"),
        _ => format!("{value:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(source: &str) -> ChatTemplate {
        ChatTemplate {
            source: source.into(),
            ..ChatTemplate::default()
        }
    }

    #[test]
    fn the_frame_of_chatml_is_what_stands_between_the_contents() {
        let frame = template(CHATML).frame(&["system", "user"], true);
        let text = |text: &str| Piece::Frame(text.into());
        let want = vec![
            text("<|im_start|>system\n"),
            Piece::Content(0),
            text("<|im_end|>\n<|im_start|>user\n"),
            Piece::Content(1),
            text("<|im_end|>\n<|im_start|>assistant\n"),
        ];
        assert_eq!(frame, Ok(want));
    }

    #[test]
    fn a_template_with_other_line_ends_is_the_same_template() {
        let source = "{% for m in messages %}\n<|im_start|>{{ m.role + '\n' }}\n{{ m.content }}<|im_end|>\n{% endfor %}\n";
        let frame = |source: &str| template(source).frame(&["system", "user"], true);
        let want = frame(source).expect("usable");
        for end in ["\r\n", "\r"] {
            assert_eq!(
                frame(&source.replace('\n', end)),
                Ok(want.clone()),
                "{end:?}"
            );
        }
    }

    #[test]
    fn the_named_tokens_are_set_where_the_tokenizer_names_them() {
        let named = |name: &str| Some(format!("<{name}>"));
        let all = ChatTemplate {
            bos_token: named("bos"),
            eos_token: named("eos"),
            pad_token: named("pad"),
            unk_token: named("unk"),
            ..template("{{ bos_token }}{{ eos_token }}{{ pad_token }}{{ unk_token }}")
        };
        let told = |template: &ChatTemplate| template.render(&json!([]), &Json::Null, false);
        assert_eq!(told(&all), Ok("<bos><eos><pad><unk>".to_owned()));
        let none = template("{{ pad_token }}{{ unk_token is defined }}");
        assert_eq!(told(&none), Ok("False".to_owned()));
    }

    #[test]
    fn what_a_template_refuses_or_leaves_out_is_said() {
        let refusing = template("{{ raise_exception('no system role, please') }}");
        let error = refusing.frame(&["system"], false).expect_err("refused");
        assert!(error.contains("no system role, please"), "{error}");
        let deaf = template("{{ messages[0]['content'] }}");
        let error = deaf
            .frame(&["user", "assistant"], false)
            .expect_err("left out");
        assert!(error.contains("assistant"), "{error}");
        assert!(template("{% if %}").frame(&["user"], false).is_err());
    }

    #[test]
    fn a_template_that_rewrites_contents_is_refused_and_one_that_trims_them_is_not() {
        let turns = |content: &str| {
            let turn = format!("<|im_start|>{{{{ m.role }}}}\n{{{{ {content} }}}}<|im_end|>\n");
            let source = format!("{{% for m in messages %}}{turn}{{% endfor %}}");
            template(&source).frame(&["system", "user"], true)
        };
        for passing in ["m.content", "m['content'] | trim", "m.content.strip()"] {
            assert!(turns(passing).is_ok(), "{passing}: {:?}", turns(passing));
        }
        for rewriting in [
            "m.content | tojson",
            "m | tojson",
            "m.content | upper",
            "m.content.lower()",
            "m.content | title",
            "m.content | replace('\\n\\n', '\\n')",
            "m.content | replace('\"', '')",
            "m.content | escape",
            "m.content[:40]",
        ] {
            let told = turns(rewriting).expect_err(rewriting);
            assert!(
                told.contains("rewrites what messages say"),
                "{rewriting}: {told}"
            );
        }
    }

    #[test]
    fn a_template_that_asks_for_the_day_is_told_the_same_one_always() {
        let told = |format: &str| {
            let source = format!("{{{{ strftime_now('{format}') }}}}");
            template(&source).render(&json!([]), &Json::Null, false)
        };
        assert_eq!(told("%d %b %Y"), Ok("26 Jul 2024".to_owned()));
        assert_eq!(told("%Y-%m-%d"), Ok("2024-07-26".to_owned()));
        assert!(told("%").is_err(), "no format");
    }

    #[test]
    fn a_template_that_never_ends_is_stopped() {
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(
            template(endless)
                .render(&json!([]), &Json::Null, false)
                .is_err()
        );
    }

    #[test]
    fn json_is_pythons() {
        let tools = json!([{"name": "f<>&'", "parameters": {"a": [1, 2.5], "b": {}, "é": null}}]);
        let render = |source: &str| {
            template(source)
                .render(&json!([]), &tools, false)
                .expect("rendered")
        };
        let plain = r#"{"name": "f<>&'", "parameters": {"a": [1, 2.5], "b": {}, "é": null}}"#;
        assert_eq!(render("{{ tools[0] | tojson }}"), plain);
        assert_eq!(
            render("{{ tools[0].name | tojson(indent=2) }}"),
            "\"f<>&'\""
        );
        assert_eq!(
            render("{{ tools[0].parameters.a | tojson(indent=2) }}"),
            "[\n  1,\n  2.5\n]"
        );
        // As `json.dumps` of Python 3.11 has them.
        for (call, want) in [
            (
                "tojson(sort_keys=true)",
                r#"{"a": [1, 2.5], "b": {}, "é": null}"#,
            ),
            (
                "tojson(separators=(',', ':'))",
                r#"{"a":[1,2.5],"b":{},"é":null}"#,
            ),
            (
                "tojson(ensure_ascii=true)",
                r#"{"a": [1, 2.5], "b": {}, "\u00e9": null}"#,
            ),
            (
                "tojson(true)",
                r#"{"a": [1, 2.5], "b": {}, "\u00e9": null}"#,
            ),
            (
                "tojson(separators=('; ', '='), indent=1)",
                "{\n \"a\"=[\n  1; \n  2.5\n ]; \n \"b\"={}; \n \"é\"=null\n}",
            ),
        ] {
            assert_eq!(
                render(&format!("{{{{ tools[0].parameters | {call} }}}}")),
                want,
                "{call}"
            );
        }
        assert_eq!(
            render("{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}"),
            r#"{"a": 2, "b": 1}"#
        );
        assert_eq!(
            render("{{ '\u{1f600}' | tojson(ensure_ascii=true) }}"),
            r#""\ud83d\ude00""#
        );
        let odd = template("{{ tools | tojson(skipkeys=true) }}").render(&json!([]), &tools, false);
        assert!(odd.expect_err("unknown").contains("skipkeys"));
    }
}
