//! Values that go into and come out of statements, the same for both engines.
//!
//! Times are microseconds since 1970 UTC. Errors name what a stored value should have been.

use std::fmt::Display;
use std::str::FromStr;

use domain::Timestamp;
use domain::id::{Id, Kind};
use domain::inventory::Digest;
use serde::de::DeserializeOwned;

use crate::StoreError;

/// One value of a row or bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub Vec<Value>);

macro_rules! binds {
    ($($value:expr),* $(,)?) => { &[$($crate::value::Value::from($value)),*] };
}
pub(crate) use binds;

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}
impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_vec())
    }
}
impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.as_microsecond())
    }
}
impl From<Digest> for Value {
    fn from(value: Digest) -> Self {
        Self::Blob(value.bytes().to_vec())
    }
}
impl<K: Kind> From<Id<K>> for Value {
    fn from(value: Id<K>) -> Self {
        Self::Text(value.to_string())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

fn unreadable(what: &'static str, reason: impl Display) -> StoreError {
    StoreError::Unreadable {
        what,
        reason: reason.to_string(),
    }
}

/// Reads the columns of one row from left to right.
pub(crate) struct Columns {
    what: &'static str,
    values: std::vec::IntoIter<Value>,
}

impl Row {
    /// The columns from the so manieth on, leaving the row as it is.
    pub(crate) fn from(&self, at: usize) -> Self {
        Self(self.0.get(at..).unwrap_or_default().to_vec())
    }

    /// Begins to read; `what` names the thing in errors.
    pub(crate) fn columns(self, what: &'static str) -> Columns {
        Columns {
            what,
            values: self.0.into_iter(),
        }
    }
}

impl Columns {
    fn next(&mut self) -> Result<Value, StoreError> {
        self.values
            .next()
            .ok_or_else(|| unreadable(self.what, "a column is missing"))
    }

    fn fault<T>(&self, found: &Value, wanted: &str) -> Result<T, StoreError> {
        let found = match found {
            Value::Null => "nothing",
            Value::Int(_) => "a number",
            Value::Text(_) => "text",
            Value::Blob(_) => "bytes",
        };
        Err(unreadable(
            self.what,
            format!("expected {wanted}, found {found}"),
        ))
    }

    pub(crate) fn maybe_int(&mut self) -> Result<Option<i64>, StoreError> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Int(value) => Ok(Some(value)),
            other => self.fault(&other, "a number"),
        }
    }

    pub(crate) fn int(&mut self) -> Result<i64, StoreError> {
        match self.next()? {
            Value::Int(value) => Ok(value),
            other => self.fault(&other, "a number"),
        }
    }

    /// A number of a narrower type.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self) -> Result<T, StoreError> {
        let value = self.int()?;
        T::try_from(value).map_err(|_| unreadable(self.what, format!("{value} is out of range")))
    }

    pub(crate) fn maybe_number<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, StoreError> {
        self.maybe_int()?
            .map(|value| {
                T::try_from(value)
                    .map_err(|_| unreadable(self.what, format!("{value} is out of range")))
            })
            .transpose()
    }

    pub(crate) fn maybe_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(value)),
            other => self.fault(&other, "text"),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        match self.next()? {
            Value::Text(value) => Ok(value),
            other => self.fault(&other, "text"),
        }
    }

    pub(crate) fn maybe_blob(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Blob(value) => Ok(Some(value)),
            other => self.fault(&other, "bytes"),
        }
    }

    pub(crate) fn blob(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.next()? {
            Value::Blob(value) => Ok(value),
            other => self.fault(&other, "bytes"),
        }
    }

    /// Text that is parsed into its type.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&mut self) -> Result<T, StoreError> {
        let text = self.text()?;
        text.parse().map_err(|error| unreadable(self.what, error))
    }

    pub(crate) fn maybe_parsed<T: FromStr<Err: Display>>(
        &mut self,
    ) -> Result<Option<T>, StoreError> {
        self.maybe_text()?
            .map(|text| text.parse().map_err(|error| unreadable(self.what, error)))
            .transpose()
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let text = self.text()?;
        from_json(self.what, &text)
    }

    pub(crate) fn maybe_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, StoreError> {
        self.maybe_text()?
            .map(|text| from_json(self.what, &text))
            .transpose()
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, StoreError> {
        let micros = self.int()?;
        time(self.what, micros)
    }

    pub(crate) fn maybe_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.maybe_int()?
            .map(|micros| time(self.what, micros))
            .transpose()
    }

    pub(crate) fn maybe_digest(&mut self) -> Result<Option<Digest>, StoreError> {
        self.maybe_blob()?
            .map(|bytes| {
                <[u8; 32]>::try_from(bytes)
                    .map(Digest::from_bytes)
                    .map_err(|_| unreadable(self.what, "a digest has 32 bytes"))
            })
            .transpose()
    }

    pub(crate) fn digest(&mut self) -> Result<Digest, StoreError> {
        self.maybe_digest()?
            .ok_or_else(|| unreadable(self.what, "a digest is missing"))
    }
}

pub(crate) fn time(what: &'static str, micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|error| unreadable(what, error))
}

pub(crate) fn from_json<T: DeserializeOwned>(
    what: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| unreadable(what, error))
}

/// How long after it became true a change was written down, in microseconds: a few bytes, where the
/// instant itself takes eight.
pub(crate) fn recorded_after(valid_from: Timestamp, recorded_at: Timestamp) -> i64 {
    recorded_at.as_microsecond() - valid_from.as_microsecond()
}

/// Writes plain data as JSON.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("domain types are plain data with text keys")
}
