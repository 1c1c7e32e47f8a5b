//! An answer that is not there yet: awaited by async code, or waited for by a thread.
//!
//! Bound to no async runtime. A sender that goes away without an answer gives `StoreError::Closed`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::StoreError;

struct Slot<T> {
    value: Option<T>,
    gone: bool,
    waker: Option<Waker>,
}

struct Shared<T> {
    slot: Mutex<Slot<T>>,
    there: Condvar,
}

impl<T> Shared<T> {
    /// A holder that panicked left the slot whole: each change is one assignment.
    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer of a job that was handed to the store.
#[must_use = "the job runs without it, but whether it is durable is then not known"]
pub struct Pending<T, E> {
    shared: Arc<Shared<Result<T, E>>>,
}

pub(crate) struct Sender<T>(Arc<Shared<T>>);

pub(crate) fn pending<T, E>() -> (Sender<Result<T, E>>, Pending<T, E>) {
    let shared = Arc::new(Shared {
        slot: Mutex::new(Slot {
            value: None,
            gone: false,
            waker: None,
        }),
        there: Condvar::new(),
    });
    (Sender(Arc::clone(&shared)), Pending { shared })
}

impl<T> Sender<T> {
    pub(crate) fn send(self, value: T) {
        self.0.lock().value = Some(value);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = self.0.lock();
            slot.gone = true;
            slot.waker.take()
        };
        self.0.there.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T, E: From<StoreError>> Pending<T, E> {
    /// Waits in this thread. Not for async code.
    pub fn wait(self) -> Result<T, E> {
        let mut slot = self.shared.lock();
        loop {
            if let Some(value) = slot.value.take() {
                return value;
            }
            if slot.gone {
                return Err(StoreError::Closed.into());
            }
            slot = self
                .shared
                .there
                .wait(slot)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T, E: From<StoreError>> Future for Pending<T, E> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.shared.lock();
        if let Some(value) = slot.value.take() {
            return Poll::Ready(value);
        }
        if slot.gone {
            return Poll::Ready(Err(StoreError::Closed.into()));
        }
        slot.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
