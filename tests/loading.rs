//! What loading a model takes: its weights in the precision they are kept in, and little more. Measured in a
//! process that does nothing else.
#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use candle_core::quantized::gguf_file::{self, Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device};
use opensoc::model::config::{Architecture, ModelConfig};
use opensoc::model::decoder::Decoder;
use opensoc::model::nano;
use opensoc::model::placement::Placement;
use opensoc::model::source::LoadedModel;
use opensoc::model::tensors::write_shards;
use opensoc::stream::Stream;

/// 63 million parameters, a quarter of them in one tensor.
fn shape() -> ModelConfig {
    ModelConfig {
        architecture: Architecture::Qwen2,
        vocab_size: 16_384,
        hidden_size: 1_024,
        intermediate_size: 2_816,
        layers: 4,
        heads: 16,
        kv_heads: 4,
        max_positions: 512,
        rms_norm_eps: 1e-6,
        rope_theta: 1e4,
        tied: true,
    }
}

fn write(dir: &Path, config: &ModelConfig, dtype: DType) {
    let mut stream = Stream::named(1, &["loading test"]);
    let weights = Decoder::random(config, 0.02, &mut stream, &Device::Cpu).expect("weights");
    std::fs::create_dir_all(dir).expect("folder");
    write_shards(dir, &weights.named(), dtype, 100_000_000).expect("written");
    let json = config.to_json(3, 2).to_string();
    std::fs::write(dir.join("config.json"), json).expect("written");
    std::fs::write(dir.join("tokenizer.json"), nano::TOKENIZER).expect("written");
}

/// llama.cpp's name of a tensor.
fn gguf_name(name: &str) -> String {
    let names = [
        ("model.layers.", "blk."),
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("self_attn.o_proj", "attn_output"),
        ("self_attn.", "attn_"),
        ("mlp.", "ffn_"),
        ("_proj", ""),
    ];
    let renamed = |name: String, (from, to): (&str, &str)| name.replace(from, to);
    names.into_iter().fold(name.to_owned(), renamed)
}

/// A GGUF file of that shape: what it says of its tokenizer is a tiny model's.
fn write_gguf(path: &Path, config: &ModelConfig, dtype: GgmlDType) {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/tiny/qwen2.gguf");
    let content = Content::read(&mut File::open(tiny).expect("there")).expect("sound");
    let mut metadata = content.metadata;
    for (key, size) in [
        ("embedding_length", config.hidden_size),
        ("feed_forward_length", config.intermediate_size),
        ("block_count", config.layers),
        ("attention.head_count", config.heads),
        ("attention.head_count_kv", config.kv_heads),
        ("context_length", config.max_positions),
    ] {
        let size = Value::U32(u32::try_from(size).expect("small"));
        metadata.insert(format!("qwen2.{key}"), size);
    }
    let mut stream = Stream::named(1, &["loading test"]);
    let weights = Decoder::random(config, 0.02, &mut stream, &Device::Cpu).expect("weights");
    let quantised = weights.named().into_iter().map(|(name, tensor)| {
        let kind = if tensor.rank() == 2 {
            dtype
        } else {
            GgmlDType::F32
        };
        let tensor = QTensor::quantize(&tensor, kind).expect("quantised");
        (gguf_name(&name), tensor)
    });
    let quantised: Vec<(String, QTensor)> = quantised.collect();
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(k, v)| (k.as_str(), v)).collect();
    let named: Vec<_> = quantised.iter().map(|(k, v)| (k.as_str(), v)).collect();
    let mut file = BufWriter::new(File::create(path).expect("created"));
    gguf_file::write(&mut file, &metadata, &named).expect("written");
}

/// A line of this process's memory, in bytes.
fn memory(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|l| l.starts_with(line)).expect("told");
    let kilobytes = line.split_whitespace().nth(1).expect("a number");
    1024.0 * kilobytes.parse::<f64>().expect("a number")
}

/// Tells the process that measures which folder to load, and in what precision.
const FOLDER: &str = "OPENSOC_TEST_FOLDER";
const KEPT: &str = "OPENSOC_TEST_KEPT";

/// Loads the folder that the other test names, in a process that has done nothing else, and says what it took.
#[test]
fn measure() {
    let (Ok(folder), Ok(kept)) = (std::env::var(FOLDER), std::env::var(KEPT)) else {
        return;
    };
    let placement = Placement {
        device: Device::Cpu,
        dtype: kept.parse().expect("an element type"),
    };
    let before = memory("VmRSS:");
    let _model = LoadedModel::open(&folder, &placement).expect("sound");
    println!("\ntook {}", memory("VmHWM:") - before);
}

fn taken(folder: &Path, kept: DType) -> f64 {
    let program = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(program)
        .args(["measure", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(KEPT, kept.as_str())
        .output()
        .expect("runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("took "));
    line.and_then(|bytes| bytes.parse().ok())
        .unwrap_or_else(|| unreachable!("{text}"))
}

#[test]
fn loading_takes_the_weights_and_at_most_a_fifth_more() {
    let (root, config) = (tempfile::tempdir().expect("folder"), shape());
    let folder = |dtype: DType| root.path().join(dtype.as_str());
    for dtype in [DType::F32, DType::BF16] {
        write(&folder(dtype), &config, dtype);
    }
    for (stored, kept) in [
        (DType::F32, DType::F32),
        (DType::BF16, DType::F32),
        (DType::BF16, DType::BF16),
        (DType::F32, DType::BF16),
    ] {
        let told = check(&folder(stored), &format!("{stored:?}"), &config, kept);
        println!("{told}");
    }
}

#[test]
fn so_does_loading_a_gguf_file() {
    let (root, config) = (tempfile::tempdir().expect("folder"), shape());
    for stored in [GgmlDType::Q4_0, GgmlDType::Q8_0, GgmlDType::F16] {
        let file = root.path().join(format!("{stored:?}.gguf"));
        write_gguf(&file, &config, stored);
        for kept in [DType::F32, DType::BF16] {
            let told = check(&file, &format!("{stored:?}"), &config, kept);
            println!("{told}");
        }
    }
}

/// Holds what loading takes against the weights as they are `kept`, and says both.
fn check(file: &Path, stored: &str, config: &ModelConfig, kept: DType) -> String {
    let weights = config.parameters() as f64 * kept.size_in_bytes() as f64;
    let share = taken(file, kept) / weights;
    let megabytes = weights / 1e6;
    assert!(share > 0.9, "{share:.2}: was it loaded?");
    assert!(
        share < 1.2,
        "{stored} kept as {kept:?}: {share:.2} of the weights"
    );
    format!("{stored} kept as {kept:?}: {share:.2} of {megabytes:.0} MB")
}
