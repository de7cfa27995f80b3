//! Sign-in windows: three failures, then a success, whatever the label. Who fails and who gets in makes the difference.

use serde_json::Value;

use super::fields::{self, Actor};
use super::{Labels, Line, Scene};
use crate::env::events;
use crate::env::login::{FAILURE, GUESSES, SUCCESS};
use crate::env::pools;
use crate::env::schema::Action;
use crate::stream::Stream;

/// The static severity of sign-in alerts.
pub(super) const SEVERITY: &str = "low";

/// What differs between labels. Both twins are made from the same draws, so they differ in one of these.
struct Plan {
    /// Which failure, if any, is the other user's.
    other_failure: Option<usize>,
    is_success_by_other: bool,
    is_external: bool,
    is_admin: bool,
}

fn plan(labels: Labels, stream: &mut Stream) -> Plan {
    use Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};
    let Labels { own, twin, .. } = labels;
    let failure = stream.index(GUESSES);
    let (coin_external, coin_admin) = (stream.chance(1, 2), stream.chance(1, 2));
    let is_either = |label| own == label || twin == label;
    let is_external = match own {
        BlockIp => true,
        QuarantineHost => false,
        _ if twin == BlockIp => true,
        _ if twin == QuarantineHost => false,
        _ => coin_external,
    };
    let is_admin = match own {
        Escalate => true,
        BlockIp | QuarantineHost => false,
        _ if twin == Escalate => true,
        _ if twin == BlockIp || twin == QuarantineHost => false,
        _ => coin_admin,
    };
    Plan {
        other_failure: (own == Dismiss).then_some(failure),
        is_success_by_other: own == Monitor || (own == Dismiss && is_either(Monitor)),
        is_external,
        is_admin,
    }
}

/// Three failures and a success, in order, and the name of the other user in them.
pub(super) fn lines(scene: &Scene, labels: Labels, stream: &mut Stream) -> (Vec<Line>, String) {
    let plan = plan(labels, stream);
    let pools = pools::of(scene.split);
    let other = pools.user_besides(&[&scene.user], stream);
    let name = |is_other: bool| if is_other { &other } else { &scene.user };
    let mut lines = Vec::new();
    for i in 0..GUESSES {
        let is_external = stream.chance(1, 2);
        let user = name(plan.other_failure == Some(i));
        lines.extend(sign_in(scene, FAILURE, user, is_external, None, stream));
    }
    let user = name(plan.is_success_by_other);
    let role = role(plan.is_admin);
    lines.extend(sign_in(
        scene,
        SUCCESS,
        user,
        plan.is_external,
        Some(role),
        stream,
    ));
    (lines, other)
}

/// A success of somebody who never failed.
pub(super) fn bystander(scene: &Scene, other: &str, stream: &mut Stream) -> Line {
    let pools = pools::of(scene.split);
    let user = pools.user_besides(&[&scene.user, other], stream);
    let (is_external, is_admin) = (stream.chance(1, 2), stream.chance(1, 2));
    let line = sign_in(
        scene,
        SUCCESS,
        &user,
        is_external,
        Some(role(is_admin)),
        stream,
    );
    line.unwrap_or_else(|| Line {
        event_type: SUCCESS,
        source: "identity",
        fields: serde_json::Map::new(),
        is_decoy: false,
    })
}

const fn role(is_admin: bool) -> &'static str {
    if is_admin { "admin" } else { "staff" }
}

fn sign_in(
    scene: &Scene,
    event_type: &str,
    user: &str,
    is_external: bool,
    role: Option<&str>,
    stream: &mut Stream,
) -> Option<Line> {
    let pools = pools::of(scene.split);
    let inside = pools.internal_ip(stream);
    let outside = pools.external_ip(stream);
    let address = if is_external { outside } else { inside };
    let mut known: Vec<(&'static str, Value)> =
        vec![("user", user.into()), ("src_ip", address.into())];
    if let Some(role) = role {
        known.push(("account_role", role.into()));
    }
    let actor = Actor::of_alert(scene);
    events::find(event_type).map(|found| fields::line(scene, found, &known, &actor, stream))
}
