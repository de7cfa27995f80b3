//! Looks: semantic tokens from `themes/*.toml`, each with a fallback for every colour depth, and the glyphs of a symbol set.
//!
//! Screens name tokens, never colours. The default palette is blue and orange: colour-blind readers tell right from wrong, and
//! glyph and word say it again.

use std::collections::HashMap;
use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;
use serde::Deserialize;

/// The themes in the binary; the first is the default.
const THEMES: [(&str, &str); 4] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    (
        "high-contrast",
        include_str!("../../themes/high-contrast.toml"),
    ),
    ("mono", include_str!("../../themes/mono.toml")),
];

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
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
            "dumb" if choice == ColorChoice::Auto => Self::None,
            name if name.contains("256color") => Self::Xterm256,
            name if name.contains("direct") => Self::Truecolor,
            _ => Self::Ansi16,
        }
    }
}

/// `--symbols`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Symbols {
    Braille,
    Blocks,
    Ascii,
}

impl Symbols {
    /// Braille where the locale is UTF-8, else ASCII.
    pub fn detect(var: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(var)
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") {
            Self::Braille
        } else {
            Self::Ascii
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

/// A theme that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ThemeError {
    #[error("no theme called `{name}`; there are {known}")]
    Unknown { name: String, known: String },
    #[error("theme {name}: {message}")]
    Toml { name: String, message: String },
    #[error("theme {name}: token {token:?}: {message}")]
    Token {
        name: String,
        token: Token,
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What the theme was drawn for; only the contrast test reads it.
    #[serde(rename = "background")]
    _background: String,
    token: HashMap<Token, Spec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    rgb: Option<String>,
    x256: Option<u8>,
    ansi: Option<String>,
    #[serde(default)]
    add: Vec<Emphasis>,
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

/// A resolved theme: what every token looks like here.
#[derive(Clone, Debug)]
pub struct Theme {
    styles: HashMap<Token, Style>,
    pub glyphs: Glyphs,
    pub symbols: Symbols,
}

impl Theme {
    /// The theme called `name` (the default without one) at `depth`.
    pub fn load(name: Option<&str>, depth: Depth, symbols: Symbols) -> Result<Self, ThemeError> {
        let wanted = name.unwrap_or("dark");
        let Some((name, text)) = THEMES.into_iter().find(|(name, _)| *name == wanted) else {
            let known: Vec<_> = THEMES.iter().map(|(name, _)| *name).collect();
            return Err(ThemeError::Unknown {
                name: wanted.to_owned(),
                known: known.join(", "),
            });
        };
        Self::parse(name, text, depth, symbols)
    }

    fn parse(name: &str, text: &str, depth: Depth, symbols: Symbols) -> Result<Self, ThemeError> {
        let file: File = toml::from_str(text).map_err(|error| ThemeError::Toml {
            name: name.to_owned(),
            message: error.to_string(),
        })?;
        let mut styles = HashMap::new();
        for token in Token::ALL {
            let wrong = |message: String| ThemeError::Token {
                name: name.to_owned(),
                token,
                message,
            };
            let spec = file.token.get(&token);
            let spec = spec.ok_or_else(|| wrong("is missing".to_owned()))?;
            styles.insert(token, spec.style(depth).map_err(wrong)?);
        }
        Ok(Self {
            styles,
            glyphs: if symbols == Symbols::Ascii {
                ASCII
            } else {
                UNICODE
            },
            symbols,
        })
    }

    /// How `token` looks.
    #[must_use]
    pub fn style(&self, token: Token) -> Style {
        self.styles.get(&token).copied().unwrap_or_default()
    }
}

impl Spec {
    fn style(&self, depth: Depth) -> Result<Style, String> {
        let mut style = Style::new();
        if let Some(color) = self.color(depth)? {
            style = style.fg(color);
        }
        let add = self.add.iter().map(|emphasis| emphasis.modifier());
        Ok(style.add_modifier(add.fold(Modifier::empty(), Modifier::union)))
    }

    /// The colour at `depth`; a token without colours keeps the terminal's own, and one with must have all three.
    fn color(&self, depth: Depth) -> Result<Option<Color>, String> {
        let (rgb, x256, ansi) = match (&self.rgb, self.x256, &self.ansi) {
            (None, None, None) => return Ok(None),
            (Some(rgb), Some(x256), Some(ansi)) => (rgb, x256, ansi),
            _ => return Err("needs rgb, x256 and ansi together".to_owned()),
        };
        let read = |text: &str| Color::from_str(text).map_err(|_| format!("no colour `{text}`"));
        let (rgb, ansi) = (read(rgb)?, read(ansi)?);
        Ok(match depth {
            Depth::None => None,
            Depth::Ansi16 => Some(ansi),
            Depth::Xterm256 => Some(Color::Indexed(x256)),
            Depth::Truecolor => Some(rgb),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPTHS: [Depth; 4] = [
        Depth::None,
        Depth::Ansi16,
        Depth::Xterm256,
        Depth::Truecolor,
    ];

    #[test]
    fn every_theme_has_every_token_at_every_depth() {
        for (name, _) in THEMES {
            for depth in DEPTHS {
                let theme = Theme::load(Some(name), depth, Symbols::Braille).expect(name);
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

    fn luminance(color: Color) -> f64 {
        let Color::Rgb(r, g, b) = color else {
            panic!("not a true colour: {color}")
        };
        let linear = |byte: u8| {
            let x = f64::from(byte) / 255.0;
            if x <= 0.03928 {
                x / 12.92
            } else {
                ((x + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    #[test]
    fn contrast_is_at_least_four_and_a_half() {
        for (name, text) in THEMES {
            let file: File = toml::from_str(text).expect(name);
            let ground = luminance(Color::from_str(&file._background).expect("background"));
            let theme = Theme::load(Some(name), Depth::Truecolor, Symbols::Braille).expect(name);
            for token in Token::ALL {
                // The faint raw curve lies under its bold average: it is the one thing meant to recede.
                let (Some(color), false) = (theme.style(token).fg, token == Token::Raw) else {
                    continue;
                };
                let own = luminance(color);
                let contrast = (own.max(ground) + 0.05) / (own.min(ground) + 0.05);
                assert!(contrast >= 4.5, "{name} {token:?}: {contrast:.2}");
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
    fn unknown_themes_and_broken_tokens_are_named() {
        let unknown = Theme::load(Some("neon"), Depth::None, Symbols::Ascii).expect_err("unknown");
        assert!(unknown.to_string().contains("high-contrast"));
        let text = "background = \"#000000\"\n[token.text]\nrgb = \"#ffffff\"\n";
        let broken = Theme::parse("mine", text, Depth::None, Symbols::Ascii).expect_err("broken");
        assert!(broken.to_string().contains("together"), "{broken}");
    }
}
