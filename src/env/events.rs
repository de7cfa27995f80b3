//! The event types: who writes them, after which real record, and what their fields hold.
//!
//! A registry and nothing else: which values matter to a decision is the rules' business.

mod background;
mod detected;
mod leads;

pub use background::BACKGROUND;
pub use detected::DETECTED;
pub use leads::LEADS;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An account name.
    User,
    /// A machine name.
    Host,
    /// The address of an actor's machine, where the generator draws it.
    InternalIp,
    /// The address of a server of the organisation, where the generator draws it.
    ServerIp,
    /// An address outside it, where the generator draws it.
    ExternalIp,
    /// A domain name.
    Domain,
    /// A file name.
    File,
    /// A word that a family or the rules know.
    Word,
    /// One of a few words that no rule looks at.
    Filler(&'static [&'static str]),
    /// A whole number in this range, where the generator draws it.
    Number(u64, u64),
    /// True or false.
    Flag,
    /// Anything: written by people or attackers, looked at by no rule.
    FreeText,
}

impl Kind {
    /// What it is, in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::User => "account",
            Kind::Host => "machine",
            Kind::InternalIp => "address of an actor",
            Kind::ServerIp => "address of a server",
            Kind::ExternalIp => "address outside",
            Kind::Domain => "domain",
            Kind::File => "file",
            Kind::Word => "word the rules know",
            Kind::Filler(_) => "word no rule looks at",
            Kind::Number(..) => "number",
            Kind::Flag => "true or false",
            Kind::FreeText => "free text",
        }
    }
}

/// A named, typed field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// An event without it is implausible.
    pub required: bool,
}

/// A kind of log record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    pub name: &'static str,
    pub source: &'static str,
    /// The real record it is named after.
    pub record: &'static str,
    /// In printing order.
    pub fields: &'static [Field],
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: true,
    }
}

const fn event_type(
    name: &'static str,
    source: &'static str,
    record: &'static str,
    fields: &'static [Field],
) -> EventType {
    EventType {
        name,
        source,
        record,
        fields,
    }
}

/// The free-text field any event may carry.
pub const NOTE: Field = Field {
    name: "note",
    kind: Kind::FreeText,
    required: false,
};

/// Every event type.
pub fn all() -> impl Iterator<Item = &'static EventType> {
    DETECTED.iter().chain(LEADS).chain(BACKGROUND)
}

/// The event type called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static EventType> {
    all().find(|event_type| event_type.name == name)
}

impl EventType {
    /// The field called `name`, the free-text note included.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.name == name)
            .or((name == NOTE.name).then_some(&NOTE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn breadth_is_what_the_contract_asks() {
        let names: BTreeSet<_> = all().map(|t| t.name).collect();
        let sources: BTreeSet<_> = all().map(|t| t.source).collect();
        assert_eq!(names.len(), all().count(), "names are unique");
        assert!(names.len() >= 24, "{}", names.len());
        assert!(sources.len() >= 8, "{sources:?}");
    }
}
