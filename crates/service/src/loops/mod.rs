//! The loops that keep things going. Level-triggered: wake, read, plan, act, sleep. A signal only
//! wakes earlier; running twice, late or half does no harm.

mod due;
mod notify;
mod planner;
mod refresh;
mod signal;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use due::{Due, Look};
pub(crate) use notify::Notifying;
pub use refresh::Refreshing;
pub use signal::Signal;

use crate::Service;

/// How long the planner sleeps at most. Short, because a test clock may jump while it sleeps.
const SLEEP: Duration = Duration::from_secs(1);

/// The loops while they run.
#[derive(Debug)]
pub struct Loops {
    stop: watch::Sender<bool>,
    stop_fetching: Arc<AtomicBool>,
    planner: JoinHandle<()>,
    notifier: JoinHandle<()>,
    refresher: Option<JoinHandle<()>>,
}

impl Loops {
    /// Lets the loops finish their turn, and waits for it.
    pub async fn stop(self) {
        // Nobody listens any more only when the loop has ended already.
        let _ = self.stop.send(true);
        self.stop_fetching.store(true, Ordering::Relaxed);
        if let Err(error) = self.planner.await {
            tracing::error!(%error, "the planner ended by a defect");
        }
        if let Err(error) = self.notifier.await {
            tracing::error!(%error, "the notifier ended by a defect");
        }
        if let Some(refresher) = self.refresher
            && let Err(error) = refresher.await
        {
            tracing::error!(%error, "the refresher ended by a defect");
        }
    }
}

/// Starts the loops on the present runtime. They begin with a look at every device. Feeds are
/// fetched as `refreshing` says; `None`: never.
pub fn start(service: &Arc<Service>, refreshing: Option<Refreshing>) -> Loops {
    let (stop, stopped) = watch::channel(false);
    let stop_fetching = Arc::new(AtomicBool::new(false));
    let refresher = refreshing.map(|how| {
        let flag = Arc::clone(&stop_fetching);
        tokio::spawn(refresh::run(
            Arc::clone(service),
            how,
            stopped.clone(),
            flag,
        ))
    });
    let notifier = tokio::spawn(notify::run(Arc::clone(service), stopped.clone()));
    let planner = tokio::spawn(run(Arc::clone(service), stopped));
    Loops {
        stop,
        stop_fetching,
        planner,
        notifier,
        refresher,
    }
}

async fn run(service: Arc<Service>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let own = Arc::clone(&service);
        let turn = tokio::task::spawn_blocking(move || own.planner_turn()).await;
        match turn {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let cause: &dyn std::error::Error = &error;
                tracing::error!(error = cause, "the planner could not finish its turn");
            }
            Err(error) => tracing::error!(%error, "the planner's turn ended by a defect"),
        }
        tokio::select! {
            () = service.planner.rung() => {}
            () = tokio::time::sleep(SLEEP) => {}
            _ = stopped.changed() => {}
        }
    }
}
