//! Permissions to enrol: make a one-time token for a site.

use domain::access::{self, Permission, Principal};
use domain::enrolment::{Enrolment, USES_MAX};
use domain::id::EnrolmentId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Result, Service, ServiceError, audit, chance, naming};

/// The longest time a token is valid, in days.
pub const VALID_DAYS_MAX: i64 = 30;

/// What is wanted of a new permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnrolment {
    /// `CLIENT/SITE`, by names, or the site's id.
    pub site: String,
    /// How often the token may be used; 1 by default.
    #[serde(default = "one_use")]
    pub uses: u32,
    /// How long it is valid, such as `24h` (the default) or `30m`.
    #[serde(default = "one_day")]
    pub expires: String,
}

fn one_use() -> u32 {
    1
}

fn one_day() -> String {
    format!("{}h", domain::enrolment::VALID_HOURS_DEFAULT)
}

/// A new permission. The token is shown this once and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentMade {
    /// Its id.
    #[schema(value_type = String)]
    pub id: EnrolmentId,
    /// The token, to be typed on the device.
    pub token: String,
    /// Until when it may be used.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Reads how long a token is valid.
fn validity(text: &str) -> Result<SignedDuration> {
    let invalid = |reason: String| ServiceError::Invalid {
        field: "expires",
        reason,
    };
    let expected = "expected such as 24h, 30m or 7d";
    // A day here is 24 hours: a token does not care about changes of clocks.
    let text = text.trim();
    let duration = match text.strip_suffix('d').map(str::parse::<i64>) {
        Some(Ok(days)) if (0..=VALID_DAYS_MAX).contains(&days) => {
            SignedDuration::from_hours(24 * days)
        }
        Some(Ok(_)) => SignedDuration::MAX,
        Some(Err(_)) | None => text
            .parse()
            .map_err(|_| invalid(format!("`{text}` is not a duration: {expected}")))?,
    };
    let longest = SignedDuration::from_hours(24 * VALID_DAYS_MAX);
    if duration <= SignedDuration::ZERO || duration > longest {
        return Err(invalid(format!(
            "`{text}` is out of range: from 1 s to {VALID_DAYS_MAX} days"
        )));
    }
    Ok(duration)
}

impl Service {
    /// Makes a one-time token.
    pub fn enrolment_create(
        &self,
        who: &Principal,
        wanted: &NewEnrolment,
    ) -> Result<EnrolmentMade> {
        let scope = access::check(who, Permission::ManageDevice)?;
        let now = self.now();
        if wanted.uses == 0 || wanted.uses > USES_MAX {
            return Err(ServiceError::Invalid {
                field: "uses",
                reason: format!("expected 1 to {USES_MAX}"),
            });
        }
        let expires_at = now
            .checked_add(validity(&wanted.expires)?)
            .map_err(|error| ServiceError::Invalid {
                field: "expires",
                reason: error.to_string(),
            })?;
        let (id, secret) = (chance::id(now)?, chance::secret("ple_")?);
        let (who, site, uses) = (who.clone(), wanted.site.clone(), wanted.uses);
        self.write(move |tx| {
            let (client, site) = naming::site(tx, &scope, &site)?;
            tx.enrolment_add(
                &scope,
                &Enrolment {
                    id,
                    client: client.id,
                    site: site.id,
                    token_hash: secret.hash,
                    uses_left: uses,
                    expires_at,
                    made_at: now,
                },
            )?;
            let entry = audit::by(&who, now, "enrolment.create", id)
                .of(client.id)
                .saying(format_args!(
                    "{}/{}, {uses} uses, until {expires_at}",
                    client.name, site.name
                ));
            tx.audit_add(&entry.0)?;
            Ok(EnrolmentMade {
                id,
                token: secret.text,
                expires_at,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validity_is_a_duration_within_thirty_days() {
        for (text, seconds) in [
            ("24h", 86_400),
            ("30m", 1_800),
            ("7d", 604_800),
            ("30d", 2_592_000),
        ] {
            assert_eq!(validity(text).unwrap().as_secs(), seconds, "{text}");
        }
        for bad in [
            "",
            "24",
            "0h",
            "-1h",
            "31d",
            "721h",
            "tomorrow",
            "99999999999999999999d",
        ] {
            assert!(validity(bad).is_err(), "{bad}");
        }
    }
}
