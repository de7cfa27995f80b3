//! What a run notes of the machine: the clock, its own memory, and how much is free.

use std::time::{SystemTime, UNIX_EPOCH};

use candle_core::Device;

/// Seconds since 1970.
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|d| d.as_secs())
        .unwrap_or(0)
}

/// Resident memory of this process in MB, where the system tells.
pub(super) fn resident_mb() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<f64>().ok());
    pages.map_or(0.0, |pages| pages * 4096.0 / 1e6)
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
