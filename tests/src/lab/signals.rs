//! Ctrl-C and SIGTERM: the labs of this process are torn down before it ends.
//!
//! What no signal handler can catch is left to the sweep at the next start.

use std::sync::{Arc, Mutex, Once, Weak};

use tokio::signal::unix::{SignalKind, signal};

use super::core::{Core, held};

static LABS: Mutex<Vec<Weak<Core>>> = Mutex::new(Vec::new());
static LISTENER: Once = Once::new();

/// From now on, tears `core` down when the process is asked to end.
pub(crate) fn watch(core: &Arc<Core>) {
    let mut labs = held(&LABS);
    labs.retain(|lab| lab.strong_count() > 0);
    labs.push(Arc::downgrade(core));
    LISTENER.call_once(|| {
        let listener = std::thread::Builder::new().name("lab-signals".to_owned());
        if let Err(error) = listener.spawn(listen) {
            eprintln!("lab: Ctrl-C will leave its clearing away to the next start: {error}");
        }
    });
}

fn listen() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    let Ok(runtime) = runtime else { return };
    let number = runtime.block_on(async {
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
        }
    });
    eprintln!("lab: asked to end, clearing away");
    let labs: Vec<_> = held(&LABS).iter().filter_map(Weak::upgrade).collect();
    for lab in labs {
        lab.tear_down_for_good();
    }
    std::process::exit(128 + number);
}
