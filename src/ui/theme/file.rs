//! Theme files: those in the binary and the user's own, each of which may inherit another.
//!
//! A theme that inherits says only what differs. Reads texts, opens no files.

use std::collections::HashMap;
use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use toml::Spanned;

use super::{Depth, Symbols, Theme, Token};
use crate::ui::keys::line_of;

/// The themes in the binary.
const EMBEDDED: [(&str, &str); 4] = [
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    (
        "high-contrast",
        include_str!("../../../themes/high-contrast.toml"),
    ),
    ("mono", include_str!("../../../themes/mono.toml")),
];

/// A theme that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ThemeError {
    #[error("no theme called `{name}`; there are {known}")]
    Unknown { name: String, known: String },
    #[error("{file}:{line}: {message}")]
    Broken {
        file: String,
        /// From 1.
        line: usize,
        message: String,
    },
}

/// The themes there are, those of the user first.
#[derive(Clone, Debug)]
pub struct Themes {
    files: Vec<ThemeFile>,
}

#[derive(Clone, Debug)]
struct ThemeFile {
    name: String,
    /// What messages call it.
    path: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What the theme was drawn for; only the contrast test reads it.
    #[serde(rename = "background")]
    _background: Option<String>,
    /// The theme that has what this one does not say.
    inherits: Option<String>,
    #[serde(default)]
    token: HashMap<Token, Spec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    rgb: Option<Spanned<String>>,
    x256: Option<Spanned<u8>>,
    ansi: Option<Spanned<String>>,
    #[serde(default)]
    add: Vec<Emphasis>,
}

/// What is wrong with a token, and where in the file's text.
struct Wrong {
    at: usize,
    message: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Emphasis {
    Bold,
    Dim,
    Reverse,
    Underline,
}

impl Emphasis {
    const fn modifier(self) -> Modifier {
        match self {
            Emphasis::Bold => Modifier::BOLD,
            Emphasis::Dim => Modifier::DIM,
            Emphasis::Reverse => Modifier::REVERSED,
            Emphasis::Underline => Modifier::UNDERLINED,
        }
    }
}

impl Themes {
    /// Those in the binary.
    #[must_use]
    pub fn embedded() -> Self {
        let file = |(name, text): (&str, &str)| ThemeFile {
            name: name.to_owned(),
            path: format!("themes/{name}.toml"),
            text: text.to_owned(),
        };
        Self {
            files: EMBEDDED.into_iter().map(file).collect(),
        }
    }

    /// Adds a theme of the user's. One called as another stands before it, and may inherit it.
    pub fn add(&mut self, name: &str, path: &str, text: String) {
        let file = ThemeFile {
            name: name.to_owned(),
            path: path.to_owned(),
            text,
        };
        self.files.insert(0, file);
    }

    /// Their names, those in the binary first, each once.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = EMBEDDED
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        for file in &self.files {
            if !names.contains(&file.name) {
                names.push(file.name.clone());
            }
        }
        names
    }

    /// The theme called `name` at `depth`.
    ///
    /// # Errors
    /// When there is none, or it or one it inherits is broken; with file and line.
    pub fn load(&self, name: &str, depth: Depth, symbols: Symbols) -> Result<Theme, ThemeError> {
        let chain = self.chain(name)?;
        let mut styles = HashMap::new();
        for token in Token::ALL {
            let mut said = chain.iter();
            let said = said.find_map(|(at, file)| Some((*at, file.token.get(&token)?)));
            let (at, style) = match said {
                Some((at, spec)) => (at, spec.style(depth)),
                None => (chain[0].0, Err(Wrong::missing())),
            };
            let style = style.map_err(|wrong| self.files[at].wrong_at(token, &wrong))?;
            styles.insert(token, style);
        }
        Ok(Theme::new(styles, symbols))
    }

    /// The background that the theme called `name` was drawn for.
    #[cfg(test)]
    pub(super) fn background(&self, name: &str) -> Option<String> {
        let chain = self.chain(name).ok()?;
        chain.into_iter().find_map(|(_, file)| file._background)
    }

    /// The theme called `name`, the one it inherits, and so on.
    fn chain(&self, name: &str) -> Result<Vec<(usize, File)>, ThemeError> {
        let mut chain: Vec<(usize, File)> = Vec::new();
        let mut wanted = name.to_owned();
        loop {
            let is_new = |at: &usize| chain.iter().all(|(known, _)| known != at);
            let named = |at: &usize| self.files[*at].name == wanted;
            let found = (0..self.files.len()).filter(is_new).find(named);
            let Some(at) = found else {
                return Err(self.not_found(&wanted, chain.last().map(|(at, _)| *at)));
            };
            let file = self.files[at].read()?;
            let next = file.inherits.clone();
            chain.push((at, file));
            match next {
                Some(next) => wanted = next,
                None => return Ok(chain),
            }
        }
    }

    fn not_found(&self, name: &str, by: Option<usize>) -> ThemeError {
        let known = self.names().join(", ");
        let name = name.to_owned();
        match by {
            None => ThemeError::Unknown { name, known },
            Some(at) => {
                let is_circle = self.files.iter().any(|file| file.name == name);
                let message = match is_circle {
                    true => format!("inherits `{name}`, which in turn inherits from it"),
                    false => format!("inherits `{name}`, which is no theme; there are {known}"),
                };
                let line = self.files[at].line_with("inherits");
                self.files[at].wrong(line, &message)
            }
        }
    }
}

impl ThemeFile {
    fn read(&self) -> Result<File, ThemeError> {
        toml::from_str(&self.text).map_err(|error| {
            let line = line_of(&self.text, error.span().map_or(0, |span| span.start));
            self.wrong(line, error.message())
        })
    }

    fn wrong(&self, line: usize, message: &str) -> ThemeError {
        ThemeError::Broken {
            file: self.path.clone(),
            line,
            message: message.to_owned(),
        }
    }

    fn wrong_at(&self, token: Token, wrong: &Wrong) -> ThemeError {
        let name = format!("{token:?}").to_lowercase();
        let line = line_of(&self.text, wrong.at);
        self.wrong(line, &format!("token {name}: {}", wrong.message))
    }

    /// The first line, from 1, that begins so; the first of all where none does.
    fn line_with(&self, start: &str) -> usize {
        let mut lines = self.text.lines();
        lines
            .position(|line| line.trim_start().starts_with(start))
            .map_or(1, |at| at + 1)
    }
}

impl Wrong {
    /// A token that no file has stands nowhere: the first line answers for it.
    fn missing() -> Self {
        Self {
            at: 0,
            message: "is missing; inherits = \"dark\" would have it".to_owned(),
        }
    }
}

impl Spec {
    fn style(&self, depth: Depth) -> Result<Style, Wrong> {
        let mut style = Style::new();
        if let Some(color) = self.color(depth)? {
            style = style.fg(color);
        }
        let add = self.add.iter().map(|emphasis| emphasis.modifier());
        Ok(style.add_modifier(add.fold(Modifier::empty(), Modifier::union)))
    }

    /// The colour at `depth`; a token without colours keeps the terminal's own, and one with must have all three.
    fn color(&self, depth: Depth) -> Result<Option<Color>, Wrong> {
        let (rgb, x256, ansi) = match (&self.rgb, &self.x256, &self.ansi) {
            (None, None, None) => return Ok(None),
            (Some(rgb), Some(x256), Some(ansi)) => (rgb, x256, ansi),
            _ => return Err(self.incomplete()),
        };
        let read = |text: &Spanned<String>| {
            Color::from_str(text.get_ref()).map_err(|_| Wrong {
                at: text.span().start,
                message: format!("no colour `{}`", text.get_ref()),
            })
        };
        let (rgb, ansi) = (read(rgb)?, read(ansi)?);
        Ok(match depth {
            Depth::None => None,
            Depth::Ansi16 => Some(ansi),
            Depth::Xterm256 => Some(Color::Indexed(*x256.get_ref())),
            Depth::Truecolor => Some(rgb),
        })
    }

    /// One or two colours of the three, at the first of them.
    fn incomplete(&self) -> Wrong {
        let spans = [
            self.rgb.as_ref().map(Spanned::span),
            self.x256.as_ref().map(Spanned::span),
            self.ansi.as_ref().map(Spanned::span),
        ];
        let starts = spans.into_iter().flatten().map(|span| span.start);
        Wrong {
            at: starts.min().unwrap_or(0),
            message: "needs rgb, x256 and ansi together".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, text: &str) -> Themes {
        let mut themes = Themes::embedded();
        themes.add(name, &format!("/home/{name}.toml"), text.to_owned());
        themes
    }

    fn load(themes: &Themes, name: &str) -> Result<Theme, ThemeError> {
        themes.load(name, Depth::Truecolor, Symbols::Ascii)
    }

    const PINK: &str = "[token.bad]\nrgb = \"#ff00ff\"\nx256 = 201\nansi = \"magenta\"\n";

    #[test]
    fn a_theme_that_inherits_says_only_what_differs() {
        for (name, of) in [("mine", "light"), ("dark", "dark")] {
            let themes = with(name, &format!("inherits = \"{of}\"\n{PINK}"));
            let (own, other) = (
                load(&themes, name).expect("sound"),
                load(&Themes::embedded(), of).expect("sound"),
            );
            assert_eq!(own.style(Token::Bad).fg, Some(Color::Rgb(255, 0, 255)));
            for token in Token::ALL.into_iter().filter(|token| *token != Token::Bad) {
                assert_eq!(own.style(token), other.style(token), "{name} {token:?}");
            }
        }
        let mut themes = with("mine", &format!("inherits = \"light\"\n{PINK}"));
        themes.add("yours", "yours.toml", "inherits = \"mine\"\n".to_owned());
        let style = load(&themes, "yours").expect("sound").style(Token::Bad);
        assert_eq!(style.fg, Some(Color::Rgb(255, 0, 255)));
        let names = themes.names();
        assert_eq!(names.first().map(String::as_str), Some("dark"));
        assert!(names.contains(&"mine".to_owned()) && names.len() == 6);
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_line() {
        let table = [
            (
                "inherits = \"dark\"\n\n[token.bad]\nrgb = \"#ff00ff\"\n",
                4,
                "together",
            ),
            (
                "inherits = \"dark\"\n[token.bad]\nx256 = 201\nrgb = \"#zzzzzz\"\nansi = \"red\"\n",
                4,
                "token bad: no colour `#zzzzzz`",
            ),
            (
                "inherits = \"dark\"\n\ntoken.good.x256 = 1\ntoken.good.ansi = \"red\"\ntoken.good.rgb = \"#12\"\n",
                5,
                "token good: no colour `#12`",
            ),
            ("inherits = \"dark\"\n[token.bad]\nx256 = 300\n", 3, "300"),
            ("inherits = \"dark\"\n[token.bda]\n", 2, "bda"),
            ("inherits = \"dark\"\ncolour = 1\n", 2, "colour"),
            ("# mine\ninherits = \"drak\"\n", 2, "`drak`"),
            ("inherits = \"mine\"\n", 1, "which in turn inherits from it"),
            ("[token.bad\n", 1, ""),
            (PINK, 1, "text: is missing"),
        ];
        for (text, line, message) in table {
            let error = load(&with("mine", text), "mine").expect_err("broken");
            let wanted = format!("/home/mine.toml:{line}: ");
            assert!(error.to_string().starts_with(&wanted), "{error}");
            assert!(error.to_string().contains(message), "{error}");
        }
        let bad = PINK.replace("magenta", "pinkish");
        let error = load(
            &with("mine", &format!("inherits = \"dark\"\n{bad}")),
            "mine",
        );
        assert!(
            error
                .expect_err("broken")
                .to_string()
                .contains("no colour `pinkish`")
        );
    }
}
