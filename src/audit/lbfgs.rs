//! Minimising a smooth convex function of many variables: L-BFGS with a backtracking line search.
//!
//! Deterministic, and knows nothing of what it minimises.

use std::collections::VecDeque;

/// Pairs of steps and gradient changes remembered.
const MEMORY: usize = 10;
/// Share of the promised decrease a step has to deliver.
const SUFFICIENT: f64 = 1e-4;

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (step · change).
    rho: f64,
}

/// Walks from `point` until no slope is steeper than `tolerance`, or `iterations` are spent.
///
/// `function` writes the gradient at a point into its second argument and returns the value there.
pub fn minimise(
    mut point: Vec<f64>,
    iterations: usize,
    tolerance: f64,
    function: impl Fn(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let mut gradient = vec![0.0; point.len()];
    let mut value = function(&point, &mut gradient);
    let mut memory: VecDeque<Pair> = VecDeque::new();
    for _ in 0..iterations {
        if gradient.iter().all(|g| g.abs() <= tolerance) {
            break;
        }
        let direction = descent(&gradient, &memory);
        let Some((next, next_gradient, next_value)) =
            search(&point, value, &gradient, &direction, &function)
        else {
            break;
        };
        remember(&mut memory, &point, &next, &gradient, &next_gradient);
        (point, gradient, value) = (next, next_gradient, next_value);
    }
    point
}

/// Halves the step until the function falls enough; `None` where even tiny steps do not help.
fn search(
    point: &[f64],
    value: f64,
    gradient: &[f64],
    direction: &[f64],
    function: impl Fn(&[f64], &mut [f64]) -> f64,
) -> Option<(Vec<f64>, Vec<f64>, f64)> {
    let slope = dot(gradient, direction);
    let mut size = 1.0;
    for _ in 0..40 {
        let next: Vec<f64> = point
            .iter()
            .zip(direction)
            .map(|(p, d)| p + size * d)
            .collect();
        let mut next_gradient = vec![0.0; point.len()];
        let next_value = function(&next, &mut next_gradient);
        if next_value <= value + SUFFICIENT * size * slope {
            return Some((next, next_gradient, next_value));
        }
        size *= 0.5;
    }
    None
}

fn remember(memory: &mut VecDeque<Pair>, from: &[f64], to: &[f64], before: &[f64], after: &[f64]) {
    let minus =
        |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a - b).collect() };
    let (step, change) = (minus(to, from), minus(after, before));
    let curvature = dot(&step, &change);
    if curvature <= 1e-12 {
        return;
    }
    if memory.len() == MEMORY {
        memory.pop_front();
    }
    memory.push_back(Pair {
        step,
        change,
        rho: 1.0 / curvature,
    });
}

/// The two-loop recursion: the remembered inverse curvature applied to minus the gradient.
fn descent(gradient: &[f64], memory: &VecDeque<Pair>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut alphas = Vec::with_capacity(memory.len());
    for pair in memory.iter().rev() {
        let alpha = pair.rho * dot(&pair.step, &direction);
        add(&mut direction, -alpha, &pair.change);
        alphas.push(alpha);
    }
    let scale = memory.back().map_or_else(
        || 1.0 / dot(gradient, gradient).sqrt().max(1e-12),
        |pair| 1.0 / (pair.rho * dot(&pair.change, &pair.change)),
    );
    direction.iter_mut().for_each(|d| *d *= scale);
    for (pair, alpha) in memory.iter().zip(alphas.into_iter().rev()) {
        let beta = pair.rho * dot(&pair.change, &direction);
        add(&mut direction, alpha - beta, &pair.step);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], factor: f64, what: &[f64]) {
    for (t, w) in to.iter_mut().zip(what) {
        *t += factor * w;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_bottom_of_a_stretched_bowl() {
        // Minimum of sum 10^i (x_i - i)^2 is x_i = i.
        let found = minimise(vec![0.0; 5], 200, 1e-9, |x, g| {
            let mut value = 0.0;
            for (i, (x, g)) in x.iter().zip(g).enumerate() {
                let (weight, off) = (10f64.powi(i as i32), x - i as f64);
                value += weight * off * off;
                *g = 2.0 * weight * off;
            }
            value
        });
        for (i, x) in found.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-6, "{found:?}");
        }
    }
}
