//! The server and the operator's commands.
