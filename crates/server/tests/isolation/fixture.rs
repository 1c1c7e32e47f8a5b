//! Two clients with everything in them, and a server that serves them.

use super::*;

pub(super) async fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::at(at("2026-03-02T12:00:00Z")));
    let options = StartOptions {
        state: dir.path().to_owned(),
        console: "127.0.0.1:0".parse().unwrap(),
        agents: "127.0.0.1:0".parse().unwrap(),
        definitions: None,
        refresh: false,
        tell_at_once: false,
        tls: None,
    };
    let running = start(&options, clock).await.unwrap();
    let service = Arc::clone(&running.service);
    let path = dir.path().to_owned();
    let names = tokio::task::spawn_blocking(move || fill(&service, &path))
        .await
        .unwrap();
    let agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // A refused body is not read to its end, and then the connection ends: a new one each time.
        .max_idle_connections(0)
        .build()
        .new_agent();
    let (url, asking) = (running.console_url.clone(), agent.clone());
    let cookie = tokio::task::spawn_blocking(move || sign_in(&asking, &url))
        .await
        .unwrap();
    Fixture {
        running,
        names,
        cookie,
        agent,
        _dir: dir,
    }
}

/// Two clients; the second, `Otherco`, has one of everything.
pub(super) fn fill(service: &service::Service, dir: &Path) -> Names {
    let owner = service.owner_create("Olga").unwrap().owner;
    let mine = service.client_add(&owner, "Mine").unwrap();
    service
        .site_add(&owner, "Mine", "Home", "Europe/Berlin")
        .unwrap();
    let other = service.client_add(&owner, "Otherco").unwrap();
    let site = service
        .site_add(&owner, "Otherco", "Othertown", "Europe/Paris")
        .unwrap();
    let device = DeviceId::from_parts(service.now(), [7; 10]);
    let order = OrderId::from_parts(service.now(), [8; 10]);
    let ticket = TicketId::from_parts(service.now(), [9; 10]);
    insert(
        dir,
        service.now(),
        &owner,
        &mine,
        &other,
        (site.id, device, order, ticket),
    );
    service
        .device_tag(
            &owner,
            &device.to_string(),
            &["othertag".parse().unwrap()],
            &[],
        )
        .unwrap();
    let decision = service
        .decision_add(
            &owner,
            &NewDecision {
                word: "hold".parse().unwrap(),
                patches: "product:otherpkg".into(),
                devices: "client:Otherco".into(),
                level: None,
                until: None,
                version: None,
                reason: "otherreason".into(),
                dry_run: false,
            },
        )
        .unwrap();
    let window = service
        .window_add(
            &owner,
            &NewWindow {
                name: "othernights".into(),
                devices: "client:Otherco".into(),
                days: "mon".into(),
                start: "22:00".into(),
                duration: "2h".into(),
                zone: "Europe/Paris".into(),
                ..NewWindow::default()
            },
        )
        .unwrap();
    let freeze = service
        .freeze_add(
            &owner,
            &NewFreeze {
                name: "otherfreeze".into(),
                devices: "client:Otherco".into(),
                zone: "Europe/Paris".into(),
                from: "2026-12-18T00:00".into(),
                until: "2027-01-04T06:00".into(),
                ..NewFreeze::default()
            },
        )
        .unwrap();
    let wanted = service::calendar::NewCalendar {
        client: "Otherco".into(),
    };
    let calendar = service.calendar_add(&owner, &wanted).unwrap();
    let id = |prefix: &str| format!("{prefix}_01j9zzzzzzzzzzzzzzzzzzzzzz");
    BTreeMap::from([
        ("CLIENT_ID", (other.id.to_string(), id("cli"))),
        ("CLIENT", ("Otherco".into(), "Neverco".into())),
        ("SITE_ID", (site.id.to_string(), id("sit"))),
        ("SITE", ("Othertown".into(), "Nevertown".into())),
        ("DEVICE_ID", (device.to_string(), id("dev"))),
        ("DEVICE", ("otherbox".into(), "neverbox".into())),
        ("DECISION", (decision.id.unwrap().to_string(), id("dec"))),
        ("WINDOW_ID", (window.id.to_string(), id("win"))),
        ("WINDOW", ("othernights".into(), "nevernights".into())),
        ("FREEZE_ID", (freeze.id.to_string(), id("pol"))),
        ("FREEZE", ("otherfreeze".into(), "neverfreeze".into())),
        ("ORDER", (order.to_string(), id("ord"))),
        ("CALENDAR", (calendar.id.to_string(), id("pol"))),
        ("ADDRESS", (calendar.path, "/calendar/plc_never.ics".into())),
        ("TICKET", (ticket.to_string(), id("tic"))),
    ])
}

/// What only devices and the command line can make, put into the database beside the server.
pub(super) fn insert(
    dir: &Path,
    now: Timestamp,
    owner: &Principal,
    mine: &ClientItem,
    other: &ClientItem,
    ids: (domain::id::SiteId, DeviceId, OrderId, TicketId),
) {
    let store = Store::open(&dir.join("patchloop.db"), OpenOptions::default()).unwrap();
    let technician = Principal {
        id: PrincipalId::from_parts(now, [3; 10]),
        name: "Theo".into(),
        role: Role::Technician,
        reach: Reach::Clients(vec![mine.id]),
    };
    let (owner, other, (site, device, order, ticket)) = (owner.id, other.id, ids);
    let done: Result<(), StoreError> = store.write_blocking(move |tx| {
        let scope = access::of_loops();
        let hash = |secret: &str| Digest::of(secret.as_bytes());
        tx.principal_add(&technician, now)?;
        tx.credential_add(Credential::Token, hash(OWNER_TOKEN), owner, now, None)?;
        tx.credential_add(Credential::Token, hash(TOKEN), technician.id, now, None)?;
        let until = Some(at("2026-03-02T13:00:00Z"));
        tx.credential_add(
            Credential::SignInLink,
            hash(LINK),
            technician.id,
            now,
            until,
        )?;
        tx.device_add(
            &scope,
            &NewDevice {
                id: device,
                site,
                name: "otherbox".parse().unwrap(),
                public_key: [5; 32],
                agent: AgentAbilities {
                    version: "0".into(),
                    protocol: 1,
                    verbs: Vec::new(),
                    privileged: true,
                    guardrails: Vec::new(),
                },
                enrolled_at: now,
            },
        )?;
        let inventory = Inventory::new(vec![Item::Package(Package {
            ecosystem: Ecosystem::Deb,
            name: "othersecretlib".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            version: "1.2-2".parse().unwrap(),
            state: PackageState::Installed,
            source: None,
            origin: None,
        })]);
        let write = InventoryWrite {
            inventory: &inventory,
            digest: inventory.digest(),
            valid_from: now,
            recorded_at: now,
        };
        tx.inventory_put(&scope, device, write)?;
        let write = FindingsWrite {
            findings: &[missing()],
            valid_from: now,
            recorded_at: now,
        };
        tx.finding_apply(&scope, device, write)?;
        let item = OrderItem {
            ecosystem: Ecosystem::Deb,
            name: "otherpkg".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            from: None,
            to: "1.2-3".parse().unwrap(),
            patch: PATCH.parse().unwrap(),
        };
        let record = OrderRecord {
            id: order,
            device,
            client: other,
            generation: 1,
            sequence: 1,
            items: vec![item],
            restart_services: Switch::On,
            opens_at: at("2026-03-02T21:00:00Z"),
            closes_at: at("2026-03-02T23:00:00Z"),
            deadline: at("2026-03-03T03:00:00Z"),
            contact_within_seconds: 3600,
            made_at: now,
            state: OrderState::Waiting,
            state_since: now,
            reason: "otherorder".into(),
            outcome: None,
            look: None,
            proof: Proof::pending(),
        };
        tx.order_add(&scope, &record, now)?;
        let new = NewTicket {
            id: ticket,
            cause: "othercause".into(),
            subject: "othersubject".into(),
            client: other,
            device,
            device_name: "otherbox".into(),
            order,
            patches: vec![PATCH.parse().unwrap()],
            evidence: vec!["otherevidence".into()],
            state: TicketState::Open,
            now,
        };
        tx.ticket_put(&scope, &new)?;
        Ok(())
    });
    done.unwrap();
}

/// What the other client's device misses.
pub(super) fn missing() -> Finding {
    Finding {
        patch: PATCH.parse().unwrap(),
        packages: vec![FindingPackage {
            name: "othersecretlib".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            installed: Some("1.2-2".parse().unwrap()),
            candidate: Some("1.2-3".parse().unwrap()),
        }],
        state: FindingState::Missing,
        why: "otherwhy".into(),
        facts: PatchFacts {
            severity: Some(Severity::Critical),
            severity_source: Some(SeveritySource::Derived),
            cves: Some(vec!["CVE-2026-7777".into()]),
            kev: Some(true),
            epss_millionths: None,
            released_at: None,
        },
        classification: Classification::Security,
        origin: None,
        needs: Vec::new(),
        refused: None,
    }
}

pub(super) fn sign_in(agent: &Agent, url: &str) -> String {
    let answer = agent
        .post(format!("{url}/sign-in"))
        .header("Sec-Fetch-Site", "same-origin")
        .send_form([("token", LINK)])
        .unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}
