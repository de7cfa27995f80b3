//! Fields of drafted events: causal words from the family, the rest from the pools.

use serde_json::{Map, Value};

use super::organisation::Person;
use super::{Line, Scene};
use crate::env::events::{EventType, Kind};
use crate::env::families::{Family, Surface};
use crate::env::paths;
use crate::env::pools::{self, word};
use crate::env::schema::Stage;
use crate::stream::Stream;

/// Known words of addresses inside that are a server's, not a desk's.
const OF_SERVERS: [&str; 8] = [
    "our_host",
    "scan_box",
    "dc_mirror",
    "patch_hub",
    "mail_box",
    "our_repo",
    "red_team",
    "pen_tester",
];

/// Those of visitors' machines.
const OF_GUESTS: [&str; 4] = ["guest_lan", "guest_desk", "meet_room", "front_hall"];

/// Those of machines that servers are administered from.
const OF_ADMINS: [&str; 1] = ["admin_lan"];

/// What programs are started with.
const ARGUMENTS: &[(&str, [&str; 2])] = &[
    ("mshta.exe", ["about:blank", "report.hta"]),
    ("rundll32.exe", ["shell32.dll,Control", "printui.dll,Print"]),
    ("regsvr32.exe", ["/s scrobj.dll", "/u msxml6.dll"]),
    ("certutil.exe", ["-decode a.txt", "-urlcache -f"]),
    ("powershell.exe", ["-enc SQBFAFgA", "-nop -w hidden"]),
    ("wmic.exe", ["process call create", "os get version"]),
    ("chrome.exe", ["a.htm", "b.htm"]),
    ("teams.exe", ["/new", "/min"]),
    ("notepad.exe", ["a.txt", "b.txt"]),
    ("acrobat.exe", ["a.pdf", "b.pdf"]),
];
const USUAL: [&str; 2] = ["/quiet", "/update"];

/// A line of `event_type` with `known` values where they are given.
pub(super) fn line(
    scene: &Scene,
    event_type: &'static EventType,
    known: &[(&'static str, Value)],
    actor: &Person,
    stream: &mut Stream,
) -> Line {
    let is_of_people = event_type.fields.iter().any(|f| f.kind == Kind::Person);
    let actor = match is_of_people && scene.organisation.is_service(actor) {
        true => scene.organisation.colleague(),
        false => actor,
    };
    let mut fields = Map::new();
    for field in event_type.fields {
        // Drawn even where it is known, so that twins go on with the same draws.
        let drawn = match field.kind {
            Kind::SideIp(inside) => Some(beside(scene, inside, known, actor, stream)),
            Kind::CommandLine => command_line(&fields, stream),
            kind => draw(kind, scene, actor, stream),
        };
        let given = known.iter().find(|(name, _)| *name == field.name);
        let given = given.map(|(_, value)| spelled(field.kind, value, drawn.as_ref()));
        if let Some(value) = given.or(drawn) {
            fields.insert(field.name.to_owned(), value);
        }
    }
    Line {
        event_type: event_type.name,
        source: event_type.source,
        fields,
        is_decoy: false,
    }
}

/// A known value as the field spells it: words of a path stand in one.
pub(super) fn spelled(kind: Kind, value: &Value, program: Option<&Value>) -> Value {
    match (kind, value.as_str(), program.and_then(Value::as_str)) {
        (Kind::Program, Some(word), Some(program)) => paths::whole(word, program).into(),
        _ => value.clone(),
    }
}

/// An address on the side that a known word of the line says.
fn beside(
    scene: &Scene,
    inside: &[&str],
    known: &[(&'static str, Value)],
    actor: &Person,
    stream: &mut Stream,
) -> Value {
    let outside = pools::of(scene.split).external_ip(stream);
    let organisation = &scene.organisation;
    let networks = [
        (&OF_SERVERS[..], &organisation.servers),
        (&OF_GUESTS[..], &organisation.guests),
        (&OF_ADMINS[..], &organisation.admins),
    ];
    // All are drawn, so that twins go on with the same draws.
    let machines = networks.map(|(words, network)| (words, network.pick(stream)));
    let said = |words: &[&str]| {
        let mut said = known.iter().filter_map(|(_, value)| value.as_str());
        said.any(|word| words.contains(&word))
    };
    let of_network = || machines.iter().find(|(words, _)| said(words));
    match said(inside) {
        false => outside,
        true => {
            let machine = of_network().and_then(|(_, machine)| machine.clone());
            machine.unwrap_or_else(|| actor.ip.clone())
        }
    }
    .into()
}

/// The program of the line with something it could have been started with.
fn command_line(fields: &Map<String, Value>, stream: &mut Stream) -> Option<Value> {
    let at = stream.index(USUAL.len());
    let program = paths::file_name(fields.get("Image")?.as_str()?);
    let known = ARGUMENTS.iter().find(|(name, _)| *name == program);
    let arguments = known.map_or(&USUAL, |(_, arguments)| arguments);
    Some(format!("{program} {}", arguments.get(at)?).into())
}

/// A value of this kind; `None` where only a family or the rules know one.
pub(super) fn draw(
    kind: Kind,
    scene: &Scene,
    actor: &Person,
    stream: &mut Stream,
) -> Option<Value> {
    let pools = pools::of(scene.split);
    Some(match kind {
        Kind::User | Kind::Person => actor.user.clone().into(),
        Kind::Host => actor.host.clone().into(),
        Kind::InternalIp => actor.ip.clone().into(),
        Kind::ServerIp => scene.organisation.servers.pick(stream)?.into(),
        Kind::ExternalIp => pools.external_ip(stream).into(),
        Kind::Domain => pools.domain(stream).into(),
        Kind::File => pools.file(stream).into(),
        Kind::Program => pools.program(stream).into(),
        Kind::Filler(words) => word(words, stream).into(),
        Kind::Number(low, high) => stream.between(low, high).into(),
        Kind::ProcessId(low, high) => (4 * stream.between(low / 4, high / 4)).into(),
        // The one flag there is says that a library of the system is signed, and they all are.
        Kind::Flag => true.into(),
        Kind::Word | Kind::FreeText | Kind::SideIp(_) | Kind::CommandLine => return None,
    })
}

/// A value of the family's surface field, hot or cold; stage 4 hugs thresholds.
pub(super) fn surface(family: &Family, is_hot: bool, stage: Stage, stream: &mut Stream) -> Value {
    let is_near = stage == Stage::Adversarial;
    match family.surface {
        Surface::Words { hot, cold } => word(if is_hot { hot } else { cold }, stream).into(),
        Surface::AtMost {
            hot,
            cold,
            near_hot,
            near_cold,
            ..
        }
        | Surface::AtLeast {
            hot,
            cold,
            near_hot,
            near_cold,
            ..
        } => {
            let (low, high) = match (is_hot, is_near) {
                (true, false) => hot,
                (true, true) => near_hot,
                (false, false) => cold,
                (false, true) => near_cold,
            };
            stream.between(low, high).into()
        }
    }
}
