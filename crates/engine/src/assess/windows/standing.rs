//! Where one device stands with each update of its product.
//!
//! An update counts as there when one of these holds, in this order:
//!
//! 1. the device records it as installed;
//! 2. the device's build is at least the one it brings, both in one line (same first three numbers). A
//!    device that records a security-only update and no roll-up that brings its build reached that
//!    build by the security-only update, which contains no earlier month: there builds prove only
//!    what a recorded roll-up brings;
//! 3. a cumulative update or hotpatch that the device records brings the same build or a later one;
//! 4. an update that is there replaces it, directly or in steps;
//! 5. it is cumulative without any known build, and a cumulative update that is there came later by
//!    number and by month, both;
//! 6. its other form of the same month is there: roll-up for security-only or browser update,
//!    cumulative for hotpatch and the reverse. A roll-up is there by its security-only form only where
//!    nothing earlier that it contains is missing, and it and the browser update fix all its CVEs.
//!
//! What is not there is `open`, as far as the device reported what tells so; else it cannot be said.
//! Of the open ones that belong together only the newest is demanded: [`Standings::demanded`].

use domain::advisory::RemedyKind;
use domain::cve::CveId;
use domain::judgement::WindowsState;
use domain::package::Kb;

use super::facts::{Build, Line, Update, build};
use super::graph::Product;

/// Where one update stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Recorded as installed.
    Recorded,
    /// The device's build is this update's or later.
    Built(Build),
    /// A recorded update brings a build that is not lower.
    Contained(usize),
    /// An update that is there replaces it: its number.
    Replaced(Kb),
    /// A later cumulative update is there.
    Later(usize),
    /// Its other form of the same month is there.
    OtherForm(usize),
    /// Not there: the device's build is lower.
    Lower(Build),
    /// Not there: not among what is recorded.
    NotRecorded,
    /// Cannot be said: neither build nor updates were reported.
    NothingReported,
    /// Cannot be said: documents name builds of another line only.
    OtherLine(Build),
    /// Cannot be said: no build is known, and the device reported no updates.
    NoBuild,
}

impl Standing {
    /// Whether the update is there.
    pub fn is_there(self) -> bool {
        match self {
            Self::Recorded
            | Self::Built(_)
            | Self::Contained(_)
            | Self::Replaced(_)
            | Self::Later(_)
            | Self::OtherForm(_) => true,
            Self::Lower(_)
            | Self::NotRecorded
            | Self::NothingReported
            | Self::OtherLine(_)
            | Self::NoBuild => false,
        }
    }

    /// Whether it is known not to be there.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Lower(_) | Self::NotRecorded)
    }
}

/// One device against one product.
pub struct Standings<'a> {
    pub product: &'a Product,
    /// The build that the device reported, in four numbers.
    pub build: Option<Build>,
    /// The line in which builds are compared.
    pub line: Option<Line>,
    /// One for each update.
    pub standing: Vec<Standing>,
    /// For each update the newest KB that is there and that documents say replaces it.
    pub newer_there: Vec<Option<Kb>>,
    highest_there: Option<(Build, Kb)>,
    recorded: Vec<Kb>,
}

impl<'a> Standings<'a> {
    /// Looks at one device.
    pub fn of(product: &'a Product, windows: &WindowsState) -> Self {
        let mut recorded = windows.kbs.clone();
        recorded.sort_unstable();
        recorded.dedup();
        let build = windows.build.as_ref().and_then(build);
        let mut standings = Self {
            product,
            build,
            line: None,
            standing: vec![Standing::NothingReported; product.updates.len()],
            newer_there: vec![None; product.updates.len()],
            highest_there: None,
            recorded,
        };
        standings.line = standings.find_line();
        standings.by_record_and_build();
        standings.by_replacement();
        standings.by_time();
        standings.by_replacement();
        standings.by_other_form();
        standings.by_replacement();
        standings.what_is_not_there();
        standings.find_highest_there();
        standings
    }

    /// The highest build of an update in the line.
    pub fn build_of(&self, at: usize) -> Option<Build> {
        self.product.updates[at].build_in(self.line?)
    }

    /// The cumulative update that is there with the highest build, where it contains an update.
    pub fn contained_in(&self, at: usize) -> Option<Kb> {
        let own = self.build_of(at)?;
        let (build, kb) = self.highest_there?;
        (build > own && in_level(&self.product.updates[at])).then_some(kb)
    }

    fn find_highest_there(&mut self) {
        let updates = self.product.updates.iter().enumerate();
        let there = updates.filter(|(at, update)| {
            update.kind == RemedyKind::Cumulative && self.standing[*at].is_there()
        });
        self.highest_there = there
            .filter_map(|(at, update)| Some((self.build_of(at)?, update.kb)))
            .max();
    }

    fn is_recorded(&self, kb: Kb) -> bool {
        self.recorded.binary_search(&kb).is_ok()
    }

    /// The device's own line; else that of the newest update it records; else the product's usual one.
    fn find_line(&self) -> Option<Line> {
        let line = |build: Build| [build[0], build[1], build[2]];
        if let Some(build) = self.build {
            return Some(line(build));
        }
        let cumulative = || {
            let updates = self.product.updates.iter();
            updates.filter(|update| update.kind == RemedyKind::Cumulative)
        };
        let newest = cumulative()
            .filter(|update| self.is_recorded(update.kb))
            .flat_map(|update| &update.builds)
            .max();
        if let Some(newest) = newest {
            return Some(line(*newest));
        }
        let mut counted: std::collections::BTreeMap<Line, usize> = Default::default();
        for build in cumulative().flat_map(|update| &update.builds) {
            *counted.entry(line(*build)).or_default() += 1;
        }
        let usual = counted
            .into_iter()
            .max_by_key(|(line, count)| (*count, *line));
        usual.map(|(line, _)| line)
    }

    fn by_record_and_build(&mut self) {
        let proven = self.proven_build();
        let level = self.recorded_level();
        for (at, update) in self.product.updates.iter().enumerate() {
            let own = self.build_of(at);
            if self.is_recorded(update.kb) {
                self.standing[at] = Standing::Recorded;
            } else if let (Some(own), Some(proven)) = (own, proven)
                && own <= proven
            {
                self.standing[at] = Standing::Built(proven);
            } else if let (Some(own), Some((with, level))) = (own, level)
                && own <= level
                && in_level(update)
            {
                self.standing[at] = Standing::Contained(with);
            }
        }
    }

    /// The device's build, where it proves that updates are there.
    fn proven_build(&self) -> Option<Build> {
        let build = self.build?;
        let recorded_of = |kind: RemedyKind| {
            let updates = self.product.updates.iter().enumerate();
            updates
                .filter(|(_, update)| update.kind == kind && self.is_recorded(update.kb))
                .filter_map(|(at, _)| self.build_of(at))
                .max()
        };
        match (
            recorded_of(RemedyKind::SecurityOnly),
            recorded_of(RemedyKind::Cumulative),
        ) {
            (_, Some(roll_up)) if roll_up >= build => Some(build),
            (Some(security_only), _) if security_only >= build => None,
            _ => Some(build),
        }
    }

    /// The highest build that a recorded cumulative update or hotpatch brings, and which one it is.
    fn recorded_level(&self) -> Option<(usize, Build)> {
        let updates = self.product.updates.iter().enumerate();
        updates
            .filter(|(_, update)| {
                matches!(update.kind, RemedyKind::Cumulative | RemedyKind::Hotpatch)
                    && self.is_recorded(update.kb)
            })
            .filter_map(|(at, _)| Some((at, self.build_of(at)?)))
            .max_by_key(|&(at, build)| (build, at))
    }

    /// Updates that others replace which are there, also others that documents name only as replaced.
    fn by_replacement(&mut self) {
        let product = self.product;
        let there = product.updates.iter().enumerate().filter(|(at, _)| {
            let standing = self.standing[*at];
            // By a security-only form nothing earlier is there.
            let by_form = matches!(standing, Standing::OtherForm(form)
                if product.updates[form].kind == RemedyKind::SecurityOnly);
            standing.is_there() && !by_form
        });
        let mut sources: Vec<u32> = there.map(|(at, _)| product.node[at]).collect();
        sources.extend(self.recorded.iter().filter_map(|kb| product.node_of(*kb)));
        let replaced_by = replaced(product, sources);
        for at in 0..product.updates.len() {
            let newer = replaced_by[product.node[at] as usize];
            self.newer_there[at] = newer.map(|newer| product.kbs[newer as usize]);
            if let Some(newer) = self.newer_there[at]
                && !self.standing[at].is_there()
            {
                self.standing[at] = Standing::Replaced(newer);
            }
        }
    }

    /// Cumulative updates without builds: by number and month.
    fn by_time(&mut self) {
        let updates = &self.product.updates;
        let cumulative = |at: &usize| updates[*at].kind == RemedyKind::Cumulative;
        let there: Vec<usize> = (0..updates.len())
            .filter(cumulative)
            .filter(|&at| self.standing[at].is_there())
            .collect();
        for at in (0..updates.len()).filter(cumulative) {
            if self.standing[at].is_there() || !updates[at].builds.is_empty() {
                continue;
            }
            let later = there
                .iter()
                .rev()
                .find(|&&newer| updates[newer].is_later_than(&updates[at]));
            if let Some(&later) = later {
                self.standing[at] = Standing::Later(later);
            }
        }
    }

    fn by_other_form(&mut self) {
        let updates = &self.product.updates;
        let forms: Vec<(usize, usize)> = updates
            .iter()
            .enumerate()
            .filter_map(|(form, update)| Some((form, update.twin?)))
            .collect();
        for &(form, whole) in &forms {
            if self.standing[whole].is_there() && !self.standing[form].is_there() {
                self.standing[form] = Standing::OtherForm(whole);
            } else if self.standing[form].is_there()
                && !self.standing[whole].is_there()
                && updates[form].kind == RemedyKind::Hotpatch
            {
                self.standing[whole] = Standing::OtherForm(form);
            }
        }
        self.by_replacement();
        let mut security_and_browser = forms;
        security_and_browser.retain(|(form, _)| updates[*form].kind != RemedyKind::Hotpatch);
        let mut security_only = security_and_browser.clone();
        security_only.retain(|(form, _)| updates[*form].kind == RemedyKind::SecurityOnly);
        // From the oldest to the newest: a roll-up is complete when those before it are.
        security_only.sort_by_key(|&(_, whole)| (self.build_of(whole), updates[whole].kb));
        for (form, whole) in security_only {
            let fixed = |cve: &CveId| {
                let mut forms = security_and_browser.iter();
                forms.any(|&(other, of)| {
                    of == whole
                        && self.standing[other].is_there()
                        && updates[other].cves.binary_search(cve).is_ok()
                })
            };
            let complete = self.standing[form].is_there()
                && !self.standing[whole].is_there()
                && updates[whole].cves.iter().all(fixed)
                && !self.contains_open(whole, form);
            if complete {
                self.standing[whole] = Standing::OtherForm(form);
            }
        }
    }

    /// Whether a roll-up contains something that is not there, its own other form aside.
    fn contains_open(&self, whole: usize, form: usize) -> bool {
        let product = self.product;
        let replaced = replaced(product, vec![product.node[whole]]);
        let build = self.build_of(whole);
        (0..product.updates.len()).any(|at| {
            if at == whole || at == form || self.standing[at].is_there() {
                return false;
            }
            let stated = replaced[product.node[at] as usize].is_some();
            let lower = match (self.build_of(at), build) {
                (Some(own), Some(build)) => own < build,
                _ => product.updates[whole].is_later_than(&product.updates[at]),
            };
            stated || (lower && in_level(&product.updates[at]))
        })
    }

    fn what_is_not_there(&mut self) {
        for at in 0..self.standing.len() {
            if self.standing[at].is_there() {
                continue;
            }
            let builds = &self.product.updates[at].builds;
            let nothing_recorded = self.recorded.is_empty();
            self.standing[at] = match (self.build, self.build_of(at), builds.last()) {
                (None, _, _) if nothing_recorded => Standing::NothingReported,
                (Some(build), Some(own), _) if build < own => Standing::Lower(own),
                (Some(_), None, Some(other)) => Standing::OtherLine(*other),
                (Some(_), None, None) if nothing_recorded => Standing::NoBuild,
                _ => Standing::NotRecorded,
            };
        }
    }

    /// For each open update the one that is demanded in its place; itself where it is the newest. `None`
    /// for what is not open and not replaced by what is demanded.
    ///
    /// Newest is what nothing open replaces. Of several such cumulative updates, which documents do not
    /// link, that with the highest build stands for the others; the build of an update counts as at
    /// least that of what it replaces, because the feed's builds sometimes fall. A security-only
    /// update, hotpatch or browser update is never demanded beside the open cumulative update of its
    /// month.
    pub fn demanded(&self) -> Vec<Option<usize>> {
        let product = self.product;
        let count = product.updates.len();
        let is_open = |at: &usize| self.standing[*at].is_open();
        let open: Vec<usize> = (0..count).filter(is_open).collect();
        let nodes = |open: &[usize]| open.iter().map(|&at| product.node[at]).collect();
        let newer = replaced(product, nodes(&open));
        let heads: Vec<usize> = open
            .iter()
            .copied()
            .filter(|&at| newer[product.node[at] as usize].is_none())
            .collect();
        let head_of = replaced(product, nodes(&heads));
        let update_at: std::collections::HashMap<u32, usize> =
            heads.iter().map(|&at| (product.node[at], at)).collect();
        let mut parent: Vec<Option<usize>> = (0..count)
            .map(|at| {
                let head = head_of[product.node[at] as usize];
                let head = head.and_then(|node| update_at.get(&node).copied());
                head.or_else(|| self.standing[at].is_open().then_some(at))
            })
            .collect();
        self.join_unlinked(&heads, &mut parent);
        for &form in &heads {
            if let Some(whole) = product.updates[form].twin
                && self.standing[whole].is_open()
            {
                link(&mut parent, form, whole);
            }
        }
        (0..count)
            .map(|at| {
                let up = parent[at].filter(|_| !self.standing[at].is_there())?;
                Some(root(&parent, up))
            })
            .collect()
    }

    /// Puts cumulative updates that documents do not link under the newest of them.
    fn join_unlinked(&self, heads: &[usize], parent: &mut [Option<usize>]) {
        let product = self.product;
        let level = self.levels();
        let level_of = |at: usize| level[product.group[product.node[at] as usize] as usize];
        let cumulative = |at: &usize| product.updates[*at].kind == RemedyKind::Cumulative;
        let newest = heads
            .iter()
            .copied()
            .filter(cumulative)
            .filter(|&at| level_of(at).is_some())
            .max_by_key(|&at| (level_of(at), product.updates[at].kb));
        let mut without_build = Vec::new();
        for &head in heads {
            let update = &product.updates[head];
            match (newest, self.build_of(head)) {
                (Some(newest), Some(own)) if in_level(update) && newest != head => {
                    let lower = match update.kind {
                        RemedyKind::Cumulative => level_of(head) < level_of(newest),
                        // The same month's forms bring the same build.
                        _ => Some(own) <= level_of(newest),
                    };
                    if lower {
                        link(parent, head, newest);
                    }
                }
                _ if update.builds.is_empty() && cumulative(&head) => without_build.push(head),
                _ => {}
            }
        }
        for head in without_build {
            let update = &product.updates[head];
            let later = heads
                .iter()
                .rev()
                .copied()
                .filter(cumulative)
                .find(|&other| product.updates[other].is_later_than(update));
            if let Some(later) = later {
                link(parent, head, later);
            }
        }
    }

    /// The build of each group in the line, at least that of what it replaces.
    fn levels(&self) -> Vec<Option<Build>> {
        let product = self.product;
        let groups = product
            .group
            .iter()
            .max()
            .map_or(0, |last| *last as usize + 1);
        let mut levels: Vec<Option<Build>> = vec![None; groups];
        for at in 0..product.updates.len() {
            let group = product.group[product.node[at] as usize] as usize;
            levels[group] = levels[group].max(self.build_of(at));
        }
        // Edges lead to lower groups, so those are complete when they are asked.
        let mut nodes: Vec<u32> = (0..product.kbs.len() as u32).collect();
        nodes.sort_by_key(|&node| product.group[node as usize]);
        for node in nodes {
            let group = product.group[node as usize] as usize;
            for &older in product.replaces.of(node) {
                levels[group] = levels[group].max(levels[product.group[older as usize] as usize]);
            }
        }
        levels
    }
}

/// Whether a cumulative update with a higher build contains an update.
fn in_level(update: &Update) -> bool {
    match update.kind {
        RemedyKind::Cumulative | RemedyKind::SecurityOnly | RemedyKind::Hotpatch => true,
        // Lines of their own.
        RemedyKind::BrowserCumulative | RemedyKind::ServicingStack | RemedyKind::Update => false,
    }
}

fn root(parent: &[Option<usize>], mut at: usize) -> usize {
    while let Some(up) = parent[at]
        && up != at
    {
        at = up;
    }
    at
}

/// Puts a head under the head of another, unless that is itself.
fn link(parent: &mut [Option<usize>], head: usize, under: usize) {
    let above = root(parent, under);
    if above != head && parent[head] == Some(head) {
        parent[head] = Some(above);
    }
}

/// For each node one of the sources that replaces it, directly or in steps; the highest number that
/// is found first. What replaces each other is not replaced by that.
fn replaced(product: &Product, mut sources: Vec<u32>) -> Vec<Option<u32>> {
    sources.sort_unstable_by(|a, b| b.cmp(a));
    sources.dedup();
    let groups = product
        .group
        .iter()
        .max()
        .map_or(0, |last| *last as usize + 1);
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); groups];
    for (node, group) in product.group.iter().enumerate() {
        members[*group as usize].push(node as u32);
    }
    let mut by: Vec<Option<u32>> = vec![None; groups];
    let mut passed = vec![false; groups];
    for source in sources {
        let own = product.group[source as usize];
        let mut open = vec![own];
        while let Some(group) = open.pop() {
            if std::mem::replace(&mut passed[group as usize], true) {
                continue;
            }
            for &node in &members[group as usize] {
                for &older in product.replaces.of(node) {
                    let older = product.group[older as usize];
                    if older != group {
                        by[older as usize].get_or_insert(source);
                        open.push(older);
                    }
                }
            }
        }
    }
    product
        .group
        .iter()
        .map(|group| by[*group as usize])
        .collect()
}
