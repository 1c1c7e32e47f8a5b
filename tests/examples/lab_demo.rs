//! Brings up a whole lab, looks at everything it offers, prints how long it took, and clears away.
//!
//! `cargo run -p patchloop-tests --example lab_demo [FOLDER]`, as root.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::{Device, DeviceKind, Lab, Site};

fn main() -> Result<()> {
    let given = std::env::args_os().nth(1).map(std::path::PathBuf::from);
    let temporary = tempfile::tempdir()?;
    let folder = given.as_deref().unwrap_or(temporary.path());
    let start = Instant::now();
    let lab = Lab::new(folder)?;
    println!("lab up: {:.1} s", start.elapsed().as_secs_f32());

    let start = Instant::now();
    for (site, name) in [
        (Site::A, "web1"),
        (Site::A, "web2"),
        (Site::B, "db1"),
        (Site::B, "db2"),
    ] {
        lab.device(site, name, DeviceKind::Plain)?;
    }
    let mail = lab.device(Site::B, "mail1", DeviceKind::Plain)?;
    let booted = lab.device(Site::A, "app1", DeviceKind::Systemd)?;
    println!("6 devices up: {:.1} s", start.elapsed().as_secs_f32());
    let web = lab.devices()[0].clone();

    look_at_pending(&lab, &[&web, &booted])?;
    look_at_services(&web, &booted)?;
    look_at_own_repository(&lab, &web, &booted)?;
    look_at_links(&lab, &mail, &web)?;
    look_at_processes(&web, &booted)?;

    let start = Instant::now();
    drop(lab);
    println!("torn down: {:.1} s", start.elapsed().as_secs_f32());
    Ok(())
}

fn timed<T>(what: &str, action: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let value = action().context(what.to_owned())?;
    println!("{what}: {:.1} s", start.elapsed().as_secs_f32());
    Ok(value)
}

fn look_at_pending(lab: &Lab, devices: &[&Device]) -> Result<()> {
    for device in devices {
        let name = device.name();
        let pending = timed(&format!("{name}: pending"), || lab.pending(device))?;
        let security = pending
            .iter()
            .filter(|pending| pending.is_security())
            .count();
        println!(
            "{name}: {} packages, {} pending, {security} security",
            device.packages()?.len(),
            pending.len()
        );
        ensure!(!pending.is_empty(), "nothing is pending");
    }
    let mut sources: Vec<_> = lab
        .pending(devices[0])?
        .into_iter()
        .map(|one| one.source)
        .collect();
    sources.sort();
    sources.dedup();
    println!("sources: {}", sources.join(" "));
    timed("web1: apt-get update", || {
        devices[0].run(&["apt-get", "-q", "update"])
    })?;
    Ok(())
}

fn look_at_services(web: &Device, booted: &Device) -> Result<()> {
    web.run(&["service", "nginx", "start"])?;
    for device in [web, booted] {
        let answer = device.http_get("/")?;
        println!("{}: nginx answers {}", device.name(), answer.status);
        ensure!(
            answer.status == 200 && answer.body.contains("nginx"),
            "not nginx"
        );
    }
    let outside = web.exec(&["curl", "-sS", "--max-time", "3", "http://192.0.2.1/"])?;
    ensure!(
        !outside.status.success(),
        "a device reached an address outside its site"
    );
    let unit = [
        "systemd-run",
        "--collect",
        "--wait",
        "--unit=lab-probe",
        "touch",
        "/run/probe",
    ];
    timed("app1: systemd-run", || booted.run(&unit))?;
    booted.read("/run/probe")?;
    println!("app1: {}", booted.run(&["systemd-analyze", "time"])?.trim());
    println!(
        "app1: failed units: {:?}",
        booted
            .run(&["systemctl", "--failed", "--plain", "--no-legend"])?
            .trim()
    );
    Ok(())
}

fn look_at_own_repository(lab: &Lab, web: &Device, booted: &Device) -> Result<()> {
    let repo = lab.own_repo_with(3)?;
    for device in [web, booted] {
        repo.add_to(device)?;
        device.run(&["apt-get", "-q", "update"])?;
        let names = repo.packages();
        let install = [&["apt-get", "-q", "-y", "install"], names.as_slice()].concat();
        timed(&format!("{}: install 1.0", device.name()), || {
            device.run(&install)
        })?;
        device.run(&["/usr/lib/patchloop-lab-sick/health"])?;
    }
    timed("publish 2.0", || lab.publish("2.0"))?;
    for device in [web, booted] {
        device.run(&["apt-get", "-q", "update"])?;
        let pending = lab.pending(device)?;
        let own = pending
            .iter()
            .filter(|one| one.origin.contains("Lab-Security"));
        ensure!(
            own.clone()
                .all(|one| one.candidate == "2.0" && one.is_security()),
            "{pending:?}"
        );
        ensure!(own.count() == 4, "not all of the own packages are pending");
        let sick = ["apt-get", "-q", "-y", "install", "patchloop-lab-sick"];
        device.run(&sick)?;
        ensure!(
            !device
                .exec(&["/usr/lib/patchloop-lab-sick/health"])?
                .status
                .success(),
            "not sick"
        );
        let bad = device.exec(&["apt-get", "-q", "-y", "install", "patchloop-lab-badpost"])?;
        let talk = String::from_utf8_lossy(&bad.stdout).into_owned()
            + &String::from_utf8_lossy(&bad.stderr);
        ensure!(
            bad.status.code() == Some(100) && talk.contains("migration failed"),
            "{talk}"
        );
        println!(
            "{}: 2.0 is pending, sick is sick, badpost fails",
            device.name()
        );
    }
    Ok(())
}

fn look_at_links(lab: &Lab, mail: &Device, web: &Device) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let target = listener.local_addr()?.to_string();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            let _ =
                BufReader::new(stream.try_clone().expect("a fresh socket")).read_line(&mut line);
            let _ = (&stream).write_all(b"HTTP/1.0 200 OK\r\n\r\nthe server\n");
            if line.contains("/stay") {
                open.push(stream);
            }
        }
    });
    lab.forward(Site::B, 8443, &target)?;
    lab.forward(Site::A, 8443, &target)?;
    let ask = |device: &Device| {
        let url = format!("http://{}:8443/", lab.gateway(device.site()));
        device.exec(&["curl", "-sS", "--max-time", "5", &url])
    };
    for device in [mail, web] {
        let answer = ask(device)?;
        ensure!(answer.stdout == b"the server\n", "{answer:?}");
    }
    let stay = format!("http://{}:8443/stay", lab.gateway(Site::B));
    let staying = mail.spawn(&["curl", "-sSN", "--max-time", "60", &stay])?;
    lab::wait_until(Duration::from_secs(5), "a lasting connection", || {
        staying.output().contains("the server")
    })?;
    ensure!(staying.is_alive(), "the connection did not last");
    lab.cut(Site::B)?;
    staying
        .wait(Duration::from_secs(5))
        .context("an open connection outlived the cut")?;
    ensure!(!ask(mail)?.status.success(), "the link is not cut");
    ensure!(
        ask(web)?.status.success(),
        "the other site's link is cut too"
    );
    lab.heal(Site::B)?;
    ensure!(ask(mail)?.status.success(), "the link is not healed");
    println!("links: forward, cut and heal work");
    Ok(())
}

fn look_at_processes(web: &Device, booted: &Device) -> Result<()> {
    for device in [web, booted] {
        let sleeper = device.spawn(&["sleep", "600"])?;
        let seen = device.run(&["ps", "-o", "args=", "-p", &sleeper.pid().to_string()])?;
        ensure!(seen.trim() == "sleep 600", "{seen}");
        device.kill(sleeper.pid())?;
        ensure!(
            sleeper
                .wait(Duration::from_secs(5))?
                .is_none_or(|code| code != 0),
            "ended well?"
        );
        for _ in 0..20 {
            device.run(&["sh", "-c", "(sleep 0.1 &) ; exit 0"])?;
        }
        lab::wait_until(Duration::from_secs(5), "zombies to be buried", || {
            device.zombies().is_ok_and(|count| count == 0)
        })?;
        device.write("/etc/lab/deep/file", "text\n")?;
        ensure!(
            device.read("/etc/lab/deep/file")? == b"text\n",
            "not what was written"
        );
        println!("{}: processes and files work", device.name());
    }
    Ok(())
}
