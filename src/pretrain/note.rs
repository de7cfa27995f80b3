//! A question about a log window, and what it asks.

/// A question about a window and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub kind: Kind,
    /// The line it stands right after; `None` after the whole window.
    pub after: Option<usize>,
    pub question: String,
    pub answer: String,
}

/// What a note asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Given an id and a key: the value.
    Value,
    /// Given one to three values: the id of the line that has them all.
    Find,
    /// Given a value: another value of the same line.
    Where,
    /// Given several values of one key: the id of the line with one of them.
    Any,
    /// Given several values of one key: another value of that line.
    AnyWhere,
    /// How many lines have a type, and perhaps a user.
    Count,
    /// As `Count`, among the lines before one.
    Before,
    /// Whether an address is internal or external.
    Zone,
    /// Whether a number is larger or smaller than a stated one.
    Compare,
    /// Whether two lines agree in a key.
    Same,
    /// Given an id and a key: the nearest line before that holds the value under another key or its own.
    Again,
    /// First or last line of a type.
    Edge,
    /// What a line shows, asked right after it (see `marks`).
    Mark,
    /// What a line shows, asked by its id.
    Tell,
    /// First or last line with a sensitive value.
    Sensitive,
    /// What stands beside the sensitive value.
    Beside,
    /// Its initial.
    Initial,
    /// A line of a labelled answer: value and id with no question before.
    Label,
    /// The sign-in after most failures, or how many failures in a row there are at most.
    SignIns,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 19] = [
        Kind::Value,
        Kind::Find,
        Kind::Where,
        Kind::Any,
        Kind::AnyWhere,
        Kind::Count,
        Kind::Before,
        Kind::Zone,
        Kind::Compare,
        Kind::Same,
        Kind::Again,
        Kind::Edge,
        Kind::Mark,
        Kind::Tell,
        Kind::Sensitive,
        Kind::Beside,
        Kind::Initial,
        Kind::Label,
        Kind::SignIns,
    ];

    /// How often each is asked, in the order of [`Kind::ALL`]; marks stand after every line anyway.
    pub(super) const WEIGHTS: [u64; 19] =
        [4, 3, 3, 2, 2, 1, 1, 1, 1, 1, 3, 1, 0, 3, 3, 3, 1, 10, 2];

    /// Its name in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Value => "value",
            Kind::Find => "find",
            Kind::Where => "where",
            Kind::Any => "any",
            Kind::AnyWhere => "any_where",
            Kind::Count => "count",
            Kind::Before => "before",
            Kind::Zone => "zone",
            Kind::Compare => "compare",
            Kind::Same => "same",
            Kind::Again => "again",
            Kind::Edge => "edge",
            Kind::Mark => "mark",
            Kind::Tell => "tell",
            Kind::Sensitive => "sensitive",
            Kind::Beside => "beside",
            Kind::Initial => "initial",
            Kind::Label => "label",
            Kind::SignIns => "sign_ins",
        }
    }
}
