//! What time it is: the only reader of the system clock.
//!
//! Main type: [`Clock`]. Wall time is an epoch plus what tokio's clock says has passed since, so a
//! rehearsal under tokio's paused clock lives in virtual time with no second code path. Invariant:
//! nothing else in this crate asks the system for the time.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use jiff::Timestamp;
use tokio::time::Instant;

/// Our clock: an epoch, and the tokio instant at which it was that time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: Timestamp,
    started: Instant,
    /// How many of this clock's seconds pass in one of tokio's.
    speed: NonZeroU32,
}

impl Clock {
    /// A clock that shows `epoch` now and runs with tokio's clock (virtual when that is paused).
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self { epoch, started: Instant::now(), speed: NonZeroU32::MIN }
    }

    /// The same clock, running this many times as fast from its epoch on.
    #[must_use]
    pub fn at_speed(self, speed: NonZeroU32) -> Self {
        Self { speed, ..self }
    }

    /// A clock that shows the system's time.
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
        let now = SystemTime::now();
        let epoch =
            Timestamp::try_from(now).expect("the system clock shows a year that jiff knows");
        Self::starting_at(epoch)
    }

    /// The time, in whole milliseconds, as AWS's own timestamps have it.
    pub fn now(&self) -> Timestamp {
        let at = self.epoch + self.started.elapsed() * self.speed.get();
        Timestamp::from_millisecond(at.as_millisecond()).expect("it was a timestamp before")
    }

    /// What this clock showed, or will show, at a tokio instant.
    pub fn at(&self, instant: Instant) -> Timestamp {
        match instant.checked_duration_since(self.started) {
            Some(since) => self.epoch + since,
            None => self.epoch - self.started.duration_since(instant),
        }
    }

    /// The tokio instant at which this clock will show `at`; now, if that has passed.
    pub fn instant(&self, at: Timestamp) -> Instant {
        let ahead = at.duration_since(self.epoch);
        self.started + Duration::try_from(ahead).unwrap_or_default() / self.speed.get()
    }

    /// Sleeps until this clock shows `at`.
    pub async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep_until(self.instant(at)).await;
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::from(Clock::now(self))
    }
}
