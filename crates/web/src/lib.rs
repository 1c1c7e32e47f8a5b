//! HTTP in, HTML and JSON out.
//!
//! Two listeners with two routers (`router`): agents, always over TLS 1.3, and people (console and
//! API). A handler reads its input, calls one use case of `service`, and renders. Errors become HTTP
//! in `problem` and nowhere else.

pub mod agent_link;
pub mod api;
mod ask;
pub mod console;
pub mod guard;
pub mod problem;
pub mod router;
pub mod state;
pub mod tls;
