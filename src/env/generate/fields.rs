//! Fields of drafted events: causal words from the family, the rest from the pools.

use serde_json::{Map, Value};

use super::organisation::Person;
use super::{Line, Scene};
use crate::env::events::{EventType, Kind};
use crate::env::families::{Family, Surface};
use crate::env::pools::{self, word};
use crate::env::schema::Stage;
use crate::stream::Stream;

/// A line of `event_type` with `known` values where they are given.
pub(super) fn line(
    scene: &Scene,
    event_type: &'static EventType,
    known: &[(&'static str, Value)],
    actor: &Person,
    stream: &mut Stream,
) -> Line {
    let mut fields = Map::new();
    for field in event_type.fields {
        // Drawn even where it is known, so that twins go on with the same draws.
        let drawn = draw(field.kind, scene, actor, stream);
        let given = known.iter().find(|(name, _)| *name == field.name);
        if let Some(value) = given.map(|(_, value)| value.clone()).or(drawn) {
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

/// A value of this kind; `None` where only a family or the rules know one.
pub(super) fn draw(
    kind: Kind,
    scene: &Scene,
    actor: &Person,
    stream: &mut Stream,
) -> Option<Value> {
    let pools = pools::of(scene.split);
    Some(match kind {
        Kind::User => actor.user.clone().into(),
        Kind::Host => actor.host.clone().into(),
        Kind::InternalIp => actor.ip.clone().into(),
        Kind::ServerIp => stream.pick(&scene.organisation.servers)?.clone().into(),
        Kind::ExternalIp => pools.external_ip(stream).into(),
        Kind::Domain => pools.domain(stream).into(),
        Kind::File => pools.file(stream).into(),
        Kind::Filler(words) => word(words, stream).into(),
        Kind::Number(low, high) => stream.between(low, high).into(),
        Kind::Flag => stream.chance(1, 2).into(),
        Kind::Word | Kind::FreeText => return None,
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
