//! Where a base model's tensors lie, and in what element type its matrices are kept.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device};

use super::error::{ModelError, Result};

/// Device and element type of a base model. Adapters, norms, biases and everything computed are f32 on the same device.
#[derive(Clone, Debug)]
pub struct Placement {
    pub device: Device,
    /// Of embeddings and projections: F32, BF16 or F16.
    pub dtype: DType,
}

impl Placement {
    /// On `device`, in an element type that suits it or was asked for.
    #[must_use]
    pub fn of(device: Device, dtype: DtypeChoice) -> Self {
        let dtype = dtype.on(&device);
        Self { device, dtype }
    }

    /// f32 in the memory of this machine.
    #[must_use]
    pub fn cpu() -> Self {
        Self {
            device: Device::Cpu,
            dtype: DType::F32,
        }
    }
}

/// An element type for a base model's matrices, as it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DtypeChoice {
    /// BF16 on a GPU, f32 on a CPU, where 16 bits would not be faster.
    #[default]
    Auto,
    F32,
    Bf16,
    F16,
}

impl FromStr for DtypeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            "f16" => Ok(Self::F16),
            _ => Err("auto, f32, bf16 or f16".into()),
        }
    }
}

impl fmt::Display for DtypeChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}

impl DtypeChoice {
    /// The element type on a device.
    #[must_use]
    pub fn on(self, device: &Device) -> DType {
        match self {
            Self::Auto if device.is_cpu() => DType::F32,
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Auto | Self::Bf16 => DType::BF16,
        }
    }
}

/// A device as it is asked for on a command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first GPU that this binary was built for and that is there, else the CPU.
    #[default]
    Auto,
    Cpu,
    /// The CUDA device of this index.
    Cuda(usize),
    Metal,
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let index = |text: &str| match text.is_empty() {
            true => Some(0),
            false => text.strip_prefix(':')?.parse().ok(),
        };
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "metal" => Ok(Self::Metal),
            _ => match text.strip_prefix("cuda").and_then(index) {
                Some(index) => Ok(Self::Cuda(index)),
                None => Err("auto, cpu, cuda, cuda:N or metal".into()),
            },
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// When this binary was not built for it, or it is not there; says which.
    pub fn open(self) -> Result<Device> {
        let refuse = |reason: String| ModelError::Device {
            device: self.to_string(),
            reason,
        };
        let built_without = |feature: &str| {
            refuse(format!(
                "this binary was built without it; build with `cargo build --release --features {feature}`"
            ))
        };
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(_) if !candle_core::utils::cuda_is_available() => Err(built_without("cuda")),
            Self::Cuda(index) => Device::new_cuda(index).map_err(|e| refuse(reason(&e))),
            Self::Metal if !candle_core::utils::metal_is_available() => Err(built_without("metal")),
            Self::Metal => Device::new_metal(0).map_err(|e| refuse(reason(&e))),
            Self::Auto => {
                let gpus = [Self::Cuda(0), Self::Metal];
                let found = gpus.into_iter().find_map(|choice| choice.open().ok());
                Ok(found.unwrap_or(Device::Cpu))
            }
        }
    }
}

/// What a driver said, without the stack that candle may add, and what to do.
fn reason(error: &candle_core::Error) -> String {
    let told = error.to_string();
    let first = told.lines().next().unwrap_or_default();
    format!("{first}; look at its driver, or take `--device cpu`")
}

/// What a device is called in run files: `cpu`, `cuda:0`, `metal`.
#[must_use]
pub fn device_name(device: &Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cpu => "cpu".into(),
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        candle_core::DeviceLocation::Metal { .. } => "metal".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_printed() {
        for (text, choice) in [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("cuda:1", DeviceChoice::Cuda(1)),
            ("metal", DeviceChoice::Metal),
        ] {
            assert_eq!(text.parse(), Ok(choice));
            assert_eq!(choice.to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for text in ["gpu", "cuda1", "cuda:", "cuda:x", ""] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn element_types_are_read_as_they_are_printed() {
        for (text, choice) in [
            ("auto", DtypeChoice::Auto),
            ("f32", DtypeChoice::F32),
            ("bf16", DtypeChoice::Bf16),
            ("f16", DtypeChoice::F16),
        ] {
            assert_eq!(text.parse(), Ok(choice));
            assert_eq!(choice.to_string(), text);
        }
        assert!("fp16".parse::<DtypeChoice>().is_err());
    }

    #[test]
    fn without_a_gpu_auto_is_the_cpu_and_a_gpu_is_refused_with_what_to_do() {
        if candle_core::utils::cuda_is_available() || candle_core::utils::metal_is_available() {
            return;
        }
        let device = DeviceChoice::Auto.open().expect("some device");
        assert_eq!(device_name(&device), "cpu");
        let error = DeviceChoice::Cuda(0).open().expect_err("none").to_string();
        assert!(error.contains("--features cuda"), "{error}");
    }
}
