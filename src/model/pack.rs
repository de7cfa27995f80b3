//! Packed sequences: many sequences in one `[rows, d]` matrix, what they begin with alike only once.
//!
//! A segment's *context* is what it continues: it attends to the context's keys and values and, causally, to its own, at
//! positions that continue the context's. That equals giving every sequence its own copy, exactly, and gradients flow back
//! through the shared rows once.
#![allow(
    clippy::single_range_in_vec_init,
    reason = "a context is often one range of rows"
)]

use std::collections::BTreeMap;
use std::ops::Range;

/// Consecutive rows of one sequence, and what it continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its rows.
    pub rows: Range<usize>,
    /// The rows it continues, in the order of their positions: parts of earlier segments of its group.
    pub context: Vec<Range<usize>>,
}

/// Tokens with their segments and positions: what the decoder's forward pass reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    tokens: Vec<u32>,
    positions: Vec<u32>,
    segments: Vec<Segment>,
    /// Ranges of segments that share nothing with other ranges.
    groups: Vec<Range<usize>>,
}

impl Packed {
    /// Appends a sequence of its own and returns its rows.
    pub fn push(&mut self, tokens: &[u32]) -> Range<usize> {
        self.groups
            .push(self.segments.len()..self.segments.len() + 1);
        self.append(tokens, Vec::new())
    }

    /// Appends a sequence that continues the last one pushed with [`Packed::push`]; returns its rows.
    /// On an empty packing it is a sequence of its own.
    pub fn push_continuation(&mut self, tokens: &[u32]) -> Range<usize> {
        self.push_branch(tokens, usize::MAX)
    }

    /// Appends a sequence that continues the first `prefix` tokens of the last one pushed with [`Packed::push`] (all of
    /// them, if it has fewer); returns its rows. On an empty packing it is a sequence of its own.
    pub fn push_branch(&mut self, tokens: &[u32], prefix: usize) -> Range<usize> {
        let Some(group) = self.groups.last() else {
            return self.push(tokens);
        };
        let whole = self.segments[group.start].rows.clone();
        let end = whole.start + prefix.min(whole.len());
        self.push_after(tokens, vec![whole.start..end])
    }

    /// Appends a sequence that continues rows of the last group; returns its rows. On an empty packing it is a sequence of
    /// its own.
    fn push_after(&mut self, tokens: &[u32], context: Vec<Range<usize>>) -> Range<usize> {
        match self.groups.last_mut() {
            Some(group) => group.end += 1,
            None => return self.push(tokens),
        }
        self.append(tokens, context)
    }

    fn append(&mut self, tokens: &[u32], context: Vec<Range<usize>>) -> Range<usize> {
        let rows = self.tokens.len()..self.tokens.len() + tokens.len();
        let offset: usize = context.iter().map(Range::len).sum();
        self.tokens.extend_from_slice(tokens);
        self.positions
            .extend((0..tokens.len()).map(|i| (offset + i) as u32));
        self.segments.push(Segment {
            rows: rows.clone(),
            context,
        });
        rows
    }

    /// All tokens, one a row.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The position of each row in its sequence.
    #[must_use]
    pub fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// All segments, in row order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Ranges of segments that share nothing: a sequence and what continues it.
    #[must_use]
    pub fn groups(&self) -> &[Range<usize>] {
        &self.groups
    }

    /// Rows of a group of segments.
    #[must_use]
    pub fn rows_of(&self, group: &Range<usize>) -> Range<usize> {
        self.segments[group.start].rows.start..self.segments[group.end - 1].rows.end
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether nothing was pushed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

/// Packs prompts so that what several begin with alike (the system message, the lines before twins part) runs once, and
/// completions after them.
#[derive(Clone, Debug, Default)]
pub struct Sharing {
    packed: Packed,
    /// The row of each token of each prompt.
    prompts: Vec<Vec<usize>>,
}

impl Sharing {
    /// Adds a prompt and returns its index.
    pub fn push(&mut self, prompt: &[u32]) -> usize {
        let (shared, like) = self.longest_beginning(prompt);
        let mut rows = like.map_or(Vec::new(), |i| self.prompts[i][..shared].to_vec());
        let own = &prompt[shared..];
        if !own.is_empty() {
            rows.extend(self.packed.push_after(own, ranges(&rows)));
        }
        self.prompts.push(rows);
        self.prompts.len() - 1
    }

    /// Adds what continues a prompt, and returns its rows.
    pub fn push_completion(&mut self, prompt: usize, tokens: &[u32]) -> Range<usize> {
        let context = self.rows(prompt);
        self.packed.push_after(tokens, context)
    }

    /// The rows of a prompt's tokens, in order.
    #[must_use]
    pub fn rows(&self, prompt: usize) -> Vec<Range<usize>> {
        ranges(&self.prompts[prompt])
    }

    /// The row of a prompt's last token; 0 for an empty one.
    #[must_use]
    pub fn last_row(&self, prompt: usize) -> usize {
        self.prompts[prompt].last().copied().unwrap_or(0)
    }

    /// The packing.
    #[must_use]
    pub fn finish(self) -> Packed {
        self.packed
    }

    /// How many first tokens of `prompt` a prompt has that is here already, and which.
    fn longest_beginning(&self, prompt: &[u32]) -> (usize, Option<usize>) {
        let shared = |rows: &Vec<usize>| {
            let tokens = rows.iter().map(|&row| self.packed.tokens[row]);
            tokens.zip(prompt).take_while(|(a, b)| a == *b).count()
        };
        let lengths = self.prompts.iter().map(shared).enumerate();
        // The first of equals: its rows lie in fewest pieces.
        let longest = lengths.reduce(|best, next| if next.1 > best.1 { next } else { best });
        match longest {
            Some((i, length)) if length > 0 => (length, Some(i)),
            _ => (0, None),
        }
    }
}

/// Runs of consecutive rows.
fn ranges(rows: &[usize]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for &row in rows {
        match ranges.last_mut() {
            Some(range) if range.end == row => range.end += 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

/// The rows whose queries are wanted: a range of each segment. The last layer of a decoder needs no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    ranges: Vec<Range<usize>>,
    /// Where each segment's rows begin among those that ask.
    starts: Vec<usize>,
    positions: Vec<u32>,
}

impl Asking {
    /// Every row.
    #[must_use]
    pub fn all(packed: &Packed) -> Self {
        let ranges = packed.segments.iter().map(|segment| segment.rows.clone());
        Self::new(packed, ranges.collect())
    }

    /// The given rows, and those that lie between them in one segment.
    #[must_use]
    pub fn some(packed: &Packed, rows: impl Iterator<Item = usize>) -> Self {
        let mut ranges: Vec<Range<usize>> = vec![0..0; packed.segments.len()];
        for row in rows.filter(|&row| row < packed.len()) {
            let segment = packed
                .segments
                .partition_point(|segment| segment.rows.end <= row);
            let range = &mut ranges[segment];
            *range = if range.start == range.end {
                row..row + 1
            } else {
                range.start.min(row)..range.end.max(row + 1)
            };
        }
        Self::new(packed, ranges)
    }

    /// The rows of targets, and the targets with the places that their rows have among those that ask.
    #[must_use]
    pub fn places(packed: &Packed, targets: Vec<(usize, u32)>) -> (Self, Vec<(usize, u32)>) {
        let asking = Self::some(packed, targets.iter().map(|&(row, _)| row));
        let places: BTreeMap<usize, usize> = asking.rows().zip(0..).collect();
        let place = |(row, token): (usize, u32)| {
            // A row beyond the packing stays beyond it, and is refused there.
            (places.get(&row).copied().unwrap_or(usize::MAX), token)
        };
        let targets = targets.into_iter().map(place).collect();
        (asking, targets)
    }

    fn new(packed: &Packed, ranges: Vec<Range<usize>>) -> Self {
        let mut starts = Vec::with_capacity(ranges.len());
        let mut positions = Vec::new();
        for range in &ranges {
            starts.push(positions.len());
            positions.extend_from_slice(&packed.positions[range.clone()]);
        }
        Self {
            ranges,
            starts,
            positions,
        }
    }

    /// Rows of a segment that ask, and where they begin among all that do.
    #[must_use]
    pub fn of(&self, segment: usize) -> (Range<usize>, usize) {
        (self.ranges[segment].clone(), self.starts[segment])
    }

    /// Among those that ask, the ones of a group of segments.
    #[must_use]
    pub fn of_group(&self, group: &Range<usize>) -> Range<usize> {
        let end = self.starts.get(group.end).copied();
        self.starts[group.start]..end.unwrap_or(self.len())
    }

    /// The packing's rows that ask, in order.
    pub fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.ranges.iter().cloned().flatten()
    }

    /// The position of each.
    #[must_use]
    pub fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// How many ask.
    #[must_use]
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuations_take_up_the_positions_where_their_context_ends() {
        let mut packed = Packed::default();
        packed.push(&[1, 2, 3]);
        assert_eq!(packed.push_continuation(&[4, 5]), 3..5);
        packed.push_continuation(&[6]);
        packed.push(&[7]);
        packed.push_continuation(&[8]);
        packed.push(&[9, 9, 9]);
        packed.push_branch(&[10], 2);
        assert_eq!(packed.positions(), [0, 1, 2, 3, 4, 3, 0, 1, 0, 1, 2, 2]);
        assert_eq!(packed.groups(), [0..3, 3..5, 5..7]);
        assert_eq!(packed.segments()[4].context, [6..7]);
        assert_eq!(packed.segments()[6].context, [8..10]);
        assert_eq!(packed.rows_of(&packed.groups()[1]), 6..8);
    }

    #[test]
    fn prompts_share_what_they_begin_with() {
        let mut sharing = Sharing::default();
        let a = sharing.push(&[1, 2, 3, 4]);
        assert_eq!(sharing.push_completion(a, &[9]), 4..5);
        let b = sharing.push(&[1, 2, 5, 6]);
        assert_eq!(sharing.push_completion(b, &[9, 8]), 7..9);
        let c = sharing.push(&[1, 2, 5, 7]);
        let (same, other) = (sharing.push(&[1, 2, 5, 7]), sharing.push(&[2, 2]));
        assert_eq!(sharing.rows(b), [0..2, 5..7]);
        assert_eq!(sharing.rows(c), [0..2, 5..6, 9..10]);
        assert_eq!(sharing.rows(same), sharing.rows(c));
        assert_eq!(
            (sharing.last_row(c), sharing.rows(other)),
            (9, vec![10..12])
        );
        let packed = sharing.finish();
        assert_eq!(packed.tokens(), [1, 2, 3, 4, 9, 5, 6, 9, 8, 7, 2, 2]);
        assert_eq!(packed.positions(), [0, 1, 2, 3, 4, 2, 3, 4, 5, 3, 0, 1]);
        assert_eq!(packed.groups(), [0..6]);
    }

    #[test]
    fn rows_that_ask_are_ranges_of_their_segments() {
        let mut packed = Packed::default();
        packed.push(&[1, 2, 3]);
        packed.push_continuation(&[4, 5, 6, 7]);
        packed.push(&[8]);
        packed.push(&[9, 9]);
        let some = Asking::some(&packed, [6, 2, 4, 9].into_iter());
        assert_eq!(some.rows().collect::<Vec<_>>(), [2, 4, 5, 6, 9]);
        assert_eq!(some.positions(), [2, 4, 5, 6, 1]);
        assert_eq!((some.of(1), some.of(2).0.len()), ((4..7, 1), 0));
        assert_eq!(
            (some.of_group(&(0..2)), some.of_group(&(3..4))),
            (0..4, 4..5)
        );
        assert_eq!(
            Asking::all(&packed).rows().collect::<Vec<_>>(),
            (0..10).collect::<Vec<_>>()
        );
    }
}
