//! Safetensors files read a tensor at a time: a model larger than half the memory can still be loaded.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor, WithDType};
use half::{bf16, f16};
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::Value;

use super::{TensorSource, damage, element_bytes, extend_floats};
use crate::disk;
use crate::model::error::{ModelError, Result};

/// The name of a model that lies in one file.
const SINGLE: &str = "model.safetensors";
/// Says which shard holds which tensor.
const INDEX: &str = "model.safetensors.index.json";
/// Longest header read, as in the format's reference implementation.
const MOST_HEADER: u64 = 100_000_000;
/// The longest index, in bytes.
const MOST_INDEX: u64 = 100_000_000;
/// Bytes converted at a time.
const PIECE: usize = 1 << 20;

/// The weights of a folder: one file, or shards with their index.
pub struct SafetensorsFiles {
    files: Vec<OpenFile>,
    /// Which file holds a tensor.
    places: HashMap<String, usize>,
    /// The file that says which tensors there are, for messages.
    listing: PathBuf,
    device: Device,
}

struct OpenFile {
    path: PathBuf,
    file: File,
    header: Metadata,
    /// Where tensor data begins.
    data: u64,
}

impl SafetensorsFiles {
    /// Opens `model.safetensors` of a folder, or the shards that its index names.
    ///
    /// # Errors
    /// On a missing or damaged file, or an index that names files outside the folder.
    pub fn open(dir: &Path, device: &Device) -> Result<Self> {
        let (index, single) = (dir.join(INDEX), dir.join(SINGLE));
        let (listing, names) = match (single.is_file(), index.is_file()) {
            (false, true) => {
                let names = shards(&index)?;
                (index, names)
            }
            (false, false) if has_shards(dir) => {
                return Err(ModelError::NoFile {
                    path: index,
                    advice: "the folder has shards of a model, but not this list of what each of them holds: fetch it too"
                        .to_owned(),
                });
            }
            _ => (single, vec![SINGLE.to_string()]),
        };
        let files = names.iter().map(|name| OpenFile::open(&dir.join(name)));
        let files: Vec<OpenFile> = files.collect::<Result<_>>()?;
        let mut places = HashMap::new();
        for (i, file) in files.iter().enumerate() {
            places.extend(file.header.offset_keys().into_iter().map(|name| (name, i)));
        }
        Ok(Self {
            files,
            places,
            listing,
            device: device.clone(),
        })
    }

    /// The files read.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }
}

impl TensorSource for SafetensorsFiles {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        self.take_as(name, shape, DType::F32)
    }

    fn take_as(&mut self, name: &str, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let place = self.places.get(name).copied();
        let place = place.ok_or_else(|| ModelError::missing(&self.listing, name))?;
        self.files[place].read(name, shape, dtype, &self.device)
    }

    fn check(&self, name: &str, shape: &[usize]) -> Result<()> {
        let file = self.places.get(name).and_then(|&i| self.files.get(i));
        let file = file.ok_or_else(|| ModelError::missing(&self.listing, name))?;
        file.place(name, shape).map(|_| ())
    }

    fn holder(&self, name: &str) -> Option<&Path> {
        let place = self.places.get(name)?;
        self.files.get(*place).map(|file| file.path.as_path())
    }
}

/// Whether a folder has files as Hugging Face calls the shards of a model.
fn has_shards(dir: &Path) -> bool {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.any(|name| name.starts_with("model-") && name.ends_with(".safetensors"))
}

/// The different files an index names, in order.
fn shards(index: &Path) -> Result<Vec<String>> {
    let wrong = |reason: String| ModelError::Safetensors {
        path: index.to_path_buf(),
        reason,
    };
    let text = disk::read_text(index, MOST_INDEX).map_err(ModelError::io(index))?;
    let json: Value = serde_json::from_str(&text)
        .map_err(|e| wrong(damage::told(text.as_bytes(), &e.to_string())))?;
    let map = json.get("weight_map").and_then(Value::as_object);
    let map = map.ok_or_else(|| wrong("field weight_map is missing".into()))?;
    let mut names = Vec::new();
    for (tensor, file) in map {
        let file = file.as_str().unwrap_or_default();
        let is_plain = Path::new(file).file_name() == Some(file.as_ref());
        if !is_plain {
            return Err(wrong(format!(
                "tensor {tensor} lies in no file of this folder"
            )));
        }
        names.push(file.to_string());
    }
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Err(wrong("weight_map names no file".into()));
    }
    Ok(names)
}

impl OpenFile {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(ModelError::weights(path))?;
        let metadata = file.metadata().map_err(ModelError::io(path))?;
        if metadata.is_dir() {
            let cause = std::io::ErrorKind::IsADirectory.into();
            return Err(ModelError::weights(path)(cause));
        }
        let read = header(&file, metadata.len());
        let (header, data) = read.map_err(|reason| ModelError::Safetensors {
            path: path.to_path_buf(),
            reason: damage::told_of(&mut &file, &reason),
        })?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
            header,
            data,
        })
    }

    /// Where a tensor lies that is there, of this shape, in an element type that can be read.
    fn place(&self, name: &str, shape: &[usize]) -> Result<&TensorInfo> {
        let info = self.header.info(name);
        let info = info.ok_or_else(|| ModelError::missing(&self.path, name))?;
        ModelError::check_shape(&self.path, name, &info.shape, shape)?;
        let bytes =
            element_bytes(info.dtype).map(|size| size * info.shape.iter().product::<usize>());
        let Some(bytes) = bytes else {
            return Err(ModelError::Dtype {
                path: self.path.clone(),
                name: name.to_string(),
                dtype: format!("{:?}", info.dtype),
            });
        };
        match info.data_offsets.1.checked_sub(info.data_offsets.0) == Some(bytes) {
            true => Ok(info),
            false => Err(ModelError::Safetensors {
                path: self.path.clone(),
                reason: format!("tensor {name} has other bytes than its shape asks for"),
            }),
        }
    }

    fn read(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor> {
        let info = self.place(name, shape)?;
        let (file, data) = (&self.file, self.data);
        match dtype {
            DType::BF16 => made(pieces(file, data, info, bf16::from_f32), shape, device),
            DType::F16 => made(pieces(file, data, info, f16::from_f32), shape, device),
            _ => made(pieces(file, data, info, |float| float), shape, device),
        }
        .map_err(|cause| match cause {
            Unread::Io(cause) => ModelError::io(&self.path)(cause),
            Unread::Candle(cause) => cause.into(),
        })
    }
}

/// The header of a file of `length` bytes, and where its data begins; or what is wrong.
fn header(mut file: &File, length: u64) -> Result<(Metadata, u64), String> {
    let mut prefix = [0u8; 8];
    let short = |_| "it is shorter than a header".to_owned();
    file.read_exact(&mut prefix).map_err(short)?;
    let header_bytes = u64::from_le_bytes(prefix);
    if header_bytes > MOST_HEADER || header_bytes + 8 > length {
        return Err(format!("a header of {header_bytes} bytes does not fit"));
    }
    let mut text = vec![0u8; header_bytes as usize];
    file.read_exact(&mut text).map_err(|e| e.to_string())?;
    let header = serde_json::from_slice::<Metadata>(&text);
    let header = header.map_err(|e| damage::of_header(&text, &e.to_string()))?;
    let data = header_bytes + 8;
    let expected = data + header.data_len() as u64;
    match expected == length {
        true => Ok((header, data)),
        false => Err(format!(
            "{length} bytes, but its header asks for {expected}"
        )),
    }
}

/// Why there is no tensor.
enum Unread {
    Io(std::io::Error),
    Candle(candle_core::Error),
}

fn made<T: WithDType>(
    values: std::io::Result<Vec<T>>,
    shape: &[usize],
    device: &Device,
) -> Result<Tensor, Unread> {
    let values = values.map_err(Unread::Io)?;
    Tensor::from_vec(values, shape, device).map_err(Unread::Candle)
}

/// The elements of a tensor, converted while they are read. From f32 itself: `half` drops the low bits of an f64 before it rounds,
/// so that a number almost halfway goes the wrong way.
fn pieces<T>(
    mut file: &File,
    data: u64,
    info: &TensorInfo,
    converted: fn(f32) -> T,
) -> std::io::Result<Vec<T>> {
    file.seek(SeekFrom::Start(data + info.data_offsets.0 as u64))?;
    let mut values = Vec::with_capacity(info.shape.iter().product());
    let mut left = info.data_offsets.1 - info.data_offsets.0;
    let (mut piece, mut floats) = (vec![0u8; PIECE.min(left)], Vec::new());
    while left > 0 {
        let part = &mut piece[..PIECE.min(left)];
        file.read_exact(part)?;
        floats.clear();
        extend_floats(&mut floats, info.dtype, part);
        values.extend(floats.iter().copied().map(converted));
        left -= part.len();
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tensors::to_safetensors;
    use crate::model::testing::{assert_close, randn};

    fn reason(dir: &Path) -> String {
        match SafetensorsFiles::open(dir, &Device::Cpu) {
            Ok(_) => "opened".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn shards_are_found_through_their_index_and_no_other_file() -> Result<()> {
        let dir = tempfile::tempdir().expect("folder");
        let (a, b) = (randn(1, &[3, 5])?, randn(2, &[7])?);
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(dir.path().join(name), bytes).expect("written")
        };
        write(
            "one.safetensors",
            &to_safetensors(&[("a".into(), a.clone())], DType::F32)?,
        );
        write(
            "two.safetensors",
            &to_safetensors(&[("b".into(), b.clone())], DType::BF16)?,
        );
        write(
            INDEX,
            br#"{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}"#,
        );
        let mut files = SafetensorsFiles::open(dir.path(), &Device::Cpu)?;
        assert_close(&files.take("a", &[3, 5])?, &a, 0.0)?;
        assert_close(&files.take("b", &[7])?, &b, 2e-2)?;
        let missing = files.take("c", &[1]).expect_err("missing").to_string();
        assert!(missing.contains("tensor c is missing"), "{missing}");
        write(INDEX, br#"{"weight_map": {"a": "../one.safetensors"}}"#);
        assert!(reason(dir.path()).contains("no file of this folder"));
        write(INDEX, br#"{"weight_map": {"a": "three.safetensors"}}"#);
        assert!(reason(dir.path()).contains("three.safetensors"));
        Ok(())
    }

    #[test]
    fn a_torn_download_is_told_from_a_damaged_file() -> Result<()> {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join(SINGLE);
        let bytes = to_safetensors(&[("t".into(), randn(1, &[3, 5])?)], DType::F32)?;
        for (bytes, word) in [
            (&bytes[..bytes.len() - 4], "whole download"),
            (&bytes[..20], "does not fit: is it a whole download?"),
            (
                &bytes[..3],
                "shorter than a header: is it a whole download?",
            ),
            (b"", "it is empty"),
            (
                b"version https://git-lfs.github.com/spec/v1\n",
                "git lfs pull",
            ),
            (&[0xff; 64][..], "does not fit"),
            (b"\x02\0\0\0\0\0\0\0[]", "expected"),
        ] {
            std::fs::write(&path, bytes).expect("written");
            let reason = reason(dir.path());
            assert!(reason.contains(word), "{reason}");
        }
        std::fs::remove_file(&path).expect("removed");
        std::fs::create_dir(&path).expect("made");
        let reason = reason(dir.path());
        assert!(reason.contains("a folder of that name"), "{reason}");
        Ok(())
    }

    #[test]
    fn a_tensor_is_checked_without_being_read() -> Result<()> {
        let dir = tempfile::tempdir().expect("folder");
        let tensors = [("t".to_owned(), randn(1, &[3, 5])?)];
        let bytes = to_safetensors(&tensors, DType::F32)?;
        std::fs::write(dir.path().join(SINGLE), bytes).expect("written");
        let files = SafetensorsFiles::open(dir.path(), &Device::Cpu)?;
        assert!(files.check("t", &[3, 5]).is_ok());
        for (name, shape, word) in [("t", [5, 3], "has shape"), ("u", [3, 5], "missing")] {
            let told = files.check(name, &shape).expect_err(word).to_string();
            assert!(told.contains(word), "{told}");
        }
        Ok(())
    }

    #[test]
    fn a_number_almost_halfway_goes_to_the_nearer_one() -> Result<()> {
        let dir = tempfile::tempdir().expect("folder");
        // 1 and a hair less than, exactly and a hair more than half a step: of bf16, then of f16.
        let bits = [
            0x3f80_7fffu32,
            0x3f80_8000,
            0x3f80_8001,
            0x3f80_0fff,
            0x3f80_1000,
            0x3f80_1001,
        ];
        let floats = Tensor::new(&bits.map(f32::from_bits), &Device::Cpu)?;
        let bytes = to_safetensors(&[("t".into(), floats)], DType::F32)?;
        std::fs::write(dir.path().join(SINGLE), bytes).expect("written");
        let mut files = SafetensorsFiles::open(dir.path(), &Device::Cpu)?;
        let read = files.take_as("t", &[6], DType::BF16)?.to_vec1::<bf16>()?;
        let nearest = [0x3f80, 0x3f80, 0x3f81, 0x3f80, 0x3f80, 0x3f80];
        assert_eq!(read, nearest.map(bf16::from_bits));
        let read = files.take_as("t", &[6], DType::F16)?.to_vec1::<f16>()?;
        let nearest = [0x3c04, 0x3c04, 0x3c04, 0x3c00, 0x3c00, 0x3c01];
        assert_eq!(read, nearest.map(f16::from_bits));
        Ok(())
    }

    #[test]
    fn shards_without_their_index_are_told_what_is_missing() {
        let dir = tempfile::tempdir().expect("folder");
        assert!(reason(dir.path()).contains("model.safetensors: there is no such file"));
        let shard = dir.path().join("model-00001-of-00002.safetensors");
        std::fs::write(shard, b"").expect("written");
        let told = reason(dir.path());
        assert!(
            told.contains("model.safetensors.index.json: there is no such file"),
            "{told}"
        );
    }
}
