//! A month document's JSON form written as the XML form, for comparing both readers: names and
//! numbered kinds are put back, nothing is interpreted.

use serde_json::Value;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => escaped(text),
        Value::Number(number) => number.to_string(),
        Value::Object(object) => object.get("Value").map(text).unwrap_or_default(),
        _ => String::new(),
    }
}

fn element(name: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(values) => values.iter().map(|value| element(name, value)).collect(),
        _ => format!("<{name}>{}</{name}>", text(value)),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

pub fn convert(json: &[u8]) -> String {
    let json: Value = serde_json::from_slice(json).unwrap();
    let tracking = &json["DocumentTracking"];
    let mut xml =
        String::from("<cvrf:cvrfdoc xmlns:cvrf=\"http://www.icasi.org/CVRF/schema/cvrf/1.1\">");
    xml.push_str(
        "<cvrf:DocumentPublisher Type=\"Vendor\"><cvrf:ContactDetails>secure@microsoft.com",
    );
    xml.push_str("</cvrf:ContactDetails></cvrf:DocumentPublisher><cvrf:DocumentTracking><cvrf:Identification>");
    xml.push_str(&element("cvrf:ID", &tracking["Identification"]["ID"]));
    xml.push_str("</cvrf:Identification>");
    xml.push_str(&element(
        "cvrf:CurrentReleaseDate",
        &tracking["CurrentReleaseDate"],
    ));
    xml.push_str("</cvrf:DocumentTracking><prod:ProductTree>");
    // The order of the JSON reader: branches before the full list, or as they come.
    for (key, value) in json["ProductTree"].as_object().unwrap() {
        products(key, value, &mut xml);
    }
    xml.push_str("</prod:ProductTree>");
    for vulnerability in list(&json, "Vulnerability") {
        xml.push_str("<vuln:Vulnerability>");
        xml.push_str(&element("vuln:Title", &vulnerability["Title"]));
        xml.push_str(&element("vuln:CVE", &vulnerability["CVE"]));
        xml.push_str("<vuln:Threats>");
        for threat in list(vulnerability, "Threats") {
            let kind = ["Impact", "Exploit Status", "Target Set", "Severity"]
                [usize::try_from(threat["Type"].as_u64().unwrap()).unwrap()];
            xml.push_str(&format!("<vuln:Threat Type=\"{kind}\">"));
            xml.push_str(&element("vuln:Description", &threat["Description"]));
            xml.push_str(&element("vuln:ProductID", &threat["ProductID"]));
            xml.push_str("</vuln:Threat>");
        }
        xml.push_str("</vuln:Threats><vuln:CVSSScoreSets>");
        for set in list(vulnerability, "CVSSScoreSets") {
            xml.push_str("<vuln:ScoreSet>");
            for key in ["BaseScore", "TemporalScore", "Vector", "ProductID"] {
                xml.push_str(&element(&format!("vuln:{key}"), &set[key]));
            }
            xml.push_str("</vuln:ScoreSet>");
        }
        xml.push_str("</vuln:CVSSScoreSets><vuln:Remediations>");
        for fix in list(vulnerability, "Remediations") {
            let kind = match fix["Type"].as_u64().unwrap() {
                0 => "Workaround",
                1 => "Mitigation",
                2 => "Vendor Fix",
                5 => "Known Issue",
                other => panic!("kind {other} of a remediation"),
            };
            xml.push_str(&format!("<vuln:Remediation Type=\"{kind}\">"));
            for key in [
                "Description",
                "URL",
                "Supercedence",
                "ProductID",
                "RestartRequired",
                "SubType",
                "FixedBuild",
            ] {
                xml.push_str(&element(&format!("vuln:{key}"), &fix[key]));
            }
            xml.push_str("</vuln:Remediation>");
        }
        xml.push_str("</vuln:Remediations><vuln:RevisionHistory>");
        for revision in list(vulnerability, "RevisionHistory") {
            let date = element("cvrf:Date", &revision["Date"]);
            xml.push_str(&format!("<vuln:Revision>{date}</vuln:Revision>"));
        }
        xml.push_str("</vuln:RevisionHistory></vuln:Vulnerability>");
    }
    xml.push_str("</cvrf:cvrfdoc>");
    xml
}

fn products(key: &str, value: &Value, xml: &mut String) {
    if let (Some(id), Some(name)) = (value["ProductID"].as_str(), value["Value"].as_str()) {
        let (id, name) = (escaped(id), escaped(name));
        xml.push_str(&format!(
            "<prod:FullProductName ProductID=\"{id}\">{name}</prod:FullProductName>"
        ));
        return;
    }
    let children: Vec<&Value> = match value {
        Value::Array(values) => values.iter().collect(),
        Value::Object(object) if key != "Relationship" => object.values().collect(),
        _ => Vec::new(),
    };
    for child in children {
        products(key, child, xml);
    }
}
