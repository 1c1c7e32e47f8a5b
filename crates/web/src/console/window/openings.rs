//! Openings as the form shows them: zone by zone, with what the changes of clocks do to them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use service::window::OpeningItem;

use crate::console::local::LocalMoment;

/// One opening of the preview.
pub(super) struct OpeningRow {
    pub number: usize,
    pub opens: LocalMoment,
    pub closes: String,
    pub offset: String,
    pub clock: Option<String>,
}

/// The openings in one zone.
pub(super) struct ZoneOpenings {
    pub zone: String,
    pub rows: Vec<OpeningRow>,
}

/// Puts openings together by their zone.
pub(super) fn by_zone(openings: &[OpeningItem], start: &str, now: Timestamp) -> Vec<ZoneOpenings> {
    let mut zones: Vec<ZoneOpenings> = Vec::new();
    for opening in openings {
        let known = zones.iter().position(|one| one.zone == opening.zone);
        let at = known.unwrap_or_else(|| {
            zones.push(ZoneOpenings {
                zone: opening.zone.clone(),
                rows: Vec::new(),
            });
            zones.len() - 1
        });
        if let Some(zone) = zones.get_mut(at) {
            let row = opening_row(opening, zone, start, now);
            zone.rows.push(row);
        }
    }
    zones
}

fn opening_row(
    opening: &OpeningItem,
    before: &ZoneOpenings,
    start: &str,
    now: Timestamp,
) -> OpeningRow {
    let zone = TimeZone::get(&opening.zone).unwrap_or(TimeZone::UTC);
    let (opens, closes) = (
        opening.opens_at.to_zoned(zone.clone()),
        opening.closes_at.to_zoned(zone.clone()),
    );
    let offset = |at: &jiff::Zoned| at.strftime("UTC%:z").to_string();
    let previous = before
        .rows
        .last()
        .map_or_else(|| offset(&now.to_zoned(zone)), |row| row.offset.clone());
    let own = offset(&opens);
    let wall = opens.strftime("%H:%M").to_string();
    let clock = if own != offset(&closes) {
        Some(format!(
            "the clocks change during it, from {own} to {}",
            offset(&closes)
        ))
    } else if wall != start && start.len() == wall.len() {
        Some(format!(
            "{start} does not exist on that day: it begins at the first time that does"
        ))
    } else if previous != own {
        Some(format!("the clocks have changed, from {previous} to {own}"))
    } else {
        None
    };
    OpeningRow {
        number: before.rows.len() + 1,
        opens: LocalMoment::new(opening.opens_at, &opening.zone, now),
        closes: if opens.date() == closes.date() {
            closes.strftime("%H:%M").to_string()
        } else {
            closes.strftime("%a %H:%M").to_string()
        },
        offset: own,
        clock,
    }
}
