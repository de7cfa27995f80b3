//! The words of a panic, for whoever caught one.

use std::any::Any;

/// What a panic said.
#[must_use]
pub fn said(panic: &(dyn Any + Send)) -> &str {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    said.unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_however_they_were_said() {
        let panics: [(Box<dyn Any + Send>, &str); 3] = [
            (Box::new("no width"), "no width"),
            (Box::new("no height".to_owned()), "no height"),
            (Box::new(7), "no reason given"),
        ];
        for (panic, words) in panics {
            assert_eq!(said(&*panic), words);
        }
    }
}
