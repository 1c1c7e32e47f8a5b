//! Every parser as a plain function over bytes, for mutated input.
//!
//! A target must not panic and not run on, whatever it is given; what it gives back does not count.
//! `tests/mutations.rs` runs them on stable, the folder `fuzz/` at the root under `cargo fuzz`.

use crate::format::{Collect, Probe};
use crate::{deb_changelog, formats, inspect, json, packed, xml, yaml};

/// A target.
pub type Target = fn(&[u8]);

/// All targets by name: the forms by theirs, and what they stand on.
pub fn targets() -> Vec<(&'static str, Target)> {
    let mut targets: Vec<(&'static str, Target)> = vec![
        ("packed", packed),
        ("inspect", whole),
        ("json", json_members),
        ("xml", xml_events),
        ("yaml", yaml_values),
        ("deb-changelog", changelog),
    ];
    targets.extend(formats::all().map(|format| format.name).zip(FORMS));
    targets
}

fn packed(bytes: &[u8]) {
    let _ = packed::open_bytes(bytes, &mut |_, _| {});
}

fn whole(bytes: &[u8]) {
    let line = inspect::bytes(bytes, None).to_json("file");
    assert!(!line.is_empty() && !line.contains('\n'));
}

fn json_members(bytes: &[u8]) {
    fn walk(bytes: &[u8], depth: usize) {
        for member in json::members(bytes).flatten() {
            let _ = member.key();
            if depth > 0 && matches!(member.value.first(), Some(b'{' | b'[')) {
                walk(member.value, depth - 1);
            }
        }
    }
    walk(bytes, 3);
}

fn xml_events(bytes: &[u8]) {
    let Ok(mut reader) = xml::Xml::new(bytes) else {
        return;
    };
    while let Ok(event) = reader.next() {
        match event {
            xml::Event::Start(element) => {
                let _ = (element.name().len(), element.attribute("id"));
            }
            xml::Event::End | xml::Event::Text(_) => {}
            xml::Event::Done => return,
        }
    }
}

fn yaml_values(bytes: &[u8]) {
    let _ = yaml::values(bytes);
}

fn changelog(bytes: &[u8]) {
    let _ = deb_changelog::parse(&String::from_utf8_lossy(bytes));
}

/// Reads the bytes by the form that stands at this place of the list, recognised or not.
fn form<const AT: usize>(bytes: &[u8]) {
    if let Some(format) = formats::all().nth(AT) {
        let _ = (format.recognise)(&Probe::new(bytes));
        let mut records = Collect::default();
        let _ = (format.parse)(bytes, &mut records);
    }
}

macro_rules! forms {
    ($($at:literal)*) => { [$(form::<$at>),*] };
}

/// One function for each place; a test counts that there are enough.
const FORMS: [Target; 72] = forms!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35
    36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68
    69 70 71
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_a_target() {
        assert!(formats::all().count() <= FORMS.len());
        let names: Vec<_> = targets().into_iter().map(|(name, _)| name).collect();
        for format in formats::all() {
            assert!(names.contains(&format.name), "{}", format.name);
        }
    }
}
