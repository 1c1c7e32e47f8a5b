//! The first half of the story: people, places, devices and what they report.

use super::*;

pub(super) fn people(tx: &mut Tx<'_>, log: &mut Log) {
    step!(log, tx.setting_get("key")).unwrap();
    step!(log, tx.setting_get_or_add("key", b"one", at(0))).unwrap();
    let kept = step!(log, tx.setting_get_or_add("key", b"two", at(1))).unwrap();
    assert_eq!(kept, b"one");
    step!(log, tx.setting_put("key", b"three", at(2))).unwrap();
    assert_eq!(
        step!(log, tx.setting_get("key")).unwrap().unwrap(),
        b"three"
    );

    step!(log, tx.principal_add(&owner(), at(0))).unwrap();
    assert!(step!(log, tx.principal_add(&owner(), at(0))).is_err());
    assert_eq!(step!(log, tx.principal_list()).unwrap().len(), 1);
    let (token, link) = (Digest::of(b"token"), Digest::of(b"link"));
    step!(
        log,
        tx.credential_add(Credential::Token, token, owner().id, at(0), None)
    )
    .unwrap();
    let expires = Some(at(60));
    step!(
        log,
        tx.credential_add(Credential::SignInLink, link, owner().id, at(0), expires)
    )
    .unwrap();
    let found = step!(
        log,
        tx.credential_principal(Credential::Token, token, at(9_999))
    )
    .unwrap();
    assert_eq!(found, Some(owner()));
    let wrong = step!(
        log,
        tx.credential_principal(Credential::Session, token, at(1))
    )
    .unwrap();
    assert_eq!(wrong, None);
    assert_eq!(
        step!(
            log,
            tx.credential_take(Credential::SignInLink, link, at(60))
        )
        .unwrap(),
        None
    );
    let taken = step!(
        log,
        tx.credential_take(Credential::SignInLink, link, at(59))
    )
    .unwrap();
    assert_eq!(taken, Some(owner()));
    assert_eq!(
        step!(
            log,
            tx.credential_take(Credential::SignInLink, link, at(59))
        )
        .unwrap(),
        None
    );
    assert!(step!(log, tx.credential_end(token, at(100))).unwrap());
    assert!(!step!(log, tx.credential_end(token, at(101))).unwrap());
    let ended = step!(
        log,
        tx.credential_principal(Credential::Token, token, at(102))
    )
    .unwrap();
    assert_eq!(ended, None);
}

pub(super) fn places(tx: &mut Tx<'_>, log: &mut Log) {
    let all = provider();
    for number in [1, 2] {
        step!(log, tx.client_add(&all, &client(number))).unwrap();
        step!(log, tx.site_add(&all, &site(number))).unwrap();
    }
    assert!(step!(log, tx.client_add(&all, &client(1))).is_err());
    assert!(step!(log, tx.site_add(&only(id(2)), &site(1))).is_err());
    let first = step!(log, tx.client_list(&all, &pages(1, None))).unwrap();
    assert_eq!(first.items, [client(1)]);
    let second = step!(log, tx.client_list(&all, &pages(1, first.next))).unwrap();
    assert_eq!((second.items, second.next), (vec![client(2)], None));
    assert!(
        step!(log, tx.client_find(&all, "Client 2"))
            .unwrap()
            .is_some()
    );
    assert!(step!(log, tx.client_get(&all, id(1))).unwrap().is_some());
    assert_eq!(
        step!(log, tx.site_list(&all, &pages(9, None)))
            .unwrap()
            .items
            .len(),
        2
    );
    let found = step!(log, tx.site_find(&all, id(1), "Main")).unwrap();
    assert_eq!(found, Some(site(1)));

    step!(log, tx.enrolment_add(&all, &enrolment(1, id(1), id(1), 1))).unwrap();
    let foreign = enrolment(2, id(2), id(1), 1);
    assert!(step!(log, tx.enrolment_add(&all, &foreign)).is_err());
    let hash = enrolment(1, id(1), id(1), 1).token_hash;
    let late = step!(log, tx.enrolment_take(hash, at(86_400))).unwrap();
    assert_eq!(late, Err(TokenRefused::Expired));
    let taken = step!(log, tx.enrolment_take(hash, at(86_399))).unwrap();
    assert_eq!(taken.unwrap().uses_left, 0);
    let again = step!(log, tx.enrolment_take(hash, at(86_399))).unwrap();
    assert_eq!(again, Err(TokenRefused::UsedUp));
    let none = step!(log, tx.enrolment_take(Digest::of(b"x"), at(1))).unwrap();
    assert_eq!(none, Err(TokenRefused::Unknown));
    assert_eq!(
        step!(log, tx.enrolment_list(&all, &pages(9, None)))
            .unwrap()
            .items
            .len(),
        1
    );
}

pub(super) fn devices(tx: &mut Tx<'_>, log: &mut Log) {
    let all = provider();
    let (one, actor) = (id(1), Actor::Principal(owner().id));
    for (number, place) in [(1, 1), (2, 1), (3, 2)] {
        step!(log, tx.device_add(&all, &device(number, id(place)))).unwrap();
    }
    assert!(step!(log, tx.device_add(&all, &device(1, id(1)))).is_err());
    assert_eq!(step!(log, tx.device_count(&all)).unwrap(), 3);
    let first = step!(
        log,
        tx.device_list(&all, DeviceFilter::default(), &pages(2, None))
    )
    .unwrap();
    assert_eq!(first.items.len(), 2);
    let rest = step!(
        log,
        tx.device_list(&all, DeviceFilter::default(), &pages(2, first.next))
    )
    .unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    let filter = DeviceFilter {
        client: Some(id(2)),
    };
    assert_eq!(
        step!(log, tx.device_list(&all, filter, &pages(9, None)))
            .unwrap()
            .items
            .len(),
        1
    );
    assert_eq!(
        step!(log, tx.device_find(&all, "device-2")).unwrap().len(),
        1
    );

    step!(
        log,
        tx.device_set_mode(&all, one, Mode::Managed, at(100), at(101), &actor)
    )
    .unwrap();
    let tags = ["web", "db", "web"].map(|tag| tag.parse().unwrap());
    step!(
        log,
        tx.device_set_tags(&all, one, &tags, at(200), at(200), &actor)
    )
    .unwrap();
    step!(
        log,
        tx.device_set_standing(&all, one, Standing::Ahead, at(300))
    )
    .unwrap();
    step!(
        log,
        tx.device_set_agent(&all, one, &agent("0.2.0"), at(400))
    )
    .unwrap();
    let now = step!(log, tx.device_get(&all, one)).unwrap().unwrap();
    assert_eq!((now.mode, now.standing), (Mode::Managed, Standing::Ahead));
    assert_eq!(
        now.tags.iter().map(|t| t.as_str()).collect::<Vec<_>>(),
        ["db", "web"]
    );
    assert_eq!(now.agent.unwrap().version, "0.2.0");
    let then = step!(log, tx.device_at(&all, one, at(150)))
        .unwrap()
        .unwrap();
    assert_eq!((then.mode, then.standing), (Mode::Managed, Standing::Level));
    assert_eq!(
        (then.tags.len(), then.agent.unwrap().version.as_str()),
        (0, "0.1.0")
    );
    assert_eq!(
        step!(log, tx.device_at(&all, one, at(99)))
            .unwrap()
            .unwrap()
            .mode,
        Mode::Observe
    );
    assert_eq!(step!(log, tx.device_at(&all, one, at(9))).unwrap(), None);

    let modes = step!(log, tx.device_modes(&all, one)).unwrap();
    let modes: Vec<_> = modes.iter().map(|m| (m.mode, m.valid_from)).collect();
    assert_eq!(modes, [(Mode::Managed, at(100)), (Mode::Observe, at(10))]);

    let update = LinkUpdate {
        counter: 7,
        reply: Some(b"reply".to_vec()),
        acknowledged: 6,
        last_sequence: 3,
        seen_at: at(500),
        inventory_confirmed: true,
    };
    step!(log, tx.link_update(&all, one, &update)).unwrap();
    let link = step!(log, tx.link_get(one)).unwrap().unwrap();
    assert_eq!(
        (link.counter, link.acknowledged, link.last_sequence),
        (7, 6, 3)
    );
    assert_eq!(
        (link.last_seen, link.inventory_at),
        (Some(at(500)), Some(at(500)))
    );
    assert_eq!(link.reply.as_deref(), Some(&b"reply"[..]));
    let key = device(1, id(1)).public_key;
    assert_eq!(step!(log, tx.link_device_by_key(&key)).unwrap(), Some(one));
    assert_eq!(step!(log, tx.link_get(id(77))).unwrap(), None);
}

pub(super) fn looks(tx: &mut Tx<'_>, log: &mut Log) {
    let (all, one): (_, DeviceId) = (provider(), id(1));
    let first = inventory((0..50).map(|n| (n, 0)));
    let second = inventory((1..51).map(|n| (n, u64::from(n == 7))));
    assert_eq!(step!(log, tx.inventory_get(&all, one)).unwrap(), None);
    for (inventory, when, changed) in [
        (&first, 1_000, true),
        (&first, 1_500, false),
        (&second, 2_000, true),
        (&first, 3_000, true),
    ] {
        let write = InventoryWrite {
            inventory,
            digest: inventory.digest(),
            valid_from: at(when),
            recorded_at: at(when + 1),
        };
        assert_eq!(
            step!(log, tx.inventory_put(&all, one, write)).unwrap(),
            changed
        );
    }
    let now = step!(log, tx.inventory_get(&all, one)).unwrap().unwrap();
    assert_eq!(
        (now.inventory, now.valid_from),
        (first.clone(), Some(at(3_000)))
    );
    for (when, want) in [
        (1_000, &first),
        (1_999, &first),
        (2_000, &second),
        (3_000, &first),
    ] {
        let then = step!(log, tx.inventory_at(&all, one, at(when)))
            .unwrap()
            .unwrap();
        assert_eq!(then.inventory, *want, "{when}");
    }
    assert_eq!(
        step!(log, tx.inventory_at(&all, one, at(999))).unwrap(),
        None
    );
    let then = step!(log, tx.device_at(&all, one, at(2_000)))
        .unwrap()
        .unwrap();
    assert_eq!(then.packages, Some(50));
    let link = step!(log, tx.link_get(one)).unwrap().unwrap();
    assert_eq!(link.inventory_digest, Some(first.digest()));

    assert_eq!(step!(log, tx.facts_get(&all, one)).unwrap(), None);
    for offers in [3, 5] {
        step!(
            log,
            tx.facts_put(&all, one, &facts(1, offers), "mark", at(600))
        )
        .unwrap();
    }
    let (kept, looked_at) = step!(log, tx.facts_get(&all, one)).unwrap().unwrap();
    assert_eq!((kept, looked_at), (facts(1, 5), at(600)));
    let systems = step!(log, tx.facts_systems(&all, &[one, id(2)])).unwrap();
    assert_eq!(systems.len(), 1);
    let mut system = facts(1, 3).system;
    for (codename, when) in [("bookworm", 600), ("trixie", 700)] {
        system.codename = Some(codename.parse().unwrap());
        step!(log, tx.device_set_system(&all, one, &system, at(when))).unwrap();
    }
    for (when, codename) in [(599, None), (600, Some("bookworm")), (900, Some("trixie"))] {
        let then = step!(log, tx.device_system_at(&all, one, at(when))).unwrap();
        let found = then.and_then(|system| system.codename);
        assert_eq!(found, codename.map(|name| name.parse().unwrap()), "{when}");
    }

    let (source, version) = ("openssl".parse().unwrap(), "3.0.22-1".parse().unwrap());
    assert_eq!(
        step!(log, tx.changelog_get(&source, &version)).unwrap(),
        None
    );
    step!(log, tx.changelog_ask(&source, &version, at(1))).unwrap();
    step!(log, tx.changelog_ask(&source, &version, at(5))).unwrap();
    let asked = step!(log, tx.changelog_asked_at(&source, &version)).unwrap();
    assert_eq!(asked, Some(at(5)));
    let said = ChangelogFacts {
        source: source.clone(),
        version: version.clone(),
        entries: Ok(vec![ChangelogEntry {
            version: version.clone(),
            urgency: "high".to_owned(),
            cves: vec!["CVE-2026-1".to_owned()],
            written_at: Some(at(-9)),
        }]),
        read_at: at(7),
    };
    step!(log, tx.changelog_put(&said)).unwrap();
    let count = step!(log, tx.changelog_count()).unwrap();
    assert_eq!(count, (1, Some(said.read_at)));
    step!(log, tx.changelog_put(&said)).unwrap();
    assert_eq!(
        step!(log, tx.changelog_get(&source, &version)).unwrap(),
        Some(said)
    );
}
