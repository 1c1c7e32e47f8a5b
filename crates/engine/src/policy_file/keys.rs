//! Every table and key of a policy file, on one page.
//!
//! The reader refuses what is not here, and the schema for editors is made from it.

/// What the value of a key looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Free text, on one line or several.
    Text,
    /// A name: printable, no slash, at most 120 bytes.
    Name,
    /// A query over devices; empty is everything.
    DeviceQuery,
    /// A query over patches; empty is everything.
    PatchQuery,
    /// `device` or a zone's name.
    Zone,
    /// A zone's name.
    NamedZone,
    /// `22:00`.
    TimeOfDay,
    /// `09:00-17:00`.
    Hours,
    /// From a minute to seven days.
    OpenFor,
    /// From nothing to ten years.
    Delay,
    /// Whole days, at most 366.
    WholeDays,
    /// Weekdays.
    Weekdays,
    /// `2 tuesday`.
    Nth,
    /// 1 to 31, or `last`.
    MonthDay,
    /// `2026-12-24`.
    Date,
    /// Several of them.
    Dates,
    /// `2026-12-18T00:00`, without an offset.
    LocalDateTime,
    /// With an offset, or a local date or date-time.
    Instant,
    /// A whole number in these bounds, both included.
    Integer(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Names.
    Names,
    /// Durations.
    Delays,
    /// A table with these keys.
    Table(&'static Row),
    /// Tables with these keys.
    Tables(&'static Row),
}

impl Shape {
    /// What is expected, for messages.
    pub(super) fn expected(self) -> String {
        match self {
            Self::Text => "text in quotes".to_owned(),
            Self::Name => "a name in quotes".to_owned(),
            Self::DeviceQuery | Self::PatchQuery => {
                "a query in quotes, such as".to_owned() + {
                    if self == Self::DeviceQuery {
                        " \"client:acme tag:server\""
                    } else {
                        " \"severity>=important\""
                    }
                }
            }
            Self::Zone => "\"device\" or a zone's name, such as \"Europe/Berlin\"".to_owned(),
            Self::NamedZone => "a zone's name, such as \"Europe/Berlin\"".to_owned(),
            Self::TimeOfDay => "a time of day, such as \"22:00\"".to_owned(),
            Self::Hours => "hours of a day, such as \"09:00-17:00\"".to_owned(),
            Self::OpenFor => "a duration from 1m to 7d, such as \"2h\"".to_owned(),
            Self::Delay => "a duration, such as \"7d\"".to_owned(),
            Self::WholeDays => "whole days, at most 366, such as \"2d\"".to_owned(),
            Self::Weekdays => "weekdays, such as [\"tue\", \"thu\"]".to_owned(),
            Self::Nth => "a weekday of the month, such as \"2 tuesday\" or \"last friday\"".into(),
            Self::MonthDay => "a day of the month from 1 to 31, or \"last\"".to_owned(),
            Self::Date => "a date, such as \"2026-12-24\"".to_owned(),
            Self::Dates => "dates, such as [\"2026-12-24\", \"2026-12-31\"]".to_owned(),
            Self::LocalDateTime => {
                "a local date and time without an offset, such as \"2026-12-18T00:00\"".to_owned()
            }
            Self::Instant => "a date and time, such as \"2027-01-31T00:00:00Z\", or a local one \
                              such as \"2027-01-31\""
                .to_owned(),
            Self::Integer(least, most) => format!("a whole number from {least} to {most}"),
            Self::Choice(words) => super::problem::one_of(words.iter().copied()),
            Self::Names => "names, such as [\"nightly\"]".to_owned(),
            Self::Delays => "durations, such as [\"60m\", \"5m\"]".to_owned(),
            Self::Table(row) => format!("a table, such as {}", row.example),
            Self::Tables(row) => format!("a list of tables, such as {}", row.example),
        }
    }
}

/// One key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// How it is written.
    pub(super) name: &'static str,
    /// What its value looks like.
    pub(super) shape: Shape,
    /// Whether it must be there.
    pub(super) needed: bool,
    /// What it says, in one line.
    pub(super) help: &'static str,
}

/// One table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// How it is written.
    pub(super) name: &'static str,
    /// Its keys.
    pub(super) keys: &'static [Key],
    /// What it says, in one line.
    pub(super) help: &'static str,
    /// How it looks.
    pub(super) example: &'static str,
}

impl Row {
    /// The key of a name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const fn needs(name: &'static str, shape: Shape, help: &'static str) -> Key {
    Key {
        name,
        shape,
        needed: true,
        help,
    }
}

const fn may(name: &'static str, shape: Shape, help: &'static str) -> Key {
    Key {
        name,
        shape,
        needed: false,
        help,
    }
}

const NAME: Key = needs("name", Shape::Name, "its name, once in its kind");
const FOR: Key = may(
    "for",
    Shape::DeviceQuery,
    "which devices; without, all of them",
);
const ZONE: Key = may(
    "zone",
    Shape::Zone,
    "in which zone its times are meant; without, each device's own",
);

/// The single table about the policy as a document.
pub(super) const HEAD: Row = Row {
    name: "policy",
    help: "what the written policy says about itself",
    example: "[policy]",
    keys: &[
        may("title", Shape::Text, "its title"),
        may("provider", Shape::Text, "who looks after the devices"),
        may("client", Shape::Text, "for whom it is written"),
        may("version", Shape::Text, "its version"),
        may("date", Shape::Date, "from which day this version holds"),
        may("contact", Shape::Text, "whom to ask"),
        may(
            "zone",
            Shape::NamedZone,
            "in which zone the document shows times",
        ),
        may(
            "introduction",
            Shape::Text,
            "what stands at its beginning, in your words",
        ),
    ],
};

const CATCH_UP: Row = Row {
    name: "catch_up",
    help: "what a device may that was out of contact during a whole opening",
    example: "{ within = \"2h\", not = \"09:00-17:00\", expires = \"7d\" }",
    keys: &[
        needs(
            "within",
            Shape::OpenFor,
            "how long after its next contact it may be changed",
        ),
        may(
            "not",
            Shape::Hours,
            "at which local hours of the device it may not",
        ),
        may(
            "expires",
            Shape::Delay,
            "how long after the opening's end this holds; without, until the next opening",
        ),
    ],
};

const DEFER: Row = Row {
    name: "defer",
    help: "how often and how long a person may put a reboot off",
    example: "{ times = 4, step = \"4h\" }",
    keys: &[
        needs("times", Shape::Integer(0, 100), "how often"),
        needs("step", Shape::Delay, "how long each time"),
    ],
};

const RING: Row = Row {
    name: "ring",
    help: "one step of a ring set",
    example: "[{ name = \"first\", devices = \"tag:first\", soak = \"2d\" }]",
    keys: &[
        needs("name", Shape::Name, "its name, once in its ring set"),
        may(
            "devices",
            Shape::DeviceQuery,
            "which devices of the set; without, all that are left",
        ),
        may(
            "soak",
            Shape::Delay,
            "how long a patch stays in this ring before the next is reached; without, not at all",
        ),
    ],
};

/// Every kind of object, in the order of [`domain::policy::PolicyKind`].
pub(super) const KINDS: &[Row] = &[
    Row {
        name: "group",
        help: "a named query over devices, for group: in other queries",
        example: "[[group]]",
        keys: &[NAME, FOR],
    },
    Row {
        name: "window",
        help: "when devices may be changed",
        example: "[[window]]",
        keys: &[
            NAME,
            FOR,
            ZONE,
            needs("start", Shape::TimeOfDay, "at which local time it opens"),
            needs("duration", Shape::OpenFor, "how long it is open"),
            may("days", Shape::Weekdays, "on which weekdays it opens"),
            may(
                "every_weeks",
                Shape::Integer(1, 52),
                "with days: only every so manieth week, counted from the week of from",
            ),
            may(
                "nth",
                Shape::Nth,
                "on which weekday of the month it opens; a month without it is skipped",
            ),
            may(
                "plus_days",
                Shape::Integer(-60, 60),
                "with nth: so many days later",
            ),
            may(
                "month_day",
                Shape::MonthDay,
                "on which day of the month it opens; a month without it is skipped",
            ),
            may("dates", Shape::Dates, "on which dates it opens"),
            may(
                "after_release",
                Shape::WholeDays,
                "so many days after the date on which a patch was released, once a patch",
            ),
            may("from", Shape::Date, "the first date on which it may open"),
            may("until", Shape::Date, "the last date on which it may open"),
            may(
                "reserve",
                Shape::OpenFor,
                "nothing new begins in the last part of an opening, so long",
            ),
            may(
                "catch_up",
                Shape::Table(&CATCH_UP),
                "what a device may that was out of contact during a whole opening",
            ),
            may(
                "opens_for",
                Shape::Choice(&["changes", "reboots"]),
                "what may happen in it: without, changes; reboots for reboot rules that name it",
            ),
        ],
    },
    Row {
        name: "freeze",
        help: "when nothing may be changed, whatever the windows say",
        example: "[[freeze]]",
        keys: &[
            NAME,
            FOR,
            ZONE,
            needs(
                "from",
                Shape::LocalDateTime,
                "the first local time that is frozen",
            ),
            needs(
                "until",
                Shape::LocalDateTime,
                "the first local time that is not frozen any more",
            ),
            may("reason", Shape::Text, "why"),
            may("exception", Shape::Text, "whom to ask for an exception"),
        ],
    },
    Row {
        name: "rule",
        help: "what happens to patches that nobody decided about; the first that matches counts",
        example: "[[rule]]",
        keys: &[
            NAME,
            may("owner", Shape::Text, "who answers for it"),
            may(
                "patches",
                Shape::PatchQuery,
                "which patches; without, all of them",
            ),
            FOR,
            needs(
                "action",
                Shape::Choice(&["approve", "hold", "deny"]),
                "what it does with them",
            ),
            may(
                "after",
                Shape::Delay,
                "how long after the fix was released an approval holds; without, at once",
            ),
            may(
                "kev_after",
                Shape::Delay,
                "the same for patches whose fault is known to be exploited",
            ),
            may(
                "windows",
                Shape::Names,
                "the windows it uses; without, every one that covers the device",
            ),
            may(
                "rings",
                Shape::Name,
                "the ring set it uses; without, the first that covers the device",
            ),
            may(
                "hold_for",
                Shape::Text,
                "with hold: the person or team that studies the patch",
            ),
            may(
                "due",
                Shape::Delay,
                "with hold_for: how soon their answer is due; without, after 7d",
            ),
            may("why", Shape::Text, "why"),
        ],
    },
    Row {
        name: "decision",
        help: "a person's word about patches, which goes before any rule",
        example: "[[decision]]",
        keys: &[
            may("name", Shape::Name, "its name, once in its kind"),
            needs(
                "verdict",
                Shape::Choice(&["approve", "hold", "deny", "accept-risk", "pin"]),
                "what was decided",
            ),
            needs(
                "patches",
                Shape::PatchQuery,
                "which patches; \"\" is all of them",
            ),
            may(
                "version",
                Shape::Text,
                "with pin: the newest version that may be installed; without, none",
            ),
            FOR,
            may(
                "level",
                Shape::Choice(&["provider", "client", "site", "group", "device"]),
                "how close it is; without, as close as for says",
            ),
            may("until", Shape::Instant, "until when; accept-risk needs it"),
            may(
                "zone",
                Shape::NamedZone,
                "the zone of until, where that is a local time; without, UTC",
            ),
            needs("reason", Shape::Text, "why"),
        ],
    },
    Row {
        name: "reboot",
        help: "whether and when devices are rebooted",
        example: "[[reboot]]",
        keys: &[
            NAME,
            FOR,
            needs(
                "when",
                Shape::Choice(&["never", "needed", "always"]),
                "whether",
            ),
            may(
                "window",
                Shape::Name,
                "in which window; without, in that of the installation",
            ),
            may(
                "deadline",
                Shape::Delay,
                "how long after it became due it happens at the latest",
            ),
            may(
                "warn",
                Shape::Delays,
                "how long before it a person who works on the device is warned, at least once",
            ),
            may(
                "defer",
                Shape::Table(&DEFER),
                "how often and how long that person may put it off",
            ),
        ],
    },
    Row {
        name: "rings",
        help: "the steps in which patches go through devices",
        example: "[[rings]]",
        keys: &[
            NAME,
            FOR,
            needs("ring", Shape::Tables(&RING), "its rings, in their order"),
        ],
    },
    Row {
        name: "exclude",
        help: "devices that are kept as they are, whatever else says",
        example: "[[exclude]]",
        keys: &[
            NAME,
            FOR,
            may(
                "until",
                Shape::Instant,
                "until when; without, until it is taken out",
            ),
            may(
                "zone",
                Shape::NamedZone,
                "the zone of until, where that is a local time; without, UTC",
            ),
            may("reason", Shape::Text, "why"),
        ],
    },
];

/// The table of a kind.
pub(super) fn row(kind: domain::policy::PolicyKind) -> &'static Row {
    // The test below holds the two orders together.
    &KINDS[kind as usize]
}

#[cfg(test)]
mod tests {
    use domain::policy::PolicyKind;

    use super::*;

    #[test]
    fn every_kind_has_its_table() {
        assert_eq!(KINDS.len(), PolicyKind::ALL.len());
        for kind in PolicyKind::ALL {
            assert_eq!(row(*kind).name, kind.word());
        }
    }
}
