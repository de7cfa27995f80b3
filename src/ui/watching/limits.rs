//! Keys that would do nothing on the training screen, and why: who presses one is told.

use super::Training;
use crate::ui::keys::Verb;
use crate::ui::told::Watching;

impl Training {
    /// Why `verb` would do nothing now; none where it does something, or means nothing here.
    #[must_use]
    pub fn why_not(&self, verb: Verb) -> Option<&'static str> {
        let run = self.shown()?;
        match verb {
            Verb::PreviousGroup | Verb::NextGroup if self.groups_in_reach().0.is_empty() => {
                Some(match run.is_in_progress() {
                    true => "no rollouts in this run yet: they come with GRPO steps",
                    false => "no rollouts in this run",
                })
            }
            Verb::NextPage | Verb::PreviousPage => self.why_no_page(verb == Verb::NextPage),
            Verb::PanLeft | Verb::PanRight | Verb::ZoomOut | Verb::ZoomAll => {
                self.why_no_window(run, verb)
            }
            _ => None,
        }
    }

    fn why_no_page(&self, is_next: bool) -> Option<&'static str> {
        if self.is_chart_alone() {
            let charts = self.charts();
            let place = self.large_place(&charts);
            return match is_next {
                true if place + 1 >= charts.len() => Some("that is the last chart"),
                false if place == 0 => Some("that is the first chart"),
                _ => None,
            };
        }
        let (page, pages) = self.page_in_sight()?;
        match is_next {
            true if page + 1 >= pages => Some("that is the last page"),
            false if page == 0 => Some("that is the first page"),
            _ => None,
        }
    }

    fn why_no_window(&self, run: &Watching, verb: Verb) -> Option<&'static str> {
        let extent = run.extent();
        let (first, end) = self.view.window(extent);
        let is_all = end - first >= extent.all;
        match verb {
            Verb::PanLeft | Verb::PanRight if is_all => Some("all steps are in sight: + zooms in"),
            Verb::PanLeft if first == 0 => Some("that is the first step"),
            Verb::PanRight if end >= extent.all => Some("that is the last step"),
            Verb::ZoomOut | Verb::ZoomAll if !self.view.is_zoomed() && !self.view.is_held() => {
                Some("all steps are in sight")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ui::app::App;
    use crate::ui::keys::Verb;
    use crate::ui::tests::fixtures::{press, seen, toast, training};

    const SIZE: (u16, u16) = (120, 35);

    #[test]
    fn windows_and_pages_at_their_limits_say_so() {
        let mut app = training(120);
        seen(&app, SIZE);
        let why = |app: &App, verb| app.training.why_not(verb);
        for verb in [Verb::PanLeft, Verb::PanRight, Verb::ZoomOut, Verb::ZoomAll] {
            let said = why(&app, verb).unwrap_or("");
            assert!(said.starts_with("all steps are in sight"), "{verb:?}");
        }
        assert_eq!(
            why(&app, Verb::PreviousPage),
            Some("that is the first page")
        );
        assert_eq!(why(&app, Verb::NextPage), None);
        for _ in 0..30 {
            press(&mut app, ".");
            seen(&app, SIZE);
        }
        assert_eq!(why(&app, Verb::NextPage), Some("that is the last page"));
        assert_eq!(why(&app, Verb::PreviousPage), None);
        press(&mut app, "+ +");
        assert_eq!(why(&app, Verb::PanLeft), None);
        assert_eq!(why(&app, Verb::ZoomOut), None);
        for _ in 0..20 {
            press(&mut app, "<");
        }
        assert_eq!(why(&app, Verb::PanLeft), Some("that is the first step"));
        assert_eq!(why(&app, Verb::PanRight), None);
        for _ in 0..40 {
            press(&mut app, ">");
        }
        assert_eq!(why(&app, Verb::PanRight), Some("that is the last step"));
    }

    #[test]
    fn a_key_that_would_do_nothing_says_why() {
        let mut app = training(120);
        seen(&app, SIZE);
        for (keys, said) in [
            ("<", "all steps are in sight: + zooms in"),
            ("0", "all steps are in sight"),
            (",", "that is the first page"),
            ("v [", "no rollouts in this run"),
        ] {
            press(&mut app, keys);
            assert_eq!(toast(&app), said, "{keys}");
        }
    }

    #[test]
    fn a_run_without_rollouts_says_so() {
        let mut app = training(120);
        for verb in [Verb::PreviousGroup, Verb::NextGroup] {
            assert_eq!(app.training.why_not(verb), None);
        }
        // The shipped run of the fixtures has none.
        press(&mut app, "v");
        for verb in [Verb::PreviousGroup, Verb::NextGroup] {
            assert_eq!(app.training.why_not(verb), Some("no rollouts in this run"));
        }
    }

    #[test]
    fn a_chart_that_stands_alone_is_stepped_from_between_its_ends() {
        let mut app = training(120);
        seen(&app, SIZE);
        press(&mut app, "Enter");
        let first = Some("that is the first chart");
        assert_eq!(app.training.why_not(Verb::PreviousPage), first);
        for _ in 0..60 {
            press(&mut app, ".");
        }
        let last = Some("that is the last chart");
        assert_eq!(app.training.why_not(Verb::NextPage), last);
    }
}
