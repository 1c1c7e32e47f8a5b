//! Sentences for people about what the agent refuses and finds.

use domain::order::{Difference, Refusal};

/// One sentence about a refusal.
pub fn refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::BadSignature => {
            "signed by nobody this device trusts, or changed on the way".into()
        }
        Refusal::OtherDevice => "the order is for another device".into(),
        Refusal::Replayed { last_seen } => {
            format!("its sequence is not above {last_seen}, the last one seen")
        }
        Refusal::OldGeneration => "a newer generation of the order is already held".into(),
        Refusal::Expired => "the window closed before it could begin".into(),
        Refusal::NoContact { seconds } => match u32::try_from(*seconds) {
            Ok(u32::MAX) | Err(_) => "no word from the server was ever heard".into(),
            Ok(seconds) => format!("the last word with the server was {seconds} seconds ago"),
        },
        Refusal::ObserveOnly => "the device only observes".into(),
        Refusal::UnknownVerb { verb } => format!("this agent does not know the verb {verb}"),
        Refusal::Difference { differences } => {
            let mut text: Vec<String> = differences.iter().take(5).map(difference).collect();
            if differences.len() > 5 {
                text.push(format!("and {} more", differences.len() - 5));
            }
            format!("the simulation differs from the order: {}", text.join("; "))
        }
        Refusal::Guardrail { rule } => format!("the device's guardrails forbid it: {rule}"),
        Refusal::Malformed { reason } => format!("the order cannot be read: {reason}"),
        Refusal::Locked { holder } => {
            format!("the package manager stayed locked by {holder} until the window closed")
        }
        Refusal::NoSpace {
            needed_bytes,
            free_bytes,
        } => format!("it needs {needed_bytes} bytes of room, {free_bytes} are free"),
        Refusal::Other { reason } => reason.clone(),
    }
}

/// One part of a sentence about a difference.
pub fn difference(difference: &Difference) -> String {
    let none = "nothing";
    match difference {
        Difference::Extra {
            name,
            architecture,
            version,
        } => format!("{name}:{architecture} {version} would come along"),
        Difference::Removal { name, architecture } => {
            format!("{name}:{architecture} would be removed")
        }
        Difference::Downgrade {
            name,
            architecture,
            from,
            to,
        } => format!("{name}:{architecture} would go back from {from} to {to}"),
        Difference::OtherVersion {
            name,
            architecture,
            ordered,
            simulated,
        } => format!("{name}:{architecture} would become {simulated} instead of {ordered}"),
        Difference::NotOffered {
            name,
            architecture,
            ordered,
            offered,
        } => format!(
            "{name}:{architecture} {ordered} is not offered any more (offered: {})",
            offered.as_ref().map_or(none, |v| v.as_str())
        ),
        Difference::OtherInstalled {
            name,
            architecture,
            expected,
            installed,
        } => format!(
            "{name}:{architecture} has {} installed where the order expects {}",
            installed.as_ref().map_or(none, |v| v.as_str()),
            expected.as_ref().map_or(none, |v| v.as_str())
        ),
    }
}
