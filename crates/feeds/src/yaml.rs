//! YAML into JSON values, without aliases.
