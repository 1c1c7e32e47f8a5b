//! The pages of change windows: the list, the form with its preview, and ending one.

mod form;
mod list;

pub(in crate::console) use form::{FormPage, Seen, WindowForm};
pub(in crate::console) use list::{EndPage, WindowsPage};

pub use form::{edit_ask, edit_save, new, save};
pub use list::{end, end_ask, list};
