//! Who reads the keyboard: the workbench, or a program that has the terminal for a while.

use std::sync::{Condvar, Mutex, PoisonError};

/// The keyboard, shared by the thread that reads keys and whoever lends it away.
#[derive(Debug, Default)]
pub struct Keyboard {
    is_lent: Mutex<bool>,
    given_back: Condvar,
}

impl Keyboard {
    /// From now on no key is read here, until what is returned is dropped.
    #[must_use]
    pub fn lend(&self) -> Lent<'_> {
        self.set(true);
        Lent(self)
    }

    /// Whether somebody else reads it.
    #[must_use]
    pub fn is_lent(&self) -> bool {
        *self.is_lent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as it is lent.
    pub fn wait(&self) {
        let mut is_lent = self.is_lent.lock().unwrap_or_else(PoisonError::into_inner);
        while *is_lent {
            let woken = self.given_back.wait(is_lent);
            is_lent = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Runs `read` unless it is lent; it cannot be lent meanwhile, so that no key meant for somebody else is taken.
    pub fn read<T>(&self, read: impl FnOnce() -> T) -> Option<T> {
        let is_lent = self.is_lent.lock().unwrap_or_else(PoisonError::into_inner);
        (!*is_lent).then(read)
    }

    fn set(&self, is_lent: bool) {
        *self.is_lent.lock().unwrap_or_else(PoisonError::into_inner) = is_lent;
        self.given_back.notify_all();
    }
}

/// The keyboard as somebody else has it.
#[derive(Debug)]
#[must_use]
pub struct Lent<'a>(&'a Keyboard);

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_while_it_is_lent() {
        let keyboard = Keyboard::default();
        keyboard.wait();
        assert_eq!(keyboard.read(|| 1), Some(1));
        let lent = keyboard.lend();
        assert!(keyboard.is_lent());
        assert_eq!(keyboard.read(|| 1), None);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                keyboard.wait();
                keyboard.read(|| 2)
            });
            drop(lent);
            assert_eq!(waiting.join().expect("woken"), Some(2));
        });
    }
}
