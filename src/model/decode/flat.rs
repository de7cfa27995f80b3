//! The effective weights of a decoder as plain slices, stacked for fewer products.

use crate::model::config::Projection;
use crate::model::decoder::Decoder;
use crate::model::error::{ModelError, Result};

/// Effective weights as slices; query, key and value stacked, gate and up stacked.
pub(super) struct Flat {
    pub(super) embed: Vec<f32>,
    pub(super) head: Option<Vec<f32>>,
    pub(super) norm: Vec<f32>,
    pub(super) layers: Vec<FlatLayer>,
}

pub(super) struct FlatLayer {
    pub(super) input_norm: Vec<f32>,
    pub(super) post_norm: Vec<f32>,
    pub(super) qkv: Vec<f32>,
    pub(super) qkv_bias: Vec<f32>,
    pub(super) o: Vec<f32>,
    pub(super) gate_up: Vec<f32>,
    pub(super) down: Vec<f32>,
}

impl Flat {
    pub(super) fn new(decoder: &Decoder) -> Result<Self> {
        let values =
            |t: &candle_core::Tensor| Ok::<_, ModelError>(t.flatten_all()?.to_vec1::<f32>()?);
        let mut layers = Vec::with_capacity(decoder.config.layers);
        for (i, layer) in decoder.weights.layers.iter().enumerate() {
            let weight = |p: Projection| values(decoder.effective(i, p));
            let stacked = |ps: &[Projection]| {
                ps.iter().try_fold(Vec::new(), |mut all, &p| {
                    all.extend(weight(p)?);
                    Ok::<_, ModelError>(all)
                })
            };
            let mut qkv_bias = Vec::new();
            for projection in [Projection::Q, Projection::K, Projection::V] {
                let [out, _] = decoder.config.projection_shape(projection);
                match &layer.biases[projection as usize] {
                    Some(bias) => qkv_bias.extend(values(bias)?),
                    None => qkv_bias.extend(std::iter::repeat_n(0f32, out)),
                }
            }
            layers.push(FlatLayer {
                input_norm: values(&layer.input_norm)?,
                post_norm: values(&layer.post_norm)?,
                qkv: stacked(&[Projection::Q, Projection::K, Projection::V])?,
                qkv_bias,
                o: weight(Projection::O)?,
                gate_up: stacked(&[Projection::Gate, Projection::Up])?,
                down: weight(Projection::Down)?,
            });
        }
        let head = decoder.weights.head.as_ref().map(values).transpose()?;
        Ok(Self {
            embed: values(&decoder.weights.embed)?,
            head,
            norm: values(&decoder.weights.norm)?,
            layers,
        })
    }
}
