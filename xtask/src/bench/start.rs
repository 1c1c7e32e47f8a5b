//! From `exec` of `patchloop serve` to its first answer, on an empty and on a filled state folder.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::figure::{Figure, Goal, median};
use super::machine;
use super::programs::binary;
use super::server::{Folder, Server};

const BENCH: &str = "start";
const ROUNDS: usize = 15;

/// Measures.
pub fn measure() -> Result<Vec<Figure>> {
    let program = binary("patchloop-server", "patchloop")?;
    let (mut floor, mut empty, mut again, mut resident) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let status = Command::new(&program)
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .context("cannot start patchloop")?;
        ensure!(status.success(), "patchloop --version ended with {status}");
        floor.push(start.elapsed().as_secs_f64() * 1000.0);

        let folder = Folder::make()?;
        for times in [&mut empty, &mut again] {
            let start = Instant::now();
            let server = Server::start(&program, folder.path())?;
            answers(&server.console)?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
            resident.push(machine::memory_kib(server.pid())?.0 / 1024.0);
            server.stop()?;
        }
    }
    let floor = median(&floor);
    let made = "`patchloop --version`, the same program";
    Ok(vec![
        Figure::rounds(
            BENCH,
            "exec to first answer, empty state folder",
            &empty,
            "ms",
        )
        .against(made, floor)
        .goal(Goal::AtMost(50.0)),
        Figure::rounds(BENCH, "the same, database and keys there", &again, "ms")
            .against(made, floor),
        Figure::rounds(BENCH, "resident after the first answer", &resident, "MiB"),
    ])
}

/// Asks for the console's first page; any page of it is an answer.
fn answers(console: &str) -> Result<()> {
    let address = console.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).context("cannot reach the console")?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).unwrap_or("nothing");
    ensure!(
        matches!(status, "200" | "302" | "303" | "307" | "401"),
        "the console answered {status}"
    );
    Ok(())
}
