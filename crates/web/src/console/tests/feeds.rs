//! Feeds.

use super::*;

#[test]
fn feeds_say_how_old_they_are_and_unknown_is_never_nought() {
    use domain::document::DocumentStanding;
    use service::feed::document::DocumentItem;
    use service::feed::{FeedItem, FeedProblem, FeedStatus, Freshness};

    let feed = |feed, freshness, as_of: Option<&str>| FeedItem {
        feed,
        publisher: "CISA".into(),
        what: "CVEs known to be exploited".into(),
        addresses: vec!["https://feeds.example/kev.json".into()],
        licence: "CC0-1.0".into(),
        rhythm_minutes: 360,
        stale_hours: 120,
        enabled: true,
        freshness,
        as_of: as_of.map(at),
        tried_at: as_of.map(at),
        succeeded_at: as_of.map(at),
        error: None,
        documents: as_of.map(|_| 1),
        records: as_of.map(|_| 1404),
        broken: 0,
        quarantined: 0,
    };
    let mut stale = feed(Feed::Epss, Freshness::Stale, Some("2026-02-20T09:00:00Z"));
    (stale.broken, stale.quarantined) = (3, 1);
    stale.error = Some("<script> is quarantined: it ends in the middle".into());
    let status = FeedStatus {
        at: now(),
        sentence: "No advisories are at hand.".into(),
        advisories: None,
        feeds: vec![
            feed(Feed::Kev, Freshness::Fresh, Some("2026-03-02T06:00:00Z")),
            stale,
            feed(Feed::DebianDsa, Freshness::Never, None),
        ],
        quarantined: vec![DocumentItem {
            feed: Feed::Epss,
            document: "epss_scores-current.csv.gz".into(),
            own_id: String::new(),
            sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".into(),
            size_bytes: 5,
            records: 0,
            broken: 0,
            dated: None,
            fetched_at: at("2026-03-01T06:00:00Z"),
            standing: DocumentStanding::Quarantined,
            since: at("2026-03-01T06:00:00Z"),
            why: "the document ends in the middle: it is truncated".into(),
        }],
        problems: vec![FeedProblem {
            document: "kev old.json".into(),
            why: "it is damaged".into(),
        }],
    };
    let page = feed::FeedsPage::new(&reader(), status, now());
    let html = page.render().unwrap();
    assert!(html.contains("nothing, so nothing can be said"));
    assert!(!html.contains("<script>"));
    look("feeds", &page);
}
