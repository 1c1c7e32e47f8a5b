//! Reads what is installed on this system, as the agent does, and nothing else: for measuring.
//!
//! Prints how many packages there are; with `--text`, the inventory as it travels.

use std::io::Write as _;
use std::sync::Arc;

use backends::{Apt, Backend as _, Places, SystemRunner};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Reading the inventory keeps nothing, so the folder is never made.
    let apt = Apt::new(Arc::new(SystemRunner), Places::system(), "unused");
    let read = apt.inventory()?;
    let mut out = std::io::stdout().lock();
    if std::env::args().nth(1).as_deref() == Some("--text") {
        out.write_all(read.inventory.to_text().as_bytes())?;
    } else {
        // The digest is what an unchanged check-in sends.
        std::hint::black_box(read.inventory.digest());
        writeln!(out, "{}", read.inventory.items().len())?;
    }
    Ok(())
}
