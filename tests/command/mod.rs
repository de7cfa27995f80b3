//! The binary as somebody at a shell has it: started with arguments, in a home of the test's own.

use std::path::Path;
use std::process::{Command, Output};

/// Runs `opensoc` and waits for its end.
pub fn opensoc(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_opensoc"))
        .args(args)
        .env("OPENSOC_HOME", home)
        .output()
        .expect("starts")
}

/// What was written, as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}
