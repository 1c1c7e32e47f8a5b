//! Tickets and the report for a client.

use super::*;

#[test]
fn tickets_show_their_evidence() {
    let found = page_of(vec![ticket(TicketState::Open), ticket(TicketState::Closed)]);
    look(
        "tickets",
        &ticket::TicketsPage::new(&owner(), &ListAsked::default(), found, now()),
    );
}

fn client_report() -> ClientReport {
    let line = |name: &str, missing, proven, last_seen| DeviceLine {
        name: name.into(),
        site: "Berlin".into(),
        os: "debian 12 (bookworm)".into(),
        last_seen,
        missing,
        proven,
    };
    ClientReport {
        client: "Acme GmbH".into(),
        at: now(),
        devices: 4,
        counted: 2,
        missing: missing(),
        proven: vec![ProvenLine {
            patch: "deb:bookworm/openssl@3.0.22-1~deb12u2".into(),
            device: "web-1".into(),
            proven_at: at("2026-03-01T21:16:00Z"),
        }],
        failed: 1,
        lines: vec![
            line("web-1", Some(12), 1, Some(at("2026-03-02T08:57:30Z"))),
            line("till-<7>", None, 0, None),
        ],
        not_counted: not_counted(),
    }
}

#[test]
fn the_report_is_a_page_and_a_file_that_needs_nothing() {
    look(
        "report",
        &report::ReportPage::new(client_report(), report::Style::Linked),
    );
    let file = report_file(client_report()).unwrap();
    assert!(file.contains("<style>/* The console's look."));
    assert!(!file.contains("href=") && !file.contains("src="));
}
