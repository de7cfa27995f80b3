//! Made-up names in place of those of the pools.
//!
//! The hold-out's names are few, and the train split once had a list of its own: read often enough, each becomes one token,
//! and what stands beside a name comes to be found by counting tokens. Names nobody has seen before leave only the grammar
//! to go by; here they are given to files, whose endings the environment does not make up, too.

use std::collections::BTreeMap;

use crate::env::events::{self, Kind};
use crate::env::names::{syllable, word};
use crate::env::schema::Episode;
use crate::stream::Stream;

/// Gives every account, machine, domain and file of an episode another name, the same wherever it stands.
pub(super) fn disguise(episode: &mut Episode, stream: &mut Stream) {
    let mut names = BTreeMap::new();
    let mut rename = |kind: Kind, name: &str| {
        if !names.contains_key(name)
            && let Some(made) = made_up(kind, name, stream)
        {
            names.insert(name.to_owned(), made);
        }
    };
    rename(Kind::User, &episode.alert.user);
    rename(Kind::Host, &episode.alert.host);
    for event in &episode.log_window {
        let fields = events::find(&event.event_type).map_or(&[][..], |found| found.fields);
        for field in fields {
            if let Some(name) = event.fields.get(field.name).and_then(|v| v.as_str()) {
                rename(field.kind, name);
            }
        }
    }
    let replaced = |text: &str| {
        names
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let alert = &mut episode.alert;
    for text in [&mut alert.user, &mut alert.host, &mut alert.summary] {
        *text = replaced(text);
    }
    for event in &mut episode.log_window {
        for value in event.fields.values_mut() {
            if let Some(text) = value.as_str() {
                *value = replaced(text).into();
            }
        }
    }
}

/// A name of the same form; `None` for what is no name.
fn made_up(kind: Kind, name: &str, stream: &mut Stream) -> Option<String> {
    Some(match kind {
        Kind::User | Kind::Person if name.starts_with("svc_") => format!("svc_{}", word(stream)),
        Kind::User | Kind::Person => {
            let initial = char::from(b'a' + stream.below(26) as u8);
            format!("{initial}.{}", word(stream))
        }
        Kind::Host => {
            let (_, number) = name.rsplit_once('-')?;
            format!("{}-{number}", word(stream))
        }
        Kind::Domain => {
            let end = stream.pick(&["net", "org", "com", "io"]).copied()?;
            format!("{}.{}.{end}", word(stream), word(stream))
        }
        Kind::File => format!("{}.{}", word(stream), syllable(stream)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::generate;
    use crate::env::schema::{Split, Stage};
    use crate::env::verify;

    #[test]
    fn no_name_of_the_pools_is_left_and_what_happened_is_the_same() {
        let mut stream = Stream::named(5, &["names test"]);
        for index in 0..200 {
            let mut episode = generate::episode(Stage::Adversarial, Split::Train, 5, index);
            let truth = episode.truth.clone();
            let alert = episode.alert.clone();
            disguise(&mut episode, &mut stream);
            let text = crate::pretrain::corpus::window_text(&episode);
            for name in [&alert.user, &alert.host] {
                assert!(!text.contains(&**name), "{name} in {text}");
            }
            let found = verify::truth(&episode.log_window).expect("plausible");
            assert_eq!((found.action, found.rule), (truth.action, truth.rule));
        }
    }
}
