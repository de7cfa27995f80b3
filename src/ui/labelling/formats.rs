//! What submitted labels can be written as, and the list to choose from.

use crate::label::export::Format;
use crate::ui::app::App;
use crate::ui::clerk::Request;
use crate::ui::keys::Verb;
use crate::ui::labelling::access::ONLY_WATCHING;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;

/// All three in the order of the list, with what each is for.
pub const FORMATS: [(Format, &str); 3] = [
    (
        Format::PromptCompletion,
        "prompt and completion; the start form trains on these",
    ),
    (Format::Messages, "messages, a conversation a line"),
    (
        Format::Preference,
        "preferences: your answer, and one that is rejected",
    ),
];

/// Opens the list.
pub(super) fn open(app: &mut App) {
    match why_not(app) {
        Some(why) => app.say(why),
        None => app.layers.push(Layer::Formats { chosen: 0 }),
    }
}

/// Has the clerk write what is submitted as examples of that format.
pub(super) fn write(app: &mut App, format: Format) -> Vec<Effect> {
    if let Some(why) = why_not(app) {
        app.say(why);
        return Vec::new();
    }
    vec![Effect::Label(Request::Export(format))]
}

/// Why no examples can be written now.
fn why_not(app: &App) -> Option<String> {
    match app.is_read_only {
        true => Some(ONLY_WATCHING.to_owned()),
        false => app.labelling.why_not_read(),
    }
}

/// Does what `verb` says in the list; `None` leaves it to others.
pub(in crate::ui) fn perform(app: &mut App, verb: Verb) -> Option<Vec<Effect>> {
    let Some(Layer::Formats { chosen }) = app.layers.last_mut() else {
        return None;
    };
    match verb {
        Verb::Down => *chosen = (*chosen + 1).min(FORMATS.len() - 1),
        Verb::Up => *chosen = chosen.saturating_sub(1),
        Verb::Confirm => {
            let format = FORMATS.get(*chosen).map(|(format, _)| *format);
            app.layers.pop();
            return Some(format.map_or_else(Vec::new, |format| write(app, format)));
        }
        _ => return None,
    }
    Some(Vec::new())
}

#[cfg(test)]
mod tests {
    use crate::ui::tests::fixtures::seen;
    use crate::ui::tests::label_desk::{Desk, imported};

    /// The file that was written last, as it was named.
    fn written(desk: &Desk, begins: &str) -> String {
        let path = desk
            .clerk
            .store
            .path()
            .join(format!("{begins}-analyst.jsonl"));
        std::fs::read_to_string(path).expect("written")
    }

    #[test]
    fn each_format_is_written_into_a_file_of_its_own() {
        let mut desk = Desk::on(&imported());
        desk.press("3 Tab j Space Enter");
        desk.type_line("seen before");
        desk.press("w");
        let shown = seen(&desk.app, (80, 24));
        assert!(shown.contains("messages, a conversation a line"), "{shown}");
        for (keys, begins, holds) in [
            ("j Enter", "messages", "\"messages\""),
            ("w j j Enter", "preferences", "\"rejected\""),
        ] {
            desk.press(keys);
            assert!(desk.said().contains("1 example in"), "{}", desk.said());
            assert!(!desk.said().contains("trains"), "{}", desk.said());
            assert!(written(&desk, begins).contains(holds), "{begins}");
            assert_eq!(desk.app.sft_extra, None, "the trainer reads another format");
        }
        desk.press("w k Enter");
        assert!(desk.said().contains("trains on what is there"));
        assert!(written(&desk, "examples").contains("\"completion\""));
        assert!(desk.app.sft_extra.is_some() && desk.app.layers.is_empty());
    }
}
