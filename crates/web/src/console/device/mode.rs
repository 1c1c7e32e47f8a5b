//! What may be done to a device: asked, then set.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use domain::device::Mode;
use jiff::Timestamp;
use serde::Deserialize;
use service::Principal;
use service::device::DeviceItem;

use crate::ask::{Asked, Filled, Named};
use crate::console::{Area, Rendered, Shell, page};
use crate::state::AppState;

/// A mode that is asked for.
#[derive(Debug, Clone, Deserialize)]
pub struct ModeAsked {
    to: Mode,
}

#[derive(Template)]
#[template(path = "pages/device/mode.html")]
pub(in crate::console) struct ModePage {
    shell: Shell,
    device_href: String,
    name: String,
    question: String,
    consequence: &'static str,
    action: String,
    mode: Mode,
    button: &'static str,
}

impl ModePage {
    pub(in crate::console) fn new(
        who: &Principal,
        device: &DeviceItem,
        to: Mode,
        now: Timestamp,
    ) -> Self {
        let name = &device.name;
        let (question, consequence, button) = match to {
            Mode::Managed => (
                format!("Let {name} be managed?"),
                "From its next open change window on, Patchloop installs on it what is approved for it, and restarts services that still run replaced code. What is not approved is never installed. An order is made only inside a change window.",
                "Manage it",
            ),
            Mode::Observe => (
                format!("Only observe {name}?"),
                "It goes on to report. Nothing more is installed on it; an order that has already begun is finished, so that no package stays half installed.",
                "Observe it",
            ),
        };
        let href = format!("/devices/{}", device.id);
        Self {
            shell: Shell::new(question.clone(), Area::Devices, Some(who), now),
            action: format!("{href}/mode"),
            device_href: href,
            name: name.clone(),
            question,
            consequence,
            mode: to,
            button,
        }
    }
}

/// `GET /devices/{device}/mode`
pub async fn mode_ask(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(device): Named,
    Asked(asked): Asked<ModeAsked>,
) -> Rendered {
    let person = who.clone();
    let detail = state
        .run(move |service| service.device_show(&person, &device, None))
        .await?;
    page(&ModePage::new(
        &who,
        &detail.device,
        asked.to,
        state.service().now(),
    ))
}

/// The form that sets a mode.
#[derive(Debug, Clone, Deserialize)]
pub struct ModeForm {
    mode: Mode,
}

/// `POST /devices/{device}/mode`
pub async fn mode_set(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(device): Named,
    Filled(form): Filled<ModeForm>,
) -> Rendered {
    let device = state
        .run(move |service| service.device_mode(&who, &device, form.mode))
        .await?;
    Ok(Redirect::to(&format!("/devices/{}?done=mode", device.id)).into_response())
}
