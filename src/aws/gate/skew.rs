//! How far our clock is from AWS's, as the `Date` header of its answers shows.
//!
//! Main types: [`Samples`] and [`Skew`]. The header has whole seconds, so one answer only says that AWS's
//! clock stood somewhere in that second at some moment between request and answer; many answers, at
//! different parts of a second, say it more exactly. The median of the samples decides and those that
//! agree with it narrow it, so that a few wrong answers (a cache, a proxy) do no harm. Source of the
//! header: <https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1>.

use std::collections::VecDeque;

use jiff::SignedDuration;
use jiff::fmt::rfc2822;
use tokio::time::Instant;

use crate::clock::Clock;

/// How many samples are kept; the newest count.
const KEPT: usize = 101;

/// An answer that took longer than this says less than any other.
const LONGEST_WAY: std::time::Duration = std::time::Duration::from_secs(5);

/// One second, which is as exact as the header is.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// What AWS's clock shows when ours shows something, relative to ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// AWS's clock minus ours: positive where ours is behind.
    pub offset: SignedDuration,
    /// The offset is off by this much at the most.
    pub uncertainty: SignedDuration,
    /// How many answers it was read from.
    pub samples: usize,
}

impl Skew {
    /// Whether the clocks differ by more than can be told apart from no difference at all.
    pub fn is_certain(&self) -> bool {
        self.offset.abs() > self.uncertainty
    }

    /// By how much ours may be ahead of AWS's; nothing where the two can't be told apart.
    pub(crate) fn ahead(&self) -> SignedDuration {
        let ahead = self.uncertainty - self.offset;
        if self.is_certain() { ahead.max(SignedDuration::ZERO) } else { SignedDuration::ZERO }
    }
}

/// An answer of AWS with its time.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// The second that AWS's clock stood in, since the epoch.
    second: i64,
    sent: Instant,
    received: Instant,
}

/// What the offset can be at least and at most.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    least: SignedDuration,
    most: SignedDuration,
}

impl Bounds {
    fn middle(self) -> SignedDuration {
        self.least + (self.most - self.least) / 2
    }

    /// What both say; nothing where they contradict each other.
    fn and(self, other: Self) -> Option<Self> {
        let both = Self { least: self.least.max(other.least), most: self.most.min(other.most) };
        (both.least <= both.most).then_some(both)
    }
}

impl Sample {
    fn bounds(&self, clock: &Clock) -> Bounds {
        let second = SignedDuration::from_secs(self.second);
        let since_epoch = |instant| clock.at(instant).as_duration();
        Bounds {
            least: second - since_epoch(self.received),
            most: second + SECOND - since_epoch(self.sent),
        }
    }
}

/// The newest answers.
#[derive(Debug, Default)]
pub(crate) struct Samples(VecDeque<Sample>);

impl Samples {
    /// Notes the `Date` header of an answer; one that can't be read says nothing, and one that was long on
    /// its way (a long poll) next to nothing.
    pub(crate) fn note(&mut self, date: &str, sent: Instant, received: Instant) {
        let Ok(read) = rfc2822::parse(date) else { return };
        if received.duration_since(sent) > LONGEST_WAY {
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Sample { second: read.timestamp().as_second(), sent, received });
    }

    /// What the samples say, against this clock; nothing where there are none.
    pub(crate) fn skew(&self, clock: &Clock) -> Option<Skew> {
        let mut bounds: Vec<Bounds> = self.0.iter().map(|sample| sample.bounds(clock)).collect();
        bounds.sort_by_key(|bounds| bounds.middle());
        let median = *bounds.get(bounds.len().checked_sub(1)? / 2)?;
        let all = bounds.iter().try_fold(median, |all, one| all.and(*one));
        let narrowed = all.unwrap_or(median);
        let offset = narrowed.middle();
        Some(Skew {
            offset,
            uncertainty: (narrowed.most - offset).max(offset - narrowed.least),
            samples: bounds.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    /// What an AWS whose clock is `ahead` of ours writes into the header at `instant`.
    fn date(clock: &Clock, instant: Instant, ahead: SignedDuration) -> String {
        (clock.at(instant) + ahead).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    fn clock() -> Clock {
        Clock::starting_at(Timestamp::from_second(1_767_603_600).expect("in range"))
    }

    /// Answers that came a good third of a second apart, each after 80 ms.
    fn measured(ahead: SignedDuration, answers: u32) -> (Skew, Clock) {
        let (clock, mut samples) = (clock(), Samples::default());
        let mut sent = Instant::now();
        for _ in 0..answers {
            let received = sent + Duration::from_millis(80);
            let answered = sent + Duration::from_millis(50);
            samples.note(&date(&clock, answered, ahead), sent, received);
            sent += Duration::from_millis(370);
        }
        (samples.skew(&clock).expect("there are samples"), clock)
    }

    #[tokio::test]
    async fn one_answer_is_exact_to_its_second() {
        let (skew, _) = measured(SignedDuration::from_secs(-42), 1);
        let error = (skew.offset - SignedDuration::from_secs(-42)).abs();
        assert!(error <= skew.uncertainty, "{skew:?}");
        assert!(skew.uncertainty >= SignedDuration::from_millis(500));
        assert!(skew.is_certain());
    }

    #[tokio::test]
    async fn many_answers_are_more_exact_than_a_second() {
        for ahead in [-61_234, -900, -120, 0, 130, 2_500, 40_000].map(SignedDuration::from_millis) {
            let (skew, _) = measured(ahead, 60);
            assert!((skew.offset - ahead).abs() <= skew.uncertainty, "{ahead:?}: {skew:?}");
            assert!(skew.uncertainty < SignedDuration::from_millis(100), "{skew:?}");
        }
    }

    #[tokio::test]
    async fn a_few_wrong_answers_do_not_decide() {
        let (clock, mut samples) = (clock(), Samples::default());
        let start = Instant::now();
        let hour = SignedDuration::from_hours(1);
        for number in 0..9_u32 {
            let at = start + Duration::from_millis(370) * number;
            let ahead = if number % 4 == 0 { hour } else { SignedDuration::ZERO };
            samples.note(&date(&clock, at, ahead), at, at);
        }
        samples.note("no date at all", start, start);
        let skew = samples.skew(&clock).expect("there are samples");
        assert!(skew.offset.abs() <= SECOND, "{skew:?}");
        assert!(!skew.is_certain(), "{skew:?}");
        assert_eq!(skew.samples, 9);
    }

    #[tokio::test]
    async fn no_answer_says_nothing() {
        assert_eq!(Samples::default().skew(&clock()), None);
    }
}
