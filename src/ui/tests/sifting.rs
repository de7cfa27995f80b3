//! Going through the queue: filters as they are typed.

use crate::ui::app::{App, update};
use crate::ui::msg::Msg;
use crate::ui::tests::fixtures::{answer, app, event, press, ready, rest, right, seen, type_text};

fn said(app: &App) -> &str {
    app.toast.as_ref().map_or("", |toast| toast.text.as_str())
}

#[test]
fn a_filter_measures_from_where_it_was_begun_and_esc_goes_back_there() {
    let mut app = app();
    press(&mut app, "j j j j Tab j");
    let stood = (app.queue.selected(), app.queue.line);
    assert_eq!(stood, (4, 1));
    let id = app.queue.entries()[20].episode.alert.alert_id.clone();
    press(&mut app, "/");
    type_text(&mut app, &format!("id:{id}"));
    assert_eq!(app.queue.selected(), 20);
    press(&mut app, "ctrl-u");
    assert_eq!(app.queue.selected(), 4, "not where the letters led");
    type_text(&mut app, &format!("id:{id}"));
    press(&mut app, "Esc");
    assert_eq!((app.queue.selected(), app.queue.line), stood);
}

#[test]
fn the_nearest_alert_is_that_of_the_list_not_of_the_numbers() {
    let mut app = app();
    press(&mut app, "O O O g g");
    let host = |app: &App, at: usize| app.queue.entries()[at].episode.alert.host.clone();
    let mut listed: Vec<usize> = (0..app.queue.entries().len()).collect();
    assert!(listed.len() > 1_000, "{}", listed.len());
    listed.sort_by_key(|at| (host(&app, *at), *at));
    // The last of several alerts of a host, after which one with a smaller number follows.
    let place = listed.windows(3).position(|near| {
        let hosts = [near[0], near[1], near[2]].map(|at| host(&app, at));
        near[2] < near[1] && hosts[0] == hosts[1] && hosts[1] != hosts[2]
    });
    let place = place.expect("hosts of several alerts");
    let (here, next) = (listed[place + 1], listed[place + 2]);
    app.queue.select(here);
    let filter = format!("!alert_host={}", host(&app, here));
    press(&mut app, "/");
    type_text(&mut app, &filter);
    assert_eq!(app.queue.selected(), next, "after {here}");
}

#[test]
fn no_key_waits_for_all_alerts_that_an_order_or_groups_list() {
    for key in ["O", "b"] {
        let mut app = app();
        press(&mut app, "j j");
        let before = app.queue.entries().len();
        update(&mut app, Msg::Key(event(key)));
        assert!(app.is_looking_through(), "{key}");
        let mut slices = 0;
        while app.is_looking_through() {
            let had = app.queue.entries().len();
            update(&mut app, Msg::LookFurther);
            let made = app.queue.entries().len() - had;
            assert!((1..=50).contains(&made), "{key}: {made} at once");
            slices += 1;
        }
        assert!(before < 100 && slices > 30, "{key}: {before}, {slices}");
        assert_eq!(
            (app.queue.entries().len(), app.queue.selected()),
            (2_000, 2)
        );
        // Once they are there nothing is left to do.
        press(&mut app, key);
        assert!(!app.is_looking_through());
    }
}

#[test]
fn a_field_that_nothing_has_is_named_while_it_is_typed_and_says_which_there_are() {
    let mut app = app();
    press(&mut app, "/");
    type_text(&mut app, "severitty:high");
    for size in [(80, 24), (120, 35)] {
        let shown = seen(&app, size);
        for wanted in [
            "no field severitty",
            "nearest is severity",
            "alert_host",
            "revealed",
        ] {
            assert!(shown.contains(wanted), "{wanted}:\n{shown}");
        }
    }
    press(&mut app, "Enter");
    assert_eq!(app.layers.len(), 1, "it stays open");
    assert_ne!(app.queue.filter_text, "severitty:high");
    press(&mut app, "ctrl-u");
    assert!(app.toast.is_none(), "{}", said(&app));
    type_text(&mut app, "!usr:x");
    assert!(said(&app).contains("nearest is user"), "{}", said(&app));
    press(&mut app, "ctrl-u");
    type_text(
        &mut app,
        "orig_bytes>1 note:x number<9 split:holdout !nothing",
    );
    assert_eq!(said(&app), "");
    let bar = seen(&app, (80, 24));
    assert!(
        bar.lines()
            .last()
            .is_some_and(|l| l.contains("ctrl-u clear"))
    );
}

#[test]
fn what_the_model_says_can_be_filtered_by_the_name_of_its_column() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    let action = app.queue.entries()[0].episode.truth.action;
    let mut filter = |text: String| {
        app.queue.set_filter(&text).expect("a filter");
        app.queue.visible()
    };
    let says = filter(format!("says:{action}"));
    assert_eq!(says, filter(format!("model:{action}")));
    assert!(says.contains(&0));
}

#[test]
fn values_of_the_header_are_filtered_by_from_the_list_of_fields() {
    let alert = app().queue.entries()[0].episode.alert.clone();
    for (keys, wanted) in [
        ("o G k k k +", format!("severity=\"{}\"", alert.severity)),
        ("o G k k -", format!("!category=\"{}\"", alert.category)),
        ("o G k +", format!("alert_host=\"{}\"", alert.host)),
        ("o G +", format!("alert_user=\"{}\"", alert.user)),
    ] {
        let mut app = app();
        press(&mut app, keys);
        assert_eq!(app.queue.filter_text, wanted);
        let is_in = app.queue.visible().contains(&0);
        assert_eq!(is_in, !wanted.starts_with('!'), "{wanted}");
    }
}

#[test]
fn severities_compare_by_rank_and_a_number_is_none() {
    let mut app = app();
    let entries = app.queue.entries().iter().enumerate();
    let is_high = |severity: &str| ["high", "critical"].contains(&severity);
    let high = entries.filter(|(_, entry)| is_high(&entry.episode.alert.severity));
    let high: Vec<usize> = high.map(|(at, _)| at).collect();
    assert!(!high.is_empty() && high.len() < app.queue.entries().len());
    for filter in ["severity>=high", "!severity<high"] {
        app.queue.set_filter(filter).expect("a filter");
        let listed = app.queue.visible();
        let known = listed.iter().filter(|at| high.last() >= Some(at)).copied();
        assert_eq!(known.collect::<Vec<_>>(), high, "{filter}");
        let all = listed
            .iter()
            .map(|at| &app.queue.entries()[*at].episode.alert.severity);
        assert!(
            all.into_iter().all(|severity| is_high(severity)),
            "{filter}"
        );
    }
    let error = app.queue.set_filter("severity>3").expect_err("no rank");
    assert!(
        error
            .to_string()
            .contains("is one of low medium high critical")
    );
}

#[test]
fn what_m_goes_to_is_what_a_filter_for_mismatches_lets_through() {
    let mut app = app();
    let effects = update(&mut app, ready());
    // The action is right everywhere, the citation nowhere.
    answer(&mut app, effects, |episode| {
        format!(
            "Action: {}\nCitedLog: L9-99\nRationale: guessed",
            episode.truth.action
        )
    });
    press(&mut app, "r m");
    assert_eq!(app.queue.selected(), 1);
    let listed = |app: &mut App, filter: &str| {
        app.queue.set_filter(filter).expect("a filter");
        app.queue.visible()
    };
    for (filter, wanted) in [
        ("mismatch:yes", vec![0]),
        ("cites:wrong", vec![0]),
        ("model:right", vec![0]),
        ("cites:right", vec![]),
        ("mismatch:no", vec![]),
    ] {
        let found = listed(&mut app, filter);
        assert_eq!(found, wanted, "{filter}: hidden ones are told of by none");
    }
    let shown = seen(&app, (80, 24));
    assert!(shown.contains("actions right: you -, model 1/1"), "{shown}");
}

#[test]
fn outcomes_in_a_narrow_queue_are_signs_that_no_letter_can_be_read_for() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, |episode| {
        format!(
            "Action: {}\nCitedLog: L9-99\nRationale: guessed",
            episode.truth.action
        )
    });
    press(&mut app, "r");
    let row = |app: &App, number: &str| {
        let shown = seen(app, (120, 35));
        let line = shown.lines().find(|line| line.contains(number));
        line.unwrap_or_default().to_owned()
    };
    assert!(
        row(&app, "   0a ").contains("0a ✓✗ "),
        "{}",
        row(&app, "   0a ")
    );
    assert!(
        row(&app, "   1b ").contains("1b ?  "),
        "{}",
        row(&app, "   1b ")
    );
    let host = &app.queue.entries()[0].episode.alert.host;
    let begin: String = host.chars().take(8).collect();
    assert!(row(&app, "   0a ").contains(&begin));
    let wide = seen(&app, (200, 60));
    for wanted in [" st ", "split", " hold "] {
        assert!(wide.contains(wanted), "{wanted}:\n{wide}");
    }
}

#[test]
fn no_key_waits_for_all_alerts_that_a_filter_looks_through() {
    let mut app = app();
    for key in ["/", "z", "q", "x", "j", "Enter"] {
        let had = app.queue.entries().len();
        update(&mut app, Msg::Key(event(key)));
        let made = app.queue.entries().len() - had;
        assert!(made <= 50, "{key}: {made} at once");
        assert_eq!(app.toast, None, "not all have been looked through");
    }
    assert!(app.queue.is_seeking() && app.queue.entries().len() < 300);
    rest(&mut app);
    assert_eq!(app.queue.entries().len(), 2_000);
    assert!(
        said(&app).contains("no alert is let through"),
        "{}",
        said(&app)
    );
    assert_eq!(app.queue.selected(), 0);
}

#[test]
fn what_a_filter_lets_through_is_gone_to_when_it_is_there_unless_somebody_went_elsewhere() {
    let mut far = app();
    press(&mut far, "O O");
    let late = far.queue.entries()[1_500].episode.alert.alert_id.clone();
    let letters: Vec<String> = late.chars().map(String::from).collect();
    let filter = format!("/ {} Enter", letters.join(" "));
    for goes_elsewhere in [false, true] {
        let mut app = app();
        for key in filter.split(' ') {
            update(&mut app, Msg::Key(event(key)));
        }
        assert!(app.queue.is_seeking() && app.queue.visible().is_empty());
        if goes_elsewhere {
            update(&mut app, Msg::Key(event("Esc")));
            update(&mut app, Msg::Key(event("j")));
        }
        rest(&mut app);
        let chosen = &app
            .queue
            .current()
            .expect("an alert")
            .episode
            .alert
            .alert_id;
        assert_eq!(*chosen == late, !goes_elsewhere);
    }
}
