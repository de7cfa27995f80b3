//! The event types: who writes them, after which real record, and what their fields hold.
//!
//! Fields are called what the record calls them; what a workplace looks up beside it (whose address that is, whether the
//! ticket was approved) has a name of its own and says so ([`Field::is_looked_up`]). A registry and nothing else: which
//! values matter to a decision is the rules' business.

mod background;
mod detected;
mod leads;

use super::schema::Event;

pub use background::{BACKGROUND, NEW};
pub use detected::DETECTED;
pub use leads::LEADS;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An account name: of a person or of a service.
    User,
    /// The account of a person: nobody else passes a door, reads mail or carries a phone.
    Person,
    /// A machine name.
    Host,
    /// The address of an actor's machine, where the generator draws it.
    InternalIp,
    /// The address of a server of the organisation, where the generator draws it.
    ServerIp,
    /// An address outside it, where the generator draws it.
    ExternalIp,
    /// An address that lies inside where another field of the event holds one of these words, outside where it does not.
    SideIp(&'static [&'static str]),
    /// A domain name.
    Domain,
    /// A file name.
    File,
    /// The path of a program, or of a registry value, with a word that a family or the rules know: its name, or the folder
    /// (key) it lies in.
    Program,
    /// What a program was started with.
    CommandLine,
    /// A word that a family or the rules know.
    Word,
    /// One of a few words that no rule looks at.
    Filler(&'static [&'static str]),
    /// A whole number in this range, where the generator draws it.
    Number(u64, u64),
    /// The number of a process, likewise: Windows gives multiples of four.
    ProcessId(u64, u64),
    /// True or false.
    Flag,
    /// Anything: written by people or attackers, looked at by no rule.
    FreeText,
}

/// Of a process. Records that decide nothing hold such numbers, so that the largest of a window tells nothing.
const PROCESS_ID: Kind = Kind::ProcessId(1_000, 60_000);

/// A port that a client speaks from; the same holds for it.
const CLIENT_PORT: Kind = Kind::Number(49_152, 65_535);

impl Kind {
    /// What it is, in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::User => "account",
            Kind::Person => "account of a person",
            Kind::Host => "machine",
            Kind::InternalIp => "address of an actor",
            Kind::ServerIp => "address of a server",
            Kind::ExternalIp => "address outside",
            Kind::Domain => "domain",
            Kind::SideIp(_) => "address inside or outside",
            Kind::File => "file",
            Kind::Program => "path of a program or of a registry value",
            Kind::CommandLine => "command line",
            Kind::Word => "word the rules know",
            Kind::Filler(_) => "word no rule looks at",
            Kind::Number(..) => "number",
            Kind::ProcessId(..) => "number of a process",
            Kind::Flag => "true or false",
            Kind::FreeText => "free text",
        }
    }

    /// Whether it is a whole number.
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(self, Kind::Number(..) | Kind::ProcessId(..))
    }

    /// Whether it is somebody's account.
    #[must_use]
    pub const fn is_account(self) -> bool {
        matches!(self, Kind::User | Kind::Person)
    }

    /// Whether it is an address.
    #[must_use]
    pub const fn is_address(self) -> bool {
        matches!(
            self,
            Kind::InternalIp | Kind::ServerIp | Kind::ExternalIp | Kind::SideIp(_)
        )
    }
}

/// A named, typed field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// An event without it is implausible.
    pub required: bool,
    /// Not in the record: looked up in inventory, ticket system, threat or domain lists when the alert is made, or worked out
    /// of the record then.
    pub is_looked_up: bool,
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
        is_looked_up: false,
    }
}

/// A field that a record may lack.
const fn optional(name: &'static str, kind: Kind) -> Field {
    Field {
        required: false,
        ..field(name, kind)
    }
}

/// A word known of what the record names: no log writer's and no attacker's.
const fn looked_up(name: &'static str) -> Field {
    Field {
        is_looked_up: true,
        ..field(name, Kind::Word)
    }
}

/// What a pipeline works out of a record and writes beside its own fields: a count, a spread, the end of a name.
const fn worked_out(name: &'static str, kind: Kind) -> Field {
    Field {
        is_looked_up: true,
        ..field(name, kind)
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
    is_looked_up: false,
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

/// The fields of `event` whose kind is asked for, with what stands in them.
pub fn texts(
    event: &Event,
    is_asked: fn(Kind) -> bool,
) -> impl Iterator<Item = (&'static str, &str)> {
    let fields = find(&event.event_type).map_or(&[][..], |found| found.fields);
    let fields = fields.iter().filter(move |field| is_asked(field.kind));
    fields.filter_map(|field| Some((field.name, event.text(field.name)?)))
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
