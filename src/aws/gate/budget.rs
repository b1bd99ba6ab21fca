//! How many calls of an API firedrill allows itself, far below what AWS allows the whole account.
//!
//! Main types: [`Budget`] and [`Buckets`]. Invariants: a look never waits in front of a call that takes a
//! change back (the two have shares of their own, and no second takes more of either than half of the
//! quota); AWS asking to slow down makes looks slower and never undoing.
//!
//! The bucket is a small one of our own. `governor` sleeps on a timer of its own, which stands outside
//! tokio's virtual clock; `leaky-bucket` hands its tokens over from waiter to waiter, while a reservation
//! needs one number, no task, and leaves nothing behind when its waiter is dropped.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// How fast an API may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Calls a second in the long run.
    pub(crate) per_second: u32,
    /// How many calls may come at once after a quiet time.
    pub(crate) burst: u32,
}

/// Why a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Share {
    /// To take a change back.
    Undo,
    /// For anything else.
    Work,
}

const fn budget(per_second: u32, burst: u32) -> Budget {
    Budget { per_second, burst }
}

/// The budgets of the APIs whose quotas AWS publishes; everybody in the account and region shares them.
///
/// Sources: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>,
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>,
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-quotas.html>,
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html>. The last number
/// is the quota a second, where it differs by region or action the smallest.
const PUBLISHED: &[(&str, Budget, u32)] = &[
    ("cloudtrail:LookupEvents", budget(1, 1), 2),
    ("cloudwatch:DescribeAlarmContributors", budget(2, 3), 9),
    ("cloudwatch:DescribeAlarmHistory", budget(5, 5), 20),
    // ECS deployments share it, and may miss their own alarm when it is used up.
    ("cloudwatch:DescribeAlarms", budget(2, 3), 9),
    ("cloudwatch:DescribeAlarmsForMetric", budget(2, 3), 9),
    ("cloudwatch:GetMetricData", budget(10, 20), 500),
    ("cloudwatch:ListAlarmMuteRules", budget(5, 20), 50),
    ("cloudwatch:PutMetricData", budget(50, 50), 500),
    ("cloudwatch:SetAlarmState", budget(1, 1), 3),
    ("events:PutEvents", budget(50, 100), 400),
    // All of the control plane.
    ("events", budget(5, 20), 50),
    ("logs:FilterLogEvents", budget(1, 2), 5),
    ("logs:GetQueryResults", budget(2, 3), 10),
    ("logs:StartQuery", budget(1, 4), 10),
    ("sns", budget(5, 10), 30),
    // Standard queues have no limit; this is ours.
    ("sqs", budget(20, 40), 300),
];

/// Where AWS publishes nothing (Systems Manager, CodeDeploy, FIS, …): one call a second of a service.
const UNPUBLISHED: Budget = budget(1, 10);

/// After this long without being asked to slow down, a bucket doubles its speed again.
const CALMS_AFTER: Duration = Duration::from_mins(1);

/// How many times its speed is halved at the most.
const MOST_HALVINGS: u32 = 4;

/// The budget that a call belongs to, by its name there: the action's own, or the service's.
pub(crate) fn of(action: &str) -> (&str, Budget) {
    let service = action.split(':').next().unwrap_or(action);
    let known = |name: &str| PUBLISHED.iter().find(|(known, _, _)| *known == name);
    match known(action).or_else(|| known(service)) {
        Some((name, budget, _)) => (name, *budget),
        None => (service, UNPUBLISHED),
    }
}

/// One bucket: its whole state is when the next call is due, so a reservation is one addition.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// When a call would come if calls came evenly; a burst runs ahead of it.
    even: Instant,
    /// When AWS last asked to slow down, and how many times the speed is halved since.
    slowed: Option<(Instant, u32)>,
}

/// The buckets of one account and region.
#[derive(Debug, Default)]
pub(crate) struct Buckets(BTreeMap<(String, Share), Bucket>);

impl Buckets {
    /// Takes a place for one call; answers how long to wait for it. Nothing is taken where that would be
    /// longer than `most`.
    pub(crate) fn reserve(
        &mut self,
        action: &str,
        share: Share,
        now: Instant,
        most: Duration,
    ) -> Result<Duration, Duration> {
        let (name, budget) = of(action);
        let fresh = Bucket { even: now, slowed: None };
        let bucket = self.0.entry((name.to_owned(), share)).or_insert(fresh);
        let apart = Duration::from_secs(1) / budget.per_second * bucket.slowness(now);
        let even = bucket.even.max(now) + apart;
        let ahead = apart * budget.burst;
        let wait = even.saturating_duration_since(now + ahead);
        if wait > most {
            return Err(wait);
        }
        bucket.even = even;
        Ok(wait)
    }

    /// AWS asked to slow down: looks come at half the speed. Undoing keeps its share.
    pub(crate) fn slow(&mut self, action: &str, now: Instant) {
        let (name, _) = of(action);
        if let Some(bucket) = self.0.get_mut(&(name.to_owned(), Share::Work)) {
            let halvings = bucket.slowness(now).ilog2();
            bucket.slowed = Some((now, (halvings + 1).min(MOST_HALVINGS)));
        }
    }
}

impl Bucket {
    /// How many times slower than the budget, as things stand.
    fn slowness(&self, now: Instant) -> u32 {
        let Some((at, halvings)) = self.slowed else { return 1 };
        let calm = now.saturating_duration_since(at).as_secs() / CALMS_AFTER.as_secs();
        1 << halvings.saturating_sub(u32::try_from(calm).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    /// How many calls of an action get through in `window`, made as fast as the bucket lets them.
    fn passed(buckets: &mut Buckets, action: &str, start: Instant, window: Duration) -> u32 {
        let (mut now, mut count) = (start, 0);
        loop {
            let wait = buckets.reserve(action, Share::Work, now, LONG).expect("an hour is enough");
            now += wait;
            if now.duration_since(start) > window {
                return count;
            }
            count += 1;
        }
    }

    #[test]
    fn what_gets_through_is_the_burst_and_the_rate() {
        let mut buckets = Buckets::default();
        let minute = Duration::from_mins(1);
        let described = passed(&mut buckets, "cloudwatch:DescribeAlarms", Instant::now(), minute);
        assert_eq!(described, 3 + 2 * 60);
    }

    #[test]
    fn a_service_without_a_published_quota_shares_one_call_a_second() {
        let (mut buckets, now) = (Buckets::default(), Instant::now());
        for action in ["ssm:GetAutomationExecution", "ssm:DescribeAutomationExecutions"].repeat(5) {
            assert_eq!(buckets.reserve(action, Share::Work, now, LONG), Ok(Duration::ZERO));
        }
        let third = buckets.reserve("ssm:DescribeDocument", Share::Work, now, LONG);
        assert_eq!(third, Ok(Duration::from_secs(1)));
        assert_eq!(
            buckets.reserve("fis:GetExperiment", Share::Work, now, LONG),
            Ok(Duration::ZERO)
        );
    }

    #[test]
    fn looks_never_hold_up_a_call_that_takes_a_change_back() {
        let (mut buckets, now) = (Buckets::default(), Instant::now());
        for _ in 0..100 {
            let _waits = buckets.reserve("fis:GetExperiment", Share::Work, now, LONG);
        }
        buckets.slow("fis:StopExperiment", now);
        let undo = buckets.reserve("fis:StopExperiment", Share::Undo, now, LONG);
        assert_eq!(undo, Ok(Duration::ZERO));
    }

    #[test]
    fn a_place_that_is_too_far_away_is_not_taken() {
        let (mut buckets, now) = (Buckets::default(), Instant::now());
        let most = Duration::from_secs(2);
        let mut refused = 0;
        for _ in 0..50 {
            let place = buckets.reserve("ssm:GetAutomationExecution", Share::Work, now, most);
            refused += u32::from(place.is_err());
        }
        assert_eq!(refused, 50 - 12);
        let later = now + Duration::from_secs(1);
        let place = buckets.reserve("ssm:GetAutomationExecution", Share::Work, later, most);
        assert_eq!(place, Ok(most));
    }

    #[test]
    fn being_throttled_halves_the_speed_and_calm_brings_it_back() {
        let (mut buckets, now) = (Buckets::default(), Instant::now());
        let action = "cloudwatch:DescribeAlarms";
        let minute = Duration::from_mins(1);
        passed(&mut buckets, action, now, minute);
        let slowed = now + minute + Duration::from_secs(30);
        buckets.slow(action, slowed);
        let half_a_minute = Duration::from_secs(30);
        assert!(passed(&mut buckets, action, slowed, half_a_minute) <= 3 + 30);
        let calm = slowed + Duration::from_mins(10);
        assert!(passed(&mut buckets, action, calm, half_a_minute) >= 60);
    }

    #[test]
    fn no_second_takes_more_than_half_of_a_quota_nor_work_and_undo_together_all_of_it() {
        let second = Duration::from_secs(1).saturating_sub(Duration::from_nanos(1));
        for (name, _, quota) in PUBLISHED {
            // After a quiet time: the whole burst, and what comes evenly after it.
            let taken = passed(&mut Buckets::default(), name, Instant::now(), second);
            assert!(taken * 2 <= *quota, "{name}: {taken} of {quota}");
        }
        assert_eq!(of("events:PutRule").0, "events");
        assert_eq!(of("codedeploy:GetDeployment"), ("codedeploy", UNPUBLISHED));
    }
}
