//! Reads how much room an installation needs, from what `apt-get --print-uris` says. Pure.
//!
//! Source: apt's own output (samples in `tests/samples`): `'URI' FILE BYTES [DIGEST]` for each file that
//! is not in its cache yet, and `After this operation, 51.2 kB of additional disk space will be used.`

use crate::backend::Room;
use crate::command::Finished;

/// Reads it; `None` where apt did not plan anything.
pub(crate) fn read(finished: &Finished) -> Option<Room> {
    if !finished.succeeded() {
        return None;
    }
    let text = finished.text();
    Some(Room {
        download_bytes: text.lines().filter_map(file_bytes).sum(),
        growth_bytes: text.lines().find_map(growth_bytes).unwrap_or(0),
    })
}

fn file_bytes(line: &str) -> Option<u64> {
    let (_, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// What will be used; nothing where space is freed.
fn growth_bytes(line: &str) -> Option<u64> {
    let amount = line
        .strip_prefix("After this operation, ")?
        .strip_suffix(" of additional disk space will be used.")?;
    let (number, unit) = amount.split_once(' ')?;
    let unit: u64 = match unit {
        "B" => 1,
        "kB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    // One digit behind the point at most.
    let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().ok()?;
    let tenths: u64 = tenths.parse().ok().filter(|tenths| *tenths < 10)?;
    whole.checked_mul(unit)?.checked_add(tenths * unit / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(text: &str, code: i32) -> Finished {
        Finished {
            code: Some(code),
            stdout: text.as_bytes().to_vec(),
            stderr: Vec::new(),
        }
    }

    #[test]
    fn apts_own_figures_are_read() {
        let new = include_str!("../../tests/samples/apt-get-print-uris.new.txt");
        let upgrade = include_str!("../../tests/samples/apt-get-print-uris.upgrade.txt");
        // apt's own sums: "Need to get 53.1 kB", "Need to get 7730 kB".
        assert_eq!(
            read(&finished(new, 0)),
            Some(Room {
                download_bytes: 53_080,
                growth_bytes: 284_000
            })
        );
        assert_eq!(
            read(&finished(upgrade, 0)),
            Some(Room {
                download_bytes: 7_730_316,
                growth_bytes: 51_200
            })
        );
        assert_eq!(read(&finished(upgrade, 100)), None);
    }

    #[test]
    fn units_and_freed_space_are_told_apart() {
        let used = |amount: &str| {
            let line =
                format!("After this operation, {amount} of additional disk space will be used.\n");
            read(&finished(&line, 0)).unwrap().growth_bytes
        };
        assert_eq!(used("0 B"), 0);
        assert_eq!(used("999 B"), 999);
        assert_eq!(used("12.3 MB"), 12_300_000);
        assert_eq!(used("4211 MB"), 4_211_000_000);
        assert_eq!(used("1.5 GB"), 1_500_000_000);
        let freed = "After this operation, 501 kB disk space will be freed.\n";
        assert_eq!(read(&finished(freed, 0)).unwrap().growth_bytes, 0);
    }
}
