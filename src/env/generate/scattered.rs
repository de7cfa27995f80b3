//! Windows in which lines decide together: those in their order, and between them what goes on besides.

use super::background::{Known, Role, actor, background, cold_line, decoys};
use super::organisation::Person;
use super::{Labels, Line, Scene, contexts, lesser};
use crate::env::families::Family;
use crate::stream::Stream;

/// Of eight windows of several deciding lines, so many surely go on after them.
const FOLLOWED_EIGHTHS: u64 = 3;
/// Of four windows of several deciding lines, in how many the first background lines are cold events of the type that decides.
const LOOK_ALIKE_QUARTERS: [u64; 2] = [3, 3];

/// Cold lines of the family that stand in the background: of a stranger who does less of the same, where there is one.
pub(super) struct LookAlikes {
    pub family: &'static Family,
    pub stranger: Known,
}

impl LookAlikes {
    fn line(&self, scene: &Scene, actor: &Person, stream: &mut Stream) -> Line {
        let family = self.family;
        let context = contexts::any(scene, family, stream);
        let mut known = self.stranger.clone();
        // Of two values the first counts: a stranger's context is known.
        known.push((family.context_field, context.into()));
        cold_line(scene, family, known, actor, stream)
    }
}

/// A window of `count` lines: the `core` in its order, background between, as many decoys as the stage has.
///
/// What decides comes last of the core, so some line mostly follows it; and one of its type, cold, mostly stands beside it.
pub(super) fn scattered(
    scene: &Scene,
    core: Vec<Line>,
    labels: Labels,
    count: usize,
    like: Option<LookAlikes>,
    stream: &mut Stream,
) -> Vec<Line> {
    let mut roles = vec![Role::Background; count.saturating_sub(core.len())];
    roles.extend(vec![Role::Hot; core.len()]);
    stream.shuffle(&mut roles);
    let is_background = |role: &Role| *role == Role::Background;
    let quiet = roles.iter().filter(|role| is_background(role)).count();
    // One line after would make the last but one the one to guess.
    let (is_followed, after) = (
        stream.chance(FOLLOWED_EIGHTHS, 8),
        stream.between(1, quiet.max(1) as u64),
    );
    for _ in 0..if is_followed { after } else { 0 } {
        if let Some(at) = roles.iter().position(is_background) {
            let last = roles.remove(at);
            roles.push(last);
        }
    }
    let family = like.as_ref().map(|like| like.family);
    let mut lesser = lesser::line(scene, family, labels, &mut roles, stream);
    let decoys = decoys(scene, &roles, stream);
    let mut look_alikes = LOOK_ALIKE_QUARTERS.iter();
    let mut core = core.into_iter();
    let mut lines = Vec::with_capacity(count);
    for (role, is_decoy) in roles.into_iter().zip(decoys) {
        let next = match role {
            Role::Hot => core.next(),
            Role::Lesser => lesser.take(),
            Role::LookAlike | Role::Background => None,
        };
        let mut line = next.unwrap_or_else(|| {
            let actor = actor(scene, is_decoy, stream);
            let share = look_alikes.next().copied().unwrap_or(0);
            match like.as_ref().filter(|_| stream.chance(share, 4)) {
                Some(like) => like.line(scene, &actor, stream),
                None => background(scene, family, &actor, stream),
            }
        });
        line.is_decoy = is_decoy;
        lines.push(line);
    }
    lines
}
