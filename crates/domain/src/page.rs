//! Pages of lists: no list is unbounded.

use serde::{Deserialize, Serialize};

/// Items in one page, by default.
pub const PAGE_ITEMS_DEFAULT: u32 = 200;
/// Items in one page, at most.
pub const PAGE_ITEMS_MAX: u32 = 1000;

/// Which page is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Where the page before ended, as that page said.
    pub cursor: Option<String>,
    /// Items wanted, 1 to `PAGE_ITEMS_MAX`.
    pub limit: u32,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            cursor: None,
            limit: PAGE_ITEMS_DEFAULT,
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to ask for next; `None` at the end.
    pub next: Option<String>,
}
