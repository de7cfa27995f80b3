//! Runs a library that may panic on what a file holds, without a word of it on the terminal.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use crate::panics::said;

thread_local! {
    /// Whether a panic of this thread is awaited.
    static AWAITED: Cell<bool> = const { Cell::new(false) };
}

/// What a library said when it gave up.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("its reader gave up: {0}")]
pub(super) struct Panicked(String);

/// The result of `work`, or what it panicked with. The process's panic hook is not asked meanwhile.
pub(super) fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    pass_over_awaited();
    let before = AWAITED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    AWAITED.set(before);
    result.map_err(|panic| Panicked(said(&*panic).to_owned()))
}

/// Puts a hook before the one there is, once.
fn pass_over_awaited() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if !AWAITED.get() {
                before(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_words_and_a_result_stays_one() {
        assert_eq!(quietly(|| 7), Ok(7));
        let empty: [u8; 0] = [];
        let told = quietly(|| u32::from(empty[std::hint::black_box(3)])).expect_err("beyond");
        assert!(told.to_string().contains("out of bounds"), "{told}");
        assert!(!AWAITED.get());
    }
}
