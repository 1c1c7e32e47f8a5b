//! Month documents as XML (CVRF 1.1), read vulnerability by vulnerability.
//!
//! Recognised by their root element and their publisher; other publishers' CVRF is read elsewhere.
//! Errors: XML that is not whole, a document without an id.

use crate::format::{Parsed, Probe, Sink};
use crate::refusal::Refusal;
use crate::xml::{Event, Xml};

use super::month::{Fix, Month, Score, Severities, Vulnerability};

/// Whether it is a CVRF document whose publisher is Microsoft.
pub fn recognise(probe: &Probe<'_>) -> bool {
    if !probe.is_xml() || !probe.head.contains("cvrfdoc") {
        return false;
    }
    let Some(at) = probe.head.find("DocumentPublisher") else {
        return false;
    };
    let publisher = &probe.head[at + "DocumentPublisher".len()..];
    let end = publisher
        .find("DocumentPublisher")
        .unwrap_or(publisher.len());
    let publisher = publisher[..end].to_ascii_lowercase();
    publisher.contains("microsoft.com") || publisher.contains("microsoft security response center")
}

/// Reads a month document.
pub fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut xml = Xml::new(bytes)?;
    let mut month = Month::new(sink);
    let mut vulnerabilities = 0_u64;
    loop {
        match xml.next()? {
            Event::Start(element) => match element.name() {
                "cvrfdoc" if xml.depth() == 1 => {}
                _ if xml.depth() == 1 => {
                    return Err(Refusal::Invalid {
                        place: xml.place(),
                        why: "the root element is not `cvrfdoc`".to_owned(),
                    });
                }
                "DocumentTracking" => tracking(&mut xml, &mut month)?,
                "ProductTree" => products(&mut xml, &mut month)?,
                "Vulnerability" => {
                    vulnerabilities += 1;
                    let ordinal = element.attribute("Ordinal");
                    let found = vulnerability(&mut xml)?;
                    let place = match ordinal {
                        Some(ordinal) => format!("Vulnerability with Ordinal {ordinal:.20}"),
                        None => format!("Vulnerability {vulnerabilities}"),
                    };
                    month.vulnerability(&place, &found)?;
                }
                _ => xml.skip()?,
            },
            Event::End | Event::Text(_) => {}
            Event::Done => return month.finish(),
        }
    }
}

/// Calls `child` for each element directly within the one that just began, up to its end. `child`
/// reads or skips what it is given.
fn each_child<'a>(
    xml: &mut Xml<'a>,
    mut child: impl FnMut(&mut Xml<'a>, crate::xml::Element<'a>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let outside = xml.depth().saturating_sub(1);
    while xml.depth() > outside {
        match xml.next()? {
            Event::Start(element) => child(xml, element)?,
            Event::End | Event::Text(_) => {}
            Event::Done => break,
        }
    }
    Ok(())
}

fn tracking(xml: &mut Xml<'_>, month: &mut Month<'_>) -> Result<(), Refusal> {
    let (mut id, mut current) = (String::new(), String::new());
    each_child(xml, |xml, element| {
        match element.name() {
            "Identification" => each_child(xml, |xml, element| match element.name() {
                "ID" => xml.text().map(|text| id = text),
                _ => xml.skip(),
            })?,
            "CurrentReleaseDate" => current = xml.text()?,
            _ => xml.skip()?,
        }
        Ok(())
    })?;
    month.tracking(&id, &current)
}

/// Products stand in branches and once more at the end; both are read.
fn products(xml: &mut Xml<'_>, month: &mut Month<'_>) -> Result<(), Refusal> {
    let outside = xml.depth().saturating_sub(1);
    while xml.depth() > outside {
        match xml.next()? {
            Event::Start(element) if element.name() == "FullProductName" => {
                let id = element.attribute("ProductID").unwrap_or_default();
                let name = xml.text()?;
                month.product(&id, &name)?;
            }
            Event::Start(_) | Event::End | Event::Text(_) => {}
            Event::Done => break,
        }
    }
    Ok(())
}

fn vulnerability(xml: &mut Xml<'_>) -> Result<Vulnerability, Refusal> {
    let mut found = Vulnerability::default();
    each_child(xml, |xml, element| {
        match element.name() {
            "Title" => found.title = xml.text()?,
            "CVE" => found.id = xml.text()?,
            "Threats" => each_child(xml, |xml, element| {
                if element.name() != "Threat"
                    || element.attribute("Type").as_deref() != Some("Severity")
                {
                    return xml.skip();
                }
                found.severities.push(severities(xml)?);
                Ok(())
            })?,
            "CVSSScoreSets" => each_child(xml, |xml, element| {
                if !element.name().starts_with("ScoreSet") {
                    return xml.skip();
                }
                found.scores.push(score(xml)?);
                Ok(())
            })?,
            "Remediations" => each_child(xml, |xml, element| {
                if element.name() != "Remediation"
                    || element.attribute("Type").as_deref() != Some("Vendor Fix")
                {
                    return xml.skip();
                }
                found.fixes.push(fix(xml)?);
                Ok(())
            })?,
            "RevisionHistory" => each_child(xml, |xml, _revision| {
                each_child(xml, |xml, element| match element.name() {
                    "Date" => xml.text().map(|date| found.revised.push(date)),
                    _ => xml.skip(),
                })
            })?,
            _ => xml.skip()?,
        }
        Ok(())
    })?;
    Ok(found)
}

fn severities(xml: &mut Xml<'_>) -> Result<Severities, Refusal> {
    let mut severities = Severities::default();
    each_child(xml, |xml, element| {
        match element.name() {
            "Description" => severities.word = xml.text()?,
            "ProductID" => severities.products.push(xml.text()?),
            _ => xml.skip()?,
        }
        Ok(())
    })?;
    Ok(severities)
}

fn score(xml: &mut Xml<'_>) -> Result<Score, Refusal> {
    let mut score = Score::default();
    each_child(xml, |xml, element| {
        match element.name() {
            "BaseScore" => score.base = xml.text()?,
            "TemporalScore" => score.temporal = xml.text()?,
            "ProductID" => score.products.push(xml.text()?),
            _ => xml.skip()?,
        }
        Ok(())
    })?;
    Ok(score)
}

fn fix(xml: &mut Xml<'_>) -> Result<Fix, Refusal> {
    let mut fix = Fix::default();
    each_child(xml, |xml, element| {
        match element.name() {
            "Description" => fix.description = xml.text()?,
            "Supercedence" => fix.supersedes = xml.text()?,
            "RestartRequired" => fix.restart = xml.text()?,
            "SubType" => fix.sub_type = xml.text()?,
            "FixedBuild" => fix.fixed_build = xml.text()?,
            "ProductID" => fix.products.push(xml.text()?),
            _ => xml.skip()?,
        }
        Ok(())
    })?;
    Ok(fix)
}
