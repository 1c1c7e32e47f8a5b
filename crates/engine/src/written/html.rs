//! The document as one printable page that needs nothing beside it: no script, no other file.
//!
//! Everything that a person wrote is escaped here, in one place.

use std::fmt::Write as _;

use super::times::instant;
use super::{Entry, Outcome, Section, Selection, WindowPlan, Written};

const STYLE: &str = "body{font:11pt/1.45 Georgia,'Liberation Serif',serif;color:#111;background:#fff;max-width:48rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.7em;margin:0 0 .3em}h2{font-size:1.25em;border-bottom:1px solid #999;margin:1.6em 0 .5em}h3{font-size:1em;margin:1em 0 .2em}\
p{margin:.2em 0}code{font:.85em 'Liberation Mono',monospace;overflow-wrap:anywhere}.q{color:#444;font-size:.9em}.kind{font-weight:400;color:#555}\
table{border-collapse:collapse;width:100%;font-size:.92em}th,td{border:1px solid #aaa;padding:.25em .5em;text-align:left;vertical-align:top}\
.bad{border:2px solid #a00;padding:.5em}.sign{display:grid;grid-template-columns:1fr 1fr;gap:2.5em}.line{border-top:1px solid #111;margin-top:3em}\
ol.openings{columns:2;margin:.3em 0}@media print{body{margin:0;max-width:none}h2,h3{break-after:avoid}tr,.entry,.sign{break-inside:avoid}@page{size:A4;margin:18mm}}";

/// Escapes a text for HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The page.
pub fn html(written: &Written) -> String {
    let mut out = String::new();
    page(&mut out, written).expect("a String takes every write");
    out
}

fn page(out: &mut String, written: &Written) -> std::fmt::Result {
    let title = escaped(&written.title);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light\">\n<title>{title}</title>\n<style>{STYLE}</style></head>\n<body><main>\n<h1>{title}</h1>\n"
    )?;
    let line = |text: &Option<String>| {
        text.as_deref()
            .map_or_else(|| "____________________".to_owned(), escaped)
    };
    writeln!(
        out,
        "<p>Provider: {}. Version: {}. As of {}.</p>",
        line(&written.provider),
        line(&written.version),
        instant(written.at)
    )?;
    for text in &written.preamble {
        writeln!(out, "<p>{}</p>", escaped(text))?;
    }
    for text in &written.unreadable {
        writeln!(
            out,
            "<p class=\"bad\"><strong>{}</strong></p>",
            escaped(text)
        )?;
    }
    for section in &written.sections {
        self::section(out, section)?;
        if section.key == "when" {
            written
                .windows
                .iter()
                .try_for_each(|plan| openings(out, plan))?;
        }
    }
    exceptions(out, written)?;
    tree(out, written)?;
    out.push_str("<section><h2>Signatures</h2><div class=\"sign\">\n");
    let client = written.client.as_deref().unwrap_or("the client");
    for side in [
        written.provider.as_deref().unwrap_or("the provider"),
        client,
    ] {
        writeln!(
            out,
            "<div><p>For {}</p><p class=\"line\">Name</p><p class=\"line\">Place and date</p><p class=\"line\">Signature</p></div>",
            escaped(side)
        )?;
    }
    out.push_str("</div></section>\n</main></body></html>\n");
    Ok(())
}

fn section(out: &mut String, section: &Section) -> std::fmt::Result {
    writeln!(
        out,
        "<section id=\"{0}\"><h2>{1}</h2>",
        section.key,
        escaped(section.heading)
    )?;
    if section.entries.is_empty() {
        writeln!(out, "<p>{}</p>", escaped(section.empty))?;
    }
    for entry in &section.entries {
        self::entry(out, entry, section.key)?;
    }
    writeln!(out, "</section>")
}

fn entry(out: &mut String, entry: &Entry, section: &str) -> std::fmt::Result {
    // Who answers is a person, not an object.
    let kind = if section == "who" && entry.queries.is_empty() {
        String::new()
    } else {
        format!(" <span class=\"kind\">({})</span>", entry.kind)
    };
    writeln!(
        out,
        "<div class=\"entry\"><h3>{}{kind}</h3>",
        escaped(&entry.name)
    )?;
    for sentence in &entry.sentences {
        writeln!(out, "<p>{}</p>", escaped(sentence))?;
    }
    queries(out, &entry.queries)?;
    writeln!(out, "</div>")
}

fn queries(out: &mut String, all: &[Selection]) -> std::fmt::Result {
    let shown: Vec<String> = all
        .iter()
        .filter(|one| !one.query.is_empty())
        .map(|one| format!("{}: <code>{}</code>", escaped(&one.of), escaped(&one.query)))
        .collect();
    if shown.is_empty() {
        return Ok(());
    }
    writeln!(out, "<p class=\"q\">{}</p>", shown.join("; "))
}

fn openings(out: &mut String, plan: &WindowPlan) -> std::fmt::Result {
    let zone = plan
        .zone
        .as_deref()
        .map_or_else(String::new, |zone| format!(" ({})", escaped(zone)));
    writeln!(
        out,
        "<div class=\"entry\"><h3>Next openings of “{}”{zone}</h3>",
        escaped(&plan.name)
    )?;
    if let Some(note) = &plan.note {
        writeln!(out, "<p>{}</p>", escaped(note))?;
    }
    if !plan.openings.is_empty() {
        out.push_str("<ol class=\"openings\">");
        for one in &plan.openings {
            write!(
                out,
                "<li>{}, {}</li>",
                escaped(&one.day),
                escaped(&one.hours)
            )?;
        }
        out.push_str("</ol>");
    }
    writeln!(out, "</div>")
}

fn exceptions(out: &mut String, written: &Written) -> std::fmt::Result {
    out.push_str(
        "<section id=\"exceptions\"><h2>Exclusions, accepted risks and what is held</h2>\n",
    );
    if written.exceptions.is_empty() {
        return writeln!(out, "<p>Nothing is left open on purpose.</p></section>");
    }
    out.push_str("<table><thead><tr><th scope=\"col\">What</th><th scope=\"col\">Owner</th><th scope=\"col\">Until</th><th scope=\"col\">Why</th></tr></thead><tbody>\n");
    for one in &written.exceptions {
        let until = one
            .until
            .map_or_else(|| "it is taken out".to_owned(), instant);
        write!(
            out,
            "<tr><th scope=\"row\">{} ({})<p>{}</p>",
            escaped(&one.name),
            one.what,
            escaped(&one.sentence)
        )?;
        queries(out, &one.queries)?;
        writeln!(
            out,
            "</th><td>{}</td><td>{until}</td><td>{}</td></tr>",
            escaped(one.owner.as_deref().unwrap_or("nobody is named")),
            escaped(&one.why)
        )?;
    }
    writeln!(out, "</tbody></table></section>")
}

fn tree(out: &mut String, written: &Written) -> std::fmt::Result {
    out.push_str("<section id=\"tree\"><h2>How it is decided</h2>\n<table><thead><tr><th scope=\"col\">Step</th><th scope=\"col\">Question</th><th scope=\"col\">Yes</th><th scope=\"col\">No</th></tr></thead><tbody>\n");
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Step(number) => format!("go to step {number}"),
        Outcome::End(text) => escaped(text),
    };
    for step in &written.tree {
        writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            step.number,
            escaped(&step.question),
            outcome(&step.yes),
            outcome(&step.no)
        )?;
    }
    writeln!(out, "</tbody></table></section>")
}
