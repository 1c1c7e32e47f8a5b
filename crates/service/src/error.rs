//! Why a use case is refused, with the values that a person needs to act on it.
//!
//! `ServiceError` is what people get, `LinkError` what agents get. Neither tells whether a thing of
//! another client exists: it is not found, like a thing that never was.

use domain::access::AccessDenied;
use domain::enrolment::TokenRefused;
use domain::query::QueryError;
use jiff::Timestamp;
use store::StoreError;

use crate::by_hand::FieldProblem;
use crate::policy::PolicyProblem;

/// Why a use case for people is refused.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Nobody is signed in, or the token or session is not valid (any more).
    #[error("sign in first: {reason}")]
    SignedOut {
        /// What is wrong with the token or session.
        reason: &'static str,
    },
    /// A right is missing.
    #[error(transparent)]
    Denied(#[from] AccessDenied),
    /// There is no such thing, or it is another client's.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// The word of the glossary: `device`.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// A name that several things have.
    #[error("several {what}s are called `{name}`: say one of {}", candidates.join(", "))]
    Ambiguous {
        /// The word of the glossary: `device`.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What would be understood.
        candidates: Vec<String>,
    },
    /// A query that cannot be read.
    #[error("{place}: {mistake}")]
    Query {
        /// Which query: `q`, `patches`, `for`.
        place: &'static str,
        /// Its text.
        text: String,
        /// What is wrong and where.
        mistake: QueryError,
    },
    /// A value that cannot be read or is out of its limits.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which value.
        field: &'static str,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// Fields of something made by hand that cannot be read, or do not go together.
    #[error("{}", fields_sentence(problems))]
    Fields {
        /// Every mistake, with its field.
        problems: Vec<FieldProblem>,
    },
    /// It is against what is there already.
    #[error("{reason}")]
    Conflict {
        /// What it is against.
        reason: String,
    },
    /// Files of a policy that are not applied.
    #[error("{}", policy_sentence(problems))]
    Policy {
        /// Every mistake, with its place; warnings are among them.
        problems: Vec<PolicyProblem>,
    },
    /// The database said no.
    #[error("the database cannot be read or written")]
    Store(#[source] StoreError),
    /// The server's own keys or randomness failed.
    #[error("{what}")]
    Internal {
        /// What failed.
        what: String,
    },
}

fn fields_sentence(problems: &[FieldProblem]) -> String {
    let told = problems.iter().map(|one| {
        let field = match one.field.as_str() {
            "" => String::new(),
            field => format!("{field}: "),
        };
        let hint = one
            .hint
            .as_ref()
            .map_or_else(String::new, |hint| format!(" ({hint})"));
        format!("{field}{}{hint}", one.what)
    });
    told.collect::<Vec<_>>().join("; ")
}

fn policy_sentence(problems: &[PolicyProblem]) -> String {
    let errors = problems.iter().filter(|one| one.weight == "error").count();
    let first = problems.iter().find(|one| one.weight == "error");
    let place = first.map_or_else(String::new, |one| {
        format!(": {}:{}:{}: {}", one.file, one.line, one.column, one.what)
    });
    match errors {
        1 => format!("the policy has a mistake, nothing was applied{place}"),
        count => format!("the policy has {count} mistakes, nothing was applied{place}"),
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::BadCursor { .. } => Self::Invalid {
                field: "cursor",
                reason: error.to_string(),
            },
            StoreError::Missing { what } => Self::NotFound {
                what,
                name: String::new(),
            },
            other => Self::Store(other),
        }
    }
}

/// Why a message from an agent is refused. Nothing was changed, apart from an audit row where it
/// looks like an attack.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Not a readable envelope, or its payload is not the message it should be.
    #[error("the message cannot be read: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// A limit is exceeded.
    #[error("the message exceeds a limit: {reason}")]
    TooLarge {
        /// Which one.
        reason: String,
    },
    /// Signed by nobody this server knows, or changed on the way.
    #[error("the signature is not that of an enrolled device")]
    Signature,
    /// The token does not enrol a device.
    #[error(transparent)]
    Token(#[from] TokenRefused),
    /// The counter is behind what this server has seen: the device goes on above `counter`.
    #[error("the counter is behind {counter}")]
    CounterBehind {
        /// The highest counter seen.
        counter: u64,
    },
    /// A wake token that is not known or expired.
    #[error("the wake token is not valid (any more)")]
    WakeToken,
    /// Too many bad messages from one place.
    #[error("too many refused messages: try again after {retry_at}")]
    TooMany {
        /// When to try again.
        retry_at: Timestamp,
    },
    /// The database said no.
    #[error("the database cannot be read or written")]
    Store(#[from] StoreError),
    /// The server's own keys or randomness failed.
    #[error("{what}")]
    Internal {
        /// What failed.
        what: String,
    },
}

impl From<ServiceError> for LinkError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Store(error) => Self::Store(error),
            other => Self::Internal {
                what: other.to_string(),
            },
        }
    }
}
