//! All SQL of Patchloop: what is kept, how it is kept, and how it is found again.
//!
//! One file per area; its methods hang on [`Tx`], noun first (`device_list`), and take and return
//! `domain` types. Work is handed in as a closure: [`Store::write`] runs it in the one writer thread
//! and answers when it is durable, [`Store::read`] runs it on a pool of readers.
//!
//! Times are stored as microseconds UTC, ids as their text, words as the words of `domain`. What a
//! later report may need is never overwritten: dated rows carry when a thing became true
//! (`valid_from`) and when it was written down (`recorded_at`); the present state stands beside them
//! and changes in the same transaction. Every method on client data takes a `ClientScope`.

mod audit;
mod calendar;
mod catalogue;
mod changelog;
mod client;
mod clock;
mod connection;
mod contact;
mod decision;
mod device;
mod enrolment;
mod error;
mod event;
mod exclusion;
mod facts;
mod feed;
mod finding;
mod intern;
mod inventory;
mod link;
mod migration;
mod order;
mod pack;
mod patch;
mod pending;
mod place;
mod policy;
mod principal;
mod reader;
mod scope;
mod setting;
mod site;
mod sqlite;
mod statement;
mod store;
mod study;
mod ticket;
mod value;
mod window;
mod writer;

pub use audit::{Actor, AuditEntry, AuditRow};
pub use calendar::CalendarFeed;
pub use catalogue::{CLIENT_TABLES, StatementFault, catalogue, check_statement};
pub use clock::FixClock;
pub use connection::{Connection, Tx};
pub use device::{DeviceFilter, DeviceMode, NewDevice};
pub use error::StoreError;
pub use finding::{DeviceFinding, FindingsWrite};
pub use intern::Interned;
pub use inventory::{InventoryWrite, KnownInventory};
pub use link::{LinkState, LinkUpdate};
pub use migration::{
    MIGRATIONS, Migration, POSTGRES_FUNCTIONS, POSTGRES_MIGRATIONS, SCHEMA_VERSION,
};
pub use order::{OrderFilter, OrderProgress};
pub use patch::PatchSummary;
pub use pending::Pending;
pub use place::{Place, Standing};
pub use policy::{PolicyRow, PolicyTexts, PolicyVersion};
pub use principal::{Credential, PrincipalRow};
pub use statement::{Statement, StatementKind};
pub use store::{OpenOptions, Store};
pub use study::{NewStudy, Study};
pub use ticket::{NewTicket, TicketCount, TicketFilter};
pub use value::{Row, Value};
pub use window::ListedWindow;
