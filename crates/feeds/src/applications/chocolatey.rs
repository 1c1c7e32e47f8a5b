//! A Chocolatey package's nuspec.

use domain::feed::Feed;

use super::{application, is_no_version, some_line};
use crate::format::{Parsed, Record, Sink};
use crate::refusal::Refusal;
use crate::words;
use crate::xml::{Event, Xml};

/// Reads a nuspec; it is one record.
pub(super) fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut xml = Xml::new(bytes)?;
    let mut parsed = Parsed::new(Feed::Chocolatey);
    let (mut id, mut version) = (String::new(), String::new());
    let (mut title, mut authors) = (String::new(), String::new());
    loop {
        match xml.next()? {
            Event::Start(element) => match (xml.depth(), element.name()) {
                (1, _) | (2, "metadata") => {}
                (3, "id") => id = xml.text()?,
                (3, "version") => version = xml.text()?,
                (3, "title") => title = xml.text()?,
                (3, "authors") => authors = xml.text()?,
                _ => xml.skip()?,
            },
            Event::End | Event::Text(_) => {}
            Event::Done => break,
        }
    }
    match application(&id, &version) {
        Ok(mut application) => {
            if is_no_version(&application.version) {
                let version = &application.version;
                parsed.notes.push(format!("`{version}` is no version"));
            }
            application.name = some_line(&title);
            application.publisher = some_line(&authors);
            parsed.document = Some(format!("{} {}", application.id, application.version));
            parsed.records = 1;
            sink.record(Record::Application(Box::new(application)));
        }
        Err(why) => sink.broken(&words::line(&id), &why),
    }
    Ok(parsed)
}
