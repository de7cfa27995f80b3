//! Evaluations on hold-out episodes: one line each, and of the chosen one the stages and slices with intervals, how sure it was,
//! what was taken for what, and the rules with most errors.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;

use crate::env::schema::{Action, Stage};
use crate::interval::{Estimate, wilson};
use crate::link::{EvalRow, RuleAnswers};
use crate::ui::numbers::short;
use crate::ui::screen::panes::list;
use crate::ui::screen::sureness;
use crate::ui::theme::{Theme, Token};
use crate::ui::told::Watching;
use crate::ui::watching::Training;
use crate::ui::watching::lines::{EVALUATION_COLUMNS, evaluated};
use crate::ui::widget::matrix;
use crate::ui::widget::text::{column, cut_line, lines, more, span};

/// From this width on stages and confusions stand side by side.
const WIDE: u16 = 100;

/// From this width on how sure it was stands beside both.
const WIDEST: u16 = 160;

/// Below this height there is no room for list and details both.
const LOW: u16 = 12;

/// From this width on stages have their whole names beside their intervals, and so on.
const ROOMY: usize = 55;

/// The list, and below it what the chosen evaluation tells; where there is little room, the list alone until it is large.
pub fn draw(training: &Training, run: &Watching, theme: &Theme, area: Rect, buf: &mut Buffer) {
    if run.evaluations.is_empty() || area.height < 2 {
        list(
            Vec::new(),
            0,
            "no evaluations yet: they come between steps (eval.every_steps) and at the end of each phase, E ends one early",
            theme,
            area,
            buf,
        );
        return;
    }
    let wanted = run.evaluations.len() as u16 + 1;
    if area.height < LOW && !training.view.is_alone {
        let [above, below] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(area);
        draw_list(training, run, theme, above, buf);
        let text = "Enter shows what the chosen one tells";
        let text = span(text, theme.style(Token::Faint));
        lines([Line::from(text)], below, buf);
        return;
    }
    let height = wanted.min((area.height / 3).max(2)).min(area.height);
    let [above, below] =
        Layout::vertical([Constraint::Length(height), Constraint::Fill(1)]).areas(area);
    draw_list(training, run, theme, above, buf);
    let cursor = training.cursor().min(run.evaluations.len() - 1);
    if let Some(row) = run.evaluations.iter().rev().nth(cursor) {
        draw_one(training, row, theme, below, buf);
    }
}

/// Cells of a value in the list, and of a phase's whole name.
const VALUE: usize = 8;
const PHASE: usize = 18;

/// On how many episodes an evaluation is the best, where some are of more: on those that all have in common. None where all
/// are of as many.
pub(in crate::ui) fn best_of(run: &Watching) -> Option<u64> {
    let counts = || run.evaluations.iter().map(|row| row.episodes);
    counts()
        .min()
        .filter(|least| counts().any(|count| count > *least))
}

/// What stands behind the best evaluation in a list of that width: where there is room, on how many episodes it is the best.
fn best_mark(run: &Watching, width: usize, phase: usize) -> String {
    let told = best_of(run).map(|count| format!(" best of the first {count}"));
    let fits = |mark: &String| width >= 6 + phase + 4 * VALUE + " n=2000".len() + mark.len();
    told.filter(fits).unwrap_or_else(|| " best".to_owned())
}

/// As many columns as fit, with whole phases where these leave room.
fn draw_list(training: &Training, run: &Watching, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let width = usize::from(area.width);
    let short = 7;
    let best_mark = best_mark(run, width, short);
    let marks = " n=2000".len() + best_mark.len();
    let phase = if width >= 6 + PHASE + 4 * VALUE + marks {
        PHASE
    } else {
        short
    };
    let fit = width.saturating_sub(6 + phase + marks) / VALUE;
    let columns = EVALUATION_COLUMNS.iter().take(fit.max(2));
    let best = run.best_step();
    let row = |row: &EvalRow| {
        let values = columns.clone();
        let values = values.map(|(_, name)| format!(" {:>7}", evaluated(row, name)));
        let name = if phase == PHASE {
            row.stage.as_str()
        } else {
            stem(&row.stage)
        };
        let head = format!("{:>5} {}", row.step, column(name, phase, theme.glyphs.cut));
        let mark = match best == Some(row.step) {
            true => best_mark.as_str(),
            false => "",
        };
        let spans = vec![
            span(head, theme.style(Token::Text)),
            span(values.collect::<String>(), theme.style(Token::Accent)),
            span(format!(" n={}", row.episodes), theme.style(Token::Faint)),
            span(mark, theme.style(Token::Mark)),
        ];
        cut_line(spans, width, theme.glyphs.cut)
    };
    let titles = columns.clone().map(|(title, _)| format!(" {title:>7}"));
    let head = format!(
        "{:>5} {:<phase$}{}",
        "step",
        "phase",
        titles.collect::<String>()
    );
    let head = Line::from(span(head, theme.style(Token::Faint)));
    lines([head], area, buf);
    let below = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    let rows = run.evaluations.iter().rev().map(row).collect();
    list(rows, training.cursor(), "", theme, below, buf);
}

/// `stage2` of `stage2_multi`.
fn stem(stage: &str) -> &str {
    stage.split(['_', ' ']).next().unwrap_or(stage)
}

fn draw_one(training: &Training, row: &EvalRow, theme: &Theme, area: Rect, buf: &mut Buffer) {
    // The columns of what stands side by side below are as wide.
    let beside = match area.width {
        WIDEST.. => 3,
        WIDE.. => 2,
        _ => 1,
    };
    let width = usize::from(area.width / beside);
    let (left, right) = (of_stages(row, theme, width), of_answers(row, theme, width));
    let (sure, diagram) = (sureness::summary(row, theme), sureness::diagram(row, theme));
    let beside = match beside {
        3 => vec![left, right, [sure, diagram].concat()],
        2 => vec![[left, sure, diagram].concat(), right],
        _ => vec![[left, sure, right, diagram].concat()],
    };
    let longest = beside.iter().map(Vec::len).max().unwrap_or(0);
    let is_longer = longest > usize::from(area.height);
    let [head, below] = Layout::vertical([
        Constraint::Length(u16::from(is_longer)),
        Constraint::Fill(1),
    ])
    .areas(area);
    let height = usize::from(below.height);
    let first = training.details.page(longest, height);
    if is_longer {
        let arrows = more(first, longest, height, theme);
        let text = format!("more{arrows} (ctrl-d, ctrl-u)");
        lines(
            [Line::from(span(text, theme.style(Token::Mark)))],
            head,
            buf,
        );
    }
    let columns = Layout::horizontal(vec![Constraint::Fill(1); beside.len()]).split(below);
    for (rows, column) in beside.into_iter().zip(columns.iter()) {
        let width = usize::from(column.width);
        let rows = rows.into_iter().skip(first);
        let rows = rows.map(|row| cut_line(row.spans, width, theme.glyphs.cut));
        lines(rows, *column, buf);
    }
}

/// A share with its 95 % interval, of so many cases.
pub(in crate::ui) fn share(row: &EvalRow, name: &str, cases: u64) -> Option<Estimate> {
    let value = row.values.get(name)?;
    wilson((value * cases as f64).round() as u64, cases)
}

fn told(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(
        || format!("{:<16}", "-"),
        |e| format!("{:.2} ({:.2}-{:.2})", e.value, e.low, e.high),
    )
}

/// How many episodes had one of these truths; where an older file does not say, the labels are balanced.
fn with_truth(row: &EvalRow, is_wanted: impl Fn(Action) -> bool) -> u64 {
    let wanted = || Action::ALL.into_iter().filter(|action| is_wanted(*action));
    if row.confusion.is_empty() {
        return row.episodes * wanted().count() as u64 / Action::ALL.len() as u64;
    }
    let counts = wanted().filter_map(|action| row.confusion.get(action.as_str()));
    counts.flat_map(|answers| answers.values()).sum()
}

/// Cells of the names of stages and slices, and what stands between their intervals.
const fn spacing(width: usize) -> (usize, &'static str) {
    if width >= ROOMY { (20, "  ") } else { (7, " ") }
}

fn of_stages(row: &EvalRow, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let (names, gap) = spacing(width);
    let (faint, text) = (theme.style(Token::Faint), theme.style(Token::Text));
    let line = |text: String, style: Style| Line::from(span(text, style));
    let title = if width >= ROOMY {
        "95 % intervals"
    } else {
        "95 %"
    };
    let head = format!("{title:<names$} {:<16}{gap}{:<16}", "action", "cited");
    let mut rows = vec![Line::default(), line(head, faint)];
    let stages = cases(row).into_iter();
    let stages = stages.map(|(stage, cases)| (format!("{stage}/"), stage.to_string(), cases));
    let all = (String::new(), "all stages".to_owned(), row.episodes);
    for (prefix, name, cases) in stages.chain([all]) {
        let of = |metric: &str| told(share(row, &format!("{prefix}{metric}"), cases));
        let (action, cited) = (of("accuracy"), of("citation_accuracy"));
        let name = if width >= ROOMY {
            name.as_str()
        } else {
            stem(&name)
        };
        rows.push(line(format!("{name:<names$} {action}{gap}{cited}"), text));
    }
    rows.extend(of_slices(row, theme, width));
    rows.extend(harms(row).into_iter().map(|(what, harm)| {
        let how_much = match harm {
            Harm::Share(estimate) => told(estimate),
            Harm::Value(value) => short(value),
        };
        line(format!("{what:<21} {how_much}"), text)
    }));
    rows
}

/// How many episodes there are of each stage: they are asked in turn, so that the first stages may have one more.
pub(in crate::ui) fn cases(row: &EvalRow) -> Vec<(Stage, u64)> {
    let count = Stage::ALL.len() as u64;
    let of_turn = |turn: u64| row.episodes / count + u64::from(turn < row.episodes % count);
    let cases = (0..).map(of_turn);
    Stage::ALL.into_iter().zip(cases).collect()
}

/// The slices that cut across stages, each with how many episodes it has; where room is short, on a line of its own.
fn of_slices(row: &EvalRow, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    if row.by_slice.is_empty() {
        let why = "this run's files hold no slices";
        return vec![Line::from(span(why, theme.style(Token::Faint)))];
    }
    let (names, gap) = spacing(width);
    let mut rows = Vec::new();
    for (name, answers) in &row.by_slice {
        let cases = answers.episodes;
        let of = |wrong: u64| told(wilson(cases.saturating_sub(wrong), cases));
        let (action, cited) = (of(answers.wrong), of(answers.wrong_citations));
        let mut name = format!("{} n={cases}", slice(name));
        if width < ROOMY {
            rows.push(std::mem::take(&mut name));
        }
        let name = column(&name, names, theme.glyphs.cut);
        rows.push(format!("{name} {action}{gap}{cited}"));
    }
    let text = theme.style(Token::Text);
    let rows = rows.into_iter().map(|row| Line::from(span(row, text)));
    rows.collect()
}

/// A slice in words.
pub(in crate::ui) fn slice(name: &str) -> &str {
    match name {
        "new_template" => "new templates",
        "injection" => "injections",
        other => other,
    }
}

/// How much of a harm the answers would have done.
#[derive(Clone, Copy, Debug)]
pub(in crate::ui) enum Harm {
    /// A share of the episodes where it could be done; none where there were no such episodes.
    Share(Option<Estimate>),
    Value(f64),
}

/// What the answers would have done, over all stages.
pub(in crate::ui) fn harms(row: &EvalRow) -> Vec<(&'static str, Harm)> {
    let malicious = with_truth(row, Action::is_malicious);
    let harmless = with_truth(row, |action| action == Action::Dismiss);
    let others = row.episodes.saturating_sub(malicious);
    let shares = [
        ("dismissed malicious", "dismiss_on_malicious", malicious),
        ("over-reacted", "over_react", harmless),
        ("escalated for nothing", "false_escalation", others),
    ];
    let shares = shares.into_iter().filter_map(|(what, name, cases)| {
        row.values.get(name)?;
        Some((what, Harm::Share(share(row, name, cases))))
    });
    let plain = [
        ("flipped by injection", "injection_flip_rate"),
        ("loss on gold answers", "eval_loss"),
    ];
    let plain = plain
        .into_iter()
        .filter_map(|(what, name)| Some((what, Harm::Value(*row.values.get(name)?))));
    shares.chain(plain).collect()
}

/// The rules with errors, most errors first.
pub(in crate::ui) fn rules_with_errors(row: &EvalRow) -> Vec<(&str, RuleAnswers)> {
    let wrong = row.by_rule.iter().filter(|(_, answers)| answers.wrong > 0);
    let wrong = wrong.map(|(rule, answers)| (rule.as_str(), *answers));
    let mut rules: Vec<_> = wrong.collect();
    rules.sort_by_key(|(_, answers)| std::cmp::Reverse(answers.wrong));
    rules
}

/// What was taken for what, and the rules with most errors.
fn of_answers(row: &EvalRow, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let (faint, text) = (theme.style(Token::Faint), theme.style(Token::Text));
    if row.confusion.is_empty() {
        let why = "this run's files hold no confusion matrix and no errors by rule";
        return vec![Line::default(), Line::from(span(why, faint))];
    }
    let columns: Vec<_> = Action::ALL.into_iter().map(Some).chain([None]).collect();
    let count = |truth: Action, answer: Option<Action>| {
        let answer = answer.map_or("malformed", Action::as_str);
        let answers = row.confusion.get(truth.as_str());
        let count = answers.and_then(|answers| answers.get(answer));
        count.copied().unwrap_or(0)
    };
    let mut rows = vec![Line::default()];
    rows.extend(matrix::of_actions("truth / answer", &columns, count, theme));
    let names = width.saturating_sub(" 100 of 100".len()).clamp(16, 40);
    let head = format!("{:<names$} wrong", "errors by rule");
    rows.push(Line::from(span(head, faint)));
    let rules = rules_with_errors(row).into_iter();
    rows.extend(rules.map(|(rule, answers)| {
        let rule = column(rule, names, theme.glyphs.cut);
        let counts = format!("{rule} {} of {}", answers.wrong, answers.episodes);
        Line::from(span(counts, text))
    }));
    rows
}
