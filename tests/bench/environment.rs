//! How many episodes a core generates, verifies and renders in a second, and that memory stays flat meanwhile.
//!
//! `cargo bench --bench environment` draws pairs of episodes and prints the rate of each stage beside the contract's 20,000
//! a second, then the memory of the process after each tenth of `--million` episodes. It fails where a stage is below that
//! floor.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run has failed")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use mimalloc::MiMalloc;
use opensoc::env::schema::{Episode, Split, Stage};
use opensoc::env::{generate, prompt, verify};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The contract's floor (PRODUCT.md 10), episodes a second on one core.
const FLOOR: f64 = 20_000.0;
/// Pairs timed at each stage.
const TIMED: u64 = 10_000;

/// An episode verified once more and rendered; the length of its prompt.
fn work(episode: &Episode) -> usize {
    let truth = verify::truth(&episode.log_window).expect("events");
    assert_eq!(truth, episode.truth);
    prompt::user_message(&episode.alert, &episode.log_window).len()
}

/// Episodes a second where `draw` gives the twins of each number.
fn rate(draw: impl Fn(u64) -> [Episode; 2]) -> f64 {
    let started = Instant::now();
    let bytes: usize = (0..TIMED)
        .flat_map(draw)
        .map(|episode| work(&episode))
        .sum();
    black_box(bytes);
    2.0 * TIMED as f64 / started.elapsed().as_secs_f64()
}

/// Prints the rates of a stage; whether that of pairs is at least the floor.
fn is_fast_enough(stage: Stage) -> bool {
    let in_pairs = |number| generate::pair(stage, Split::Train, 1, number);
    let alone = |number| {
        [2 * number, 2 * number + 1].map(|index| generate::episode(stage, Split::Train, 1, index))
    };
    rate(in_pairs);
    let (in_pairs, alone) = (rate(in_pairs), rate(alone));
    let ratio = in_pairs / FLOOR;
    let mark = if ratio < 1.0 { "  BELOW THE FLOOR" } else { "" };
    println!(
        "{stage}: {in_pairs:.0} episodes a second in pairs, {ratio:.2} of the floor of {FLOOR}; {alone:.0} where each is asked for by its index{mark}"
    );
    ratio >= 1.0
}

/// Resident memory in MB (Linux).
fn resident() -> Option<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096.0 / 1e6)
}

fn memory(episodes: usize) {
    let drawn = generate::episodes(Stage::Adversarial, Split::Train, 1, 0);
    for (index, episode) in drawn.take(episodes).enumerate() {
        black_box(work(&episode));
        if let (true, Some(megabytes)) = (index % (episodes / 10) == 0, resident()) {
            println!("  after {index:>9}: {megabytes:.1} MB");
        }
    }
}

fn main() -> ExitCode {
    // Every stage is timed, also after one that is too slow.
    let slow = Stage::ALL
        .into_iter()
        .filter(|&stage| !is_fast_enough(stage))
        .count();
    if std::env::args().any(|arg| arg == "--million") {
        memory(1_000_000);
    }
    ExitCode::from(u8::from(slow > 0))
}
