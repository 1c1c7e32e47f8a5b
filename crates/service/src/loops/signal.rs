//! A signal that only wakes a loop earlier. It tells nothing and can be lost without harm.

use tokio::sync::Notify;

/// Wakes one loop.
#[derive(Debug, Default)]
pub struct Signal(Notify);

impl Signal {
    /// Makes a silent signal.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the loop, now or when it next sleeps.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits until it rings.
    pub async fn rung(&self) {
        self.0.notified().await;
    }
}
