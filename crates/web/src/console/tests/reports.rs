//! Tickets and the report for a client.

use super::*;

#[test]
fn tickets_show_their_evidence() {
    let found = page_of(vec![ticket(TicketState::Open), ticket(TicketState::Closed)]);
    look(
        "tickets",
        &ticket::TicketsPage::new(&owner(), &ticket::TicketsAsked::default(), found, now()),
    );
}

#[test]
fn tickets_for_studies_say_who_owes_the_answer_and_until_when() {
    let mut answered = study(4, "2026-03-08T12:00:00Z");
    answered.state = TicketState::Closed;
    answered.devices = Some(0);
    let found = Page {
        items: vec![
            study(1, "2026-02-27T12:00:00Z"),
            study(2, "2026-03-09T12:00:00Z"),
            answered,
        ],
        next: Some("1.2.tic".into()),
    };
    let asked = ticket::TicketsAsked {
        owner: "<Anna> of the Linux team".into(),
        overdue: true,
        cursor: Some("0".into()),
    };
    look(
        "tickets_studies",
        &ticket::TicketsPage::new(&owner(), &asked, found, now()),
    );
    let nothing = ticket::TicketsAsked {
        overdue: true,
        ..ticket::TicketsAsked::default()
    };
    let page = ticket::TicketsPage::new(&owner(), &nothing, page_of(Vec::new()), now());
    assert!(page.render().unwrap().contains("no answer is overdue"));
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
