//! What was packed by other writers comes out whole; what was damaged never does silently.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::io::{Cursor, Write as _};

use super::*;

/// Every document inside with its path, or why it is refused.
type Seen = Vec<(String, Result<Vec<u8>, String>)>;

fn all(bytes: &[u8]) -> (Result<Opened, Refusal>, Seen) {
    let mut seen = Seen::new();
    let result = open_bytes(bytes, &mut |path, document| {
        let document = document
            .map(<[u8]>::to_vec)
            .map_err(|refusal| refusal.to_string());
        seen.push((path.to_owned(), document));
    });
    (result, seen)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 6);
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut writer = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::best());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    // With a checksum, as the zstd tool writes.
    let mut writer = ::zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    writer.include_checksum(true).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ::tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        writer.append_data(&mut header, name, *bytes).unwrap();
    }
    writer.into_inner().unwrap()
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = ::zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn cab(members: &[(&str, &[u8])], compression: ::cab::CompressionType) -> Vec<u8> {
    let mut builder = ::cab::CabinetBuilder::new();
    let folder = builder.add_folder(compression);
    for (name, _) in members {
        folder.add_file(*name);
    }
    let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
    while let Some(mut file) = writer.next_file().unwrap() {
        let name = file.file_name().to_owned();
        let bytes = members
            .iter()
            .find(|(member, _)| *member == name)
            .unwrap()
            .1;
        file.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Text that packs neither to nothing nor not at all, longer than a block of a cabinet.
fn text() -> Vec<u8> {
    let mut text = Vec::new();
    for number in 0_u32..20_000 {
        let word = number.wrapping_mul(2_654_435_761) >> 12;
        text.extend_from_slice(format!("line {number} {word}\n").as_bytes());
    }
    text
}

type Pack = fn(&[u8]) -> Vec<u8>;
const STREAMS: [(&str, Pack); 4] = [("gzip", gzip), ("xz", xz), ("bzip2", bzip2), ("zstd", zstd)];

#[test]
fn what_a_stream_packs_comes_out_whole() {
    let text = text();
    for (name, pack) in STREAMS {
        let (result, seen) = all(&pack(&text));
        assert_eq!(result, Ok(Opened::Document), "{name}");
        assert_eq!(seen, [(String::new(), Ok(text.clone()))], "{name}");
    }
    assert_eq!(all(b"plain").1, [(String::new(), Ok(b"plain".to_vec()))]);
    assert_eq!(all(b"").1, [(String::new(), Ok(Vec::new()))]);
}

#[test]
fn members_after_one_another_are_one_document_and_noughts_are_padding() {
    for (name, pack) in STREAMS {
        let mut packed = pack(b"one ");
        packed.extend(pack(b"two"));
        packed.extend([0; 512]);
        let (result, seen) = all(&packed);
        assert_eq!(result, Ok(Opened::Document), "{name}");
        assert_eq!(seen, [(String::new(), Ok(b"one two".to_vec()))], "{name}");
    }
}

#[test]
fn a_stream_that_is_cut_damaged_or_followed_by_something_is_refused() {
    let text = text();
    for (name, pack) in STREAMS {
        let packed = pack(&text);
        let refused = |bytes: &[u8], what: &str| {
            let (result, seen) = all(bytes);
            let refused =
                matches!(&result, Err(Refusal::Packing { packing, .. }) if *packing == name);
            assert!(refused, "{name} {what}: {result:?}");
            assert!(seen.is_empty(), "{name} {what}");
        };
        for cut in [10, packed.len() / 2, packed.len() - 4, packed.len() - 1] {
            refused(&packed[..cut], "cut");
        }
        refused(&[&packed[..], b"x"].concat(), "followed by a byte");
        refused(&[&packed[..], b"<html>"].concat(), "followed by text");
        let mut flipped = packed.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x10;
        refused(&flipped, "with one bit turned");
    }
}

#[test]
fn archives_give_their_members_in_order() {
    let (text, short) = (text(), b"short".as_slice());
    let members = [
        ("a/one.json", text.as_slice()),
        ("two.xml", short),
        ("empty", b""),
    ];
    let stored = ::cab::CompressionType::None;
    let packed = ::cab::CompressionType::MsZip;
    for (name, archive) in [
        ("tar", tar(&members)),
        ("zip", zip(&members)),
        ("cab stored", cab(&members, stored)),
        ("cab packed", cab(&members, packed)),
    ] {
        let (result, seen) = all(&archive);
        assert_eq!(result, Ok(Opened::Archive), "{name}");
        let expected: Seen = members
            .iter()
            .map(|(member, bytes)| ((*member).to_owned(), Ok(bytes.to_vec())))
            .collect();
        assert_eq!(seen, expected, "{name}");
    }
}

#[test]
fn packings_within_one_another_are_opened_four_levels_deep() {
    let inner = zip(&[("c.json", &xz(b"deep"))]);
    let outer = gzip(&tar(&[("b.zip", &inner)]));
    let (result, seen) = all(&outer);
    assert_eq!(result, Ok(Opened::Archive));
    assert_eq!(seen, [("b.zip!c.json".to_owned(), Ok(b"deep".to_vec()))]);
    let (result, seen) = all(&bzip2(&outer));
    assert_eq!(result, Ok(Opened::Archive));
    let (path, why) = &seen[0];
    assert_eq!(path, "b.zip!c.json");
    assert!(why.as_ref().unwrap_err().contains("4 levels"), "{why:?}");
    let (result, _) = all(&gzip(&gzip(&gzip(&gzip(&gzip(b"too deep"))))));
    assert!(matches!(result, Err(Refusal::TooDeep { .. })), "{result:?}");
}

#[test]
fn a_damaged_member_of_a_zip_does_not_stop_the_others() {
    let text = text();
    let mut archive = zip(&[("bad", &text), ("good", b"good")]);
    archive[1000] ^= 1;
    let (result, seen) = all(&archive);
    assert_eq!(result, Ok(Opened::Archive));
    assert!(seen[0].1.is_err(), "{:?}", seen[0]);
    assert_eq!(seen[1], ("good".to_owned(), Ok(b"good".to_vec())));
}

#[test]
fn a_damaged_block_of_a_cabinet_refuses_what_lies_in_it() {
    let text = text();
    let members = [
        ("first", b"first".as_slice()),
        ("bad", &text),
        ("after", b"x"),
    ];
    let mut archive = cab(&members, ::cab::CompressionType::MsZip);
    let at = archive.len() / 2;
    archive[at] ^= 1;
    let (result, seen) = all(&archive);
    assert_eq!(result, Ok(Opened::Archive));
    assert_eq!(seen[0], ("first".to_owned(), Ok(b"first".to_vec())));
    assert!(seen[1].1.is_err() && seen[2].1.is_err());
    assert_eq!(seen.len(), 3);
}

#[test]
fn an_archive_that_is_cut_is_refused_or_says_so() {
    let text = text();
    let members = [("one", text.as_slice()), ("two", text.as_slice())];
    let (whole_tar, whole_zip) = (tar(&members), zip(&members));
    let whole_cab = cab(&members, ::cab::CompressionType::MsZip);
    for (name, whole) in [
        ("tar", &whole_tar),
        ("zip", &whole_zip),
        ("cab", &whole_cab),
    ] {
        for cut in [whole.len() / 3, whole.len() / 2, whole.len() - 1030] {
            let (result, _) = all(&whole[..cut]);
            assert!(
                matches!(result, Err(Refusal::Packing { .. })),
                "{name} {cut}: {result:?}"
            );
        }
        let (result, _) = all(&[whole, b"<html>".as_slice()].concat());
        assert!(
            matches!(result, Err(Refusal::Packing { .. })),
            "{name}: {result:?}"
        );
    }
    // Cut exactly between two members a tar has only lost its end mark.
    let first = 512 + text.len().div_ceil(512) * 512;
    let (result, seen) = all(&whole_tar[..first]);
    assert_eq!(result, Ok(Opened::Archive));
    assert_eq!(seen.len(), 2);
    assert!(seen[1].1.as_ref().unwrap_err().contains("end mark"));
}

#[test]
fn names_that_lead_out_and_links_are_not_followed() {
    let mut writer = ::tar::Builder::new(Vec::new());
    for name in ["../up", "/etc/passwd", "a/../../b", "c:\\x", "e\u{1b}[2J"] {
        let mut header = ::tar::Header::new_old();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(2);
        header.set_cksum();
        writer.append(&header, b"{}".as_slice()).unwrap();
    }
    for kind in [
        ::tar::EntryType::Symlink,
        ::tar::EntryType::Link,
        ::tar::EntryType::Fifo,
    ] {
        let mut header = ::tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        writer
            .append_link(&mut header, "link", "/etc/passwd")
            .unwrap();
    }
    let (result, seen) = all(&writer.into_inner().unwrap());
    assert_eq!(result, Ok(Opened::Archive));
    assert_eq!(seen.len(), 8);
    for (path, document) in &seen {
        assert!(document.is_err(), "{path}");
        assert!(!path.contains('\u{1b}'));
    }
}

#[test]
fn an_encrypted_member_is_named_and_the_others_are_read() {
    let mut archive = zip(&[("secret", b"secret"), ("open", b"open")]);
    // The first bit of the flags, in the record before the member and in the directory.
    archive[6] |= 1;
    let directory = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02");
    archive[directory.unwrap() + 8] |= 1;
    let (result, seen) = all(&archive);
    assert_eq!(result, Ok(Opened::Archive));
    assert!(seen[0].1.as_ref().unwrap_err().contains("encrypted"));
    assert_eq!(seen[1], ("open".to_owned(), Ok(b"open".to_vec())));
}

#[test]
fn members_of_a_zip_that_overlap_are_a_bomb() {
    let mut archive = zip(&[("a", &text())]);
    // A second record of the directory points at the same member.
    let at = archive
        .windows(4)
        .position(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    let end = archive
        .windows(4)
        .position(|bytes| bytes == b"PK\x05\x06")
        .unwrap();
    let record = archive[at..end].to_vec();
    let size = u32::try_from(record.len() * 2).unwrap().to_le_bytes();
    archive.splice(end..end, record);
    let end = archive.len() - 22;
    archive[end + 8..end + 12].copy_from_slice(&[2, 0, 2, 0]);
    archive[end + 12..end + 16].copy_from_slice(&size);
    let (result, _) = all(&archive);
    assert!(
        matches!(&result, Err(Refusal::Packing { why, .. }) if why.contains("overlap")),
        "{result:?}"
    );
}

#[test]
fn a_document_over_the_limit_is_refused_without_reading_on() {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1024 * 1024];
    for _ in 0..=(DOCUMENT_BYTES_MAX / zeros.len()) {
        writer.write_all(&zeros).unwrap();
    }
    let (result, seen) = all(&writer.finish().unwrap());
    assert!(
        matches!(result, Err(Refusal::TooLarge { .. })),
        "{result:?}"
    );
    assert!(seen.is_empty());
}

#[test]
fn a_window_larger_than_allowed_is_refused() {
    let mut writer = ::zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    writer.window_log(31).unwrap();
    writer.long_distance_matching(true).unwrap();
    writer.write_all(&text()).unwrap();
    let (result, _) = all(&writer.finish().unwrap());
    assert!(
        matches!(
            result,
            Err(Refusal::Packing {
                packing: "zstd",
                ..
            })
        ),
        "{result:?}"
    );
    let mut options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
    options.dict_size(1 << 30);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&options);
    // Only the header is needed: flags, size of the dictionary, checksum.
    let mut header = vec![0xfd, b'7', b'z', b'X', b'Z', 0, 0, 1];
    header.extend(flate2_crc(&[0, 1]));
    let block = [2, 0, 0x21, 1, 36, 0, 0, 0];
    header.extend(block);
    header.extend(flate2_crc(&block));
    header.extend([1, 0, 0, b'x', 0, 0, 0, 0]);
    let (result, _) = all(&header);
    assert!(
        matches!(&result, Err(Refusal::Packing { packing: "xz", why }) if why.contains("mem")),
        "{result:?}"
    );
}

fn flate2_crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

#[test]
fn no_cut_and_no_turned_byte_makes_a_panic() {
    let text = &text()[..40_000];
    let members = [("one.json", text), ("two", b"two".as_slice())];
    let cabinet = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/msrc/wsusscn2/wsusscn2.cab"
    ));
    let mut archives = vec![tar(&members), zip(&members)];
    archives.push(cab(&members, ::cab::CompressionType::MsZip));
    archives.extend(cabinet.ok());
    for archive in archives {
        for at in (0..archive.len()).step_by(97) {
            let _ = all(&archive[..at]);
            let mut turned = archive.clone();
            turned[at] = turned[at].wrapping_add(0x7f);
            let _ = all(&turned);
        }
    }
}
