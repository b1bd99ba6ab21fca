//! The kinds of an expectation side by side: what it may look at, and what it does.
//!
//! Main type: [`Kinds`]. Invariant: an expectation and a never have the same kinds, which are listed here
//! once.

use super::{
    AlarmExpectation, ApiCallExpectation, ComplianceExpectation, DeploymentExpectation,
    EventExpectation, ExecutionExpectation, Expectation, ExperimentExpectation, FindingExpectation,
    HttpExpectation, IncidentExpectation, LogExpectation, MetricExpectation, Never,
    NotificationExpectation, OpsItemExpectation, QueueExpectation, RollbackExpectation,
    RuleExpectation, RunbookExpectation,
};

macro_rules! kinds {
    ($($name:ident: $kind:ty,)*) => {
        /// The kinds of an expectation or of a never, as far as they are there.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct Kinds<'a> {
            $(pub(crate) $name: Option<&'a $kind>,)*
        }

        impl<'a> Kinds<'a> {
            /// The kinds that stand on the expectation itself.
            pub(crate) fn of(one: &'a Expectation) -> Self {
                Self { $($name: one.$name.as_ref(),)* }
            }

            /// The kinds inside a never.
            pub(crate) fn inside(never: &'a Never) -> Self {
                Self { $($name: never.$name.as_ref(),)* }
            }

            /// The names of those that are there.
            pub(crate) fn names(&self) -> Vec<&'static str> {
                let all = [$((stringify!($name), self.$name.is_some()),)*];
                all.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
            }
        }
    };
}

kinds! {
    alarm: AlarmExpectation,
    rule: RuleExpectation,
    runbook: RunbookExpectation,
    rollback: RollbackExpectation,
    event: EventExpectation,
    notification: NotificationExpectation,
    experiment: ExperimentExpectation,
    finding: FindingExpectation,
    ops_item: OpsItemExpectation,
    incident: IncidentExpectation,
    api_call: ApiCallExpectation,
    metric: MetricExpectation,
    compliance: ComplianceExpectation,
    queue: QueueExpectation,
    deployment: DeploymentExpectation,
    log: LogExpectation,
    execution: ExecutionExpectation,
    http: HttpExpectation,
}
