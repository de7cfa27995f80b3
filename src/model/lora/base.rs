//! Which base model an adapter belongs to: what it is called, and what its weights are.

use std::collections::BTreeMap;

use safetensors::SafeTensors;

use crate::digest::sha256;

/// The key of safetensors metadata under which the weights' hash stands. PEFT passes it over.
const KEY: &str = "base_model_sha256";

/// A base model as its adapters name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseId {
    /// `nano`, a path, or a name in the Hugging Face cache.
    pub name: Option<String>,
    /// SHA-256 that tells its weights from others of the same shape; adapters from elsewhere do not say it.
    pub weights: Option<String>,
}

impl BaseId {
    /// A model of which the name is all that is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: Some(name.into()),
            weights: None,
        }
    }

    /// A model of weight files with these hashes: one file's own, or that of all of them in order.
    pub fn of_files<'a>(name: &str, hashes: impl IntoIterator<Item = &'a str>) -> Self {
        let hashes: Vec<&str> = hashes.into_iter().collect();
        let weights = match hashes[..] {
            [] => None,
            [only] => Some(only.to_string()),
            _ => Some(sha256(hashes.concat().as_bytes())),
        };
        Self {
            weights,
            ..Self::named(name)
        }
    }

    /// What a file of adapter tensors says of its base model.
    pub(super) fn weights_in(tensors: &[u8]) -> Option<String> {
        let (_, header) = SafeTensors::read_metadata(tensors).ok()?;
        header.metadata().as_ref()?.get(KEY).cloned()
    }

    /// What is written beside the tensors of an adapter for this model.
    pub(super) fn metadata(&self) -> BTreeMap<String, String> {
        let weights = self.weights.iter();
        weights.map(|hash| (KEY.into(), hash.clone())).collect()
    }

    /// What sets `other` apart from this model, which an adapter was made for; `None` where nothing known does. Hashes
    /// decide where both are known, names otherwise: a folder or a GGUF file is often called by more than the model's name.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> Option<String> {
        let short = |hash: &str| hash.get(..12).unwrap_or(hash).to_string();
        let name = self.name.as_deref().unwrap_or("a model it does not name");
        if let (Some(own), Some(others)) = (&self.weights, &other.weights) {
            let (own, others) = (short(own), short(others));
            return (own != others).then(|| {
                format!(
                    "it was trained on other weights (of {name}, sha256 {own}…, these are {others}…)"
                )
            });
        }
        let (own, others) = (self.name.as_deref()?, other.name.as_deref()?);
        let (a, b) = (last_part(own), last_part(others));
        (!a.starts_with(&b) && !b.starts_with(&a)).then(|| format!("it was made for {own}"))
    }
}

/// The last part of a path or of `owner/model`, in lower case.
fn last_part(name: &str) -> String {
    let name = name.trim_end_matches('/');
    name.rsplit('/').next().unwrap_or(name).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_decide_where_both_are_known_and_names_otherwise() {
        let of = |name: &str, hash: &str| BaseId::of_files(name, [hash]);
        let trained = of("nano", "aaaa");
        assert_eq!(trained.differs_from(&of("/tmp/other", "aaaa")), None);
        let told = trained.differs_from(&of("nano", "bbbb")).expect("differs");
        assert!(told.contains("aaaa") && told.contains("bbbb"), "{told}");
        let hub = BaseId::named("HuggingFaceTB/SmolLM2-135M-Instruct");
        for same in [
            "models/SmolLM2-135M-Instruct/",
            "SmolLM2-135M-Instruct.Q4_1.gguf",
        ] {
            assert_eq!(hub.differs_from(&of(same, "cccc")), None, "{same}");
        }
        let told = hub.differs_from(&of("nano", "cccc")).expect("another");
        assert!(told.contains("HuggingFaceTB/SmolLM2"), "{told}");
        assert_eq!(BaseId::default().differs_from(&trained), None);
    }

    #[test]
    fn shards_are_one_model() {
        let of = |hashes: &[&str]| BaseId::of_files("m", hashes.iter().copied()).weights;
        assert_eq!(of(&["a"]).as_deref(), Some("a"));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_eq!(of(&[]), None);
    }
}
