//! Starting weights of nano: random, but for heads that already look back, bind a token to its line, and match.
//!
//! Copying and lookup in context is what small models learn last, so the circuits for it are laid down here and left to
//! training: layer 0 attends one and two tokens back (query and key biases that rotary embedding turns into a peak at one
//! distance) and to the nearest log id (ids share a direction in the embedding); layers 1 and 2 match what those wrote
//! with the present token and copy (induction heads, Olsson et al. 2022). It stays an ordinary Qwen2 file, and knows
//! nothing of alerts beyond what a log id looks like.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use candle_core::{Device, Tensor};

use crate::model::config::{ModelConfig, Projection};
use crate::model::decoder::Decoder;
use crate::model::error::Result;
use crate::model::weights::{NamedTensors, Weights};
use crate::stream::Stream;

/// Standard deviation of the random part.
const STD: f32 = 0.04;
/// Size of the look-back biases: the score at the peak leads its neighbours by about 4.
const LOOK_BACK: f32 = 5.5;
/// Size of the line head's query bias, and length of the direction that log ids share.
const LINE: f32 = 5.0;
const ID_LENGTH: f32 = 0.4;
/// How strongly layer 0 writes: about as long as a token's own embedding.
const WRITE: f32 = 0.1;
/// How strongly a match reads identities, and what layer 0 wrote.
const READ_IDENTITY: f32 = 5.0;
const READ_WRITTEN: f32 = 2.5;
/// How strongly a match copies.
const COPY: f32 = 0.4;

/// Random weights with look-back, line and matching heads. `ids` are the log-id tokens.
///
/// # Errors
/// When memory for a tensor cannot be had.
pub fn weights(config: &ModelConfig, ids: &[u32], seed: u64) -> Result<Weights> {
    let mut stream = Stream::named(seed, &["pretrain", "weights"]);
    let base = Decoder::random(config, STD, &mut stream, &Device::Cpu)?;
    let tensors = base
        .named()
        .into_iter()
        .map(|(name, t)| Ok((name, t.flatten_all()?.to_vec1::<f32>()?, t)));
    let tensors = tensors.collect::<Result<Vec<_>>>()?;
    let shapes: BTreeMap<String, Vec<usize>> = tensors
        .iter()
        .map(|(n, _, t)| (n.clone(), t.dims().to_vec()))
        .collect();
    let mut circuits = Circuits::new(
        config,
        tensors.into_iter().map(|(n, v, _)| (n, v)).collect(),
        &mut stream,
    );
    if config.layers >= 3 && config.heads >= 4 && config.kv_heads >= 2 {
        circuits.look_back();
        circuits.line(ids);
        circuits.matching();
    }
    let mut named = BTreeMap::new();
    for (name, values) in circuits.tensors {
        let shape = shapes[&name].as_slice();
        named.insert(name, Tensor::from_vec(values, shape, &Device::Cpu)?);
    }
    Weights::from_named(config, &mut NamedTensors::new(named, Path::new("memory")))
}

/// `[head_dim, hidden]` random directions, rows of about unit length.
type Directions = Vec<f32>;

struct Circuits<'a> {
    config: &'a ModelConfig,
    tensors: BTreeMap<String, Vec<f32>>,
    /// Reads a token's identity, and is where copies go.
    identity: Directions,
    /// Where layer 0 writes: identity one back, two back, of the line's id; where layer 1 puts a line it found.
    one_back: Directions,
    two_back: Directions,
    line: Directions,
    found: Directions,
    /// The direction log ids share.
    id: Vec<f32>,
}

/// A half of a head's slowly turning dimensions, where position hardly disturbs a match; frequencies, not dimensions.
#[derive(Clone, Copy)]
enum Part {
    First,
    Second,
    Both,
}

impl<'a> Circuits<'a> {
    fn new(
        config: &'a ModelConfig,
        tensors: BTreeMap<String, Vec<f32>>,
        stream: &mut Stream,
    ) -> Self {
        let (d, width) = (config.hidden_size, config.head_dim());
        let mut directions = |rows: usize| -> Directions {
            (0..rows * d)
                .map(|_| stream.normal() / (d as f32).sqrt())
                .collect()
        };
        let [identity, one_back, two_back, line, found] = [0; 5].map(|_| directions(width));
        let mut id = directions(1);
        let length = id.iter().map(|v| v * v).sum::<f32>().sqrt();
        id.iter_mut().for_each(|v| *v /= length);
        Self {
            config,
            tensors,
            identity,
            one_back,
            two_back,
            line,
            found,
            id,
        }
    }

    fn tensor(&mut self, layer: usize, projection: Projection, which: &str) -> &mut [f32] {
        self.tensors
            .entry(format!("{}.{which}", projection.path(layer)))
            .or_default()
    }

    fn angle(&self, frequency: usize) -> f32 {
        (self.config.rope_theta as f32)
            .powf(-2.0 * frequency as f32 / self.config.head_dim() as f32)
    }

    /// Rows of one head in a projection's weight.
    fn head(&self, head: usize) -> Range<usize> {
        let size = self.config.head_dim() * self.config.hidden_size;
        head * size..(head + 1) * size
    }

    /// Layer 0, key-value head 0: its query heads attend one and two back and copy identity.
    fn look_back(&mut self) {
        let (width, half) = (self.config.head_dim(), self.config.head_dim() / 2);
        self.tensor(0, Projection::K, "bias")[..half].fill(LOOK_BACK);
        self.damp(Projection::K, 0);
        for (head, distance) in [(0, 1.0), (1, 2.0)] {
            for i in 0..half {
                // The key's vector, turned back by `distance` positions: largest product where they meet.
                let turn = self.angle(i) * distance;
                let bias = self.tensor(0, Projection::Q, "bias");
                bias[head * width + i] = LOOK_BACK * turn.cos();
                bias[head * width + half + i] = -LOOK_BACK * turn.sin();
            }
            self.damp(Projection::Q, head);
        }
        self.read_values(0, 0, &self.identity.clone());
        self.write(0, 0, &self.one_back.clone(), WRITE);
        self.write(0, 1, &self.two_back.clone(), WRITE);
    }

    /// Layer 0, key-value head 1: attends to the nearest log id, by its direction and a few frequencies that fall off over a
    /// line or two.
    fn line(&mut self, ids: &[u32]) {
        let (d, width, half) = (
            self.config.hidden_size,
            self.config.head_dim(),
            self.config.head_dim() / 2,
        );
        let id = self.id.clone();
        let embed = self
            .tensors
            .entry("model.embed_tokens.weight".into())
            .or_default();
        for &token in ids {
            let row = &mut embed[token as usize * d..(token as usize + 1) * d];
            row.iter_mut()
                .zip(&id)
                .for_each(|(w, &u)| *w += ID_LENGTH * u);
        }
        self.damp(Projection::K, 1);
        let first = self.config.heads / self.config.kv_heads;
        for head in first..self.config.heads {
            self.damp(Projection::Q, head);
        }
        for frequency in half * 5 / 16..half / 2 {
            let row = width + frequency;
            self.tensor(0, Projection::K, "weight")[row * d..(row + 1) * d].copy_from_slice(&id);
            self.tensor(0, Projection::Q, "bias")[first * width + frequency] = LINE;
        }
        self.read_values(0, 1, &self.identity.clone());
        self.write(0, first, &self.line.clone(), WRITE);
    }

    /// Layers 1 and 2: given an id and a key, the value; given a value, the id of its line; given a line found, a value in it.
    fn matching(&mut self) {
        let group = self.config.heads / self.config.kv_heads;
        let (identity, one, two) = (
            self.identity.clone(),
            self.one_back.clone(),
            self.two_back.clone(),
        );
        let (line, found) = (self.line.clone(), self.found.clone());
        for layer in [1, 2] {
            // Keys: what stood before me, and in which line I am. Value: what I am.
            self.match_on(
                layer,
                Projection::K,
                0,
                &[
                    (Part::First, &one, READ_WRITTEN),
                    (Part::Second, &line, READ_WRITTEN),
                ],
            );
            self.read_values(layer, 0, &identity);
            let asked = if layer == 1 { &one } else { &found };
            self.match_on(
                layer,
                Projection::Q,
                0,
                &[
                    (Part::First, &identity, READ_IDENTITY),
                    (Part::Second, asked, READ_WRITTEN),
                ],
            );
            self.write(layer, 0, &identity, COPY);
        }
        // Plain induction: what followed the present token before.
        self.match_on(
            1,
            Projection::Q,
            1,
            &[(Part::First, &identity, 2.0 * READ_IDENTITY)],
        );
        self.write(1, 1, &identity, COPY);
        // Keys: what I am. Value: my line.
        self.match_on(
            1,
            Projection::K,
            1,
            &[(Part::Both, &identity, READ_IDENTITY)],
        );
        self.read_values(1, 1, &line);
        self.match_on(1, Projection::Q, group, &[(Part::Both, &one, READ_WRITTEN)]);
        self.write(1, group, &identity, COPY);
        self.match_on(
            1,
            Projection::Q,
            group + 1,
            &[(Part::Both, &two, READ_WRITTEN)],
        );
        self.write(1, group + 1, &found, COPY);
    }

    /// Shrinks the random part of a head, so that it does not drown a circuit.
    fn damp(&mut self, projection: Projection, head: usize) {
        let rows = self.head(head);
        self.tensor(0, projection, "weight")[rows]
            .iter_mut()
            .for_each(|w| *w *= 0.1);
    }

    /// Sets what a head's queries or keys read on its slow dimensions; the others are damped.
    fn match_on(
        &mut self,
        layer: usize,
        projection: Projection,
        head: usize,
        reads: &[(Part, &Directions, f32)],
    ) {
        let (d, half) = (self.config.hidden_size, self.config.head_dim() / 2);
        let rows = self.head(head);
        let weight = &mut self.tensor(layer, projection, "weight")[rows];
        weight.iter_mut().for_each(|w| *w *= 0.1);
        for &(part, directions, gain) in reads {
            let frequencies = match part {
                Part::First => half / 2..half * 3 / 4,
                Part::Second => half * 3 / 4..half,
                Part::Both => half / 2..half,
            };
            // Both parts of a match must read the same rows of what was written: those of the second half line up.
            for (i, frequency) in frequencies.enumerate() {
                for (row, from) in [(frequency, 2 * i), (half + frequency, 2 * i + 1)] {
                    let to = &mut weight[row * d..(row + 1) * d];
                    to.iter_mut()
                        .zip(&directions[from * d..(from + 1) * d])
                        .for_each(|(w, &v)| *w = gain * v);
                }
            }
        }
    }

    fn read_values(&mut self, layer: usize, kv: usize, directions: &Directions) {
        let rows = self.head(kv);
        self.tensor(layer, Projection::V, "weight")[rows].copy_from_slice(directions);
    }

    /// Lets a head's output go where `directions` point.
    fn write(&mut self, layer: usize, head: usize, directions: &Directions, scale: f32) {
        let (d, width) = (self.config.hidden_size, self.config.head_dim());
        let weight = self.tensor(layer, Projection::O, "weight");
        for (row, out) in weight.chunks_exact_mut(d).enumerate() {
            for i in 0..width {
                out[head * width + i] = scale * directions[i * d + row];
            }
        }
    }
}
