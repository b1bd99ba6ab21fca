//! What a caller may do, asked of IAM's own simulator; nothing is changed by asking.
//!
//! Main function: `refused`. Only identity policies are simulated: what a resource policy or an
//! organization's policy refuses besides is not seen. Source:
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>.

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};

use super::{Aws, CallError};

/// Actions on resources, under a condition or none: a statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The actions.
    pub actions: Vec<String>,
    /// The resources' ARNs, or `*`.
    pub resources: Vec<String>,
    /// Keys that the request would carry, and their values.
    pub keys: Vec<(String, String)>,
}

/// An action that the caller may not do on a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
}

/// The principal whose policies decide for a caller: the role behind an assumed role, the user itself.
///
/// Nothing for an account's root user, who may do everything, and for federated users. A role's path does
/// not stand in the ARN of its session, so one that has a path is not found by IAM.
pub fn principal(caller: &str) -> Option<String> {
    let parts: Vec<&str> = caller.splitn(6, ':').collect();
    let &[arn, partition, service, _, account, resource] = parts.as_slice() else { return None };
    if service == "iam" && resource.starts_with("user/") {
        return Some(caller.to_owned());
    }
    let role = resource.strip_prefix("assumed-role/").filter(|_| service == "sts")?;
    let name = role.split('/').next()?;
    Some(format!("{arn}:{partition}:iam::{account}:role/{name}"))
}

/// What of a wish the principal may not do.
pub(crate) async fn refused(
    aws: &Aws,
    principal: &str,
    wish: &Wish,
) -> Result<Vec<Refused>, CallError> {
    let entries = wish.keys.iter().map(|(key, value)| {
        ContextEntry::builder()
            .context_key_name(key)
            .context_key_values(value)
            .context_key_type(ContextKeyTypeEnum::String)
            .build()
    });
    let entries: Vec<ContextEntry> = entries.collect();
    let mut pages = aws
        .iam
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .set_action_names(Some(wish.actions.clone()))
        .set_resource_arns(Some(wish.resources.clone()))
        .set_context_entries((!entries.is_empty()).then_some(entries))
        .into_paginator()
        .send();
    let mut refused = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::of("iam:SimulatePrincipalPolicy", &error))?;
        for result in page.evaluation_results() {
            if *result.eval_decision() != PolicyEvaluationDecisionType::Allowed {
                refused.push(Refused {
                    action: result.eval_action_name().to_owned(),
                    resource: result.eval_resource_name().unwrap_or("*").to_owned(),
                });
            }
        }
    }
    Ok(refused)
}

impl Aws {
    /// What of these wishes a principal may not do, sorted.
    ///
    /// # Errors
    /// IAM could not be asked.
    pub async fn refused(
        &self,
        principal: &str,
        wishes: &[Wish],
    ) -> Result<Vec<Refused>, CallError> {
        let mut all = Vec::new();
        for wish in wishes {
            all.extend(refused(self, principal, wish).await?);
        }
        all.sort();
        all.dedup();
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_judged_by_its_role() {
        let role = "arn:aws:iam::111122223333:role/drill";
        let session = "arn:aws:sts::111122223333:assumed-role/drill/me";
        assert_eq!(principal(session).as_deref(), Some(role));
        let user = "arn:aws:iam::111122223333:user/team/me";
        assert_eq!(principal(user).as_deref(), Some(user));
        for nobody in
            ["arn:aws:iam::111122223333:root", "arn:aws:sts::111122223333:federated-user/x", ""]
        {
            assert_eq!(principal(nobody), None, "{nobody}");
        }
    }
}
