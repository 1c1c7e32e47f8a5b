//! Microsoft: month documents (CVRF in XML and JSON), their index, the Security Update Guide API
//! and the offline scan catalogue wsusscn2.
//!
//! The unit of installation is the KB, so month documents become remedies per product: the KB, the
//! build that it brings and the KBs that it replaces. Azure Linux, which stands in the same
//! documents, becomes statements about packages. Source of the rules: the documents themselves,
//! 54 of them counted.

mod azure_linux;
mod cvrf_json;
mod cvrf_xml;
mod index;
mod month;
mod sug;
mod words;
mod wsusscn;

#[cfg(test)]
mod tests;

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[
    Format {
        name: "msrc-cvrf-xml",
        recognise: cvrf_xml::recognise,
        parse: cvrf_xml::parse,
    },
    Format {
        name: "msrc-cvrf-json",
        recognise: cvrf_json::recognise,
        parse: cvrf_json::parse,
    },
    Format {
        name: "msrc-index",
        recognise: index::recognise,
        parse: index::parse,
    },
    Format {
        name: "msrc-sug",
        recognise: sug::recognise,
        parse: sug::parse,
    },
    Format {
        name: "wsusscn2-package",
        recognise: wsusscn::recognise,
        parse: wsusscn::parse,
    },
];
