//! Datapoints published as a fault: the first proves the start, the rest follow at their distance.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>.

use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};

use super::{ChangeError, Context, Injected, ids, started};
use crate::plan::{FaultAction, PlannedFault};
use crate::timeline::{EntryKind, Purpose};

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
) -> Result<Injected<'a>, ChangeError> {
    let sent_at = context.clock().now();
    publish(context, fault).await?;
    let FaultAction::PutMetricData { namespace, metric, datapoints, every, .. } = &fault.action
    else {
        unreachable!("the caller matched on the action");
    };
    started(
        context,
        fault,
        context.took_effect(sent_at),
        [("metric", format!("{namespace}/{metric}")), ("datapoints", datapoints.to_string())],
    );
    let (datapoints, every) = (*datapoints, *every);
    let continuation = Box::pin(async move {
        let (clock, mut next) = (context.clock(), sent_at);
        for _ in 1..datapoints {
            next += every;
            tokio::select! {
                biased;
                () = context.recorder.over() => return halted(context, fault),
                () = clock.sleep_until(next) => {}
            }
            match publish(context, fault).await {
                Ok(()) => {}
                Err(error) if error.is_over() => return halted(context, fault),
                Err(error) => return end(context, fault, "failed", Some(error.to_string())),
            }
        }
        end(context, fault, "completed", None);
    });
    Ok(Injected { experiment: None, continuation: Some(continuation) })
}

/// To revert datapoints is to publish no more of them.
fn halted(context: Context<'_>, fault: &PlannedFault) {
    end(context, fault, "stopped", Some("the drill publishes no more datapoints".to_owned()));
}

fn end(context: Context<'_>, fault: &PlannedFault, state: &str, reason: Option<String>) {
    context.recorder.record(EntryKind::FaultEnded {
        fault: fault.id.clone(),
        occurred_at: context.clock().now(),
        state: state.to_owned(),
        reason,
    });
}

async fn publish(context: Context<'_>, fault: &PlannedFault) -> Result<(), ChangeError> {
    let FaultAction::PutMetricData { namespace, metric, dimensions, value, unit, .. } =
        &fault.action
    else {
        unreachable!("the caller matched on the action");
    };
    let dimensions =
        dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let datum = MetricDatum::builder()
        .metric_name(metric)
        .set_dimensions(Some(dimensions.collect()))
        .value(*value)
        .set_unit(unit.as_deref().map(StandardUnit::from))
        .build();
    let intent = context.recorder.intent(
        Some(&fault.id),
        Purpose::Inject,
        "cloudwatch:PutMetricData",
        None,
    )?;
    let sent =
        context.aws.cloudwatch.put_metric_data().namespace(namespace).metric_data(datum).send();
    context.recorder.heard(intent, "cloudwatch:PutMetricData", sent.await)?;
    context.recorder.receipt(intent, Ok(ids([])));
    Ok(())
}
