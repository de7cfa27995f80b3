//! What the process asks of its allocator and of candle's own threads: both are meant for shorter work than a training step.
#![expect(
    unsafe_code,
    reason = "options of the allocator are set through its C interface, candle's through the environment"
)]

use libmimalloc_sys::{mi_collect, mi_option_set, mi_option_t};

/// Milliseconds after which pages go back to the system unless they are asked for again: ten minutes. Whatever is less than a
/// step of a large model takes costs a third of it in page faults (`cargo bench --bench step`).
const KEPT_MS: std::ffi::c_long = 600_000;
/// `mi_option_purge_delay`, which the bindings do not name.
const PURGE_DELAY: mi_option_t = 15;
/// How many threads candle adds large tensors with. Its helpers spin for the next such sum, on cores that our kernels then
/// lack: with two cores a third of nano's way back goes by so.
const CANDLE_THREADS: &str = "CANDLE_NUM_THREADS";

/// Has the allocator keep freed pages, and candle add without helpers unless the environment says how many. Where
/// [`mimalloc::MiMalloc`] is not the global allocator only the latter has an effect.
///
/// # Safety
/// To be called first thing in `main`: another thread could read the environment while it is written to.
pub unsafe fn prepare() {
    keep_freed_pages();
    if std::env::var_os(CANDLE_THREADS).is_none() {
        // SAFETY: the caller says that there is no other thread.
        unsafe { std::env::set_var(CANDLE_THREADS, "1") }
    }
}

fn keep_freed_pages() {
    // SAFETY: sets a number that the allocator reads; any value of an option that exists is allowed.
    unsafe { mi_option_set(PURGE_DELAY, KEPT_MS) }
}

/// Gives freed pages back now: while a model is read, what one tensor was made from must not stand beside the next, and after
/// a run nobody asks for its pages again. Where another allocator is the global one it does nothing.
pub fn give_back_freed_pages() {
    // SAFETY: frees what nothing points to; may be called from any thread at any time.
    unsafe { mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libmimalloc_sys::mi_option_get;

    #[test]
    fn the_option_is_the_one_whose_default_is_a_second() {
        // SAFETY: reads a number.
        assert_eq!(unsafe { mi_option_get(PURGE_DELAY) }, 1_000);
        keep_freed_pages();
        // SAFETY: reads a number.
        assert_eq!(unsafe { mi_option_get(PURGE_DELAY) }, KEPT_MS);
    }
}
