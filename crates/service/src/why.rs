//! "Why not patched?": the evaluator's answer for one patch on one device.

use domain::access::Principal;
use domain::verdict::Verdict;

use crate::{Result, Service};

impl Service {
    /// Says whether a patch may be installed on a device now, later or never, with every gate.
    ///
    /// `device` is an id, a name or `CLIENT/NAME`; `patch` an id, or a product's name when only one
    /// patch of it concerns the device.
    pub fn why(&self, who: &Principal, device: &str, patch: &str) -> Result<Verdict> {
        todo!()
    }
}
