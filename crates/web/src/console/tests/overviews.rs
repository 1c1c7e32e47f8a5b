//! The overview.

use super::*;

#[test]
fn the_overview_says_what_it_does_not_count() {
    look(
        "overview",
        &overview::OverviewPage::new(&owner(), overview(), now()),
    );
}

#[test]
fn the_overview_of_nothing_claims_nothing() {
    let mut seen = overview();
    seen.openings.clear();
    seen.tickets.clear();
    seen.overview = Overview {
        devices: 0,
        managed: 0,
        counted: 0,
        missing: Vec::new(),
        findings: Vec::new(),
        orders: Vec::new(),
        tickets_open: 0,
        studies_overdue: 0,
        latest: Vec::new(),
        not_counted: Vec::new(),
    };
    let page = overview::OverviewPage::new(&owner(), seen, now());
    assert!(page.render().unwrap().contains("unknown"));
    look("overview_empty", &page);
}
