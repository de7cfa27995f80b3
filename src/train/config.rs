//! Every number a run is made with, resolved from preset, file and `--set`.

use serde::{Deserialize, Serialize};

/// A resolved configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    pub seed: u64,
}
