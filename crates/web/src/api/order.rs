//! `/api/v1/orders`

use axum::extract::State;
use axum::{Extension, Json};
use service::Principal;
use service::order::OrderView;

use super::{Answered, FilteredAsked, List, Listed, listed, part};
use crate::ask::{Asked, Named};
use crate::problem::Problem;
use crate::state::AppState;

/// Lists orders, newest first
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", operation_id = "order_list", params(FilteredAsked), responses(
    (status = 200, description = "One part of the list", body = List<OrderView>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<FilteredAsked>,
) -> Listed<OrderView> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.order_list(&who, asked.q.as_deref(), &request))
        .await?;
    Ok(listed(page))
}

/// Shows one order with its outcome
#[utoipa::path(get, path = "/api/v1/orders/{order}", tag = "orders", operation_id = "order_show",
    params(("order" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The order", body = OrderView),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(order): Named,
) -> Answered<OrderView> {
    let order = state
        .run(move |service| service.order_show(&who, &order))
        .await?;
    Ok(Json(order))
}
