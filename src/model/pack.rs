//! Packed sequences: many sequences in one `[rows, d]` matrix, some continuing a shared one.
//!
//! A prompt runs once; each completion is a segment whose *context* is the prompt: it attends to the prompt's keys and
//! values and, causally, to its own, at positions that continue the prompt's. That equals giving every completion its
//! own copy of the prompt, exactly, and gradients flow back through the prompt once.

use std::ops::Range;

/// Consecutive rows of one sequence, and what it continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its rows.
    pub rows: Range<usize>,
    /// The rows it continues: a prefix of an earlier segment that has no context itself.
    pub context: Option<Range<usize>>,
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
        self.append(tokens, None, 0)
    }

    /// Appends a sequence that continues the last one pushed with [`Packed::push`]; returns its rows.
    /// On an empty packing it is a sequence of its own.
    pub fn push_continuation(&mut self, tokens: &[u32]) -> Range<usize> {
        self.push_branch(tokens, usize::MAX)
    }

    /// Appends a sequence that continues the first `prefix` tokens of the last one pushed with [`Packed::push`] (all of
    /// them, if it has fewer); returns its rows. On an empty packing it is a sequence of its own.
    pub fn push_branch(&mut self, tokens: &[u32], prefix: usize) -> Range<usize> {
        let Some(group) = self.groups.last_mut() else {
            return self.push(tokens);
        };
        group.end += 1;
        let whole = self.segments[group.start].rows.clone();
        let length = prefix.min(whole.len());
        self.append(
            tokens,
            Some(whole.start..whole.start + length),
            length as u32,
        )
    }

    fn append(
        &mut self,
        tokens: &[u32],
        context: Option<Range<usize>>,
        offset: u32,
    ) -> Range<usize> {
        let rows = self.tokens.len()..self.tokens.len() + tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.positions
            .extend((0..tokens.len() as u32).map(|i| offset + i));
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
        assert_eq!(packed.segments()[4].context, Some(6..7));
        assert_eq!(packed.segments()[6].context, Some(8..10));
        assert_eq!(packed.rows_of(&packed.groups()[1]), 6..8);
    }
}
