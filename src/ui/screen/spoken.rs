//! A response token by token: how likely each was when it was sampled, by colour and by underline, and the least likely named.

use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use crate::link::Rollout;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{wrap, wrap_styled};

/// Probabilities from which on a token is sure, likely, unlikely; below the last it is a surprise.
const STEPS: [f64; 3] = [0.9, 0.5, 0.1];

/// How a token of probability `p` looks; underlined and reversed say it without colour.
fn style(p: f64, theme: &Theme) -> Style {
    let unlikely = Modifier::UNDERLINED;
    match STEPS.iter().position(|step| p >= *step) {
        Some(0) => theme.style(Token::Faint),
        Some(1) => theme.style(Token::Text),
        Some(_) => theme.style(Token::Warn).add_modifier(unlikely),
        None => {
            let surprise = unlikely | Modifier::REVERSED;
            theme.style(Token::Bad).add_modifier(surprise)
        }
    }
}

/// The response in lines, its tokens by how likely they were; in plain text where that is not told.
pub fn response(rollout: &Rollout, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let spoken = rollout.spoken();
    if spoken.is_empty() {
        let text = [(rollout.response.as_str(), theme.style(Token::Text))];
        return wrap_styled(&text, width);
    }
    let pieces = spoken.iter().map(|(text, p)| (*text, style(*p, theme)));
    wrap_styled(&pieces.collect::<Vec<_>>(), width)
}

/// The least likely token and how the others are drawn, in words; nothing where probabilities are not told.
pub fn least_likely(rollout: &Rollout, width: usize) -> Vec<String> {
    let spoken = rollout.spoken();
    let least = spoken.iter().min_by(|(_, a), (_, b)| a.total_cmp(b));
    let Some((text, p)) = least else {
        return Vec::new();
    };
    let what = match *text {
        // The end token, or the first half of a character.
        "" => "the end".to_owned(),
        text => format!("{text:?}"),
    };
    let text = format!(
        "least likely of {} tokens: {what} {:.1} % (underlined: under 50 %, reversed: under 10 %)",
        spoken.len(),
        p * 100.0
    );
    wrap(&text, width)
}
