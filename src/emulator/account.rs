//! The whole state of one emulated account in one region.
//!
//! Main type: [`Account`]. Invariants: time only moves in [`Account::advance`] (the transport advances before
//! each call); everything that happens later is on the agenda; nothing here reads a clock. Services reach each other through [`Account::call`] (as an API caller would) or
//! through the few crate-visible functions that a service exports on purpose (an event bus accepts
//! service events, CloudWatch accepts service metrics).

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::agenda::{Agenda, Ticket};
use super::cloudformation::Stacks;
use super::error::{Answer, ServiceError};
use super::facts::Facts;
use super::ids::Ids;
use super::policy::{self, Caller};
use super::services::cloudwatch::EvaluationState;
use super::services::{self, Due, Service, Services};
use super::signals::Signals;
use crate::wakeup::Topic;

/// Whose account it is, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The twelve-digit account id.
    pub account: String,
    /// The region, such as `eu-west-1`.
    pub region: String,
    /// The partition, such as `aws`.
    pub partition: String,
}

impl Identity {
    /// An ARN in this account and region: `arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// A global ARN of this account, without a region (IAM).
    pub(crate) fn global_arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}::{}:{resource}", self.partition, self.account)
    }
}

/// One API call that somebody made in the account: what `CloudTrail` would have recorded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiCall {
    pub(crate) at: Timestamp,
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) input: Value,
    /// The error code, where the call was refused.
    pub(crate) error: Option<String>,
}

/// The emulated account: state, agenda, generator.
#[derive(Debug, Clone)]
pub struct Account {
    pub(crate) identity: Identity,
    pub(crate) ids: Ids,
    /// What goes on right now; signals read it.
    pub(crate) facts: Facts,
    pub(crate) services: Services,
    pub(crate) signals: Signals,
    /// The `CloudFormation` stacks.
    pub(crate) stacks: Stacks,
    now: Timestamp,
    agenda: Agenda,
    changes: Vec<Topic>,
    /// On whose behalf the present call is made.
    caller: Caller,
}

impl Account {
    /// An empty account whose clock shows `now`; all chance comes from `seed`.
    pub fn new(identity: Identity, now: Timestamp, seed: u64) -> Self {
        let mut account = Self {
            identity,
            ids: Ids::seeded(seed),
            facts: Facts::default(),
            services: Services::default(),
            signals: Signals::default(),
            stacks: Stacks::default(),
            now,
            agenda: Agenda::default(),
            changes: Vec::new(),
            caller: Caller::Administrator,
        };
        account.facts.tick(now);
        services::open(&mut account);
        account
    }

    /// The account's own clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whose account it is, and where.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Lets a metric alarm come into an evaluation state `after` this, for `lasting`: CloudWatch can't
    /// evaluate it, or only on a part of its data. An alarm that does not exist stays so.
    pub fn impair_alarm(
        &mut self,
        alarm: &str,
        state: EvaluationState,
        after: SignedDuration,
        lasting: SignedDuration,
    ) {
        services::cloudwatch::impair(self, alarm, state, after, lasting);
    }

    /// Gives the account's generator another seed, from here on.
    pub fn reseed(&mut self, seed: u64) {
        self.ids = Ids::seeded(seed);
    }

    /// When something next happens by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.agenda.next()
    }

    /// Lets everything happen that is due until `to`, in order, and sets the clock to `to`.
    ///
    /// A `to` in the past leaves the clock where it is: time never goes back.
    pub fn advance(&mut self, to: Timestamp) {
        while let Some((at, due)) = self.agenda.pop(to) {
            self.now = self.now.max(at);
            self.facts.tick(self.now);
            services::happen(self, due);
        }
        self.now = self.now.max(to);
        self.facts.tick(self.now);
    }

    /// Makes one API call, as the account's administrator, and answers the JSON form of its output.
    ///
    /// Timestamps are numbers: seconds since the epoch with millisecond fractions.
    pub fn call(&mut self, service: Service, operation: &str, input: Value) -> Answer {
        let Some(found) =
            services::operations(service).iter().find(|entry| entry.name == operation)
        else {
            return Err(ServiceError::unsupported(format_args!(
                "{}:{operation}",
                service.prefix()
            )));
        };
        let record = input.clone();
        let answer = (found.run)(self, input);
        let call = ApiCall {
            at: self.now,
            service,
            operation: operation.to_owned(),
            input: record,
            error: answer.as_ref().err().map(|error| error.code.clone()),
        };
        super::signals::api_called(self, &call);
        let caller = self.caller.clone();
        services::cloudtrail::record(self, &caller, &call);
        answer
    }

    /// Makes one API call as somebody whose permissions count: a service on behalf of a resource, or a role.
    ///
    /// This is how services reach each other (an alarm action publishes to a topic, a rule target starts a
    /// runbook, a runbook step calls an API), so that a missing permission breaks the chain as it does on AWS.
    pub(crate) fn call_as(
        &mut self,
        caller: &Caller,
        service: Service,
        operation: &str,
        input: Value,
    ) -> Answer {
        if let Err(error) = policy::authorize(self, caller, service, operation, &input) {
            let (at, operation) = (self.now, operation.to_owned());
            let call = ApiCall { at, service, operation, input, error: Some(error.code.clone()) };
            services::cloudtrail::record(self, caller, &call);
            return Err(error);
        }
        // A running FIS experiment may make the calls of this role fail; the record shows them as made.
        if let Some(error) = services::fis::injected_error(self, caller, service, operation) {
            let (at, operation) = (self.now, operation.to_owned());
            let code = Some(error.code.clone());
            let call = ApiCall { at, service, operation, input, error: code };
            super::signals::api_called(self, &call);
            services::cloudtrail::record(self, caller, &call);
            return Err(error);
        }
        let outer = std::mem::replace(&mut self.caller, caller.clone());
        let answer = self.call(service, operation, input);
        self.caller = outer;
        answer
    }

    /// Makes one API call as whoever signed it with this access key.
    ///
    /// A key that the account did not hand out is the administrator's, unless
    /// [`restrict_callers`](Self::restrict_callers) says otherwise.
    pub(crate) fn call_signed(
        &mut self,
        access_key: &str,
        service: Service,
        operation: &str,
        input: Value,
    ) -> Answer {
        match policy::caller_of(self, access_key)? {
            Caller::Administrator => self.call(service, operation, input),
            caller => self.call_as(&caller, service, operation, input),
        }
    }

    /// From here on everybody who calls from outside is an IAM user (`user/firedrill`) with this policy
    /// and no other.
    ///
    /// # Errors
    /// The policy is malformed.
    pub fn restrict_callers(&mut self, policy: &Value) -> Result<(), ServiceError> {
        services::iam::users::restrict(self, "firedrill", std::slice::from_ref(policy))
    }

    /// On whose behalf the present call is made; services record it (who started a runbook).
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The ARN of the principal that makes the present call.
    pub(crate) fn caller_arn(&self) -> String {
        match &self.caller {
            Caller::Administrator => self.identity.global_arn("iam", "root"),
            Caller::Service { source_arn, .. } => source_arn.clone(),
            Caller::Role { arn, assumed_by } => {
                let role = arn.rsplit('/').next().unwrap_or(arn);
                let session = assumed_by.split('.').next().unwrap_or(assumed_by);
                self.identity.global_arn("sts", &format!("assumed-role/{role}/{session}"))
            }
            Caller::User { arn } => arn.clone(),
            Caller::Session { role, name } => {
                let role = role.rsplit('/').next().unwrap_or(role);
                self.identity.global_arn("sts", &format!("assumed-role/{role}/{name}"))
            }
        }
    }

    /// Puts something on the agenda.
    pub(crate) fn schedule(&mut self, at: Timestamp, due: impl Into<Due>) -> Ticket {
        self.agenda.schedule(at, due.into())
    }

    /// Puts something on the agenda, counted from now.
    pub(crate) fn schedule_in(&mut self, delay: SignedDuration, due: impl Into<Due>) -> Ticket {
        let at = self.now + delay;
        self.agenda.schedule(at, due.into())
    }

    /// Takes something off the agenda.
    pub(crate) fn cancel(&mut self, ticket: Ticket) {
        self.agenda.cancel(ticket);
    }

    /// Notes that something of this kind changed, so that whoever looks can look again.
    pub(crate) fn touch(&mut self, topic: Topic) {
        if !self.changes.contains(&topic) {
            self.changes.push(topic);
        }
    }

    /// What changed since this was last asked.
    pub(crate) fn take_changes(&mut self) -> Vec<Topic> {
        std::mem::take(&mut self.changes)
    }
}

/// A timestamp as the JSON protocols carry it: seconds since the epoch, millisecond fractions.
pub(crate) fn epoch_seconds(at: Timestamp) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double exactly")]
    let seconds = at.as_millisecond() as f64 / 1000.0;
    Value::from(seconds)
}

/// Reads a timestamp as the JSON protocols carry it.
pub(crate) fn from_epoch_seconds(seconds: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "jiff checks the range right after")]
    let milliseconds = (seconds * 1000.0).round() as i64;
    Timestamp::from_millisecond(milliseconds).ok()
}
