//! AppConfig's applications and environments, found by name or by id.
//!
//! Main function: [`ids`]. AppConfig's own calls want ids, and people know names. Source:
//! <https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_ListEnvironments.html>.

use super::{Aws, CallError, CallErrorKind};

/// The ids of an application and of one of its environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) application: String,
    pub(crate) environment: String,
}

/// Looks both up; an id is found like a name.
pub(crate) async fn ids(aws: &Aws, application: &str, environment: &str) -> Result<Ids, CallError> {
    let operation = "appconfig:ListApplications";
    let mut pages = aws.appconfig.list_applications().into_paginator().items().send();
    let mut found = None;
    while let Some(one) = pages.next().await {
        let one = one.map_err(|error| CallError::of(operation, &error))?;
        if one.name() == Some(application) || one.id() == Some(application) {
            found = one.id;
            break;
        }
    }
    let Some(owner) = found else {
        return Err(missing(
            operation,
            format!("no AppConfig application is called `{application}`"),
        ));
    };
    let operation = "appconfig:ListEnvironments";
    let request = aws.appconfig.list_environments().application_id(&owner);
    let mut pages = request.into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one.map_err(|error| CallError::of(operation, &error))?;
        if one.name() == Some(environment) || one.id() == Some(environment) {
            let environment = one.id.unwrap_or_default();
            return Ok(Ids { application: owner, environment });
        }
    }
    let message =
        format!("the AppConfig application `{application}` has no environment `{environment}`");
    Err(missing(operation, message))
}

fn missing(operation: &'static str, message: String) -> CallError {
    CallError { kind: CallErrorKind::NotFound, operation, code: None, message }
}
