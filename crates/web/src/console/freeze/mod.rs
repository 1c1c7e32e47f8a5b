//! The pages of freezes: the list, the form with what it covers, and ending one.

mod form;
mod list;

#[cfg(test)]
pub(in crate::console) use form::{FormPage, FreezeForm, Seen};
#[cfg(test)]
pub(in crate::console) use list::{EndPage, FreezesPage};

pub use form::{edit_ask, edit_save, new, save};
pub use list::{end, end_ask, list};
