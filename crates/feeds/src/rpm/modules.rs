//! `modules.yaml`: the module streams of a repository, one YAML document each.
//!
//! Records are the documents that describe a stream (`modulemd`, `modulemd-stream`); defaults,
//! obsoletes and packager's forms are passed over.

use domain::definitions::ModuleStream;
use domain::feed::Feed;
use serde_json::Value;

use crate::format::{Parsed, Record, Sink};
use crate::refusal::Refusal;
use crate::seen::SeenIds;
use crate::{words, yaml};

/// Reads a document.
pub(super) fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::RpmModules);
    let mut seen = SeenIds::default();
    let mut read = 0_u64;
    yaml::each(bytes, &mut |value| {
        read += 1;
        let place = format!("YAML document {read}");
        let kind = value.get("document").and_then(Value::as_str);
        if !matches!(kind, Some("modulemd" | "modulemd-stream")) {
            if kind.is_none() && !value.is_null() {
                sink.broken(&place, "it does not say what it is");
            }
            return Ok(());
        }
        match stream(&value) {
            Ok((key, _)) if !seen.first(&[&key]) => {
                sink.broken(
                    &key,
                    "a stream with this name, version and context was read already",
                );
            }
            Ok((_, stream)) => {
                parsed.records += 1;
                sink.record(Record::Module(stream));
            }
            Err(why) => sink.broken(&place, &why),
        }
        Ok(())
    })?;
    Ok(parsed)
}

/// A stream and what makes it unique.
fn stream(value: &Value) -> Result<(String, ModuleStream), String> {
    let data = value.get("data").ok_or("it has no data")?;
    let text = |key: &str| data.get(key).and_then(yaml::text);
    let name = text("name").ok_or("it has no name")?;
    let stream = text("stream").ok_or("it has no stream")?;
    let stream = words::id(&format!("{name}:{stream}"))?;
    let part = |key: &str| text(key).unwrap_or_default();
    let key = format!(
        "{stream}:{}:{}:{}",
        part("version"),
        part("context"),
        part("arch")
    );
    let rpms = data.pointer("/artifacts/rpms");
    let artifacts = match rpms.unwrap_or(&Value::Null) {
        Value::Null => Vec::new(),
        Value::Array(all) => all
            .iter()
            .map(|rpm| words::id(rpm.as_str().unwrap_or_default()))
            .collect::<Result<_, _>>()?,
        _ => return Err("its list of packages is no list".to_owned()),
    };
    Ok((words::id(&key)?, ModuleStream { stream, artifacts }))
}
