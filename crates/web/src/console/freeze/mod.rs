//! The pages of freezes: the list, the form with what it covers, and ending one.

mod form;
mod list;

pub(in crate::console) use form::{FormPage, FreezeForm, Seen};
pub(in crate::console) use list::{EndPage, FreezesPage};

pub use form::{edit_ask, edit_save, new, save};
pub use list::{end, end_ask, list};
