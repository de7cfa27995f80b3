//! What beta holds the policy to.

use super::Run;
use crate::config::{HeldTo, SFT};
use crate::model::lora::{self, Adapter};
use crate::train::error::{Result, TrainError};
use crate::train::start;

impl Run<'_> {
    /// Opens it where beta asks for one and it is not open yet.
    ///
    /// # Errors
    /// [`TrainError::LostReference`] when the run's own adapter is gone.
    pub(super) fn open_reference(&mut self) -> Result<()> {
        if self.config.grpo.beta > 0.0 && self.reference.is_none() {
            let base = &self.model.decoder;
            let adapter = match self.held_to() {
                Some(name) => {
                    let dir = self.writer.dir().adapter(name);
                    if !dir.join(lora::CONFIG).is_file() {
                        return Err(TrainError::LostReference { path: dir });
                    }
                    Some(Adapter::load(&dir, &base.config, base.device())?)
                }
                None => None,
            };
            self.reference = Some(base.with_adapter(adapter)?);
        }
        Ok(())
    }

    /// The adapter of this run that is the reference; `None` is the base model.
    fn held_to(&self) -> Option<&'static str> {
        match self.config.held_to(&self.plan) {
            HeldTo::Base => None,
            HeldTo::Sft => Some(SFT),
            HeldTo::Start => Some(start::NAME),
        }
    }
}
