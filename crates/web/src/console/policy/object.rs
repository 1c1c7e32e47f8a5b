//! One object of the policy: what it says, which devices it covers today, what stood before it.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::access;
use domain::policy::PolicyKind;
use jiff::Timestamp;
use service::policy::{DEVICES_LOOKED_MAX, PolicyCover, PolicyDetail, PolicyLine, PolicyPast};
use service::{Permission, Principal};

use super::super::device::devices_counted;
use super::super::parts::{DeviceLink, Moment, query_shown};
use super::super::{Area, Rendered, Shell, address, page};
use super::{Since, kind_name, kinds};
use crate::ask::Named;
use crate::state::AppState;

struct PastRow {
    from: Moment,
    until: Option<Moment>,
    by: Option<String>,
    text: String,
}

impl PastRow {
    fn new(past: PolicyPast, now: Timestamp) -> Self {
        Self {
            from: Moment::new(past.from, now),
            until: past.until.map(|at| Moment::new(at, now)),
            by: past.by,
            text: past.text.trim_matches('\n').to_owned(),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/policy/object.html")]
pub(in crate::console) struct ObjectPage {
    shell: Shell,
    kind: &'static str,
    kinds: &'static str,
    list: String,
    name: String,
    order: Option<u32>,
    sentences: Vec<String>,
    queries: Vec<(String, String)>,
    client: Option<String>,
    level: &'static str,
    owner: Option<String>,
    since: Option<Since>,
    file: Option<String>,
    unreadable: bool,
    acts: Vec<(&'static str, String)>,
    cover: String,
    perhaps: Option<String>,
    named: Vec<DeviceLink>,
    devices: String,
    text: String,
    past: Vec<PastRow>,
}

impl ObjectPage {
    pub(in crate::console) fn new(who: &Principal, detail: PolicyDetail, now: Timestamp) -> Self {
        let line = detail.line;
        let title = format!("{} {}", kind_name(line.kind), line.name);
        let acts = acts(who, &line);
        Self {
            shell: Shell::new(title, Area::Policy, Some(who), now),
            kind: kind_name(line.kind),
            kinds: kinds(line.kind),
            list: address("/policy", &[("kind", line.kind.word())]),
            order: line.order,
            queries: line
                .queries
                .into_iter()
                .map(|(of, query)| (of, query_shown(&query)))
                .collect(),
            client: line.client,
            level: line.level.word(),
            owner: line.owner,
            since: line.made.as_ref().map(|made| Since::of(made, now)),
            acts,
            unreadable: line.unreadable.is_some(),
            file: line.file,
            cover: cover(&detail.cover),
            perhaps: perhaps(&detail.cover, line.kind),
            named: detail
                .cover
                .named
                .iter()
                .map(|device| DeviceLink {
                    href: address(&format!("/devices/{}", device.id), &[]),
                    name: format!("{} / {}", device.client, device.name),
                })
                .collect(),
            devices: address("/devices", &[("q", &line.devices)]),
            name: line.name,
            sentences: line.sentences,
            text: detail.text,
            past: detail
                .past
                .into_iter()
                .map(|past| PastRow::new(past, now))
                .collect(),
        }
    }
}

/// What can be done with it here: what stands in a file is changed in its file.
fn acts(who: &Principal, line: &PolicyLine) -> Vec<(&'static str, String)> {
    let may = |permission| access::check(who, permission).is_ok();
    let id = super::super::escaped(&line.id);
    let by_hand = line.file.is_none();
    match line.kind {
        PolicyKind::Decision if may(Permission::Decide) => {
            vec![("End this decision…", format!("/decisions/{id}/end"))]
        }
        PolicyKind::Window if by_hand && may(Permission::SetWindow) => vec![
            ("Edit this window…", format!("/windows/{id}/edit")),
            ("End this window…", format!("/windows/{id}/end")),
        ],
        PolicyKind::Freeze if by_hand && may(Permission::SetWindow) => vec![
            ("Edit this freeze…", format!("/freezes/{id}/edit")),
            ("End this freeze…", format!("/freezes/{id}/end")),
        ],
        _ => match &line.file {
            Some(file) if may(Permission::WholeProvider) => vec![(
                "Change its file…",
                address("/policy/plan", &[("start", &format!("file:{file}"))]),
            )],
            _ => Vec::new(),
        },
    }
}

fn cover(cover: &PolicyCover) -> String {
    let of = if cover.all {
        format!("of {} in reach", cover.looked_at)
    } else {
        format!(
            "of the first {DEVICES_LOOKED_MAX} that were looked at; there are more: \
             “patchloop device list” counts all"
        )
    };
    format!("{} today, {of}.", devices_counted(cover.certain))
}

/// What becomes of devices of which it cannot be said.
fn perhaps(cover: &PolicyCover, kind: PolicyKind) -> Option<String> {
    let count = devices_counted(cover.perhaps);
    let forbids = matches!(kind, PolicyKind::Freeze | PolicyKind::Exclude);
    (cover.perhaps > 0).then(|| {
        if forbids {
            format!("{count} more perhaps: what would decide it is not known, so it holds for them too.")
        } else {
            format!("{count} more perhaps: what would decide it is not known. What forbids holds for them too, what allows does not.")
        }
    })
}

/// `GET /policy/objects/{object}`
pub async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(object): Named,
) -> Rendered {
    let person = who.clone();
    let detail = state
        .run(move |service| service.policy_object(&person, &object))
        .await?;
    page(&ObjectPage::new(&who, detail, state.service().now()))
}
