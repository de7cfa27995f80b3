//! What eyes can tell apart: contrast against the ground at every depth, and colours as the colour-blind see them.

use std::str::FromStr;

use ratatui::style::Color;

use super::{Depth, Symbols, Theme, Themes, Token};

/// Red, green and blue, 0 to 255.
type Rgb = [u8; 3];

/// The sixteen colours in the order of their numbers: of xterm (its `XTerm-col.ad`), and of a VGA text screen, which the Linux
/// console has too (`drivers/tty/vt/vt.c`).
const PALETTES: [(&str, [u32; 16]); 2] = [
    (
        "xterm",
        [
            0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
            0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
        ],
    ),
    (
        "VGA",
        [
            0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa,
            0x555555, 0xff5555, 0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff,
        ],
    ),
];

/// The colours with a name, in the order of their numbers.
const NAMED: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

/// What linear light becomes to eyes without one kind of cone: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A
/// Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15 (6), 2009, severity 1.0.
const BLINDNESS: [(&str, [[f64; 3]; 3]); 3] = [
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

/// What is looked at, not read: lines and bands.
const GRAPHICS: [Token; 3] = [Token::Border, Token::Band, Token::Raw];

/// What stands side by side and must not be taken for one another.
const GROUPS: [&[Token]; 2] = [
    &[Token::Good, Token::Bad, Token::Warn],
    &[
        Token::Series1,
        Token::Series2,
        Token::Series3,
        Token::Series4,
        Token::Series5,
    ],
];

/// What a colour looks like; of the sixteen in this palette.
fn rgb(color: Color, palette: &[u32; 16]) -> Rgb {
    match color {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Indexed(index) => of_index(index),
        named => {
            let at = NAMED.iter().position(|one| *one == named);
            let [_, r, g, b] = palette[at.expect("one of the sixteen")].to_be_bytes();
            [r, g, b]
        }
    }
}

/// What an index of the 256 colours looks like: a cube of six levels, then grays.
fn of_index(index: u8) -> Rgb {
    let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
    match index {
        0..=15 => panic!("a user may have changed colour {index}"),
        16..=231 => {
            let n = index - 16;
            [level(n / 36), level(n / 6 % 6), level(n % 6)]
        }
        _ => [8 + 10 * (index - 232); 3],
    }
}

/// The light a colour stands for (sRGB).
fn linear(color: Rgb) -> [f64; 3] {
    color.map(|byte| {
        let x = f64::from(byte) / 255.0;
        if x <= 0.04045 {
            x / 12.92
        } else {
            ((x + 0.055) / 1.055).powf(2.4)
        }
    })
}

fn times(matrix: &[[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
}

fn luminance(color: Rgb) -> f64 {
    let [r, g, b] = linear(color);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(one: Rgb, other: Rgb) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Light as CIE 1976 L*a*b* under D65, in which distances are as eyes find them.
fn lab(light: [f64; 3]) -> [f64; 3] {
    let to_xyz = [
        [0.412_456, 0.357_576, 0.180_438],
        [0.212_673, 0.715_152, 0.072_175],
        [0.019_334, 0.119_192, 0.950_304],
    ];
    let [x, y, z] = times(&to_xyz, light);
    let root = |t: f64| {
        if t > 216.0 / 24_389.0 {
            t.cbrt()
        } else {
            (24_389.0 / 27.0 * t + 16.0) / 116.0
        }
    };
    let [x, y, z] = [x / 0.950_47, y, z / 1.088_83].map(root);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// How far apart two colours are to eyes that see light like this (CIE76).
fn distance(one: Rgb, other: Rgb, seen: &[[f64; 3]; 3]) -> f64 {
    let look = |color| lab(times(seen, linear(color)).map(|light| light.clamp(0.0, 1.0)));
    let squares = look(one).into_iter().zip(look(other));
    let squares = squares.map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f64>().sqrt()
}

/// At least this much; where no choice of the sixteen gives five curves names that reach it on white, what graphics need.
fn least(theme: &str, depth: Depth, token: Token) -> f64 {
    let is_fifth = (theme, depth, token) == ("light", Depth::Ansi16, Token::Series5);
    if GRAPHICS.contains(&token) || is_fifth {
        3.0
    } else {
        4.5
    }
}

#[test]
fn text_has_a_contrast_of_four_and_a_half_and_graphics_of_three() {
    let themes = Themes::embedded();
    let mut measured = 0;
    for name in themes.names() {
        let ground = themes.background(&name).expect("background");
        let ground = Color::from_str(&ground).expect("a colour");
        for depth in [Depth::Truecolor, Depth::Xterm256, Depth::Ansi16] {
            let theme = Theme::load(Some(&name), depth, Symbols::Braille).expect(&name);
            for (of, palette) in &PALETTES {
                let inked = Token::ALL.map(|token| (token, theme.style(token).fg));
                for (token, color) in inked {
                    let Some(color) = color else { continue };
                    let contrast = contrast(rgb(color, palette), rgb(ground, palette));
                    assert!(
                        contrast >= least(&name, depth, token),
                        "{name} {depth:?} {of} {token:?}: {contrast:.2}"
                    );
                    measured += 1;
                }
            }
        }
    }
    // Three themes with colours, three depths, two palettes, sixteen tokens or more.
    assert!(measured >= 3 * 3 * 2 * 16, "{measured}");
}

/// Every two of a group.
fn pairs() -> Vec<[Token; 2]> {
    let mut pairs = Vec::new();
    for group in GROUPS {
        for (at, one) in group.iter().enumerate() {
            pairs.extend(group[..at].iter().map(|other| [*one, *other]));
        }
    }
    pairs
}

#[test]
fn curves_and_right_and_wrong_are_told_apart_with_any_colour_vision() {
    let full = ("full", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    for name in ["dark", "light", "high-contrast"] {
        for depth in [Depth::Truecolor, Depth::Xterm256] {
            let theme = Theme::load(Some(name), depth, Symbols::Braille).expect(name);
            let color = |token| {
                let color = theme.style(token).fg.expect("a colour");
                rgb(color, &PALETTES[0].1)
            };
            for (eyes, seen) in BLINDNESS.iter().chain([&full]) {
                for [one, other] in pairs() {
                    let apart = distance(color(one), color(other), seen);
                    assert!(
                        apart >= 15.0,
                        "{name} {depth:?} {eyes}: {one:?} and {other:?} are {apart:.1} apart"
                    );
                }
            }
        }
    }
}
