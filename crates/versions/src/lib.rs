//! Order of package versions.
