//! The files that pages load: one style sheet and one icon, inside the binary.
//!
//! The address carries a hash of the content, so a browser may keep a file for ever and still gets
//! the new one after an update. The hash is FNV-1a: it tells versions apart, it protects nothing.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// The style sheet's text.
pub const STYLE: &str = include_str!("../../assets/console.css");
const ICON: &[u8] = include_bytes!("../../assets/icon.svg");

const KEPT: &str = "public, max-age=31536000, immutable";

const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x100_0000_01b3);
        at += 1;
    }
    hash
}

/// The address of the style sheet.
pub fn style() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS.get_or_init(|| format!("/assets/console-{:016x}.css", fnv1a(STYLE.as_bytes())))
}

/// The address of the icon.
pub fn icon() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS.get_or_init(|| format!("/assets/icon-{:016x}.svg", fnv1a(ICON)))
}

/// `GET /assets/{file}`
pub async fn show(Path(file): Path<String>) -> Result<Response, Problem> {
    let named = |address: &str| address.strip_prefix("/assets/") == Some(file.as_str());
    let (kind, bytes) = if named(style()) {
        ("text/css; charset=utf-8", STYLE.as_bytes())
    } else if named(icon()) {
        ("image/svg+xml", ICON)
    } else {
        return Err(Problem::no_such_address());
    };
    Ok((
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEPT)],
        bytes,
    )
        .into_response())
}
