//! The coverage ledger and the notices, over a real store: who is counted where, and what is told once.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use domain::access::{Principal, Reach, Role};
use domain::coverage::Bucket;
use domain::page::PageRequest;
use service::ServiceError;
use service::coverage::NewExclusion;
use support::*;

fn reader(client: domain::id::ClientId) -> Principal {
    Principal {
        id: domain::id::PrincipalId::from_bytes([9; 16]),
        name: "Rita".into(),
        role: Role::Reader,
        reach: Reach::Clients(vec![client]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_goes_through_the_buckets_and_the_buckets_add_up() {
    let server = Server::new();
    let (service, owner) = (&server.service, &server.owner);
    server.set("2026-03-02T09:00:00Z");
    let token = server.token(2);
    let mut agent = Agent::enrol(&server, "web1", &token, 1).await.unwrap();
    Agent::enrol(&server, "web2", &token, 2).await.unwrap();
    agent.sync(&server).await;
    let buckets = || {
        let page = service
            .coverage_list(owner, None, &PageRequest::default())
            .unwrap();
        page.items
            .into_iter()
            .map(|line| format!("{} {}", line.device, line.bucket))
            .collect::<Vec<_>>()
    };
    let mut both = buckets();
    both.sort();
    assert_eq!(both, ["web1 current", "web2 never-reported"]);

    server.set("2026-03-04T09:00:00Z");
    let sums = service.coverage(owner).unwrap();
    assert_eq!((sums.devices, sums.stale, sums.never_reported), (2, 1, 1));
    assert_eq!(sums.overdue, 2);

    let exclusion = |reason: &str, until: &str| NewExclusion {
        reason: reason.into(),
        until: at(until),
    };
    for refused in [
        exclusion(" ", "2026-04-01T00:00:00Z"),
        exclusion("in repair", "2026-03-04T09:00:00Z"),
        exclusion("in repair", "2028-04-01T00:00:00Z"),
    ] {
        assert!(matches!(
            service.device_exclude(owner, "web1", &refused),
            Err(ServiceError::Invalid { .. })
        ));
    }
    let line = service
        .device_exclude(
            owner,
            "web1",
            &exclusion("in repair", "2026-04-01T00:00:00Z"),
        )
        .unwrap();
    assert_eq!(line.bucket, Bucket::Excluded);
    assert!(
        line.why.contains(&owner.name) && line.why.contains("in repair"),
        "{}",
        line.why
    );
    let sums = service.coverage(owner).unwrap();
    assert_eq!((sums.excluded, sums.stale, sums.overdue), (1, 0, 2));
    let only = service
        .coverage_list(owner, Some(Bucket::Excluded), &PageRequest::default())
        .unwrap();
    assert_eq!(only.items.len(), 1);

    let line = service.device_include(owner, "web1").unwrap();
    assert_eq!(line.bucket, Bucket::Stale);
    assert!(
        server
            .audit_actions()
            .contains(&"device.exclude".to_owned())
    );
    assert!(
        server
            .audit_actions()
            .contains(&"device.include".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_excludes_another_clients_device() {
    let server = Server::new();
    let (service, owner) = (&server.service, &server.owner);
    Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    let beta = service.client_add(owner, "Beta").unwrap();
    let rita = reader(beta.id);
    assert_eq!(service.coverage(&rita).unwrap().devices, 0);
    let page = PageRequest::default();
    assert!(
        service
            .coverage_list(&rita, None, &page)
            .unwrap()
            .items
            .is_empty()
    );
    let new = NewExclusion {
        reason: "mischief".into(),
        until: plus(service.now(), 3600),
    };
    let technician = Principal {
        role: Role::Technician,
        ..rita.clone()
    };
    assert!(matches!(
        service.device_exclude(&technician, "web1", &new),
        Err(ServiceError::NotFound { .. })
    ));
    assert!(matches!(
        service.device_include(&technician, "web1"),
        Err(ServiceError::NotFound { .. })
    ));
    assert!(matches!(
        service.device_exclude(&rita, "web1", &new),
        Err(ServiceError::Denied(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_notice_of_a_release_day_is_written_once_and_in_time() {
    let server = Server::new();
    let (service, owner) = (&server.service, &server.owner);
    let page = PageRequest::default();
    // The second Tuesday of March 2026 is the 10th; three business days before is Thursday.
    server.set("2026-03-05T07:59:00Z");
    service.notify_turn().unwrap();
    assert!(service.event_list(owner, &page).unwrap().items.is_empty());
    for _ in 0..3 {
        server.set("2026-03-05T08:15:00Z");
        service.notify_turn().unwrap();
        server.set("2026-03-06T08:15:00Z");
        service.notify_turn().unwrap();
    }
    let events = service.event_list(owner, &page).unwrap().items;
    assert_eq!(events.len(), 1);
    assert_eq!(
        events[0].subject,
        "Microsoft Patch Tuesday on 2026-03-10: 0 devices"
    );
    // It concerns no device here, so nobody is called.
    assert_eq!(events[0].state.to_string(), "quiet");
    assert_eq!(events[0].owner, owner.name);
    let days = service.release_list(owner, 2).unwrap().items;
    assert_eq!(days[0].notice_at, at("2026-03-05T08:00:00Z"));
    assert_eq!(days.len(), 2);
}
