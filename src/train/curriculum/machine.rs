//! What a run notes of the machine: the clock, its own memory, and how much is free.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use candle_core::Device;

/// Seconds since 1970.
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|d| d.as_secs())
        .unwrap_or(0)
}

/// Resident memory of this process in MB, where the system tells.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").ok();
    let kib = status.and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    });
    kib.map_or(0.0, |kib| kib * 1024.0 / 1e6)
}

/// Ticks of a second in `/proc/self/stat`: what Linux tells every program, whatever the kernel counts in.
const TICKS: f64 = 100.0;

/// Processor seconds of this process so far, where the system tells.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name is in brackets and may hold spaces; user and system time are the 12th and 13th after it.
    let (_, rest) = text.rsplit_once(')')?;
    let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse);
    let ticks: Vec<f64> = ticks.collect::<Result<_, _>>().ok()?;
    Some(ticks.iter().sum::<f64>() / TICKS)
}

/// Clock and processor time at the beginning of a step.
pub(super) struct StepClock {
    started: Instant,
    processor_s: Option<f64>,
}

impl StepClock {
    pub(super) fn start() -> Self {
        Self {
            started: Instant::now(),
            processor_s: processor_seconds(),
        }
    }

    /// What the step cost that ends now and worked through so many tokens; `rollout_s` of it went into sampling.
    pub(super) fn values(
        &self,
        tokens: f64,
        rollout_s: Option<f64>,
        device: &Device,
    ) -> BTreeMap<String, f64> {
        let seconds = self.started.elapsed().as_secs_f64();
        let mut values = BTreeMap::from([
            ("step_time".to_owned(), seconds),
            ("tokens_per_second".to_owned(), tokens / seconds),
            ("resident_mb".to_owned(), resident_mb()),
        ]);
        if let Some(rollout_s) = rollout_s {
            values.insert("rollout_time".to_owned(), rollout_s);
            values.insert("update_time".to_owned(), seconds - rollout_s);
        }
        if let Some((before, now)) = self.processor_s.zip(processor_seconds()) {
            // 100 is one core.
            values.insert("cpu_percent".to_owned(), (now - before) / seconds * 100.0);
        }
        if let Some(free) = free_bytes(device) {
            values.insert("free_mb".to_owned(), free as f64 / 1e6);
        }
        values
    }
}

/// Memory of a device that nobody uses, in bytes, where the system tells.
pub(super) fn free_bytes(device: &Device) -> Option<u64> {
    match device {
        Device::Cpu => free_main_memory(),
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => {
            let told = candle_core::cuda_backend::cudarc::driver::result::mem_get_info().ok();
            told.map(|(free, _)| free as u64)
        }
        _ => None,
    }
}

/// What Linux says could be given out, within the limit of this process's control group.
fn free_main_memory() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let info = read("/proc/meminfo")?;
    let line = info
        .lines()
        .find(|line| line.starts_with("MemAvailable:"))?;
    let available = line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024;
    let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
    let limit = number("/sys/fs/cgroup/memory.max");
    let used = number("/sys/fs/cgroup/memory.current");
    let left = limit
        .zip(used)
        .map(|(limit, used)| limit.saturating_sub(used));
    Some(left.map_or(available, |left| left.min(available)))
}
