//! Looks: semantic tokens from `themes/*.toml`, each with a fallback for every colour depth, and the glyphs of a symbol set.
//!
//! Screens name tokens, never colours. The default palette is blue and orange: colour-blind readers tell right from wrong, and
//! glyph and word say it again.

#[cfg(test)]
mod eyes;
mod file;

use std::collections::HashMap;

use ratatui::style::Style;
use ratatui::symbols::border;
use serde::Deserialize;

pub use file::{ThemeError, Themes};

/// The theme shown unless another is asked for.
pub const DEFAULT: &str = "dark";

/// What a piece of screen means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Token {
    Text,
    Faint,
    Title,
    Border,
    Focus,
    Selection,
    Key,
    Accent,
    Good,
    Bad,
    Warn,
    Mark,
    Band,
    Raw,
    Series1,
    Series2,
    Series3,
    Series4,
    Series5,
}

impl Token {
    /// All of them: a theme must define each.
    pub const ALL: [Token; 19] = [
        Token::Text,
        Token::Faint,
        Token::Title,
        Token::Border,
        Token::Focus,
        Token::Selection,
        Token::Key,
        Token::Accent,
        Token::Good,
        Token::Bad,
        Token::Warn,
        Token::Mark,
        Token::Band,
        Token::Raw,
        Token::Series1,
        Token::Series2,
        Token::Series3,
        Token::Series4,
        Token::Series5,
    ];

    /// The token of the `n`th curve of a chart.
    #[must_use]
    pub const fn series(n: usize) -> Self {
        match n % 5 {
            0 => Token::Series1,
            1 => Token::Series2,
            2 => Token::Series3,
            3 => Token::Series4,
            _ => Token::Series5,
        }
    }
}

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    None,
    Ansi16,
    Xterm256,
    Truecolor,
}

/// `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

impl Depth {
    /// The depth asked for, or the one the environment tells of.
    pub fn detect(choice: ColorChoice, var: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| var(name).is_some_and(|value| !value.is_empty());
        let term = var("TERM").unwrap_or_default();
        if choice == ColorChoice::Never || (choice == ColorChoice::Auto && set("NO_COLOR")) {
            return Self::None;
        }
        if matches!(var("COLORTERM").as_deref(), Some("truecolor" | "24bit")) {
            return Self::Truecolor;
        }
        match term.as_str() {
            // Of the DEC terminals only these had colours.
            name if name.starts_with("vt") && choice == ColorChoice::Auto => match name {
                "vt241" | "vt340" | "vt525" => Self::Ansi16,
                _ => Self::None,
            },
            "dumb" if choice == ColorChoice::Auto => Self::None,
            name if name.contains("256color") => Self::Xterm256,
            name if name.contains("direct") => Self::Truecolor,
            _ => Self::Ansi16,
        }
    }
}

/// `--symbols`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Symbols {
    Braille,
    Blocks,
    Ascii,
}

impl Symbols {
    /// Braille where the locale is UTF-8, blocks on the Linux console, whose font has no braille; else ASCII.
    pub fn detect(var: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(&var)
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_ascii_lowercase();
        let is_utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let term = var("TERM").unwrap_or_default();
        match (is_utf8, term.as_str()) {
            (false, _) => Self::Ascii,
            (true, name) if name.starts_with("vt") => Self::Ascii,
            (true, "linux") => Self::Blocks,
            (true, _) => Self::Braille,
        }
    }
}

/// Signs with a meaning; a word always stands beside them.
#[derive(Clone, Copy, Debug)]
pub struct Glyphs {
    pub right: &'static str,
    pub wrong: &'static str,
    pub cursor: &'static str,
    pub bar: &'static str,
    pub empty_bar: &'static str,
    pub cut: &'static str,
    pub separator: &'static str,
    /// More lines above, and below.
    pub above: &'static str,
    pub below: &'static str,
    pub read_only: &'static str,
    pub border: border::Set<'static>,
}

const UNICODE: Glyphs = Glyphs {
    right: "✓",
    wrong: "✗",
    cursor: "▸",
    bar: "█",
    empty_bar: "░",
    cut: "…",
    separator: "│",
    above: "↑",
    below: "↓",
    read_only: "⊘",
    border: border::PLAIN,
};

const ASCII: Glyphs = Glyphs {
    right: "+",
    wrong: "x",
    cursor: ">",
    bar: "#",
    empty_bar: ".",
    cut: "~",
    separator: "|",
    above: "^",
    below: "v",
    read_only: "%",
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
};

/// A resolved theme: what every token looks like here.
#[derive(Clone, Debug)]
pub struct Theme {
    styles: HashMap<Token, Style>,
    pub glyphs: Glyphs,
    pub symbols: Symbols,
}

impl Theme {
    /// The theme called `name` of those in the binary (the default without one) at `depth`.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn load(name: Option<&str>, depth: Depth, symbols: Symbols) -> Result<Self, ThemeError> {
        Themes::embedded().load(name.unwrap_or(DEFAULT), depth, symbols)
    }

    /// A theme of these styles.
    fn new(styles: HashMap<Token, Style>, symbols: Symbols) -> Self {
        Self {
            styles,
            glyphs: if symbols == Symbols::Ascii {
                ASCII
            } else {
                UNICODE
            },
            symbols,
        }
    }

    /// How `token` looks.
    #[must_use]
    pub fn style(&self, token: Token) -> Style {
        self.styles.get(&token).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Modifier;

    use super::*;

    const DEPTHS: [Depth; 4] = [
        Depth::None,
        Depth::Ansi16,
        Depth::Xterm256,
        Depth::Truecolor,
    ];

    #[test]
    fn every_theme_has_every_token_at_every_depth() {
        for name in Themes::embedded().names() {
            for depth in DEPTHS {
                let theme = Theme::load(Some(&name), depth, Symbols::Braille).expect(&name);
                for token in Token::ALL {
                    let style = theme.style(token);
                    assert!(style.bg.is_none(), "{name}: background stays untouched");
                    assert!(depth != Depth::None || style.fg.is_none());
                }
                let focus = theme.style(Token::Focus);
                assert_ne!(focus, theme.style(Token::Border), "{name} {depth:?}");
                let selection = theme.style(Token::Selection);
                assert!(
                    selection.add_modifier.contains(Modifier::REVERSED),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn the_environment_decides_depth_and_symbols() {
        let env = |pairs: &'static [(&'static str, &'static str)]| {
            move |name: &str| {
                pairs
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            }
        };
        let auto = |pairs| Depth::detect(ColorChoice::Auto, env(pairs));
        assert_eq!(auto(&[("COLORTERM", "truecolor")]), Depth::Truecolor);
        assert_eq!(auto(&[("TERM", "xterm-256color")]), Depth::Xterm256);
        assert_eq!(auto(&[("TERM", "xterm")]), Depth::Ansi16);
        assert_eq!(auto(&[("TERM", "vt100")]), Depth::None);
        for (term, wanted) in [
            ("linux", Symbols::Blocks),
            ("vt220", Symbols::Ascii),
            ("xterm", Symbols::Braille),
        ] {
            let var = |name: &str| match name {
                "LANG" => Some("C.UTF-8".to_owned()),
                "TERM" => Some(term.to_owned()),
                _ => None,
            };
            assert_eq!(Symbols::detect(var), wanted, "{term}");
        }
        assert_eq!(
            auto(&[("NO_COLOR", "1"), ("COLORTERM", "24bit")]),
            Depth::None
        );
        assert_eq!(auto(&[("NO_COLOR", ""), ("TERM", "xterm")]), Depth::Ansi16);
        assert_eq!(
            Depth::detect(ColorChoice::Always, env(&[("NO_COLOR", "1")])),
            Depth::Ansi16
        );
        assert_eq!(
            Symbols::detect(env(&[("LANG", "en_US.UTF-8")])),
            Symbols::Braille
        );
        assert_eq!(
            Symbols::detect(env(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")])),
            Symbols::Ascii
        );
    }

    #[test]
    fn unknown_themes_are_named() {
        let unknown = Theme::load(Some("neon"), Depth::None, Symbols::Ascii).expect_err("unknown");
        assert!(unknown.to_string().contains("high-contrast"));
    }
}
