//! Repositories of rpm packages: `updateinfo.xml`, `modules.yaml`, `repomd.xml`, and the errata of
//! AlmaLinux and Rocky Linux.
//!
//! Records are updates, streams, listed files and errata. Versions are `epoch:version-release`, an
//! epoch that is not written is 0. Errors: an update whose id, package or version cannot be read is
//! one broken record; a document that is cut short is refused.
//! Sources: createrepo_c, dnf and libzypp (updateinfo), modulemd (modules), the errata's own pages.

mod errata;
mod fixes;
mod modules;
mod repomd;
mod updateinfo;

pub(crate) use updateinfo::{Module, module_by_title};

use crate::format::{Format, Probe};

/// The forms read here.
pub const FORMATS: &[Format] = &[
    Format {
        name: "updateinfo",
        recognise: |probe| begins(probe, "updates"),
        parse: updateinfo::parse,
    },
    Format {
        name: "repomd",
        recognise: |probe| begins(probe, "repomd"),
        parse: repomd::parse,
    },
    Format {
        name: "rpm-modules",
        recognise: |probe| {
            let marks = ["document: modulemd", "document: \"modulemd"];
            !probe.is_xml() && marks.iter().any(|mark| probe.head.contains(mark))
        },
        parse: modules::parse,
    },
    Format {
        name: "alma-errata",
        recognise: errata::is_alma,
        parse: errata::parse_alma,
    },
    Format {
        name: "rocky-errata",
        recognise: errata::is_rocky,
        parse: errata::parse_rocky,
    },
];

/// Whether the first element of an XML document has this name.
fn begins(probe: &Probe<'_>, name: &str) -> bool {
    first_element(&probe.head) == Some(name)
}

/// The local name of the first element of an XML text.
pub(crate) fn first_element(head: &str) -> Option<&str> {
    let mut rest = head;
    loop {
        rest = &rest[rest.find('<')? + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = &comment[comment.find("-->")? + 3..];
        } else if !rest.starts_with(['?', '!']) {
            let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))?;
            return rest[..end].rsplit(':').next();
        }
    }
}

#[cfg(test)]
mod tests;
