//! GGUF files (llama.cpp's format, version 3): shape, tensors and tokenizer from one file.
//!
//! candle reads the container and dequantises; here are the names, the order of rows that llama.cpp gives Llama's queries and
//! keys, and what its metadata says of the tokenizer.

mod extras;
mod length;
mod tokenizer;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, TensorInfo, Value};
use candle_core::{DType, Device, Tensor};

use super::chat::ChatTemplate;
use super::config::{Architecture, EPSILON, MOST_SIZE, ModelConfig, Projection, THETA};
use super::error::{ModelError, Result, without_stack};
use super::tensors::{TensorSource, damage};
use super::tokenizer::Tokenizer;
use crate::process::give_back_freed_pages;

/// Metadata is looked through for this many bytes before candle reads it.
const LOOKED_THROUGH: u64 = 1 << 26;

/// Bytes looked through at a time.
const PIECE: usize = 1 << 16;

/// Elements of a matrix that are dequantised at a time.
const PART: usize = 1 << 20;

/// An open GGUF file.
pub struct GgufFile {
    path: PathBuf,
    reader: BufReader<File>,
    content: Content,
    config: ModelConfig,
    device: Device,
}

impl GgufFile {
    /// Reads the header of a file and the model's shape.
    ///
    /// # Errors
    /// On a damaged file, an unknown architecture, or features that would give other logits; each is named.
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        let file = File::open(path).map_err(ModelError::io(path))?;
        let length = file.metadata().map_err(ModelError::io(path))?.len();
        let no_alignment = has_no_alignment((&file).take(LOOKED_THROUGH));
        if no_alignment.map_err(ModelError::io(path))? {
            return Err(wrong(path, "general.alignment is 0"));
        }
        let mut reader = BufReader::new(file);
        std::io::Seek::rewind(&mut reader).map_err(ModelError::io(path))?;
        let content = Content::read(&mut reader).map_err(|error| {
            let reason = without_stack(error).to_string();
            // A whole file may hold blocks that candle does not know (IQ4_XS, MXFP4).
            let told = match reason.starts_with("unknown dtype") {
                true => format!(
                    "{reason}: this quantisation is not read; take a file in Q8_0, Q6_K, Q5_K, Q4_K, F16 or BF16"
                ),
                false => damage::told_of(&mut reader, &reason),
            };
            wrong(path, &told)
        })?;
        let config = shape(&content).map_err(|reason| wrong(path, &reason))?;
        length::check(&content, length).map_err(|reason| wrong(path, &reason))?;
        Ok(Self {
            path: path.to_path_buf(),
            reader,
            content,
            config,
            device: device.clone(),
        })
    }

    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The tokenizer its metadata describes, with its chat template.
    ///
    /// # Errors
    /// On a kind of tokenizer that is not known here; it is named.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        tokenizer::read(&self.content, &self.path)
    }

    /// The chat template of its metadata with the tokens it may name, where there is one.
    #[must_use]
    pub fn chat_template(&self) -> Option<ChatTemplate> {
        tokenizer::chat_template(&self.content)
    }
}

fn wrong(path: &Path, reason: &str) -> ModelError {
    ModelError::Gguf {
        path: path.to_path_buf(),
        reason: reason.to_string(),
    }
}

/// Whether `general.alignment` says 0, by which candle would divide. Read piece by piece: a head may be as large as a small
/// model's weights.
fn has_no_alignment(mut head: impl Read) -> std::io::Result<bool> {
    const KEY: &[u8] = b"general.alignment";
    // A four-byte type stands between the key and its value.
    let whole = KEY.len() + 8;
    let is_zero = |w: &[u8]| {
        w.starts_with(KEY) && w[KEY.len() + 4] == 0 && {
            let is_byte = w[KEY.len()] < 2;
            is_byte || w[KEY.len() + 4..] == [0; 4]
        }
    };
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        // What was read last may begin what is looked for.
        let kept = piece.len().min(whole - 1);
        piece.drain(..piece.len() - kept);
        let mut read = head.by_ref().take((PIECE - kept) as u64);
        if read.read_to_end(&mut piece)? == 0 {
            return Ok(false);
        }
        if piece.windows(whole).any(is_zero) {
            return Ok(true);
        }
    }
}

/// A whole number of the metadata, zero among them.
fn unsigned(value: &Value) -> Option<u64> {
    value
        .to_u64()
        .ok()
        .or_else(|| value.to_i32().ok()?.try_into().ok())
}

/// A decimal number of the metadata.
fn float(value: &Value) -> Option<f64> {
    let number = value.to_f32().map(f64::from).or_else(|_| value.to_f64());
    number.ok()
}

/// A size in the metadata.
fn whole(content: &Content, key: &str) -> Result<usize, String> {
    let value = content.metadata.get(key);
    let value = value.ok_or_else(|| format!("metadata {key} is missing"))?;
    let usable = unsigned(value).filter(|&n| n > 0 && n <= MOST_SIZE);
    usable
        .map(|n| n as usize)
        .ok_or_else(|| format!("metadata {key} is not a usable size"))
}

/// A positive number of the metadata, where it is there.
fn positive(content: &Content, key: &str) -> Result<Option<f64>, String> {
    let Some(value) = content.metadata.get(key) else {
        return Ok(None);
    };
    match float(value).filter(|n| n.is_finite() && *n > 0.0) {
        // What was typed as a decimal number before it became an f32: 1e-5, not 9.99999974e-6.
        Some(number) => Ok(Some((number as f32).to_string().parse().unwrap_or(number))),
        None => Err(format!("metadata {key} is not a positive number")),
    }
}

fn shape(content: &Content) -> Result<ModelConfig, String> {
    extras::check_undivided(content)?;
    let text = |key: &str| content.metadata.get(key).and_then(|v| v.to_string().ok());
    let name = text("general.architecture").ok_or("metadata general.architecture is missing")?;
    let architecture = Architecture::from_name(name)?;
    let key = |rest: &str| format!("{}.{rest}", architecture.as_str());
    let size = |rest: &str| whole(content, &key(rest));
    let embedding = content.tensor_infos.get("token_embd.weight");
    let embedding = embedding.ok_or("tensor token_embd.weight is missing")?;
    let heads = size("attention.head_count")?;
    let kv_heads = key("attention.head_count_kv");
    let config = ModelConfig {
        architecture,
        vocab_size: embedding.shape.dims().first().copied().unwrap_or(0),
        hidden_size: size("embedding_length")?,
        intermediate_size: size("feed_forward_length")?,
        layers: size("block_count")?,
        heads,
        kv_heads: match content.metadata.contains_key(&kv_heads) {
            true => whole(content, &kv_heads)?,
            false => heads,
        },
        max_positions: size("context_length")?,
        rms_norm_eps: positive(content, &key("attention.layer_norm_rms_epsilon"))?
            .unwrap_or(EPSILON),
        rope_theta: positive(content, &key("rope.freq_base"))?.unwrap_or(THETA),
        tied: !content.tensor_infos.contains_key("output.weight"),
    };
    config.check()?;
    extras::check(content, &config, &key)?;
    Ok(config)
}

/// llama.cpp's name of a tensor.
fn gguf_name(name: &str) -> Option<String> {
    let whole = match name {
        "model.embed_tokens.weight" => Some("token_embd.weight"),
        "model.norm.weight" => Some("output_norm.weight"),
        "lm_head.weight" => Some("output.weight"),
        _ => None,
    };
    if let Some(name) = whole {
        return Some(name.to_string());
    }
    let (layer, rest) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let (module, kind) = rest.rsplit_once('.')?;
    let module = match module.rsplit('.').next()? {
        "input_layernorm" => "attn_norm",
        "post_attention_layernorm" => "ffn_norm",
        "q_proj" => "attn_q",
        "k_proj" => "attn_k",
        "v_proj" => "attn_v",
        "o_proj" => "attn_output",
        "gate_proj" => "ffn_gate",
        "up_proj" => "ffn_up",
        "down_proj" => "ffn_down",
        _ => return None,
    };
    Some(format!("blk.{layer}.{module}.{kind}"))
}

/// Heads whose rows llama.cpp interleaves in this tensor, so that its rotary embedding turns neighbours: Llama's queries and
/// keys.
fn interleaved_heads(config: &ModelConfig, name: &str) -> Option<usize> {
    if config.architecture != Architecture::Llama {
        return None;
    }
    match name {
        _ if name.contains(Projection::Q.as_str()) => Some(config.heads),
        _ if name.contains(Projection::K.as_str()) => Some(config.kv_heads),
        _ => None,
    }
}

/// Puts interleaved rows `(x0, y0, x1, y1, …)` of every head back into halves `(x0, x1, …, y0, y1, …)`.
fn uninterleaved(tensor: &Tensor, heads: usize) -> candle_core::Result<Tensor> {
    let (rows, columns) = tensor.dims2()?;
    let half = rows / heads / 2;
    tensor
        .reshape((heads, half, 2, columns))?
        .transpose(1, 2)?
        .contiguous()?
        .reshape((rows, columns))
}

/// A tensor in `dtype`; of a matrix no more than [`PART`] or the rows of a head are in f32 at a time. `place` is where the
/// file's tensors begin.
fn dequantised(
    reader: &mut BufReader<File>,
    (info, place): (&TensorInfo, u64),
    heads: Option<usize>,
    dtype: DType,
    device: &Device,
) -> candle_core::Result<Tensor> {
    let Ok((rows, columns)) = info.shape.dims2() else {
        let whole = info.read(reader, place, device)?;
        return whole.dequantize(device)?.to_dtype(dtype);
    };
    let together = heads.map_or(1, |heads| rows / heads);
    let step = (PART / columns.max(1)).max(1).div_ceil(together) * together;
    let row_bytes = columns / info.ggml_dtype.block_size() * info.ggml_dtype.type_size();
    let tensor = Tensor::zeros((rows, columns), dtype, device)?;
    for from in (0..rows).step_by(step) {
        let count = step.min(rows - from);
        let part = TensorInfo {
            ggml_dtype: info.ggml_dtype,
            shape: (count, columns).into(),
            offset: info.offset.saturating_add((from * row_bytes) as u64),
        };
        let part = part.read(reader, place, device)?.dequantize(device)?;
        let part = match heads {
            Some(_) => uninterleaved(&part, count / together)?,
            None => part,
        };
        tensor.slice_set(&part.to_dtype(dtype)?, 0, from)?;
    }
    Ok(tensor)
}

/// A tensor of this shape: what it is called here, and where it lies.
fn found<'a>(
    content: &'a Content,
    path: &Path,
    name: &str,
    shape: &[usize],
) -> Result<(String, &'a TensorInfo)> {
    let own = gguf_name(name).ok_or_else(|| ModelError::missing(path, name))?;
    let info = content.tensor_infos.get(&own);
    let info = info.ok_or_else(|| ModelError::missing(path, &own))?;
    ModelError::check_shape(path, &own, info.shape.dims(), shape)?;
    Ok((own, info))
}

impl TensorSource for GgufFile {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        self.take_as(name, shape, DType::F32)
    }

    fn take_as(&mut self, name: &str, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let (own, info) = found(&self.content, &self.path, name, shape)?;
        let heads = interleaved_heads(&self.config, name);
        let place = self.content.tensor_data_offset;
        let tensor = dequantised(&mut self.reader, (info, place), heads, dtype, &self.device);
        // What it was read as, and the order it was in, are of no use any more.
        give_back_freed_pages();
        tensor.map_err(|error| {
            let told = without_stack(error);
            wrong(&self.path, &format!("tensor {own}: {told}"))
        })
    }

    fn check(&self, name: &str, shape: &[usize]) -> Result<()> {
        found(&self.content, &self.path, name, shape).map(|_| ())
    }

    fn holder(&self, name: &str) -> Option<&Path> {
        let is_held = self.content.tensor_infos.contains_key(&gguf_name(name)?);
        is_held.then_some(&self.path)
    }
}

/// A string of the metadata.
fn text<'a>(content: &'a Content, key: &str) -> Option<&'a str> {
    content
        .metadata
        .get(key)
        .and_then(|v| v.to_string().ok())
        .map(String::as_str)
}

/// The strings of an array of the metadata.
fn texts(content: &Content, key: &str) -> Result<Vec<String>, String> {
    let wrong = || {
        format!(
            "metadata {key} is not a list of strings: take another conversion of the model, or make one (convert_hf_to_gguf.py of llama.cpp)"
        )
    };
    let list = content
        .metadata
        .get(key)
        .ok_or_else(wrong)?
        .to_vec()
        .map_err(|_| wrong())?;
    let strings = list
        .iter()
        .map(|value| value.to_string().cloned().map_err(|_| wrong()));
    strings.collect()
}

/// The whole numbers of an array of the metadata.
fn numbers(content: &Content, key: &str) -> Option<Vec<i64>> {
    let number = |value: &Value| match value {
        Value::I32(n) => Some(i64::from(*n)),
        Value::U32(n) => Some(i64::from(*n)),
        Value::I64(n) => Some(*n),
        Value::U64(n) => i64::try_from(*n).ok(),
        _ => None,
    };
    content
        .metadata
        .get(key)?
        .to_vec()
        .ok()?
        .iter()
        .map(number)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of the tiny Llama.
    pub(super) fn tiny() -> Content {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/tiny/llama.gguf");
        let mut file = File::open(tiny).expect("fixture");
        Content::read(&mut file).expect("sound")
    }

    #[test]
    fn what_is_left_out_is_what_a_config_takes() {
        let mut content = tiny();
        for key in ["rope.freq_base", "attention.layer_norm_rms_epsilon"] {
            content.metadata.remove(&format!("llama.{key}"));
        }
        let read = shape(&content).expect("usable");
        assert_eq!((read.rope_theta, read.rms_norm_eps), (THETA, EPSILON));
    }

    #[test]
    fn every_tensor_has_a_name_there() {
        for projection in Projection::ALL {
            let name = format!("{}.weight", projection.path(3));
            let own = gguf_name(&name).expect("named");
            assert!(
                own.starts_with("blk.3.") && own.ends_with(".weight"),
                "{own}"
            );
        }
        assert_eq!(
            gguf_name("model.layers.0.self_attn.q_proj.bias").as_deref(),
            Some("blk.0.attn_q.bias")
        );
        assert_eq!(gguf_name("model.layers.0.mamba.weight"), None);
    }

    #[test]
    fn rows_go_back_to_halves() -> candle_core::Result<()> {
        // Two heads of width 4, a column: llama.cpp's order of rows 0..8.
        let stored = Tensor::new(
            &[[0f32], [2.], [1.], [3.], [4.], [6.], [5.], [7.]],
            &Device::Cpu,
        )?;
        let rows = uninterleaved(&stored, 2)?.flatten_all()?.to_vec1::<f32>()?;
        assert_eq!(rows, [0., 1., 2., 3., 4., 5., 6., 7.]);
        Ok(())
    }

    #[test]
    fn a_matrix_read_in_parts_is_the_matrix_read_whole() -> candle_core::Result<()> {
        use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
        let device = Device::Cpu;
        let (heads, rows, columns) = (3, 2_100, 1_024);
        assert!(rows * columns > 2 * PART);
        let matrix = Tensor::rand(-1f32, 1f32, (rows, columns), &device)?;
        let quantised = QTensor::quantize(&matrix, GgmlDType::Q8_0)?;
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("m.gguf");
        gguf_file::write(&mut File::create(&path)?, &[], &[("m", &quantised)])?;
        let mut reader = BufReader::new(File::open(&path)?);
        let content = Content::read(&mut reader)?;
        let place = (&content.tensor_infos["m"], content.tensor_data_offset);
        let whole = quantised.dequantize(&device)?;
        let values = |tensor: &Tensor| {
            let tensor = tensor.to_dtype(DType::F32)?;
            tensor.flatten_all()?.to_vec1::<f32>()
        };
        for dtype in [DType::F32, DType::BF16] {
            let read = dequantised(&mut reader, place, None, dtype, &device)?;
            assert_eq!((read.dims(), read.dtype()), (whole.dims(), dtype));
            assert!(values(&read)? == values(&whole.to_dtype(dtype)?)?);
            let read = dequantised(&mut reader, place, Some(heads), dtype, &device)?;
            let turned = uninterleaved(&whole, heads)?.to_dtype(dtype)?;
            assert!(values(&read)? == values(&turned)?);
        }
        Ok(())
    }

    #[test]
    fn metadata_that_is_no_list_is_told_with_what_to_do() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("m.gguf");
        let mut file = File::create(&path).expect("created");
        candle_core::quantized::gguf_file::write(&mut file, &[], &[]).expect("written");
        let mut reader = BufReader::new(File::open(&path).expect("open"));
        let content = Content::read(&mut reader).expect("read");
        let told = texts(&content, "tokenizer.ggml.tokens").expect_err("none");
        assert!(told.contains("tokens is not a list") && told.contains("convert_hf_to_gguf.py"));
    }

    #[test]
    fn no_alignment_is_found_wherever_pieces_are_cut() {
        let head = |before: usize, kind: u8, value: &[u8]| {
            let mut head = vec![b'g'; before];
            head.extend(b"general.alignment");
            head.extend([kind, 0, 0, 0]);
            head.extend(value);
            head.extend([7; 40]);
            head
        };
        let is_zero = |head: Vec<u8>| has_no_alignment(head.as_slice()).expect("read");
        // The key begins, and its value ends, on either side of where a piece of the file does.
        for before in (PIECE - 40..PIECE + 8).chain([0, 2 * PIECE - 30, 3 * PIECE]) {
            assert!(is_zero(head(before, 4, &[0; 4])), "{before}");
            assert!(is_zero(head(before, 0, &[0])), "{before}: a byte");
            assert!(!is_zero(head(before, 4, &[32, 0, 0, 0])), "{before}");
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_told_from_a_whole_one() {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/tiny/qwen2.gguf");
        let whole = std::fs::read(tiny).expect("fixture");
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("m.gguf");
        let open = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("written");
            GgufFile::open(&path, &Device::Cpu)
        };
        assert!(open(&whole).is_ok());
        for kept in [0, 3, 50, 2_000, whole.len() / 2, whole.len() - 200] {
            let error = open(&whole[..kept]).err().expect("cut");
            let told = error.to_string();
            assert!(told.contains("is it a whole download?"), "{kept}: {told}");
            assert_eq!(told.lines().count(), 1, "{told}");
        }
        let pointer = open(b"version https://git-lfs.github.com/spec/v1\noid sha256:0");
        let told = pointer.err().expect("a pointer").to_string();
        assert!(told.contains("git lfs pull"), "{told}");
    }

    #[test]
    fn damaged_files_are_refused() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("m.gguf");
        let mut zero = b"GGUF\x03\0\0\0".to_vec();
        zero.extend([0u8; 8]);
        zero.extend([1u8, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0]);
        zero.extend(b"general.alignment\x04\0\0\0\0\0\0\0");
        for bytes in [&b"GGUF"[..], b"", b"PK\x03\x04 and so on and on", &zero] {
            std::fs::write(&path, bytes).expect("written");
            let error = GgufFile::open(&path, &Device::Cpu).err().expect("refused");
            assert!(error.to_string().contains("m.gguf"), "{error}");
        }
    }
}
