//! Judging a second look.

use std::collections::BTreeMap;

use domain::inventory::Inventory;
use domain::name::{Architecture, PackageName};
use domain::order::record::OrderRecord;
use domain::order::{OrderItem, OrderState, Switch};
use domain::package::Package;
use domain::proof::{Fact, Proof, ProofState, SecondLook};

/// Most names in one sentence.
const NAMED_MAX: usize = 10;

/// Judges a second look. `before` and `after` are the whole inventories before the order began and
/// as this look read it; where one is not at hand, nothing is said about other changes.
///
/// Proven asks for a success: of an order that ended otherwise the facts are kept, and the state is
/// `not-proven`.
pub fn judge(
    order: &OrderRecord,
    look: &SecondLook,
    before: Option<&Inventory>,
    after: Option<&Inventory>,
) -> Proof {
    let mut findings = Findings {
        facts: Vec::new(),
        agrees: order.state == OrderState::Succeeded,
    };
    if look.order != order.id {
        findings.no("The second look is about another order.".into());
    }
    if let Some(outcome) = &order.outcome
        && outcome.generation != order.generation
    {
        findings.no(format!(
            "The device carried out generation {} of the order; the present one is {}.",
            outcome.generation, order.generation
        ));
    }
    for item in &order.items {
        findings.item(item, look, after);
    }
    findings.running(order, look);
    findings.unfinished(look);
    findings.others(order, before, after);
    Proof {
        state: if findings.agrees {
            ProofState::Proven
        } else {
            ProofState::NotProven
        },
        checked_at: Some(look.looked_at),
        facts: findings.facts,
    }
}

struct Findings {
    facts: Vec<String>,
    agrees: bool,
}

impl Findings {
    fn yes(&mut self, sentence: String) {
        self.facts.push(sentence);
    }

    fn no(&mut self, sentence: String) {
        self.agrees = false;
        self.facts.push(sentence);
    }

    fn item(&mut self, item: &OrderItem, look: &SecondLook, after: Option<&Inventory>) {
        let label = format!("{}:{}", item.name, item.architecture);
        let seen = look.facts.iter().find_map(|fact| match fact {
            Fact::Installed {
                name,
                architecture,
                version,
                usable,
            } if *name == item.name && *architecture == item.architecture => {
                Some((version.as_ref(), *usable))
            }
            _ => None,
        });
        match seen {
            None => self.no(format!("{label} was not looked at.")),
            Some((None, _)) => {
                self.no(format!(
                    "{label} is not installed; {} was ordered.",
                    item.to
                ));
            }
            Some((Some(version), _)) if *version != item.to => {
                self.no(format!("{label} is at {version}; {} was ordered.", item.to));
            }
            Some((Some(version), false)) => {
                self.no(format!("{label} is at {version}, and it is not in order."));
            }
            Some((Some(version), true)) => {
                self.yes(format!("{label} is at {version}, as ordered."));
            }
        }
        self.inventory_agrees(item, &label, after);
        self.files(item, &label, look);
    }

    /// The look and the inventory that came with it are two words of one device: they must agree.
    fn inventory_agrees(&mut self, item: &OrderItem, label: &str, after: Option<&Inventory>) {
        let Some(after) = after else { return };
        let there = after.packages().any(|package| {
            package.name == item.name
                && package.architecture == item.architecture
                && package.version == item.to
                && package.state.is_usable()
        });
        if !there {
            self.no(format!(
                "The inventory does not show {label} at {}.",
                item.to
            ));
        }
    }

    fn files(&mut self, item: &OrderItem, label: &str, look: &SecondLook) {
        let seen = look.facts.iter().find_map(|fact| match fact {
            Fact::Files {
                name,
                architecture,
                differing,
            } if *name == item.name && *architecture == item.architecture => {
                Some(differing.as_deref())
            }
            _ => None,
        });
        match seen {
            None | Some(None) => self.no(format!("The files of {label} could not be checked.")),
            Some(Some([])) => {
                self.yes(format!("The files of {label} are as the vendor made them."))
            }
            Some(Some(differing)) => self.no(format!(
                "Files of {label} differ from the vendor's: {}.",
                listed(differing.iter().map(String::as_str))
            )),
        }
    }

    fn running(&mut self, order: &OrderRecord, look: &SecondLook) {
        let asked = order.restart_services == Switch::On;
        let mut seen = false;
        for fact in &look.facts {
            match fact {
                Fact::OldCode { running: None } => {
                    seen = true;
                    self.unless_asked(
                        asked,
                        "Whether old code still runs could not be seen.".into(),
                    );
                }
                Fact::OldCode {
                    running: Some(running),
                } => {
                    seen = true;
                    if running.is_empty() {
                        self.yes("Nothing runs the replaced code any more.".into());
                    } else {
                        let who = listed(running.iter().map(String::as_str));
                        self.unless_asked(asked, format!("The replaced code still runs: {who}."));
                    }
                }
                Fact::Service { name, running } => {
                    if *running {
                        self.yes(format!("{name} is running."));
                    } else {
                        self.no(format!("{name} is not running."));
                    }
                }
                Fact::Installed { .. }
                | Fact::Files { .. }
                | Fact::Unfinished { .. }
                | Fact::Boot { .. } => {}
            }
        }
        if asked && !seen {
            self.no("Whether old code still runs was not looked at.".into());
        }
    }

    /// Running old code speaks against an order that had to restart it, else it is only said.
    fn unless_asked(&mut self, asked: bool, sentence: String) {
        if asked {
            self.no(sentence);
        } else {
            self.yes(sentence);
        }
    }

    fn unfinished(&mut self, look: &SecondLook) {
        let seen = look.facts.iter().find_map(|fact| match fact {
            Fact::Unfinished { packages } => Some(packages),
            _ => None,
        });
        match seen {
            None => self
                .no("Whether work of the package manager is unfinished was not looked at.".into()),
            Some(packages) if packages.is_empty() => {
                self.yes("The package manager has no unfinished work.".into());
            }
            Some(packages) => self.no(format!(
                "Unfinished packages: {}.",
                listed(packages.iter().map(PackageName::as_str))
            )),
        }
    }

    /// What changed beside the order, as facts.
    fn others(
        &mut self,
        order: &OrderRecord,
        before: Option<&Inventory>,
        after: Option<&Inventory>,
    ) {
        let (Some(before), Some(after)) = (before, after) else {
            self.yes("What else changed could not be compared.".into());
            return;
        };
        let ordered = |key: &(&PackageName, &Architecture)| {
            order
                .items
                .iter()
                .any(|item| (&item.name, &item.architecture) == *key)
        };
        let (old, new) = (by_key(before), by_key(after));
        let mut others = Vec::new();
        for (key, package) in new.iter().filter(|(key, _)| !ordered(key)) {
            let label = format!("{}:{}", key.0, key.1);
            match old.get(key) {
                None => others.push(format!("{label} {} is new", package.version)),
                Some(then) if then.version != package.version => {
                    others.push(format!(
                        "{label} went from {} to {}",
                        then.version, package.version
                    ));
                }
                Some(_) => {}
            }
        }
        for key in old
            .keys()
            .filter(|key| !ordered(key) && !new.contains_key(*key))
        {
            others.push(format!("{}:{} is gone", key.0, key.1));
        }
        if others.is_empty() {
            self.yes("Nothing else changed on the device.".into());
        } else {
            let what = listed(others.iter().map(String::as_str));
            self.yes(format!("Changed meanwhile, and not by this order: {what}."));
        }
    }
}

fn by_key(inventory: &Inventory) -> BTreeMap<(&PackageName, &Architecture), &Package> {
    inventory
        .packages()
        .map(|package| ((&package.name, &package.architecture), package))
        .collect()
}

fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = names.len();
    let mut all: Vec<String> = names.take(NAMED_MAX).map(str::to_owned).collect();
    if count > NAMED_MAX {
        all.push(format!("{} more", count - NAMED_MAX));
    }
    all.join(", ")
}
