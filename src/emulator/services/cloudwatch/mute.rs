//! Alarm mute rules: time windows in which the actions of some alarms do not run.
//!
//! Main type: [`MuteRule`]. Invariants: a mute holds actions back and nothing else, states and events go on;
//! what was held back runs when the window ends, if the alarm is still in that state.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-mute-rules.html>.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use indexmap::IndexMap;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, SpanRelativeTo, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::alarm::{Alarm, AlarmState, StateValue};
use super::history::{self, ItemType, page_size, page_start};
use super::put::Tag;
use super::reason::iso;
use super::{Due, State, actions};
use crate::emulator::account::{Account, epoch_seconds, from_epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

/// "A single alarm mute rule can target up to 100 alarms by alarm names."
const MAX_TARGETS: usize = 100;

/// One mute rule.
#[derive(Debug, Clone)]
pub(super) struct MuteRule {
    name: String,
    arn: String,
    description: Option<String>,
    schedule: Schedule,
    alarms: Vec<String>,
    start: Option<Timestamp>,
    expire: Option<Timestamp>,
    updated: Timestamp,
    tags: IndexMap<String, String>,
    /// The alarms whose actions were held back in the current window: the state they got into, and the one
    /// before.
    held: IndexMap<String, (StateValue, AlarmState)>,
}

#[derive(Debug, Clone)]
struct Schedule {
    /// As given.
    written: ScheduleInput,
    begins: Begins,
    length: SignedDuration,
}

#[derive(Debug, Clone)]
enum Begins {
    Once(Timestamp),
    Again(Box<Cron>),
}

/// A window of a rule that is open.
#[derive(Debug, Clone)]
pub(super) struct Window {
    rule: String,
    arn: String,
    from: Timestamp,
    to: Timestamp,
}

impl Window {
    /// The window as events tell it.
    pub(super) fn detail(&self) -> Value {
        json!({
            "mutedByArn": self.arn,
            "muteWindowStart": iso(self.from),
            "muteWindowEnd": iso(self.to),
        })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScheduleInput {
    expression: String,
    duration: String,
    timezone: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RuleInput {
    schedule: ScheduleInput,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MuteTargets {
    alarm_names: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutAlarmMuteRuleInput {
    name: String,
    description: Option<String>,
    rule: RuleInput,
    #[serde(default)]
    mute_targets: MuteTargets,
    #[serde(default)]
    tags: Vec<Tag>,
    start_date: Option<f64>,
    expire_date: Option<f64>,
}

fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ValidationError", message)
}

/// `PutAlarmMuteRule`: in UTC only; other time zones are refused by name.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutAlarmMuteRule.html>.
pub(super) fn put_alarm_mute_rule(account: &mut Account, input: PutAlarmMuteRuleInput) -> Answer {
    if input.mute_targets.alarm_names.len() > MAX_TARGETS {
        return Err(validation("A mute rule can target at most 100 alarms."));
    }
    let schedule = Schedule::new(input.rule.schedule)?;
    let now = account.now();
    let arn = account.identity.arn("cloudwatch", &format!("alarm-mute-rule:{}", input.name));
    let rule = MuteRule {
        name: input.name.clone(),
        arn,
        description: input.description,
        schedule,
        alarms: input.mute_targets.alarm_names,
        start: input.start_date.and_then(from_epoch_seconds),
        expire: input.expire_date.and_then(from_epoch_seconds),
        updated: now,
        tags: input.tags.into_iter().map(Tag::into_pair).collect(),
        held: IndexMap::new(),
    };
    let old = account.services.cloudwatch.mutes.insert(input.name, rule);
    if let Some(old) = old {
        release(account, old.held);
    }
    Ok(json!({}))
}

impl Schedule {
    fn new(written: ScheduleInput) -> Result<Self, ServiceError> {
        if let Some(zone) = &written.timezone
            && !matches!(zone.as_str(), "UTC" | "Etc/UTC")
        {
            return Err(ServiceError::unsupported(format_args!("the time zone {zone}")));
        }
        let inside = |name: &str| {
            written.expression.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
        };
        let begins = match (inside("at"), inside("cron")) {
            (Some(at), _) => at
                .parse::<DateTime>()
                .ok()
                .and_then(|at| at.to_zoned(TimeZone::UTC).ok())
                .map(|at| Begins::Once(at.timestamp())),
            (None, Some(cron)) => CronParser::builder()
                .seconds(Seconds::Disallowed)
                .year(Year::Disallowed)
                .build()
                .parse(cron)
                .ok()
                .map(|cron| Begins::Again(Box::new(cron))),
            (None, None) => None,
        };
        let expression = &written.expression;
        let begins = begins
            .ok_or_else(|| validation(format!("The expression {expression} is not valid.")))?;
        let length = length(&written.duration)?;
        Ok(Self { written, begins, length })
    }

    /// When the latest window up to `now` began.
    fn began(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.begins {
            Begins::Once(at) => (*at <= now).then_some(*at),
            Begins::Again(cron) => {
                let now = now.to_zoned(TimeZone::UTC);
                cron.find_previous_occurrence(&now, true).ok().map(|began| began.timestamp())
            }
        }
    }
}

/// "Duration must be specified in ISO-8601 format with a minimum of 1 minute (PT1M) and maximum of 15 days
/// (P15D)."
fn length(duration: &str) -> Result<SignedDuration, ServiceError> {
    let span: Option<jiff::Span> = duration.parse().ok();
    let length = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let allowed = SignedDuration::from_mins(1)..=SignedDuration::from_hours(15 * 24);
    length
        .filter(|length| duration.starts_with('P') && allowed.contains(length))
        .ok_or_else(|| validation(format!("The duration {duration} is not valid.")))
}

impl MuteRule {
    /// The window that is open now.
    fn window(&self, now: Timestamp) -> Option<Window> {
        let from = self.schedule.began(now)?;
        let end = from + self.schedule.length;
        let to = self.expire.map_or(end, |expire| end.min(expire));
        let begun = self.start.is_none_or(|start| from >= start);
        (begun && now < to).then(|| Window {
            rule: self.name.clone(),
            arn: self.arn.clone(),
            from,
            to,
        })
    }

    fn status(&self, now: Timestamp) -> &'static str {
        let past = match &self.schedule.begins {
            Begins::Once(at) => *at + self.schedule.length <= now,
            Begins::Again(_) => false,
        };
        if self.window(now).is_some() {
            "ACTIVE"
        } else if past || self.expire.is_some_and(|expire| expire <= now) {
            "EXPIRED"
        } else {
            "SCHEDULED"
        }
    }

    /// What both the list and the single answer tell.
    fn summary(&self, now: Timestamp) -> Value {
        let once = matches!(self.schedule.begins, Begins::Once(_));
        let mut told = json!({
            "AlarmMuteRuleArn": self.arn,
            "Status": self.status(now),
            "MuteType": if once { "ONE_TIME" } else { "RECURRING" },
            "LastUpdatedTimestamp": epoch_seconds(self.updated),
        });
        if let Some(expire) = self.expire {
            told["ExpireDate"] = epoch_seconds(expire);
        }
        told
    }
}

/// The open window that mutes an alarm now, the first one where there are several.
pub(super) fn muting(state: &State, alarm: &str, now: Timestamp) -> Option<Window> {
    state
        .mutes
        .values()
        .filter(|rule| rule.alarms.iter().any(|name| name == alarm))
        .find_map(|rule| rule.window(now))
}

/// Holds the actions of a transition back until the window ends, and says so in the history (AWS has such
/// an entry too; its wording is ours).
pub(super) fn hold(account: &mut Account, alarm: &Alarm, previous: &AlarmState, window: &Window) {
    let Some(rule) = account.services.cloudwatch.mutes.get_mut(&window.rule) else { return };
    let first = rule.held.is_empty();
    rule.held.insert(alarm.name.clone(), (alarm.state.value, previous.clone()));
    if first {
        account.schedule(window.to, Due::MuteEnds(window.rule.clone()));
    }
    for arn in alarm.actions.on(alarm.state.value) {
        let mut data = json!({
            "actionState": "Muted",
            "stateUpdateTimestamp": alarm.state.updated.as_millisecond(),
            "notificationResource": arn,
        });
        data["muteDetail"] = window.detail();
        let who = (alarm.name.as_str(), alarm.alarm_type());
        let summary = format!("Muted action {arn} by {}", window.arn);
        history::note(account, who, ItemType::Action, summary, &data);
    }
}

/// A window ended: "CloudWatch automatically re-triggers the alarm actions that were muted during the
/// window" for alarms that are still in that state.
pub(super) fn window_ends(account: &mut Account, name: &str) {
    let now = account.now();
    let Some(rule) = account.services.cloudwatch.mutes.get_mut(name) else { return };
    if let Some(window) = rule.window(now) {
        // The next window began before this one ended, or the rule was put anew: it stays muted.
        account.schedule(window.to, Due::MuteEnds(window.rule));
        return;
    }
    let held = std::mem::take(&mut rule.held);
    release(account, held);
}

fn release(account: &mut Account, held: IndexMap<String, (StateValue, AlarmState)>) {
    for (name, (value, previous)) in held {
        let Some(alarm) = account.services.cloudwatch.alarms.get(&name) else { continue };
        let suppressed = alarm.composite().is_some_and(|rule| rule.suppression.is_some());
        if alarm.state.value == value && !suppressed {
            let alarm = alarm.clone();
            actions::schedule(account, &alarm, &previous);
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AlarmMuteRuleNameInput {
    alarm_mute_rule_name: String,
}

fn unknown(name: &str) -> ServiceError {
    ServiceError::new("ResourceNotFoundException", format!("Unknown alarm mute rule: {name}"))
}

/// `GetAlarmMuteRule`.
pub(super) fn get_alarm_mute_rule(account: &mut Account, input: AlarmMuteRuleNameInput) -> Answer {
    let AlarmMuteRuleNameInput { alarm_mute_rule_name: name } = input;
    let now = account.now();
    let rule = account.services.cloudwatch.mutes.get(&name).ok_or_else(|| unknown(&name))?;
    let mut told = rule.summary(now);
    told["Name"] = json!(rule.name);
    if let Some(description) = &rule.description {
        told["Description"] = json!(description);
    }
    let written = &rule.schedule.written;
    let mut schedule = json!({"Expression": written.expression, "Duration": written.duration});
    if let Some(zone) = &written.timezone {
        schedule["Timezone"] = json!(zone);
    }
    told["Rule"] = json!({"Schedule": schedule});
    told["MuteTargets"] = json!({"AlarmNames": rule.alarms});
    if let Some(start) = rule.start {
        told["StartDate"] = epoch_seconds(start);
    }
    Ok(told)
}

/// `DeleteAlarmMuteRule`: what it held back runs now.
pub(super) fn delete_alarm_mute_rule(
    account: &mut Account,
    input: AlarmMuteRuleNameInput,
) -> Answer {
    let AlarmMuteRuleNameInput { alarm_mute_rule_name: name } = input;
    let rule = account.services.cloudwatch.mutes.shift_remove(&name);
    let rule = rule.ok_or_else(|| unknown(&name))?;
    release(account, rule.held);
    Ok(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListAlarmMuteRulesInput {
    alarm_name: Option<String>,
    #[serde(default)]
    statuses: Vec<String>,
    max_records: Option<usize>,
    next_token: Option<String>,
}

/// `ListAlarmMuteRules`: of all alarms, or of one.
pub(super) fn list_alarm_mute_rules(
    account: &mut Account,
    input: ListAlarmMuteRulesInput,
) -> Answer {
    let ListAlarmMuteRulesInput { alarm_name, statuses, max_records, next_token } = input;
    let (limit, skip) = (page_size(max_records)?, page_start(next_token.as_deref())?);
    let now = account.now();
    let wanted = |rule: &&MuteRule| {
        alarm_name.as_ref().is_none_or(|name| rule.alarms.contains(name))
            && (statuses.is_empty() || statuses.iter().any(|status| status == rule.status(now)))
    };
    let rules = account.services.cloudwatch.mutes.values().filter(wanted);
    let found: Vec<&MuteRule> = rules.skip(skip).take(limit + 1).collect();
    let page: Vec<Value> = found.iter().take(limit).map(|rule| rule.summary(now)).collect();
    let mut answer = json!({"AlarmMuteRuleSummaries": page});
    if found.len() > limit {
        answer["NextToken"] = json!((skip + limit).to_string());
    }
    Ok(answer)
}

/// The tags of a mute rule, by its ARN.
pub(super) fn tags<'a>(
    state: &'a mut State,
    arn: &str,
) -> Option<&'a mut IndexMap<String, String>> {
    let name = arn.split_once(":alarm-mute-rule:")?.1;
    state.mutes.get_mut(name).map(|rule| &mut rule.tags)
}
