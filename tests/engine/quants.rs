//! Every quantised type of GGUF files, through our own reader: `quants.json` holds blocks and the weights that gguf finds in
//! them, and was written by `tests/parity/quants.py`.

use std::borrow::Cow;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use candle_core::quantized::gguf_file::{self, Content, Value as Metadata};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Tensor};
use opensoc::model::config::Projection;
use opensoc::model::placement::Placement;
use opensoc::model::source::LoadedModel;
use serde_json::Value;

use crate::fixture::{CPU, Outcome};

/// Weights in a row, which are those of the fixture.
const WIDTH: usize = 256;
/// Rows of the feed-forward projections and of the embedding, which the tiny model's tokenizer needs.
const INNER: usize = 512;
const VOCABULARY: usize = 320;

const TYPES: [(&str, GgmlDType); 10] = [
    ("Q4_0", GgmlDType::Q4_0),
    ("Q4_1", GgmlDType::Q4_1),
    ("Q5_0", GgmlDType::Q5_0),
    ("Q5_1", GgmlDType::Q5_1),
    ("Q8_0", GgmlDType::Q8_0),
    ("Q2_K", GgmlDType::Q2K),
    ("Q3_K", GgmlDType::Q3K),
    ("Q4_K", GgmlDType::Q4K),
    ("Q5_K", GgmlDType::Q5K),
    ("Q6_K", GgmlDType::Q6K),
];

fn unhex(value: &Value) -> Vec<u8> {
    let digits: Vec<u32> = value
        .as_str()
        .expect("hexadecimal")
        .chars()
        .map(|c| c.to_digit(16).expect("a digit"))
        .collect();
    let bytes = digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]);
    bytes.map(|byte| byte as u8).collect()
}

/// One layer whose matrices have `raw` in every row; what it says of its tokenizer is the tiny model's.
fn write(path: &Path, kind: GgmlDType, raw: &[u8]) -> Outcome {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/tiny/qwen2.gguf");
    let mut metadata = Content::read(&mut File::open(tiny)?)?.metadata;
    for (key, size) in [
        ("embedding_length", WIDTH),
        ("feed_forward_length", INNER),
        ("block_count", 1),
    ] {
        metadata.insert(format!("qwen2.{key}"), Metadata::U32(size as u32));
    }
    let matrix = |rows: usize, rows_of_blocks: usize| -> candle_core::Result<QTensor> {
        let data = raw.repeat(rows * rows_of_blocks);
        let storage = QStorage::from_data(Cow::Owned(data), &CPU, kind)?;
        QTensor::new(storage, (rows, rows_of_blocks * WIDTH))
    };
    let vector =
        |size: usize| QTensor::quantize(&Tensor::ones(size, DType::F32, &CPU)?, GgmlDType::F32);
    let half = WIDTH / 2;
    let tensors = [
        ("token_embd.weight", matrix(VOCABULARY, 1)?),
        ("output_norm.weight", vector(WIDTH)?),
        ("blk.0.attn_norm.weight", vector(WIDTH)?),
        ("blk.0.ffn_norm.weight", vector(WIDTH)?),
        ("blk.0.attn_q.weight", matrix(WIDTH, 1)?),
        ("blk.0.attn_q.bias", vector(WIDTH)?),
        ("blk.0.attn_k.weight", matrix(half, 1)?),
        ("blk.0.attn_k.bias", vector(half)?),
        ("blk.0.attn_v.weight", matrix(half, 1)?),
        ("blk.0.attn_v.bias", vector(half)?),
        ("blk.0.attn_output.weight", matrix(WIDTH, 1)?),
        ("blk.0.ffn_gate.weight", matrix(INNER, 1)?),
        ("blk.0.ffn_up.weight", matrix(INNER, 1)?),
        ("blk.0.ffn_down.weight", matrix(WIDTH, INNER / WIDTH)?),
    ];
    let metadata: Vec<(&str, &Metadata)> = metadata.iter().map(|(k, v)| (k.as_str(), v)).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(k, v)| (*k, v)).collect();
    let mut file = BufWriter::new(File::create(path)?);
    Ok(gguf_file::write(&mut file, &metadata, &tensors)?)
}

#[test]
fn every_quantised_type_has_the_weights_that_gguf_finds_in_it() -> Outcome {
    let fixture: Value = serde_json::from_str(include_str!("quants.json"))?;
    assert_eq!(
        fixture.as_object().map(serde_json::Map::len),
        Some(TYPES.len())
    );
    let folder = tempfile::tempdir()?;
    for (name, kind) in TYPES {
        let path = folder.path().join(format!("{name}.gguf"));
        write(&path, kind, &unhex(&fixture[name]["raw"]))?;
        let bytes = unhex(&fixture[name]["weights"]);
        let floats = bytes.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
        let wanted: Vec<f32> = floats.map(f32::from_le_bytes).collect();
        assert_eq!(wanted.len(), WIDTH);
        let model = LoadedModel::open(&path.display().to_string(), &Placement::cpu())?;
        let weights = &model.decoder.weights;
        let layer = &weights.layers[0];
        let matrices = Projection::ALL.into_iter().zip(&layer.projections);
        let matrices = matrices.map(|(projection, matrix)| (projection.as_str(), matrix));
        for (which, matrix) in matrices.chain([("embedding", &weights.embed)]) {
            let got = matrix.flatten_all()?.to_vec1::<f32>()?;
            assert!(got.len() >= WIDTH * WIDTH / 2, "{name}: {which}");
            let pairs = got.iter().zip(wanted.iter().cycle());
            let worst = pairs
                .map(|(got, want)| (got - want).abs())
                .fold(0.0, f32::max);
            assert!(worst < 1e-6, "{name}: {which}: {worst:.1e} off");
        }
    }
    Ok(())
}
