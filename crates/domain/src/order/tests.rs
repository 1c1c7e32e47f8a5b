use super::*;

const EVENTS: [OrderEvent; 13] = [
    OrderEvent::Taken,
    OrderEvent::Started,
    OrderEvent::Ended(End::Succeeded),
    OrderEvent::Ended(End::Failed),
    OrderEvent::Ended(End::Refused),
    OrderEvent::Ended(End::Expired),
    OrderEvent::Ended(End::Cancelled),
    OrderEvent::Ended(End::Superseded),
    OrderEvent::Ended(End::NeedsHands),
    OrderEvent::Withdrawn,
    OrderEvent::Replaced,
    OrderEvent::ClosedUntaken,
    OrderEvent::DeadlinePassed,
];

#[test]
fn the_whole_table_of_transitions_is_as_drawn() {
    let mut table = String::new();
    for &state in OrderState::ALL {
        for event in EVENTS {
            if let Ok(after) = state.after(event) {
                table.push_str(&format!("{state} {event:?} {after}\n"));
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_reported_end_is_never_overwritten_by_another_or_by_time() {
    for state in [
        OrderState::Succeeded,
        OrderState::Failed,
        OrderState::NeedsHands,
        OrderState::Refused,
    ] {
        for event in EVENTS {
            if let Ok(after) = state.after(event) {
                assert_eq!(after, state, "{state} took {event:?}");
            }
        }
    }
}

#[test]
fn a_late_report_corrects_what_was_given_up() {
    assert_eq!(
        OrderState::Lost.after(OrderEvent::Ended(End::Succeeded)),
        Ok(OrderState::Succeeded)
    );
    assert_eq!(
        OrderState::Expired.after(OrderEvent::Ended(End::Failed)),
        Ok(OrderState::Failed)
    );
}
