//! The colours of the 256 (xterm's palette) that look the same everywhere, by red, green and blue: a number takes half the bytes.
//!
//! From 16 on they are fixed, a cube of six levels and a row of grays. The first sixteen are the user's own, and some shells'
//! themes (base16) take the next six for themselves too.

/// The last that may look like something else.
const LAST_CHANGED: u8 = 21;

/// Where the cube begins, and where the grays.
const CUBE: u8 = 16;
const GRAYS: u8 = 232;

/// The number of the colour that is exactly this, if one is.
pub(super) fn of(red: u8, green: u8, blue: u8) -> Option<u8> {
    let in_cube = || Some(CUBE + 36 * level(red)? + 6 * level(green)? + level(blue)?);
    let found = in_cube().or_else(|| gray(red, green, blue));
    found.filter(|number| *number > LAST_CHANGED)
}

/// Which of the six levels of the cube this is.
const fn level(light: u8) -> Option<u8> {
    match light {
        0 => Some(0),
        95 => Some(1),
        135 => Some(2),
        175 => Some(3),
        215 => Some(4),
        255 => Some(5),
        _ => None,
    }
}

/// The grays go from 8 to 238 by tens.
fn gray(red: u8, green: u8, blue: u8) -> Option<u8> {
    let above = red.checked_sub(8).filter(|above| above.is_multiple_of(10));
    let is_gray = red == green && green == blue && red <= 238;
    above.filter(|_| is_gray).map(|above| GRAYS + above / 10)
}

#[cfg(test)]
mod tests {
    use ratatui::style::Color;

    use super::*;
    use crate::ui::theme::{Depth, Symbols, Theme, Themes, Token};

    /// What a number looks like, from xterm's `256colres.pl`.
    fn looks(number: u8) -> [u8; 3] {
        let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
        match number.checked_sub(GRAYS) {
            Some(gray) => [8 + 10 * gray; 3],
            None => [36, 6, 1].map(|place| level((number - CUBE) / place % 6)),
        }
    }

    #[test]
    fn every_fixed_colour_has_its_number_and_no_other_has_one() {
        let mut numbered = 0;
        for number in CUBE..=u8::MAX {
            let [red, green, blue] = looks(number);
            let wanted = (number > LAST_CHANGED).then_some(number);
            assert_eq!(of(red, green, blue), wanted, "{number}");
            numbered += usize::from(wanted.is_some());
            // A shade beside it.
            assert_eq!(of(red, green, blue ^ 1), None, "{number}");
        }
        assert_eq!(numbered, 234);
        for other in [[1, 2, 3], [8, 8, 18], [248; 3], [7; 3], [3; 3]] {
            let [red, green, blue] = other;
            assert_eq!(of(red, green, blue), None, "{other:?}");
        }
    }

    #[test]
    fn a_shipped_theme_looks_the_same_in_256_colours_and_in_all() {
        let mut compared = 0;
        for name in Themes::embedded().names() {
            let load = |depth| Theme::load(Some(&name), depth, Symbols::Braille).expect("a theme");
            let (all, few) = (load(Depth::Truecolor), load(Depth::Xterm256));
            for token in Token::ALL {
                match (all.style(token).fg, few.style(token).fg) {
                    (Some(Color::Rgb(red, green, blue)), Some(Color::Indexed(number))) => {
                        assert_eq!([red, green, blue], looks(number), "{name} {token:?}");
                        compared += 1;
                    }
                    (None, None) => (),
                    other => panic!("{name} {token:?}: {other:?}"),
                }
            }
        }
        assert!(compared >= 3 * 16, "{compared}");
    }
}
