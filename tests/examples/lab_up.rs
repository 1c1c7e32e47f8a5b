//! The lab, left standing to be tried: `cargo xtask lab up`, as root.
//!
//! Six devices at two sites, enrolled with a real server; the clock of all of them can be moved, so
//! that a change window opens when one likes. Ends with `quit`, the end of input, or Ctrl-C.

use std::io::{BufRead, Write};

use anyhow::{Context, Result};
use jiff::SignedDuration;
use lab::story::Story;
use lab::{DeviceKind, Site};

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut story = Story::begin(folder.path())?;
    story.operator.ask(&["client", "add", "Acme"])?;
    for (site, place, zone) in [
        (Site::A, "Berlin", "Europe/Berlin"),
        (Site::B, "Lisbon", "Europe/Lisbon"),
    ] {
        story
            .operator
            .ask(&["site", "add", "Acme", place, "--zone", zone])?;
        let address = format!("Acme/{place}");
        let made =
            story
                .operator
                .ask(&["enrolment", "create", "--site", &address, "--uses", "3"])?;
        let token = made["token"].as_str().context("no token")?.to_owned();
        for number in 1..=3 {
            let name = format!("{}{number}", if site == Site::A { "a" } else { "b" });
            let kind = if name == "a2" {
                DeviceKind::Systemd
            } else {
                DeviceKind::Plain
            };
            let device = story.add(site, &name, kind)?;
            if kind == DeviceKind::Plain {
                device.run(&["service", "nginx", "start"])?;
            }
            story.enrol(&name, &token)?;
            story.start_agent(&name)?;
        }
    }
    tell(&story)?;
    let mut line = String::new();
    loop {
        eprint!("lab> ");
        std::io::stderr().flush()?;
        line.clear();
        if std::io::stdin().lock().read_line(&mut line)? == 0 || line.trim() == "quit" {
            return Ok(());
        }
        match line
            .trim()
            .trim_start_matches('+')
            .parse::<SignedDuration>()
        {
            _ if line.trim().is_empty() => {}
            Ok(forward) if forward > SignedDuration::ZERO => {
                story.move_to(story.now() + forward)?;
                eprintln!("it is now {:.0}", story.now());
            }
            _ => eprintln!("expected how far the clock goes, such as +3h or +20m, or `quit`"),
        }
    }
}

fn tell(story: &Story) -> Result<()> {
    let programs = std::env::var("PATCHLOOP_LAB_BIN")?;
    eprintln!(
        "
Six devices are enrolled: a1 a2 a3 at Acme/Berlin, b1 b2 b3 at Acme/Lisbon. They only observe yet.

Console   {}
Sign in   {}

In another terminal:
  export PATH=\"{programs}:$PATH\"
  export PATCHLOOP_URL={} PATCHLOOP_TOKEN={}
  patchloop device list
  patchloop patch list
  patchloop window add nightly --for site:Berlin --days mon,tue,wed,thu,fri,sat,sun --start 22:00 --duration 2h --zone Europe/Berlin
  patchloop device mode a1 managed
  patchloop decision add approve --patches product:openssl --for site:Berlin --reason \"tried in the lab\"
  patchloop why a1 openssl
  patchloop order list

It is {:.0}. Here, type +3h or +20m to move everybody's clock until the window opens, `quit` to end.
",
        story.operator.console(),
        story.operator.sign_in(),
        story.operator.console(),
        story.operator.token(),
        story.now(),
    );
    Ok(())
}
