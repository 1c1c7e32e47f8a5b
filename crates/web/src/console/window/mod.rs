//! The pages of change windows: the list, the form with its preview, and ending one.

mod form;
mod list;
mod openings;
mod typed;

#[cfg(test)]
pub(in crate::console) use form::{FormPage, Seen};
#[cfg(test)]
pub(in crate::console) use list::{EndPage, WindowsPage};
#[cfg(test)]
pub(in crate::console) use typed::WindowForm;

pub use form::{edit_ask, edit_save, new, save};
pub use list::{end, end_ask, list};
