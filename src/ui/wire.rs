//! Frames as bytes on the wire, as few as say the same.
//!
//! Over a slow line a frame is as fast as it is short. The stock backend sets foreground and background anew whenever one of
//! them changes, gives each attribute a sequence of its own, and moves the cursor by row and column over every gap. Here one
//! sequence carries what has changed and nothing else, a blank takes whatever foreground is set and is not written on a blank,
//! and the cursor steps over a gap (ECMA-48: SGR, CUP, CUF, CHA). Steps are taken after ASCII only: terminals do not agree on
//! how wide other characters are, and a place by its column sets that right. Cells are written row by row or look by look,
//! whichever is shorter.

mod indexed;
mod looks;

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::rc::Rc;

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

/// Bytes of a frame, collected.
#[derive(Clone, Debug, Default)]
pub struct FrameBytes(Rc<RefCell<Vec<u8>>>);

impl FrameBytes {
    /// Takes what has been collected.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        self.0.take()
    }
}

impl Write for FrameBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal behind a writer. Draws cells itself and leaves all else to crossterm; colours of underlines are not drawn, no
/// theme has them.
pub struct Wire<W: Write> {
    terminal: CrosstermBackend<W>,
    /// Where something shows; the rest is blank, as a frame takes it to be before the first.
    inked: HashSet<Position>,
}

impl<W: Write> Wire<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            terminal: CrosstermBackend::new(out),
            inked: HashSet::new(),
        }
    }

    /// Whether this cell must be written: all but a blank on a blank. Takes note of what shows there then.
    fn takes(&mut self, (x, y, cell): Drawn<'_>) -> bool {
        if cell.symbol() == " " && !Ink::of(cell).shows_on_blanks() {
            return self.inked.remove(&Position { x, y });
        }
        self.inked.insert(Position { x, y });
        if cell.symbol().width() > 1 {
            let x = x.saturating_add(1);
            self.inked.insert(Position { x, y });
        }
        true
    }
}

impl<W: Write> Backend for Wire<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let cells: Vec<Drawn<'a>> = content.filter(|drawn| self.takes(*drawn)).collect();
        let by_row = written(&cells, &self.inked);
        let by_look = looks::by_look(&cells).map(|cells| written(&cells, &self.inked));
        let shorter = by_look.filter(|bytes| bytes.len() < by_row.len());
        let bytes = shorter.unwrap_or(by_row);
        self.terminal.write_all(bytes.as_bytes())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.terminal.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.terminal.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.terminal.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.terminal.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.inked.clear();
        self.terminal.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        // Of a part it is not known which cells it has: a blank too many does no harm.
        if clear_type == ClearType::All {
            self.inked.clear();
        }
        self.terminal.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.terminal.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.terminal)
    }
}

/// A cell that is to be drawn: its column, its row, and what stands there.
type Drawn<'a> = (u16, u16, &'a Cell);

/// The bytes that draw these cells in this order; where nothing is inked it is blank then.
fn written(cells: &[Drawn<'_>], inked: &HashSet<Position>) -> String {
    let columns = cells.iter().map(|(x, ..)| x.saturating_add(1)).max();
    let mut pen = Pen::new(columns.unwrap_or_default(), inked);
    for &(x, y, cell) in cells {
        pen.put(Position { x, y }, cell);
    }
    pen.lifted()
}

/// How the next character will look.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Ink {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl Ink {
    const fn of(cell: &Cell) -> Self {
        Self {
            fg: cell.fg,
            bg: cell.bg,
            modifier: cell.modifier,
        }
    }

    fn shows_on_blanks(self) -> bool {
        self.bg != Color::Reset || self.modifier.intersects(SHOWS_ON_BLANKS)
    }
}

/// What shows on a blank too.
const SHOWS_ON_BLANKS: Modifier = Modifier::UNDERLINED
    .union(Modifier::REVERSED)
    .union(Modifier::CROSSED_OUT)
    .union(Modifier::SLOW_BLINK)
    .union(Modifier::RAPID_BLINK);

/// The attributes with what turns them on and off (SGR). Bold and dim go off together.
const ATTRIBUTES: [(Modifier, u8, u8); 9] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::RAPID_BLINK, 6, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];

/// So many blanks are written sooner than stepped over.
const FEW: u16 = 3;

/// Writes a frame: knows what is set and where the cursor stands.
struct Pen<'a> {
    out: String,
    ink: Ink,
    /// Where the next character goes by itself, if that is known.
    at: Option<Position>,
    /// The column it may go to at most, where the terminal takes for wide what is not ASCII.
    furthest: u16,
    /// The screen has so many columns or more: a cursor that is not beyond them is still in its row.
    columns: u16,
    /// Where something shows.
    inked: &'a HashSet<Position>,
}

impl<'a> Pen<'a> {
    fn new(columns: u16, inked: &'a HashSet<Position>) -> Self {
        Self {
            out: String::new(),
            ink: Ink::default(),
            at: None,
            furthest: 0,
            columns,
            inked,
        }
    }

    fn put(&mut self, place: Position, cell: &Cell) {
        self.go(place);
        let symbol = cell.symbol();
        self.dip(self.wanted(symbol, cell));
        self.out.push_str(symbol);
        let most = if symbol.len() == 1 { 1 } else { 2 };
        self.furthest = self.furthest.saturating_add(most);
        let x = place.x.saturating_add(1);
        self.at = (symbol.width() == 1).then_some(Position { x, y: place.y });
    }

    /// The look of a cell; of a blank what shows of it, the rest as it is.
    fn wanted(&self, symbol: &str, cell: &Cell) -> Ink {
        let look = Ink::of(cell);
        let shows = (self.ink.modifier | look.modifier).intersects(SHOWS_ON_BLANKS);
        match symbol {
            " " if !shows => Ink {
                bg: look.bg,
                ..self.ink
            },
            _ => look,
        }
    }

    /// Brings the cursor to a place, the shortest way there is.
    fn go(&mut self, place: Position) {
        if self.at == Some(place) {
            return;
        }
        let (column, row) = (place.x.saturating_add(1), place.y.saturating_add(1));
        let placed = match column {
            1 => format!("\x1b[{row}H"),
            _ => format!("\x1b[{row};{column}H"),
        };
        let ways = [self.step(place), self.line(place), Some(placed)];
        let shortest = ways.into_iter().flatten().min_by_key(String::len);
        self.out.push_str(&shortest.unwrap_or_default());
        self.furthest = place.x;
    }

    /// On in the row, from where the cursor is known to stand: over a few blanks by writing them.
    fn step(&self, place: Position) -> Option<String> {
        let at = self.at.filter(|at| at.x == self.furthest)?;
        let is_ahead = at.y == place.y && at.x < place.x;
        let cells = is_ahead.then(|| place.x - at.x)?;
        let mut between = (at.x..place.x).map(|x| Position { x, y: place.y });
        let is_blank = |at: Position| !self.inked.contains(&at);
        let stays_blank = !self.ink.shows_on_blanks() && between.all(is_blank);
        Some(match cells {
            1..=FEW if stays_blank => " ".repeat(usize::from(cells)),
            1 => "\x1b[C".to_owned(),
            _ => format!("\x1b[{cells}C"),
        })
    }

    /// Down line by line from a row it is known to be in, and to a column by its number.
    fn line(&self, place: Position) -> Option<String> {
        let is_above = |at: &Position| self.furthest <= self.columns && at.y <= place.y;
        let at = self.at.filter(is_above)?;
        let down = "\n".repeat(usize::from(place.y - at.y));
        Some(match place.x.saturating_add(1) {
            1 => down + "\r",
            column => format!("{down}\x1b[{column}G"),
        })
    }

    /// Sets what differs, in one sequence.
    fn dip(&mut self, wanted: Ink) {
        if wanted == self.ink {
            return;
        }
        let mut set = Parameters(String::new());
        // To the look of a fresh terminal there is a shorter way than to turn off one after another.
        if wanted != Ink::default() {
            set.attributes(self.ink.modifier, wanted.modifier);
            if wanted.fg != self.ink.fg {
                set.color(wanted.fg, Ground::Fore);
            }
            if wanted.bg != self.ink.bg {
                set.color(wanted.bg, Ground::Back);
            }
        }
        self.out.push_str("\x1b[");
        self.out.push_str(&set.0);
        self.out.push('m');
        self.ink = wanted;
    }

    /// What has been written, with nothing left set.
    fn lifted(mut self) -> String {
        self.dip(Ink::default());
        self.out
    }
}

/// Which colour is meant.
#[derive(Clone, Copy)]
enum Ground {
    Fore,
    Back,
}

/// Parameters of one SGR sequence.
struct Parameters(String);

impl Parameters {
    fn add(&mut self, parameter: impl std::fmt::Display) {
        let between = if self.0.is_empty() { "" } else { ";" };
        let written = write!(self.0, "{between}{parameter}");
        debug_assert!(written.is_ok(), "a string takes any text");
    }

    fn attributes(&mut self, from: Modifier, to: Modifier) {
        let mut kept = from;
        for (attribute, _, off) in ATTRIBUTES {
            if from.contains(attribute) && !to.contains(attribute) && kept.contains(attribute) {
                self.add(off);
                // What shares the number went off with it.
                let shares = ATTRIBUTES.iter().filter(|(_, _, other)| *other == off);
                shares.for_each(|(shared, ..)| kept.remove(*shared));
            }
        }
        for (attribute, on, _) in ATTRIBUTES {
            if to.contains(attribute) && !kept.contains(attribute) {
                self.add(on);
            }
        }
    }

    fn color(&mut self, color: Color, ground: Ground) {
        let base = match ground {
            Ground::Fore => 30,
            Ground::Back => 40,
        };
        match color {
            Color::Rgb(r, g, b) => match indexed::of(r, g, b) {
                Some(index) => self.color(Color::Indexed(index), ground),
                None => self.add(format_args!("{};2;{r};{g};{b}", base + 8)),
            },
            Color::Indexed(index) => self.add(format_args!("{};5;{index}", base + 8)),
            Color::Reset => self.add(base + 9),
            named => self.add(base + offset(named)),
        }
    }
}

/// Of one of the sixteen colours, what its number adds to 30 or 40; the bright ones lie sixty above (aixterm).
const fn offset(named: Color) -> u16 {
    match named {
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
        // Black; the others have no name and are written by their own numbers.
        Color::Black | Color::Reset | Color::Indexed(_) | Color::Rgb(..) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::Style;
    use ratatui::{Terminal, TerminalOptions, Viewport};

    const AREA: Rect = Rect::new(0, 0, 24, 6);

    /// What a terminal is sent.
    struct Sent {
        wire: Wire<FrameBytes>,
        out: FrameBytes,
    }

    impl Sent {
        fn new() -> Self {
            let out = FrameBytes::default();
            let wire = Wire::new(out.clone());
            Self { wire, out }
        }

        fn draw(&mut self, cells: &[(u16, u16, Cell)]) -> String {
            let content = cells.iter().map(|(x, y, cell)| (*x, *y, cell));
            self.wire.draw(content).expect("bytes");
            String::from_utf8(self.out.take()).expect("text")
        }
    }

    fn drawn(cells: &[(u16, u16, Cell)]) -> String {
        Sent::new().draw(cells)
    }

    fn cell(symbol: &str, style: Style) -> Cell {
        let mut cell = Cell::default();
        cell.set_symbol(symbol).set_style(style);
        cell
    }

    fn row(text: &str, style: Style) -> Vec<(u16, u16, Cell)> {
        let symbols = text.chars().enumerate();
        let cells = symbols.map(|(x, c)| (x as u16, 2, cell(&c.to_string(), style)));
        cells.collect()
    }

    #[test]
    fn a_style_is_set_once_and_only_what_differs() {
        let plain = Style::new();
        let blue = plain.fg(Color::Rgb(1, 2, 3));
        let cases: [(&[(&str, Style)], &str); 7] = [
            (&[("ab", plain)], "\x1b[3Hab"),
            (&[("ab", blue)], "\x1b[3H\x1b[38;2;1;2;3mab\x1b[m"),
            (
                &[("a", blue.bold()), ("b", blue.dim()), ("c", plain)],
                "\x1b[3H\x1b[1;38;2;1;2;3ma\x1b[22;2mb\x1b[mc",
            ),
            (
                &[("a", plain.red()), ("b", plain.red().on_light_blue())],
                "\x1b[3H\x1b[31ma\x1b[104mb\x1b[m",
            ),
            // Of the 256 colours, by its number.
            (
                &[("a", plain.fg(Color::Rgb(95, 175, 255)))],
                "\x1b[3H\x1b[38;5;75ma\x1b[m",
            ),
            // A blank shows no foreground.
            (
                &[("a", blue), (" ", plain.white()), ("b", blue)],
                "\x1b[3H\x1b[38;2;1;2;3ma b\x1b[m",
            ),
            (
                &[("a", plain.fg(Color::Indexed(79))), (" ", plain.reversed())],
                "\x1b[3H\x1b[38;5;79ma\x1b[7;39m \x1b[m",
            ),
        ];
        for (parts, bytes) in cases {
            let mut cells = Vec::new();
            for (text, style) in parts {
                let from = cells.len() as u16;
                let moved = row(text, *style).into_iter();
                cells.extend(moved.map(|(x, y, cell)| (x + from, y, cell)));
            }
            assert_eq!(drawn(&cells), bytes, "{parts:?}");
        }
    }

    #[test]
    fn every_attribute_is_turned_on_and_off_by_its_numbers() {
        let text = Style::new();
        let on = |modifier| text.add_modifier(modifier);
        for (attribute, set, unset) in ATTRIBUTES {
            let mut cells = row("a", on(attribute));
            cells.push((1, 2, cell("b", text.red())));
            let wanted = format!("\x1b[3H\x1b[{set}ma\x1b[{unset};31mb\x1b[m");
            assert_eq!(drawn(&cells), wanted, "{attribute:?}");
        }
        // Two that one number turns off.
        let mut cells = row("a", on(Modifier::SLOW_BLINK | Modifier::RAPID_BLINK));
        cells.push((1, 2, cell("b", on(Modifier::RAPID_BLINK))));
        assert_eq!(drawn(&cells), "\x1b[3H\x1b[5;6ma\x1b[25;6mb\x1b[m");
    }

    #[test]
    fn the_cursor_steps_after_ascii_and_is_placed_after_anything_else() {
        let at = |x, y, symbol| (x, y, cell(symbol, Style::new()));
        let cases = [
            // Over a few blanks by writing them.
            (vec![at(0, 0, "a"), at(2, 0, "b")], "\x1b[1Ha b"),
            (vec![at(0, 0, "a"), at(4, 0, "b")], "\x1b[1Ha   b"),
            (vec![at(0, 0, "a"), at(9, 0, "b")], "\x1b[1Ha\x1b[8Cb"),
            (vec![at(0, 0, "é"), at(9, 0, "b")], "\x1b[1Hé\x1b[10Gb"),
            // Placed anew, it is certain again.
            (
                vec![at(0, 0, "é"), at(3, 0, "b"), at(5, 0, "c")],
                "\x1b[1Hé\x1b[4Gb c",
            ),
            // After a wide character nobody knows.
            (vec![at(0, 0, "語"), at(2, 0, "b")], "\x1b[1H語\x1b[1;3Hb"),
            (vec![at(5, 0, "a"), at(5, 1, "b")], "\x1b[1;6Ha\n\x1b[6Gb"),
            (vec![at(5, 0, "é"), at(0, 1, "b")], "\x1b[1;6Hé\x1b[2Hb"),
            (
                vec![at(5, 0, "é"), at(7, 0, "a"), at(0, 1, "b")],
                "\x1b[1;6Hé\x1b[8Ga\n\rb",
            ),
            (vec![at(0, 0, "a"), at(3, 9, "b")], "\x1b[1Ha\x1b[10;4Hb"),
            (vec![at(3, 1, "a"), at(0, 0, "b")], "\x1b[2;4Ha\x1b[1Hb"),
        ];
        for (cells, bytes) in cases {
            assert_eq!(drawn(&cells), bytes);
        }
    }

    #[test]
    fn a_blank_is_written_only_where_something_shows() {
        let (plain, blue) = (Style::new(), Style::new().fg(Color::Rgb(1, 2, 3)));
        let at = |x, symbol, style| (x, 0, cell(symbol, style));
        let mut sent = Sent::new();
        let blank = [at(0, " ", blue), at(1, " ", plain)];
        assert_eq!(sent.draw(&blank), "");
        let one = [at(0, "a", plain), at(1, " ", blue), at(7, " ", blue)];
        assert_eq!(sent.draw(&one), "\x1b[1Ha");
        assert_eq!(sent.draw(&blank), "\x1b[1H ", "over it");
        assert_eq!(sent.draw(&blank), "");
        let ground = [at(0, " ", plain.on_blue())];
        assert_eq!(sent.draw(&ground), "\x1b[1H\x1b[44m \x1b[m");
        assert_eq!(sent.draw(&blank), "\x1b[1H ");
        assert_eq!(sent.draw(&[at(0, "語", plain)]), "\x1b[1H語");
        assert_eq!(sent.draw(&blank), "\x1b[1H  ", "it was wide");
        // What stands in a gap stays there, and a gap is not painted.
        sent.draw(&[at(1, "x", plain)]);
        let around = |style| [at(0, "a", style), at(2, "b", style)];
        assert_eq!(sent.draw(&around(plain)), "\x1b[1Ha\x1b[Cb");
        assert_eq!(
            drawn(&around(plain.reversed())),
            "\x1b[1H\x1b[7ma\x1b[Cb\x1b[m"
        );
        sent.wire.clear_region(ClearType::All).expect("bytes");
        drop(sent.out.take());
        assert_eq!(sent.draw(&blank), "", "all is blank again");
    }

    #[test]
    fn what_looks_alike_is_drawn_together_where_that_is_shorter() {
        let (plain, blue) = (Style::new(), Style::new().fg(Color::Rgb(1, 2, 3)));
        let two_rows = |middle: &str| {
            let rows =
                (0..2).map(|y| [(0, y, "│", blue), (1, y, middle, plain), (4, y, "│", blue)]);
            let cells = rows.flatten();
            let cells = cells.map(|(x, y, symbol, style)| (x, y, cell(symbol, style)));
            cells.collect::<Vec<_>>()
        };
        assert_eq!(
            drawn(&two_rows("a")),
            "\x1b[1H\x1b[38;2;1;2;3m│\x1b[5G│\x1b[2H│\x1b[5G│\x1b[1;2H\x1b[ma\n\x1b[2Ga"
        );
        // Beside what is wider than a cell the order of before holds.
        assert_eq!(drawn(&two_rows("語")).matches("38;2;1;2;3").count(), 3);
        // Nor does it pay where a place takes more bytes than a look.
        let bold = plain.bold();
        let turns = [plain, bold, plain, bold].into_iter().zip(0..);
        let turns: Vec<_> = turns.map(|(style, x)| (x, 0, cell("é", style))).collect();
        assert_eq!(drawn(&turns), "\x1b[1Hé\x1b[1mé\x1b[mé\x1b[1mé\x1b[m");
    }

    /// What a terminal shows after these bytes: each cell's text, and how it looks as far as that can be seen.
    fn shown(frames: &[Vec<u8>]) -> Vec<String> {
        let side = |cells: u16| std::num::NonZero::new(cells).expect("a side");
        let mut parser = vt100::Parser::new(side(AREA.height), side(AREA.width), 0);
        frames.iter().for_each(|bytes| parser.process(bytes));
        let places = (0..AREA.height).flat_map(|y| (0..AREA.width).map(move |x| (y, x)));
        let cells = places.filter_map(|(y, x)| parser.screen().cell(y, x));
        let look = |cell: &vt100::Cell| {
            let text = match cell.contents() {
                "" => " ",
                text => text,
            };
            let lines = (cell.underline(), cell.inverse());
            let inked = text != " " || lines != (false, false);
            let letters = (cell.fgcolor(), cell.bold(), cell.dim(), cell.italic());
            let letters = inked.then_some(letters);
            format!("{text} {:?} {lines:?} {letters:?}", cell.bgcolor())
        };
        cells.map(look).collect()
    }

    fn frames<B: Backend>(backend: impl FnOnce(FrameBytes) -> B, buffers: &[Buffer]) -> Vec<Vec<u8>>
    where
        B::Error: std::fmt::Debug,
    {
        let out = FrameBytes::default();
        let options = TerminalOptions {
            viewport: Viewport::Fixed(AREA),
        };
        let mut terminal = Terminal::with_options(backend(out.clone()), options).expect("fixed");
        let frames = buffers.iter().map(|buffer| {
            let drawn = terminal.draw(|frame| *frame.buffer_mut() = buffer.clone());
            drawn.expect("bytes");
            out.take()
        });
        frames.collect()
    }

    fn any_color() -> impl Strategy<Value = Color> {
        prop_oneof![
            Just(Color::Reset),
            Just(Color::Indexed(200)),
            Just(Color::Rgb(1, 20, 255)),
        ]
    }

    /// A cell's symbol, colours and modifiers; half of all are blank as a frame begins.
    fn any_cell() -> impl Strategy<Value = Cell> {
        let symbol = prop_oneof![
            Just(" "),
            Just("a"),
            Just("Z"),
            Just("é"),
            Just("e\u{301}"),
            Just("語"),
            Just("⣿"),
            Just("│")
        ];
        // What vt100 knows: bold, dim, italic, underlined, reversed.
        let modifier = prop_oneof![
            3 => Just(Modifier::empty()),
            1 => (0_u16..1 << 7).prop_map(|bits| {
                let modifier = Modifier::from_bits_truncate(bits & 0b100_1111);
                // Both at once look different from terminal to terminal.
                let both = modifier.contains(Modifier::BOLD | Modifier::DIM);
                modifier.difference(if both { Modifier::DIM } else { Modifier::empty() })
            }),
        ];
        let styled = (symbol, any_color(), any_color(), modifier).prop_map(|(s, fg, bg, m)| {
            let mut cell = Cell::default();
            cell.set_symbol(s).set_fg(fg).set_bg(bg);
            cell.modifier = m;
            cell
        });
        prop_oneof![Just(Cell::default()), styled]
    }

    fn any_buffer() -> impl Strategy<Value = Buffer> {
        let count = AREA.width as usize * AREA.height as usize;
        let cells = prop::collection::vec(any_cell(), count);
        cells.prop_map(move |mut content| {
            // A wide character has the cell behind it, or does not stand there.
            for at in 0..count {
                if content[at].symbol() == "語" {
                    let is_last = (at + 1) % AREA.width as usize == 0;
                    match content.get_mut(at + 1).filter(|_| !is_last) {
                        Some(behind) => *behind = Cell::default(),
                        None => content[at] = Cell::default(),
                    }
                }
            }
            Buffer {
                area: AREA,
                content,
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_terminal_shows_what_the_stock_backend_shows_and_gets_fewer_bytes(
            buffers in prop::collection::vec(any_buffer(), 1..4)
        ) {
            let ours = frames(Wire::new, &buffers);
            let stock = frames(CrosstermBackend::new, &buffers);
            prop_assert_eq!(shown(&ours), shown(&stock));
            let bytes = |frames: &[Vec<u8>]| frames.iter().map(Vec::len).sum::<usize>();
            prop_assert!(bytes(&ours) <= bytes(&stock), "{} of {}", bytes(&ours), bytes(&stock));
        }
    }
}
