//! What a rehearsal did outside of its account, which is gone: its requests and programs are taken back.
//!
//! Main function: [`take_back`]. Invariants: no account is reached, and nothing but requests and programs
//! is touched; the record goes on in the rehearsal's own time.

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::super::real;
use super::super::run::Refusal;
use super::record::{Record, owed_outside};
use super::{finish, permission, say_gone};
use crate::aws::Aws;
use crate::clock::Clock;
use crate::context::{Context, Place};
use crate::faults::revert::{Pending, undo};
use crate::timeline::Target;
use crate::wakeup::Pace;

/// Undoes what the requests and programs of a rehearsal did; answers what is left, in words.
pub(super) fn take_back(record: Record, target: Target) -> Result<Vec<String>, Refusal> {
    let runtime = real::runtime()?;
    let run_id = record.run_id().unwrap_or_default();
    let clock = record.ends_at().map_or_else(Clock::system, Clock::starting_at);
    let recorder = record.resume(clock)?;
    say_gone(&recorder);
    let kind = target.kind;
    let here = nowhere(target);
    let (pace, _urgency) = Pace::paced();
    let owed = || -> Vec<Pending> { recorder.read(|timeline| owed_outside(timeline).collect()) };
    runtime.block_on(async {
        for change in owed() {
            let context = Context::new(&here, &recorder, &pace, &run_id);
            // A failed undo is in the record; the others are tried all the same.
            let _recorded = undo(context, &change).await;
        }
    });
    let still = owed();
    let mut left = finish(&recorder, &still);
    left.extend(permission::asked_for(&still, kind));
    Ok(left)
}

/// The rehearsal's account as a place. There is nobody to answer a call, and none is made.
fn nowhere(target: Target) -> Place {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(target.region.clone()))
        .sleep_impl(TokioSleep::new())
        .build();
    Place { name: None, aws: Aws::new(&config), target, partition: "aws".to_owned() }
}
