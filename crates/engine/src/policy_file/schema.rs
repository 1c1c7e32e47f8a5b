//! The JSON Schema of policy files, for editors: made from the same table that the reader uses.
//!
//! Draft 2020-12. It describes shapes; what only the reader can tell (queries, zones, names that
//! must be there, dates that exist) is left to it.

use domain::policy::PolicyKind;
use serde_json::{Map, Value, json};

use super::keys::{self, Key, Row, Shape};

/// Which draft it is written in.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
const DELAY: &str = "^([0-9]+[mhdw])+$";
const DATE: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
const TIME: &str = "([01][0-9]|2[0-3]):[0-5][0-9]";

/// The schema.
pub fn schema() -> Value {
    let mut properties = Map::new();
    properties.insert(keys::HEAD.name.to_owned(), table(&keys::HEAD));
    for kind in PolicyKind::ALL {
        let row = keys::row(*kind);
        let mut items = table(row);
        if *kind == PolicyKind::Window {
            let one_of: Vec<Value> = super::objects::RECURRENCES
                .iter()
                .map(|key| json!({ "required": [key] }))
                .collect();
            items["oneOf"] = one_of.into();
        }
        let list = json!({ "type": "array", "description": row.help, "items": items });
        properties.insert(row.name.to_owned(), list);
    }
    json!({
        "$schema": DRAFT,
        "title": "Patchloop policy",
        "description": "Who, what, how, when and why devices are patched.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn table(row: &Row) -> Value {
    let properties: Map<String, Value> = row
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), described(key)))
        .collect();
    let needed: Vec<&str> = row
        .keys
        .iter()
        .filter(|key| key.needed)
        .map(|key| key.name)
        .collect();
    json!({
        "type": "object",
        "description": row.help,
        "properties": properties,
        "required": needed,
        "additionalProperties": false,
    })
}

fn described(key: &Key) -> Value {
    let mut value = value(key.shape);
    value["description"] = format!("{}. Expected: {}.", key.help, key.shape.expected()).into();
    value
}

fn value(shape: Shape) -> Value {
    let text = |pattern: String| json!({ "type": "string", "pattern": pattern });
    let list = |items: Value| json!({ "type": "array", "items": items });
    match shape {
        Shape::Text => json!({ "type": "string", "minLength": 1, "maxLength": 8192 }),
        Shape::Name => json!({
            "type": "string", "minLength": 1, "maxLength": 120, "pattern": "^[^/]*$",
        }),
        Shape::DeviceQuery | Shape::PatchQuery => json!({
            "type": "string", "maxLength": domain::query::LENGTH_BYTES_MAX,
        }),
        Shape::Zone | Shape::NamedZone => json!({ "type": "string", "minLength": 1 }),
        Shape::TimeOfDay => text(format!("^{TIME}$")),
        Shape::Hours => text(format!("^{TIME} *- *{TIME}$")),
        Shape::OpenFor => text("^([0-9]+[mhd])+$".to_owned()),
        Shape::Delay | Shape::WholeDays => text(DELAY.to_owned()),
        Shape::Weekdays => {
            let days = [
                "mon",
                "tue",
                "wed",
                "thu",
                "fri",
                "sat",
                "sun",
                "monday",
                "tuesday",
                "wednesday",
                "thursday",
                "friday",
                "saturday",
                "sunday",
            ];
            json!({ "type": "array", "minItems": 1, "items": { "enum": days } })
        }
        Shape::Nth => text("^([1-5]|last) [A-Za-z]+$".to_owned()),
        Shape::MonthDay => json!({
            "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 31 }, { "const": "last" }],
        }),
        Shape::Date => text(DATE.to_owned()),
        Shape::Dates => json!({
            "type": "array", "minItems": 1, "maxItems": domain::window::DATES_MAX,
            "items": text(DATE.to_owned()),
        }),
        Shape::LocalDateTime => text(format!(
            "^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ]{TIME}(:[0-5][0-9])?)?$"
        )),
        Shape::Instant => text("^[0-9]{4}-[0-9]{2}-[0-9]{2}".to_owned()),
        Shape::Integer(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::Names => list(value(Shape::Name)),
        Shape::Delays => list(value(Shape::Delay)),
        Shape::Table(row) => table(row),
        Shape::Tables(row) => list(table(row)),
    }
}
