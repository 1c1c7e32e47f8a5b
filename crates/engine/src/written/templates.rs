//! Policies to start from, as commented files.

/// One policy to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// How it is asked for.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// The file.
    pub text: &'static str,
}

/// Every template.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "technicians-week",
        summary: "workstations nightly, hosts and virtual machines at the weekend, security when vetted",
        text: include_str!("templates/technicians-week.toml"),
    },
    Template {
        name: "severity",
        summary: "critical and important at once, moderate and low to a team member, at weekends",
        text: include_str!("templates/severity.toml"),
    },
    Template {
        name: "fourteen-days",
        summary: "Cyber Essentials: what is rated critical or high within 14 days",
        text: include_str!("templates/fourteen-days.toml"),
    },
    Template {
        name: "server-rings",
        summary: "servers monthly, Patch Tuesday plus 4, 11 and 18 days, in three rings",
        text: include_str!("templates/server-rings.toml"),
    },
];

/// Finds a template by its name.
pub fn template(name: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.name == name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::policy_file::read;

    #[test]
    fn every_template_passes_the_check_without_a_remark() {
        let now = "2026-03-02T09:00:00Z".parse().unwrap();
        for template in TEMPLATES {
            let files = read(&[(template.name.to_owned(), template.text.to_owned())])
                .unwrap_or_else(|problems| panic!("{}: {problems:#?}", template.name));
            let mut told = files.warnings.clone();
            told.extend(crate::lint::lint(&files, now));
            let told: Vec<String> = told.iter().map(ToString::to_string).collect();
            assert!(told.is_empty(), "{}: {}", template.name, told.join("\n"));
        }
        assert!(template("severity").is_some() && template("none").is_none());
    }
}
