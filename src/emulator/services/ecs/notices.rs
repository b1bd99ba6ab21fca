//! What ECS tells others: events on the default bus.
//!
//! Main functions: [`deployment`] and [`action`]. Invariant: they only read the service. Sources:
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html>.

use serde_json::json;

use super::{Which, clusters};
use crate::emulator::account::Account;
use crate::emulator::services::events;

/// A change of a deployment's state, which ECS sends with both of its detail types.
pub(super) fn deployment(
    account: &mut Account,
    which: &Which,
    (kind, name): (&str, &str),
    id: &str,
    reason: &str,
) {
    let detail = json!({
        "eventType": kind,
        "eventName": name,
        "clusterArn": clusters::arn(account, &which.0),
        "deploymentId": id,
        "updatedAt": account.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "reason": reason,
    });
    emit(account, which, "ECS Deployment State Change", detail);
    action(account, which, kind, name, Some(reason));
}

/// What the service scheduler did or could not do.
pub(super) fn action(
    account: &mut Account,
    which: &Which,
    kind: &str,
    name: &str,
    reason: Option<&str>,
) {
    let mut detail = json!({
        "eventType": kind,
        "eventName": name,
        "clusterArn": clusters::arn(account, &which.0),
        "createdAt": account.now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    });
    if let Some(reason) = reason {
        detail["reason"] = json!(reason);
    }
    emit(account, which, "ECS Service Action", detail);
}

fn emit(account: &mut Account, which: &Which, kind: &str, detail: serde_json::Value) {
    let service = account.identity().arn("ecs", &format!("service/{}/{}", which.0, which.1));
    events::emit(account, "aws.ecs", kind, vec![service], detail);
}
