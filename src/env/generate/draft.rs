//! Windows of one-field families: a subject among look-alikes and background.
//!
//! Look-alikes are of the subject's type, cold, and carry the contexts of labels that neither twin has: the words of a
//! window name several labels, and only the line that binds a hot surface to a context tells which.

use serde_json::Value;

use super::fields::{self, Actor};
use super::{Draft, Labels, Line, Scene, sign_in};
use crate::env::events::{self, EventType};
use crate::env::families::weights::weight;
use crate::env::families::{self, Family, Reach};
use crate::env::pools::word;
use crate::env::schema::{Action, Stage};
use crate::stream::Stream;

/// The share of background lines that are cold events of other families, in quarters.
const COLD_QUARTERS: u64 = 2;
/// Look-alikes beside a single-event subject, where the window has room.
const LOOK_ALIKES: usize = 2;
/// Sign-ins of a sign-in window.
const SIGN_INS: usize = 4;

/// What a window is about.
enum Subject {
    Family(&'static Family),
    SignIn,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Hot,
    LookAlike,
    Background,
}

/// Draws the window of an episode.
pub(super) fn window(scene: &Scene, labels: Labels, stream: &mut Stream) -> Draft {
    let count = event_count(scene.stage, stream);
    let has_room = count >= SIGN_INS + scene.stage.decoys() && scene.stage != Stage::Basic;
    match subject(labels, has_room, stream) {
        Subject::Family(family) => Draft {
            lines: family_lines(scene, family, labels, count, stream),
            severity: family.severity,
        },
        Subject::SignIn => Draft {
            lines: sign_in_lines(scene, labels, count, stream),
            severity: sign_in::SEVERITY,
        },
    }
}

fn event_count(stage: Stage, stream: &mut Stream) -> usize {
    let (low, high) = match stage {
        Stage::Basic => (1, 1),
        Stage::Multi => (3, 5),
        Stage::Mixed => (4, 7),
        Stage::Adversarial => (5, 10),
    };
    stream.between(low, high) as usize
}

fn subject(labels: Labels, has_room: bool, stream: &mut Stream) -> Subject {
    let families: Vec<&'static Family> = families::all()
        .filter(|family| has_room || family.repeat.is_none())
        .collect();
    let mut weights: Vec<u64> = families
        .iter()
        .map(|family| weight(family.reach(), labels.pair(), has_room))
        .collect();
    weights.push(weight(Reach::Every, labels.pair(), has_room));
    let drawn = stream.weighted(&weights).and_then(|i| families.get(i));
    drawn.map_or(Subject::SignIn, |family| Subject::Family(family))
}

fn family_lines(
    scene: &Scene,
    family: &'static Family,
    labels: Labels,
    count: usize,
    stream: &mut Stream,
) -> Vec<Line> {
    let roles = roles(family, count, stream);
    let decoys = decoys(scene, &roles, stream);
    let mut others = other_contexts(family, labels, stream).into_iter().cycle();
    let trigger = trigger_context(family, labels, stream);
    let shared = shared_fields(scene, family, stream);
    let mut hot_left = family.hot_count();
    let mut lines = Vec::with_capacity(count);
    for (role, is_decoy) in roles.into_iter().zip(decoys) {
        let actor = actor(scene, is_decoy, stream);
        let mut line = match role {
            Role::Background => background(scene, family.event_type, &actor, stream),
            Role::Hot => {
                hot_left -= 1;
                let context = match hot_left {
                    0 => trigger.clone(),
                    _ => others.next().unwrap_or_default(),
                };
                subject_line(scene, family, Some(&shared), context, &actor, stream)
            }
            Role::LookAlike => {
                let context = others.next().unwrap_or_default();
                subject_line(scene, family, None, context, &actor, stream)
            }
        };
        line.is_decoy = is_decoy;
        lines.push(line);
    }
    lines
}

fn roles(family: &Family, count: usize, stream: &mut Stream) -> Vec<Role> {
    let hot = family.hot_count().min(count);
    // Repeated events carry other labels' contexts themselves.
    let look_alikes = match family.repeat {
        None => LOOK_ALIKES.min(count - hot),
        Some(_) => 0,
    };
    let mut roles = vec![Role::Background; count - hot - look_alikes];
    roles.extend(vec![Role::Hot; hot]);
    roles.extend(vec![Role::LookAlike; look_alikes]);
    stream.shuffle(&mut roles);
    roles
}

/// Which lines are decoys: as many as the stage has, never a hot one.
fn decoys(scene: &Scene, roles: &[Role], stream: &mut Stream) -> Vec<bool> {
    let mut benign: Vec<usize> = (0..roles.len())
        .filter(|&i| roles.get(i) != Some(&Role::Hot))
        .collect();
    stream.shuffle(&mut benign);
    benign.truncate(scene.stage.decoys());
    (0..roles.len()).map(|i| benign.contains(&i)).collect()
}

fn actor(scene: &Scene, is_decoy: bool, stream: &mut Stream) -> Actor {
    let other = Actor::other(scene, stream);
    if is_decoy {
        other
    } else {
        Actor::of_alert(scene)
    }
}

/// Contexts of the labels that neither twin has, in random order.
fn other_contexts(family: &Family, labels: Labels, stream: &mut Stream) -> Vec<String> {
    let (first, second) = labels.pair();
    let mut contexts: Vec<String> = family
        .detections
        .iter()
        .filter(|d| d.action != first && d.action != second)
        .map(|d| word(d.values, stream))
        .collect();
    stream.shuffle(&mut contexts);
    contexts
}

/// The context of this episode's label; the twin's is drawn too, so that both go on with the same draws.
fn trigger_context(family: &Family, labels: Labels, stream: &mut Stream) -> String {
    let mut draw = |action: Action| {
        family
            .detection(action)
            .map_or_else(String::new, |d| word(d.values, stream))
    };
    let (first, second) = labels.pair();
    let (of_first, of_second) = (draw(first), draw(second));
    if labels.is_first { of_first } else { of_second }
}

/// The values repeated hot events agree in (the surface among them).
fn shared_fields(
    scene: &Scene,
    family: &'static Family,
    stream: &mut Stream,
) -> Vec<(&'static str, Value)> {
    let surface = fields::surface(family, true, scene.stage, stream);
    let mut shared = vec![(family.surface_field, surface)];
    let (Some(repeat), Some(event_type)) = (family.repeat, events::find(family.event_type)) else {
        return shared;
    };
    let sample = fields::line(scene, event_type, &[], &Actor::of_alert(scene), stream);
    for name in repeat.same {
        if let (Some(value), true) = (sample.fields.get(*name), *name != family.surface_field) {
            shared.push((name, value.clone()));
        }
    }
    shared
}

/// A line of the family: hot with the `shared` values, cold without.
fn subject_line(
    scene: &Scene,
    family: &'static Family,
    shared: Option<&[(&'static str, Value)]>,
    context: String,
    actor: &Actor,
    stream: &mut Stream,
) -> Line {
    let mut known = match shared {
        Some(shared) => shared.to_vec(),
        None => vec![(
            family.surface_field,
            fields::surface(family, false, scene.stage, stream),
        )],
    };
    known.push((family.context_field, context.into()));
    let event_type = events::find(family.event_type).unwrap_or(&events::DETECTED[0]);
    fields::line(scene, event_type, &known, actor, stream)
}

/// A line that has nothing to do with the subject and fires nothing.
pub(super) fn background(scene: &Scene, besides: &str, actor: &Actor, stream: &mut Stream) -> Line {
    let cold: Vec<&'static Family> = families::all()
        .filter(|family| family.event_type != besides)
        .collect();
    if stream.chance(COLD_QUARTERS, 4)
        && let Some(family) = stream.pick(&cold)
    {
        let contexts: Vec<&str> = family
            .detections
            .iter()
            .flat_map(|d| d.values)
            .copied()
            .collect();
        let context = word(&contexts, stream);
        return subject_line(scene, family, None, context, actor, stream);
    }
    fields::line(scene, quiet_type(scene, stream), &[], actor, stream)
}

/// A background type; the last of them is kept for the hold-out's new templates.
fn quiet_type(scene: &Scene, stream: &mut Stream) -> &'static EventType {
    let known = events::BACKGROUND.len() - usize::from(!scene.is_new_template);
    let types = events::BACKGROUND.get(..known).unwrap_or_default();
    stream.pick(types).unwrap_or(&events::BACKGROUND[0])
}

/// Four sign-ins in their order, scattered over the window.
fn sign_in_lines(scene: &Scene, labels: Labels, count: usize, stream: &mut Stream) -> Vec<Line> {
    let mut roles = vec![Role::Background; count - SIGN_INS];
    roles.extend(vec![Role::Hot; SIGN_INS]);
    stream.shuffle(&mut roles);
    let decoys = decoys(scene, &roles, stream);
    let (sign_ins, other) = sign_in::lines(scene, labels, stream);
    let mut sign_ins = sign_ins.into_iter();
    let mut has_bystander = stream.chance(1, 2);
    let mut lines = Vec::with_capacity(count);
    for (role, is_decoy) in roles.into_iter().zip(decoys) {
        let mut line = match role {
            Role::Hot => match sign_ins.next() {
                Some(line) => line,
                None => continue,
            },
            _ if std::mem::take(&mut has_bystander) => sign_in::bystander(scene, &other, stream),
            _ => {
                let actor = actor(scene, is_decoy, stream);
                background(scene, "", &actor, stream)
            }
        };
        line.is_decoy = is_decoy;
        lines.push(line);
    }
    lines
}
