//! What a run notes of the machine: the clock, its own memory, and how much is free.

use std::collections::BTreeMap;
use std::time::Instant;

use candle_core::Device;

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
        if let Some(busy) = gpu_percent(device) {
            values.insert("gpu_percent".to_owned(), busy);
        }
        values
    }
}

/// Memory of a device that nobody uses, in bytes, where the system tells.
pub(super) fn free_bytes(device: &Device) -> Option<u64> {
    match device {
        Device::Cpu => free_main_memory(),
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => Some(gpu_memory()?.0 as u64),
        _ => None,
    }
}

/// All memory of a device, in bytes, whoever uses it, where the system tells.
pub(super) fn all_bytes(device: &Device) -> Option<u64> {
    match device {
        Device::Cpu => main_memory(),
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => Some(gpu_memory()?.1 as u64),
        _ => None,
    }
}

/// Free and all memory of the GPU in use, in bytes.
#[cfg(feature = "cuda")]
fn gpu_memory() -> Option<(usize, usize)> {
    candle_core::cuda_backend::cudarc::driver::result::mem_get_info().ok()
}

/// For how much of the driver's last sampling period (up to a second) a GPU was at work, in percent, where the driver tells.
#[cfg(feature = "cuda")]
fn gpu_percent(device: &Device) -> Option<f64> {
    use std::sync::LazyLock;

    use nvml_wrapper::Nvml;
    static DRIVER: LazyLock<Option<Nvml>> = LazyLock::new(|| Nvml::init().ok());
    let Device::Cuda(device) = device else {
        return None;
    };
    // By its own name: the driver counts all GPUs, this process those that `CUDA_VISIBLE_DEVICES` leaves.
    let uuid = device.cuda_stream().context().uuid().ok()?;
    let told = DRIVER
        .as_ref()?
        .device_by_uuid(gpu_name(&uuid.bytes))
        .ok()?;
    Some(f64::from(told.utilization_rates().ok()?.gpu))
}

/// Elsewhere nothing tells.
#[cfg(not(feature = "cuda"))]
fn gpu_percent(_device: &Device) -> Option<f64> {
    None
}

/// `GPU-` and the 16 bytes of a GPU's UUID as the driver spells them: groups of 8, 4, 4, 4 and 12 digits.
#[cfg(any(feature = "cuda", test))]
fn gpu_name(uuid: &[impl Copy + Into<i128>]) -> String {
    let mut name = "GPU".to_owned();
    for (at, byte) in uuid.iter().enumerate() {
        if matches!(at, 0 | 4 | 6 | 8 | 10) {
            name.push('-');
        }
        // The driver's bytes are C's `char`, with a sign on some machines and without on others.
        name.push_str(&format!("{:02x}", (*byte).into() & 0xff));
    }
    name
}

/// What Linux says could be given out, within the limit of this process's control group.
fn free_main_memory() -> Option<u64> {
    let available = told_by_linux("MemAvailable:")?;
    let left = group_limit()
        .zip(group_number("memory.current"))
        .map(|(limit, used)| limit.saturating_sub(used.saturating_sub(group_cache())));
    Some(left.map_or(available, |left| left.min(available)))
}

/// Bytes of this process's control group that are copies of files: given back where memory is asked for.
fn group_cache() -> u64 {
    std::fs::read_to_string("/sys/fs/cgroup/memory.stat").map_or(0, |text| cached(&text))
}

fn cached(stat: &str) -> u64 {
    let lines = stat.lines().filter_map(|line| line.split_once(' '));
    let files = lines.filter(|(name, _)| matches!(*name, "inactive_file" | "active_file"));
    files
        .filter_map(|(_, bytes)| bytes.parse::<u64>().ok())
        .sum()
}

/// What there is, within the limit of this process's control group.
fn main_memory() -> Option<u64> {
    let all = told_by_linux("MemTotal:")?;
    Some(group_limit().map_or(all, |limit| limit.min(all)))
}

/// Bytes of a line of `/proc/meminfo`, which counts in KiB.
fn told_by_linux(name: &str) -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find(|line| line.starts_with(name))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// Most bytes that this process's control group may hold; `None` without such a limit.
fn group_limit() -> Option<u64> {
    group_number("memory.max")
}

fn group_number(file: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_files_count_as_free() {
        let stat = "anon 5\ninactive_file 7\nactive_file 2\nshmem 9\n";
        assert_eq!(cached(stat), 9);
        assert_eq!(cached(""), 0);
    }

    #[test]
    fn a_gpu_is_named_as_its_driver_names_it() {
        let uuid: [i8; 16] = [-34, -83, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 127, -128];
        assert_eq!(gpu_name(&uuid), "GPU-dead0102-0304-0506-0708-090a0b0c7f80");
        assert_eq!(gpu_name(&[255u8, 0]), "GPU-ff00");
    }

    #[test]
    fn there_is_at_least_as_much_memory_as_is_free() {
        if let Some(free) = free_bytes(&Device::Cpu) {
            let all = all_bytes(&Device::Cpu).expect("told where the free memory is");
            assert!(free <= all && all > 1 << 20, "{free} of {all}");
        }
    }

    #[test]
    fn a_step_on_a_cpu_tells_nothing_of_a_gpu() {
        let values = StepClock::start().values(100.0, Some(0.0), &Device::Cpu);
        assert!(!values.contains_key("gpu_percent"));
        assert!(values["step_time"] > 0.0 && values["tokens_per_second"] > 0.0);
    }
}
