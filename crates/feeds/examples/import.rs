//! Reads documents one after the other, as an import does, and prints how long it took and how much memory.
//!
//!     import FILE...
//!
//! Each file is read, hashed, unpacked and parsed to its last record; nothing is kept. One JSON object
//! on stdout: milliseconds for all files, records, broken ones, and the peak of resident memory.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use feeds::inspect;

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let (mut records, mut broken) = (0, 0);
    let began = Instant::now();
    for file in &files {
        let seen = inspect::file(Path::new(file), None);
        if !seen.accepted {
            let why = seen.why.unwrap_or_default();
            eprintln!("error: {file} is refused: {why}");
            return ExitCode::FAILURE;
        }
        records += seen.records;
        broken += seen.broken.len();
    }
    let millis = began.elapsed().as_secs_f64() * 1e3;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.map(|text| text.trim().trim_end_matches("kB").trim());
    println!(
        "{{\"files\":{},\"records\":{records},\"broken\":{broken},\"milliseconds\":{millis},\"peak_kib\":{}}}",
        files.len(),
        kib.unwrap_or("null")
    );
    ExitCode::SUCCESS
}
