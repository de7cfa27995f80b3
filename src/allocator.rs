//! How long freed memory is kept: a training step frees and asks for the same gigabyte over and over.
#![expect(
    unsafe_code,
    reason = "options of the allocator are set through its C interface"
)]

use libmimalloc_sys::{mi_collect, mi_option_set, mi_option_t};

/// Milliseconds after which pages go back to the system unless they are asked for again. The allocator's own second is
/// less than a step of a large model takes, and a third of that goes by in page faults (`cargo bench --bench step`).
const KEPT_MS: std::ffi::c_long = 10_000;
/// `mi_option_purge_delay`, which the bindings do not name.
const PURGE_DELAY: mi_option_t = 15;

/// Has the allocator keep freed pages for ten seconds. To be called first thing where [`mimalloc::MiMalloc`] is the global
/// allocator; elsewhere it does nothing.
pub fn keep_freed_pages() {
    // SAFETY: sets a number that the allocator reads; any value of an option that exists is allowed.
    unsafe { mi_option_set(PURGE_DELAY, KEPT_MS) }
}

/// Gives freed pages back now: while a model is read, what one tensor was made from must not stand beside the next. Where
/// another allocator is the global one it does nothing.
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
