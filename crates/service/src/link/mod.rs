//! What agents may do: enrol, check in, listen for a wake.
//!
//! A check-in is verified, bounded and translated (`intake`), sorted by its counter, decided by
//! `engine::link`, and its effects are written in one transaction (`check_in`). An unchanged one of a
//! device for which nothing is under way takes a short way (`quiet`). Refused messages are counted by
//! address and written down (`refusals`).

mod check_in;
mod enrol;
mod intake;
pub(crate) mod known_keys;
pub(crate) mod quiet;
pub(crate) mod refusals;
pub(crate) mod wanted;
mod writes;

use std::net::IpAddr;
use std::sync::Arc;

use domain::id::{ClientId, DeviceId};
use protocol::Envelope;
use protocol::limits::BODY_BYTES_MAX;
use tokio::sync::watch;

use crate::{LinkError, Service, audit};
use known_keys::KnownKey;
use refusals::Audited;

impl Service {
    /// Enrols a device; gives the JSON of `protocol::enrol::Enrolled`. `from` is the peer's address.
    pub async fn link_enrol(&self, body: &[u8], from: IpAddr) -> Result<Vec<u8>, LinkError> {
        let now = self.now();
        self.admit(from)?;
        let asked = match enrol::read(body) {
            Ok(asked) => asked,
            Err(error) => return Err(self.refuse(error, from, None).await),
        };
        let key = asked.key();
        let ended = self
            .store
            .write(move |tx| enrol::write(tx, &asked, from, now))
            .await
            .map_err(LinkError::from)?;
        match ended {
            enrol::Ended::Enrolled(device) => {
                let answer = self.enrolled(&device, key);
                Ok(serde_json::to_vec(&answer).expect("an answer is plain data"))
            }
            enrol::Ended::Refused(refused) => {
                self.refusals.count(from, now);
                Err(refused.into())
            }
        }
    }

    /// Takes a check-in; gives the JSON of `protocol::sync::SyncReply`, the stored one when the
    /// counter was seen before.
    pub async fn link_sync(
        self: &Arc<Self>,
        body: Vec<u8>,
        from: IpAddr,
    ) -> Result<Vec<u8>, LinkError> {
        let (envelope, known) = match self.identified(&body, from).await {
            Ok(identified) => identified,
            Err(error) => return Err(self.refuse(error, from, None).await),
        };
        drop(body);
        match self.answered(envelope, known).await {
            Err(
                error @ (LinkError::Malformed { .. }
                | LinkError::TooLarge { .. }
                | LinkError::Signature),
            ) => {
                let sender = Some((known.device, known.client));
                Err(self.refuse(error, from, sender).await)
            }
            answer => answer,
        }
    }

    /// Notes a body that was over its limit and therefore never read; gives the refusal.
    pub async fn link_too_large(&self, bytes_max: usize, from: IpAddr) -> LinkError {
        let reason = format!("a body of more than {bytes_max} bytes");
        self.refuse(LinkError::TooLarge { reason }, from, None)
            .await
    }

    /// Opens the wake stream of the device that a token is for. Does not block.
    pub fn link_wake(&self, token: &str) -> Result<watch::Receiver<u64>, LinkError> {
        self.wake
            .device_of(token, self.now())
            .map(|device| self.wake.listen(device))
            .ok_or(LinkError::WakeToken)
    }

    /// Ends all wake streams, so that the server can stop.
    pub fn stop_wakes(&self) {
        self.wake.close();
    }

    /// Reads the envelope and finds the key that it should be signed with.
    async fn identified(
        &self,
        body: &[u8],
        from: IpAddr,
    ) -> Result<(Envelope, KnownKey), LinkError> {
        if body.len() > BODY_BYTES_MAX {
            return Err(LinkError::TooLarge {
                reason: format!("{} bytes, at most {BODY_BYTES_MAX}", body.len()),
            });
        }
        let envelope = Envelope::from_bytes(body).map_err(intake::refused)?;
        let by = envelope.signatures().first().map(|signature| signature.key);
        if let Some(known) = by.and_then(|id| self.known_keys.get(id)) {
            return Ok((envelope, known));
        }
        // Only who is not known yet has to be admitted: one bad agent must not shut out its site.
        self.admit(from)?;
        let device = intake::claimed_device(&envelope)?;
        let link = self
            .store
            .read(move |tx| tx.link_get(device))
            .await
            .map_err(LinkError::Store)?
            .ok_or(LinkError::Signature)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&link.public_key)
            .map_err(|_| LinkError::Signature)?;
        let known = KnownKey {
            device,
            client: link.client,
            key,
        };
        self.known_keys.remember(known);
        Ok((envelope, known))
    }

    fn admit(&self, from: IpAddr) -> Result<(), LinkError> {
        self.refusals
            .admit(from, self.now())
            .map_err(|retry_at| LinkError::TooMany { retry_at })
    }

    /// Counts a refused message and writes it down, within bounds; gives the refusal back.
    async fn refuse(
        &self,
        error: LinkError,
        from: IpAddr,
        sender: Option<(DeviceId, ClientId)>,
    ) -> LinkError {
        let action = match &error {
            LinkError::Malformed { .. } => "link.malformed",
            LinkError::TooLarge { .. } => "link.too-large",
            LinkError::Signature => "link.bad-signature",
            LinkError::Token(_)
            | LinkError::CounterBehind { .. }
            | LinkError::WakeToken
            | LinkError::TooMany { .. }
            | LinkError::Store(_)
            | LinkError::Internal { .. } => return error,
        };
        let now = self.now();
        if self.refusals.count(from, now) == Audited::No {
            return error;
        }
        // A bad signature proves nothing about the sender: no device is named as the one who did it.
        let verified = !matches!(error, LinkError::Signature);
        let entry = match sender {
            Some((device, client)) if verified => audit::by_device(device, now, action, device)
                .of(client)
                .saying(format_args!("{error}, from {from}")),
            Some((device, client)) => audit::by_unknown(from, now, action)
                .of(client)
                .saying(format_args!("{error}; it claims to be {device}")),
            None => audit::by_unknown(from, now, action).saying(&error),
        };
        let written = self.store.write(move |tx| tx.audit_add(&entry.0)).await;
        if let Err(failure) = written {
            tracing::error!(%failure, "a refused message could not be written down");
        }
        error
    }
}
