//! Windows: a subject among look-alikes and background.
//!
//! Look-alikes are of the subject's type, cold, and carry the contexts of labels that neither twin has: the words of a
//! window name several labels, and only the line that binds a hot surface to a context tells which. Where several lines
//! decide together they are drawn first, in their order, and scattered over the window.

use serde_json::Value;

use super::background::{
    Known, Role, actor, background, cold_line, decoys, family_line, strangers,
};
use super::fields;
use super::organisation::Person;
use super::scattered::{LookAlikes, scattered};
use super::{Draft, Labels, Line, Scene, chain, contexts, lesser, sign_in};
use crate::env::events;
use crate::env::families::weights::weight;
use crate::env::families::{self, Family, Reach, Repeat};
use crate::env::schema::Stage;
use crate::stream::Stream;

/// Look-alikes beside a single-event subject, where the window has room.
const LOOK_ALIKES: usize = 2;
/// Sign-ins of a sign-in window.
const SIGN_INS: usize = 4;
/// Lines that a window of several deciding ones has room for at least, decoys not counted.
const RELATED: usize = 3;
/// Of windows with room for them, one in so many is about sign-ins.
const SIGN_IN_ONE_IN: u64 = 8;
/// Of windows with room, in fives, how many take a family in which lines decide together, where the reach has both kinds.
const RELATED_FIFTHS: u64 = 3;

/// What a window is about.
enum Subject {
    Family(&'static Family),
    SignIn,
}

/// Draws the window of an episode; `None` where the table has no family for its labels.
pub(super) fn window(scene: &Scene, labels: Labels, stream: &mut Stream) -> Option<Draft> {
    let count = event_count(scene.stage, stream);
    let room = count.saturating_sub(scene.stage.decoys());
    Some(match subject(labels, room, stream)? {
        Subject::Family(family) => Draft {
            lines: match (family.repeat, family.lead) {
                (Some(repeat), _) => {
                    let (core, stranger) = repeated(scene, family, repeat, labels, room, stream);
                    let like = LookAlikes { family, stranger };
                    scattered(scene, core, labels, count, Some(like), stream)
                }
                (None, Some(_)) => {
                    let core = chain::lines(scene, family, labels, room, stream);
                    let stranger = Vec::new();
                    let like = LookAlikes { family, stranger };
                    scattered(scene, core, labels, count, Some(like), stream)
                }
                (None, None) => family_lines(scene, family, labels, count, stream)?,
            },
            severity: family.severity,
        },
        Subject::SignIn => Draft {
            lines: sign_in_lines(scene, labels, count, stream),
            severity: sign_in::SEVERITY,
        },
    })
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

/// The reach first, so that no label shows in it; then whether lines decide together; then a family.
fn subject(labels: Labels, room: usize, stream: &mut Stream) -> Option<Subject> {
    let has_room = room >= RELATED;
    if room >= SIGN_INS && stream.chance(1, SIGN_IN_ONE_IN) {
        return Some(Subject::SignIn);
    }
    let reaches = [
        Reach::QuarantineEscalate,
        Reach::BlockQuarantine,
        Reach::BlockEscalate,
        Reach::Every,
    ];
    let weights = reaches.map(|reach| weight(reach, labels.pair(), has_room));
    let reach = *reaches.get(stream.weighted(&weights)?)?;
    let is_related = has_room && (reach == Reach::Every || stream.chance(RELATED_FIFTHS, 5));
    let families: Vec<&'static Family> = families::all()
        .filter(|family| family.reach() == reach && family.is_relational() == is_related)
        .collect();
    stream.pick(&families).map(|family| Subject::Family(family))
}

fn family_lines(
    scene: &Scene,
    family: &'static Family,
    labels: Labels,
    count: usize,
    stream: &mut Stream,
) -> Option<Vec<Line>> {
    let mut roles = roles(count, stream);
    let mut lesser = lesser::line(scene, Some(family), labels, &mut roles, stream);
    let decoys = decoys(scene, &roles, stream);
    let strangers = strangers(&decoys, stream);
    let mut others = contexts::others(scene, family, labels, stream)
        .into_iter()
        .cycle();
    let trigger = contexts::of_label(scene, family, labels, stream);
    let surface = fields::surface(family, true, scene.stage, stream);
    let hot = [
        (family.surface_field, surface),
        (family.context_field, trigger.into()),
    ];
    let mut lines = Vec::with_capacity(count);
    let whose = decoys.into_iter().zip(strangers);
    for (role, (is_decoy, is_stranger)) in roles.into_iter().zip(whose) {
        let actor = actor(scene, is_stranger, stream);
        let mut line = match role {
            Role::Background => background(scene, Some(family), &actor, stream),
            Role::Hot => family_line(scene, family, &hot, &actor, stream),
            Role::Lesser => lesser.take()?,
            Role::LookAlike => {
                let context = others.next().unwrap_or_default();
                let known = vec![(family.context_field, context.into())];
                cold_line(scene, family, known, &actor, stream)
            }
        };
        line.is_decoy = is_decoy;
        lines.push(line);
    }
    Some(lines)
}

/// Hot events of one actor, whose context is the same in all, and what those of another have in common; where there is room
/// one of that other is among them.
fn repeated(
    scene: &Scene,
    family: &'static Family,
    repeat: Repeat,
    labels: Labels,
    room: usize,
    stream: &mut Stream,
) -> (Vec<Line>, Known) {
    let mut others = contexts::others(scene, family, labels, stream)
        .into_iter()
        .cycle();
    let trigger = contexts::of_label(scene, family, labels, stream);
    let surface = fields::surface(family, true, scene.stage, stream);
    let shared = shared_fields(scene, family, repeat, &surface, trigger, stream);
    let other = others.next().unwrap_or_default();
    let stranger = shared_fields(scene, family, repeat, &surface, other, stream);
    let staff = scene.organisation.staff(stream);
    let mut line = |known: &[(&'static str, Value)], person: &Person| {
        family_line(scene, family, known, person, stream)
    };
    let actors = staff.iter().take(repeat.count);
    let mut lines: Vec<Line> = actors.map(|person| line(&shared, person)).collect();
    let strange = staff.last().map(|person| line(&stranger, person));
    let at = stream.index(lines.len() + 1);
    if let Some(strange) = strange.filter(|_| room > lines.len()) {
        lines.insert(at, strange);
    }
    (lines, stranger)
}

fn roles(count: usize, stream: &mut Stream) -> Vec<Role> {
    let look_alikes = LOOK_ALIKES.min(count.saturating_sub(1));
    let mut roles = vec![Role::Background; count.saturating_sub(1 + look_alikes)];
    roles.push(Role::Hot);
    roles.extend(vec![Role::LookAlike; look_alikes]);
    stream.shuffle(&mut roles);
    roles
}

/// The values repeated hot events agree in: surface and context, and what makes them one actor's.
fn shared_fields(
    scene: &Scene,
    family: &'static Family,
    repeat: Repeat,
    surface: &Value,
    context: String,
    stream: &mut Stream,
) -> Known {
    let mut shared = vec![
        (family.surface_field, surface.clone()),
        (family.context_field, context.into()),
    ];
    let Some(event_type) = events::find(family.event_type) else {
        return shared;
    };
    let subject = scene.organisation.subject();
    let sample = fields::line(scene, event_type, &shared, subject, stream);
    let same = repeat.same.iter().chain([&family.context_field]);
    for name in same.filter(|name| **name != family.surface_field) {
        if let Some(value) = sample.fields.get(*name) {
            shared.retain(|(known, _)| known != name);
            shared.push((name, value.clone()));
        }
    }
    shared
}

/// Four sign-ins in their order, scattered over the window; half the time with one of a bystander.
fn sign_in_lines(scene: &Scene, labels: Labels, count: usize, stream: &mut Stream) -> Vec<Line> {
    let (mut core, bystander) = sign_in::lines(scene, labels, stream);
    let at = stream.index(core.len() + 1);
    let (has_bystander, has_room) = (stream.chance(1, 2), count > SIGN_INS + scene.stage.decoys());
    if let Some(who) = bystander.filter(|_| has_bystander && has_room) {
        let line = sign_in::bystander(scene, &who, stream);
        core.splice(at..at, line);
    }
    scattered(scene, core, labels, count, None, stream)
}
