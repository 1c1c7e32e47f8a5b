//! `patchloop feed inspect` as others run it: its lines, its exit codes, and hostile files within 1 GiB
//! of address space.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The promise: never more than this, whatever is given.
const ADDRESS_SPACE_BYTES: u64 = 1024 * 1024 * 1024;
/// No file takes longer on a slow and busy machine.
const LONGEST: Duration = Duration::from_secs(90);

fn inspect(arguments: &[&str], files: &[PathBuf]) -> Output {
    let limiter = Command::new("prlimit").arg("--version").output();
    let binary = env!("CARGO_BIN_EXE_patchloop");
    let mut command = if limiter.is_ok_and(|output| output.status.success()) {
        let mut command = Command::new("prlimit");
        command
            .arg(format!("--as={ADDRESS_SPACE_BYTES}"))
            .arg(binary);
        command
    } else {
        assert!(
            std::env::var_os("CI").is_none(),
            "prlimit (util-linux) is not there"
        );
        eprintln!("SKIPPED: prlimit is not there, so the bound of memory is not tested");
        Command::new(binary)
    };
    command
        .args(["feed", "inspect"])
        .args(arguments)
        .args(files);
    command.output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

const OSV: &str = r#"{"id":"X-1","modified":"2024-01-02T03:04:05Z","affected":[{"package":{"ecosystem":"Debian:12","name":"openssl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.2"}]}]}]}"#;

#[test]
fn a_line_for_every_file_and_exit_one_when_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.json");
    let page = folder.path().join("page.html");
    std::fs::write(&good, OSV).unwrap();
    std::fs::write(&page, "<!DOCTYPE html><html></html>").unwrap();
    let output = inspect(&[], std::slice::from_ref(&good));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let keys = [
        "file", "feed", "document", "records", "broken", "accepted", "why", "sha256",
    ];
    let places: Vec<_> = keys
        .iter()
        .map(|key| text.find(&format!("\"{key}\":")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{text}");
    let missing = folder.path().join("missing");
    let output = inspect(
        &[],
        &[good.clone(), page, missing, folder.path().to_owned()],
    );
    assert_eq!(output.status.code(), Some(1));
    let lines = lines(&output);
    let accepted: Vec<_> = lines
        .iter()
        .map(|line| line["accepted"].as_bool().unwrap())
        .collect();
    assert_eq!(accepted, [true, false, false, false]);
    assert_eq!(lines[0]["file"], good.to_str().unwrap());
    assert_eq!(lines[0]["records"], 1);
    assert_eq!(lines[0]["document"], "X-1");
    assert_eq!(lines[1]["feed"], Value::Null);
    assert!(lines[1]["why"].as_str().unwrap().contains("HTML"));
    assert!(lines[2]["why"].as_str().unwrap().contains("No such file"));
}

#[test]
fn a_named_feed_refuses_others_and_an_unknown_name_is_wrong_use() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.json");
    std::fs::write(&good, OSV).unwrap();
    let output = inspect(&["--feed", "kev"], std::slice::from_ref(&good));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        lines(&output)[0]["why"]
            .as_str()
            .unwrap()
            .contains("not of kev")
    );
    let output = inspect(&["--feed", "nothing-like-it"], &[good]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("hint:"), "{errors}");
    assert!(output.stdout.is_empty());
}

/// Writes a hostile file.
type Make = fn(&Path);

const HOSTILE: &[(&str, Make)] = &[
    ("8-GiB-of-noughts.gz", noughts_in_gzip),
    ("bomb-in-a-bomb.gz", bomb_in_a_bomb),
    ("five-levels.gz", five_levels),
    ("tar-of-noughts.gz", tar_of_noughts),
    ("sparse", sparse),
    ("huge-dictionary.xz", huge_dictionary),
    ("deep.json", |path| deep(path, "[", "{\"a\":")),
    ("deep-osv.json", |path| {
        deep(
            path,
            "{\"id\":\"X\",\"modified\":\"2024-01-01T00:00:00Z\",\"affected\":",
            "[",
        )
    }),
    ("deep.xml", |path| deep(path, "<updates>", "<update>")),
    ("deep.yaml", |path| {
        deep(path, "---\nid: X\nmodified: ", "[")
    }),
    ("deep-map.yaml", |path| deep(path, "---\n", "? ")),
    ("one-string.json", one_string),
    ("one-text.xml", one_text),
    ("many-broken.csv", many_broken),
    ("entities.xml", entities),
    ("noise", noise),
];

fn gzip(path: &Path, level: u32, write: impl FnOnce(&mut dyn std::io::Write)) {
    let file = BufWriter::new(File::create(path).unwrap());
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::new(level));
    write(&mut packed);
    packed.finish().unwrap().flush().unwrap();
}

/// One MiB of noughts is packed once, and its 8,192 copies are members after one another, which
/// gzip allows: so making it takes no time.
fn noughts_in_gzip(path: &Path) {
    std::fs::write(path, noughts(8 * 1024)).unwrap();
}

fn noughts(mebibytes: usize) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![0; 1024 * 1024]).unwrap();
    packed.finish().unwrap().repeat(mebibytes)
}

fn bomb_in_a_bomb(path: &Path) {
    gzip(path, 9, |packed| {
        packed.write_all(&noughts(8 * 1024)).unwrap()
    });
}

fn five_levels(path: &Path) {
    let mut bytes = OSV.as_bytes().to_vec();
    for _ in 0..5 {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&bytes).unwrap();
        bytes = packed.finish().unwrap();
    }
    std::fs::write(path, bytes).unwrap();
}

/// A tar of six members of 250 MiB, each smaller than a document may be.
fn tar_of_noughts(path: &Path) {
    gzip(path, 9, |packed| {
        let zeros = vec![0; 1024 * 1024];
        for member in 0..6 {
            let mut header = [0_u8; 512];
            let name = format!("member-{member}");
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[100..107].copy_from_slice(b"0000644");
            header[124..135].copy_from_slice(format!("{:011o}", 250 * zeros.len()).as_bytes());
            header[156] = b'0';
            header[148..156].fill(b' ');
            let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
            header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
            header[154] = 0;
            packed.write_all(&header).unwrap();
            for _ in 0..250 {
                packed.write_all(&zeros).unwrap();
            }
        }
        packed.write_all(&[0; 1024]).unwrap();
    });
}

fn sparse(path: &Path) {
    File::create(path)
        .unwrap()
        .set_len(5 * 1024 * 1024 * 1024)
        .unwrap();
}

/// Only the headers of a stream and a block whose dictionary is 4 GiB.
fn huge_dictionary(path: &Path) {
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    let mut bytes = vec![0xfd, b'7', b'z', b'X', b'Z', 0, 0, 1];
    bytes.extend(crc(&[0, 1]));
    let block = [2, 0, 0x21, 1, 40, 0, 0, 0];
    bytes.extend(block);
    bytes.extend(crc(&block));
    bytes.extend([1, 0, 0, b'x', 0, 0, 0, 0]);
    std::fs::write(path, bytes).unwrap();
}

fn deep(path: &Path, begin: &str, level: &str) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(begin.as_bytes()).unwrap();
    for _ in 0..200_000 {
        file.write_all(level.as_bytes()).unwrap();
    }
    file.flush().unwrap();
}

fn one_string(path: &Path) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(
        b"{\"id\":\"X\",\"modified\":\"2024-01-01T00:00:00Z\",\"affected\":[],\"details\":\"",
    )
    .unwrap();
    let text = vec![b'x'; 1024 * 1024];
    for _ in 0..200 {
        file.write_all(&text).unwrap();
    }
    // The string and the document are not closed.
    file.flush().unwrap();
}

fn one_text(path: &Path) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(b"<?xml version=\"1.0\"?><updates><update><id>")
        .unwrap();
    let text = vec![b'x'; 1024 * 1024];
    for _ in 0..200 {
        file.write_all(&text).unwrap();
    }
    file.write_all(b"</id></update></updates").unwrap();
    file.flush().unwrap();
}

/// Three million rows without a single score that can be read.
fn many_broken(path: &Path) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(b"cve,epss\n").unwrap();
    for _ in 0..3_000_000 {
        file.write_all(b"CVE-2024-1111,NaN\n").unwrap();
    }
    file.flush().unwrap();
}

fn entities(path: &Path) {
    let mut text = "<?xml version=\"1.0\"?><!DOCTYPE updates [<!ENTITY a0 \"lol\">".to_owned();
    for level in 1..30 {
        let of = format!("&a{};", level - 1).repeat(10);
        text.push_str(&format!("<!ENTITY a{level} \"{of}\">"));
    }
    text.push_str("]><updates><update type=\"security\"><id>&a29;</id></update></updates>");
    std::fs::write(path, text).unwrap();
}

fn noise(path: &Path) {
    let mut state = 1_u64;
    let bytes: Vec<u8> = (0..1024 * 1024)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn hostile_files_are_refused_or_broken_within_a_gibibyte_and_in_time() {
    let folder = tempfile::tempdir().unwrap();
    for (name, make) in HOSTILE {
        let path = folder.path().join(name);
        make(&path);
        let started = Instant::now();
        let output = inspect(&[], std::slice::from_ref(&path));
        let taken = started.elapsed();
        std::fs::remove_file(&path).unwrap();
        let lines = lines(&output);
        assert_eq!(lines.len(), 1, "{name}: {output:?}");
        let said = lines[0].to_string();
        let said = said.get(..1_500).unwrap_or(&said);
        let refused = lines[0]["accepted"] == false && output.status.code() == Some(1);
        let broken = lines[0]["broken"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
        assert!(refused || broken, "{name}: {said}");
        assert!(taken < LONGEST, "{name} took {taken:?}: {said}");
        eprintln!("{name}: {taken:?}, {}", lines[0]["why"]);
    }
}
