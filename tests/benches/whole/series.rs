//! Times of the same thing, measured again and again.

use std::time::Duration;

/// Times in milliseconds, in the order they were taken.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<f64>);

impl Series {
    pub fn push(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1000.0);
    }

    pub fn push_ms(&mut self, ms: f64) {
        self.0.push(ms);
    }

    pub fn extend(&mut self, other: &Series) {
        self.0.extend(&other.0);
    }

    /// The value that this share of all does not exceed.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len());
        sorted[at - 1]
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// `p50 / p99` as a table shows them.
    pub fn cell(&self) -> String {
        format!("{:.3} / {:.3} ms", self.median(), self.quantile(0.99))
    }
}
