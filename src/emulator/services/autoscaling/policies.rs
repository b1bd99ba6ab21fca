//! Scaling policies: simple and step, executed by an alarm or by a caller.
//!
//! Main functions: [`put_scaling_policy`], [`execute_policy`]. Invariant: a policy moves the desired
//! capacity within the group's limits. Target tracking and predictive scaling are refused by name.
//! <https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html>.

use serde::Deserialize;
use serde_json::json;

use super::group::Group;
use super::groups::{find, invalid};
use super::scaling;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

/// A scaling policy.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    arn: String,
    adjustment: Adjustment,
    steps: Steps,
    cooldown_seconds: Option<i64>,
    least_magnitude: Option<i64>,
}

/// What the number of an adjustment means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Adjustment {
    #[serde(rename = "ChangeInCapacity")]
    Change,
    #[serde(rename = "ExactCapacity")]
    Exact,
    #[serde(rename = "PercentChangeInCapacity")]
    PercentChange,
}

#[derive(Debug, Clone)]
enum Steps {
    Simple(i64),
    Step(Vec<Step>),
}

/// One step: how far the metric is beyond the threshold, and what then.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Step {
    #[serde(default)]
    metric_interval_lower_bound: Option<f64>,
    #[serde(default)]
    metric_interval_upper_bound: Option<f64>,
    scaling_adjustment: i64,
}

impl Policy {
    /// The desired capacity after the policy, before the group's limits.
    fn target(&self, group: &Group, breach: Option<f64>) -> Option<i64> {
        let adjustment = match &self.steps {
            Steps::Simple(adjustment) => *adjustment,
            Steps::Step(steps) => {
                let breach = breach?;
                let holds = |step: &&Step| {
                    step.metric_interval_lower_bound.is_none_or(|lower| breach >= lower)
                        && step.metric_interval_upper_bound.is_none_or(|upper| breach < upper)
                };
                steps.iter().find(holds)?.scaling_adjustment
            }
        };
        let now = i64::from(group.desired);
        Some(match self.adjustment {
            Adjustment::Exact => adjustment,
            Adjustment::Change => now.saturating_add(adjustment),
            Adjustment::PercentChange => now.saturating_add(self.share(now, adjustment)),
        })
    }

    /// A percentage of the capacity: at least one, rounded towards zero above one.
    fn share(&self, now: i64, percent: i64) -> i64 {
        let exact = now.saturating_mul(percent);
        let whole = if exact != 0 && exact.abs() < 100 { exact.signum() } else { exact / 100 };
        let least = self.least_magnitude.unwrap_or(0);
        if whole.abs() < least { exact.signum() * least } else { whole }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutScalingPolicy {
    auto_scaling_group_name: String,
    policy_name: String,
    #[serde(default)]
    policy_type: Option<String>,
    adjustment_type: Adjustment,
    #[serde(default)]
    scaling_adjustment: Option<i64>,
    #[serde(default)]
    step_adjustments: Vec<Step>,
    #[serde(default)]
    cooldown: Option<i64>,
    #[serde(default)]
    min_adjustment_magnitude: Option<i64>,
    #[serde(default)]
    metric_aggregation_type: Option<String>,
    #[serde(default)]
    estimated_instance_warmup: Option<i64>,
}

pub(super) fn put_scaling_policy(account: &mut Account, input: PutScalingPolicy) -> Answer {
    // How a caller aggregates a metric, and when a new instance counts in it, is not seen here.
    drop((input.metric_aggregation_type, input.estimated_instance_warmup));
    let steps = match (input.policy_type.as_deref(), input.scaling_adjustment) {
        (None | Some("SimpleScaling"), Some(adjustment)) => Steps::Simple(adjustment),
        (Some("StepScaling"), None) if !input.step_adjustments.is_empty() => {
            Steps::Step(input.step_adjustments)
        }
        (None | Some("SimpleScaling" | "StepScaling"), _) => {
            return Err(invalid(
                "A simple policy takes ScalingAdjustment, a step policy StepAdjustments."
                    .to_owned(),
            ));
        }
        (Some(other), _) => {
            return Err(ServiceError::unsupported(format_args!(
                "scaling policies of type {other}"
            )));
        }
    };
    let id = account.ids.uuid();
    let resource = format!(
        "scalingPolicy:{id}:autoScalingGroupName/{}:policyName/{}",
        input.auto_scaling_group_name, input.policy_name
    );
    let new_arn = account.identity().arn("autoscaling", &resource);
    let group = find(account, &input.auto_scaling_group_name)?;
    // A policy that is put again keeps its ARN, so that alarms still find it.
    let known = group.policies.get(&input.policy_name);
    let arn = known.map_or(new_arn, |known| known.arn.clone());
    let policy = Policy {
        arn: arn.clone(),
        adjustment: input.adjustment_type,
        steps,
        cooldown_seconds: input.cooldown,
        least_magnitude: input.min_adjustment_magnitude,
    };
    group.policies.insert(input.policy_name, policy);
    Ok(json!({"PolicyARN": arn, "Alarms": []}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ExecutePolicy {
    auto_scaling_group_name: String,
    policy_name: String,
    #[serde(default)]
    honor_cooldown: Option<bool>,
    #[serde(default)]
    metric_value: Option<f64>,
    #[serde(default)]
    breach_threshold: Option<f64>,
}

pub(super) fn execute_policy(account: &mut Account, input: ExecutePolicy) -> Answer {
    let now = account.now();
    let group = find(account, &input.auto_scaling_group_name)?;
    let wanted = |(name, policy): &(&String, &Policy)| {
        **name == input.policy_name || policy.arn == input.policy_name
    };
    let Some((_, policy)) = group.policies.iter().find(wanted) else {
        return Err(invalid(format!("Scaling policy not found - {}", input.policy_name)));
    };
    let is_simple = matches!(policy.steps, Steps::Simple(_));
    let honors = input.honor_cooldown.unwrap_or(false);
    if is_simple && honors && scaling::is_cooling(group, policy.cooldown_seconds, now) {
        return Err(ServiceError::new(
            "ScalingActivityInProgress",
            "The group is in its cooldown period.",
        ));
    }
    let breach = match (input.metric_value, input.breach_threshold) {
        (Some(value), Some(threshold)) => Some(value - threshold),
        _ => None,
    };
    let Some(target) = policy.target(group, breach) else {
        return Err(invalid(
            "MetricValue and BreachThreshold don't lead to a step of the policy.".to_owned(),
        ));
    };
    let (least, most) = (i64::from(group.least), i64::from(group.most));
    group.desired = u32::try_from(target.clamp(least, most)).unwrap_or(group.desired);
    group.scaled = Some(now);
    scaling::touch(account, &input.auto_scaling_group_name);
    Ok(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeletePolicy {
    #[serde(default)]
    auto_scaling_group_name: Option<String>,
    policy_name: String,
}

pub(super) fn delete_policy(account: &mut Account, input: DeletePolicy) -> Answer {
    let name = input.auto_scaling_group_name;
    for group in account.services.autoscaling.groups.values_mut() {
        if name.as_ref().is_none_or(|name| *name == group.name) {
            group.policies.retain(|policy, found| {
                *policy != input.policy_name && found.arn != input.policy_name
            });
        }
    }
    Ok(json!({}))
}
