//! Optimisers over named variables: gradients checked for absence and non-finite values, clipped, applied by AdamW.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};

use crate::config::AdamOptions;
use crate::disk;
use crate::model::error::{ModelError, Result};
use crate::model::tensors::{NamedTensors, TensorSource};

/// One gradient a variable, in the variables' order.
#[derive(Clone, Debug)]
pub struct Gradients {
    parts: Vec<Vec<f32>>,
}

impl Gradients {
    /// Takes the gradients of `vars` out of a finished backward pass.
    ///
    /// # Errors
    /// Names the variable that got none, or one that is not finite.
    pub fn collect(vars: &[(String, Var)], store: &GradStore) -> Result<Self> {
        let mut parts = Vec::with_capacity(vars.len());
        for (name, var) in vars {
            let Some(gradient) = store.get(var) else {
                return Err(ModelError::NoGradient { name: name.clone() });
            };
            let part = gradient.flatten_all()?.to_vec1::<f32>()?;
            if part.iter().any(|g| !g.is_finite()) {
                return Err(ModelError::NonFinite { name: name.clone() });
            }
            parts.push(part);
        }
        Ok(Self { parts })
    }

    /// Adds another backward pass over the same variables.
    pub fn add(&mut self, other: &Self) {
        for (part, more) in self.parts.iter_mut().zip(&other.parts) {
            for (g, &m) in part.iter_mut().zip(more) {
                *g += m;
            }
        }
    }

    /// Euclidean length over all variables.
    #[must_use]
    pub fn norm(&self) -> f64 {
        let squares = self
            .parts
            .iter()
            .map(|part| part.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>());
        squares.sum::<f64>().sqrt()
    }

    /// Scales down to at most `limit` in length (0: never); returns the length before.
    pub fn clip(&mut self, limit: f64) -> f64 {
        let norm = self.norm();
        if limit > 0.0 && norm > limit {
            let factor = (limit / (norm + 1e-6)) as f32;
            self.parts.iter_mut().flatten().for_each(|g| *g *= factor);
        }
        norm
    }

    /// The gradient of variable `i`.
    #[must_use]
    pub fn part(&self, i: usize) -> &[f32] {
        &self.parts[i]
    }
}

/// AdamW (Loshchilov & Hutter 2019) with bias correction, as PyTorch computes it.
#[derive(Clone, Debug)]
pub struct AdamW {
    options: AdamOptions,
    steps: u64,
    moments: Vec<(Vec<f32>, Vec<f32>)>,
}

impl AdamW {
    /// Zero moments for `vars`.
    #[must_use]
    pub fn new(vars: &[(String, Var)], options: AdamOptions) -> Self {
        let zeros = |var: &Var| vec![0f32; var.elem_count()];
        let moments = vars
            .iter()
            .map(|(_, var)| (zeros(var), zeros(var)))
            .collect();
        Self {
            options,
            steps: 0,
            moments,
        }
    }

    /// One update of every variable.
    ///
    /// # Errors
    /// When a variable cannot be read or set.
    pub fn step(&mut self, vars: &[(String, Var)], gradients: &Gradients, lr: f64) -> Result<()> {
        self.steps += 1;
        let t = self.steps as i32;
        let of = self.options;
        let (bias1, bias2) = (1.0 - of.beta1.powi(t), 1.0 - of.beta2.powi(t));
        let (b1, b2) = (of.beta1 as f32, of.beta2 as f32);
        let size = (lr / bias1) as f32;
        let (root, eps, keep) = (
            bias2.sqrt() as f32,
            of.epsilon as f32,
            (1.0 - lr * of.weight_decay) as f32,
        );
        for (((_, var), gradient), (m, v)) in
            vars.iter().zip(&gradients.parts).zip(&mut self.moments)
        {
            let mut values = var.flatten_all()?.to_vec1::<f32>()?;
            for (((w, &g), m), v) in values.iter_mut().zip(gradient).zip(m).zip(v) {
                *m = b1 * *m + (1.0 - b1) * g;
                *v = b2 * *v + (1.0 - b2) * g * g;
                *w = *w * keep - size * *m / (v.sqrt() / root + eps);
            }
            set(var, values)?;
        }
        Ok(())
    }

    /// Steps and moments as named tensors, for a checkpoint.
    ///
    /// # Errors
    /// When memory for a tensor cannot be had.
    pub fn state(&self, vars: &[(String, Var)]) -> Result<Vec<(String, Tensor)>> {
        // The count travels as two halves that f32 holds exactly.
        let count = [(self.steps >> 20) as f32, (self.steps & 0xf_ffff) as f32];
        let mut all = vec![(
            "adamw.steps".to_string(),
            Tensor::new(&count, &Device::Cpu)?,
        )];
        for ((name, _), (m, v)) in vars.iter().zip(&self.moments) {
            all.push((
                format!("adamw.m.{name}"),
                Tensor::new(m.as_slice(), &Device::Cpu)?,
            ));
            all.push((
                format!("adamw.v.{name}"),
                Tensor::new(v.as_slice(), &Device::Cpu)?,
            ));
        }
        Ok(all)
    }

    /// Takes back what [`AdamW::state`] gave.
    ///
    /// # Errors
    /// When a tensor is missing or shaped otherwise.
    pub fn restore(&mut self, vars: &[(String, Var)], named: &mut NamedTensors<'_>) -> Result<()> {
        let count = named.take("adamw.steps", &[2])?.to_vec1::<f32>()?;
        self.steps = ((count[0] as u64) << 20) | count[1] as u64;
        for ((name, var), (m, v)) in vars.iter().zip(&mut self.moments) {
            let shape = [var.elem_count()];
            *m = named.take(&format!("adamw.m.{name}"), &shape)?.to_vec1()?;
            *v = named.take(&format!("adamw.v.{name}"), &shape)?.to_vec1()?;
        }
        Ok(())
    }
}

/// Puts new values into a variable.
pub(crate) fn set(var: &Var, values: Vec<f32>) -> Result<()> {
    Ok(var.set(&Tensor::from_vec(values, var.dims(), &Device::Cpu)?.to_device(var.device())?)?)
}

/// Reads the named tensors of a checkpoint file. Reads no more than the file's stated length; for a device that is 0.
///
/// # Errors
/// When the file cannot be read.
pub fn read_state(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    let length = std::fs::metadata(path).map(|metadata| metadata.len());
    let bytes = length.and_then(|length| disk::read(path, length));
    let bytes = bytes.map_err(ModelError::io(path))?;
    let mut named = NamedTensors::parse(&bytes, path, &Device::Cpu)?;
    Ok(named.take_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn var(values: &[f32]) -> Result<Var> {
        Ok(Var::new(values, &Device::Cpu)?)
    }

    #[test]
    fn two_steps_give_pytorchs_numbers() -> Result<()> {
        // torch.optim.AdamW([1., -2.], lr=0.1, weight_decay=0.01), gradients [0.5, -1.], then [0.25, 2.]
        let vars = vec![("w".to_string(), var(&[1.0, -2.0])?)];
        let mut adam = AdamW::new(
            &vars,
            AdamOptions {
                weight_decay: 0.01,
                ..AdamOptions::default()
            },
        );
        for gradient in [[0.5f32, -1.0], [0.25, 2.0]] {
            let gradients = Gradients {
                parts: vec![gradient.to_vec()],
            };
            adam.step(&vars, &gradients, 0.1)?;
        }
        let got = vars[0].1.to_vec1::<f32>()?;
        let want = [0.804_883_04_f32, -1.932_712_4];
        assert!(
            got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-5),
            "{got:?}"
        );
        Ok(())
    }

    #[test]
    fn each_of_its_options_moves_a_step_as_by_hand() -> Result<()> {
        let all = AdamOptions {
            beta1: 0.5,
            beta2: 0.75,
            epsilon: 0.5,
            weight_decay: 0.1,
        };
        // From 2 by a first gradient of 1/2: the moments are 1/4 and 1/16 and, with their biases off, 1/2 and 1/4. So 2 loses
        // 2 * 0.1 * 0.1 to decay and 0.1 * 0.5 / (0.5 + 0.5) to the update. After a second of -1 they are -3/8 and 19/64, that
        // is -1/2 and 19/28, and 1.93 becomes 1.9107 + 0.1 * 0.5 / (sqrt(19 / 28) + 0.5).
        let second = 1.9107 + 0.05 / ((19.0f32 / 28.0).sqrt() + 0.5);
        let vars = vec![("w".to_string(), var(&[2.0])?)];
        let mut adam = AdamW::new(&vars, all);
        for (gradient, want) in [(0.5, 1.93), (-1.0, second)] {
            let parts = vec![vec![gradient]];
            adam.step(&vars, &Gradients { parts }, 0.1)?;
            let got = vars[0].1.to_vec1::<f32>()?[0];
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
        Ok(())
    }

    #[test]
    fn a_missing_or_non_finite_gradient_is_named() -> Result<()> {
        let vars = vec![
            ("used".to_string(), var(&[0.0])?),
            ("unused".to_string(), var(&[2.0])?),
        ];
        let store = (vars[0].1.as_tensor() * 3.0)?.sum_all()?.backward()?;
        let error = Gradients::collect(&vars, &store).expect_err("unused");
        assert!(error.to_string().contains("unused"));
        let store = vars[0].1.log()?.sum_all()?.backward()?;
        assert!(matches!(
            Gradients::collect(&vars[..1], &store),
            Err(ModelError::NonFinite { .. })
        ));
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_no_checkpoint_and_is_not_read_to_its_end() {
        let told = read_state(Path::new("/dev/zero")).expect_err("endless");
        assert!(told.to_string().contains("more than 0 bytes"), "{told}");
    }

    #[test]
    fn clipping_keeps_the_direction() {
        let mut gradients = Gradients {
            parts: vec![vec![3.0], vec![4.0]],
        };
        assert!((gradients.clip(1.0) - 5.0).abs() < 1e-9);
        assert!((gradients.norm() - 1.0).abs() < 1e-5 && (gradients.part(1)[0] - 0.8).abs() < 1e-5);
        let mut long = Gradients {
            parts: vec![vec![3e6], vec![4e6]],
        };
        assert!((long.clip(0.0) - 5e6).abs() < 1.0, "told");
        assert_eq!((long.part(0), long.part(1)), (&[3e6][..], &[4e6][..]));
    }
}
