//! What handlers share: the use cases, and whether the console speaks TLS.

use std::sync::Arc;

use service::Service;

use crate::problem::Problem;

/// How people's browsers reach the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Plain HTTP, on loopback only.
    Plain,
    /// TLS.
    Tls,
}

/// What handlers share.
#[derive(Clone)]
pub struct AppState {
    service: Arc<Service>,
    transport: Transport,
}

impl AppState {
    /// Puts it together.
    pub fn new(service: Arc<Service>, transport: Transport) -> Self {
        Self { service, transport }
    }

    /// The use cases. Those for people block: call them through [`AppState::run`].
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// How browsers reach the console.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Runs a use case on a thread where blocking is allowed.
    pub async fn run<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Service) -> service::Result<T> + Send + 'static,
    {
        let service = Arc::clone(&self.service);
        match tokio::task::spawn_blocking(move || job(&service)).await {
            Ok(result) => result.map_err(Problem::from),
            Err(defect) => Err(Problem::internal(&defect)),
        }
    }
}
