//! The list of updates inside wsusscn2.cab (`package.cab`, `package.xml`).
//!
//! Updates name each other by revision ids. Which KB a revision is stands in another file of the
//! packing (`x/` and the revision id), and that file does not name its revision itself. So one
//! document alone gives no KB: its updates and what replaces them are read, checked and counted, and
//! no supersedence is drawn from them. Errors: an update without ids, or with a revision id already
//! read, is broken.

use std::collections::HashSet;

use domain::feed::Feed;

use crate::format::{Parsed, Probe, RECORDS_MAX, Sink};
use crate::refusal::Refusal;
use crate::xml::{Element, Event, Xml};

use super::words;

/// Whether it is the list of updates.
pub fn recognise(probe: &Probe<'_>) -> bool {
    probe.is_xml() && probe.head.contains("<OfflineSyncPackage")
}

/// Reads the list.
pub fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut xml = Xml::new(bytes)?;
    let mut parsed = Parsed::new(Feed::Wsusscn2);
    let mut revisions = HashSet::new();
    let mut replaced_by = HashSet::new();
    let mut updates = 0_u64;
    loop {
        match xml.next()? {
            Event::Start(element) => match element.name() {
                "OfflineSyncPackage" if xml.depth() == 1 => {
                    let id = element.attribute("PackageId").unwrap_or_default();
                    parsed.document = words::id("PackageId", &id).ok();
                    let created = element.attribute("CreationDate").unwrap_or_default();
                    parsed.dated = words::instant(&created);
                }
                "Updates" => {}
                "Update" => {
                    updates += 1;
                    if updates > RECORDS_MAX {
                        return Err(Refusal::TooMany {
                            what: "updates",
                            limit: RECORDS_MAX,
                        });
                    }
                    let found = update(&element);
                    newer(&mut xml, &mut replaced_by)?;
                    match found {
                        Ok(revision) if revisions.insert(revision) => parsed.records += 1,
                        Ok(revision) => sink.broken(
                            &format!("RevisionId {revision}"),
                            "this revision was read already in this document",
                        ),
                        Err(why) => sink.broken(&format!("Update {updates}"), &why),
                    }
                }
                _ => xml.skip()?,
            },
            Event::End | Event::Text(_) => {}
            Event::Done => break,
        }
    }
    let unknown = replaced_by.difference(&revisions).count();
    if unknown > 0 {
        let note = format!("{unknown} updates are replaced by revisions that are not in this list");
        parsed.notes.push(note);
    }
    if parsed.records > 0 {
        parsed.notes.push(
            "revisions are named by number only; which KB each is stands in other files".to_owned(),
        );
    }
    Ok(parsed)
}

/// The revision id of an update that has all its ids.
fn update(element: &Element<'_>) -> Result<u32, String> {
    let revision = element.attribute("RevisionId").unwrap_or_default();
    let revision = revision_id(&revision)
        .ok_or_else(|| format!("RevisionId `{}` is no number", words::line(&revision)))?;
    let update = element.attribute("UpdateId").unwrap_or_default();
    if !is_guid(&update) {
        return Err(format!(
            "UpdateId `{}` of revision {revision} is no id",
            words::line(&update)
        ));
    }
    Ok(revision)
}

fn revision_id(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `0a51549b-4e86-4a26-97d4-9e3567f24ea1`.
fn is_guid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    text.split('-').count() == lengths.len()
        && text.split('-').zip(lengths).all(|(part, length)| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

/// Reads to the end of the update, and which revisions replace it.
fn newer(xml: &mut Xml<'_>, replaced_by: &mut HashSet<u32>) -> Result<(), Refusal> {
    let outside = xml.depth().saturating_sub(1);
    let mut within: Option<usize> = None;
    while xml.depth() > outside {
        match xml.next()? {
            Event::Start(element) => match element.name() {
                "SupersededBy" if within.is_none() => within = Some(xml.depth()),
                "Revision" if within.is_some() => {
                    let id = element.attribute("Id").unwrap_or_default();
                    replaced_by.extend(revision_id(&id));
                }
                _ => {}
            },
            Event::End => {
                if within.is_some_and(|depth| xml.depth() < depth) {
                    within = None;
                }
            }
            Event::Text(_) => {}
            Event::Done => break,
        }
    }
    Ok(())
}
