//! The id of a drill: what its queues, rules, tags and client tokens are made of.
//!
//! Main type: [`Nonce`]. Invariant: on a real account no two drills have the same id, whatever their runs
//! are called: AWS answers a client token that it knows with the experiment or the execution of then, which
//! would be told as that of now. A rehearsal has an account of its own, and the same id each time.
//! <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>.

use std::hash::{BuildHasher as _, RandomState};

use crate::plan::calls::DRILL_PREFIX;

/// What tells a run from every other one of the same name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Nonce {
    /// Nothing: the same arguments give the same ids.
    Rehearsal,
    /// Chance.
    Real(u64),
}

impl Nonce {
    /// That of a run.
    pub(super) fn of_run(is_emulated: bool) -> Self {
        if is_emulated {
            return Self::Rehearsal;
        }
        // The keys of the standard library's hashes come from the system's source of chance.
        Self::Real(RandomState::new().hash_one("drill"))
    }

    /// A drill's id: short enough for the names of queues and rules, unique among runs and drills.
    pub(super) fn drill_id(self, run: &str, name: &str, seed: u64) -> String {
        let chance = match self {
            Self::Rehearsal => None,
            Self::Real(chance) => Some(chance.to_le_bytes()),
        };
        // FNV-1a: an id needs no more than to differ, and to be the same for the same run.
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let named = run.bytes().chain([0]).chain(name.bytes()).chain(seed.to_le_bytes());
        for byte in named.chain(chance.into_iter().flatten()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        format!("{DRILL_PREFIX}{:010x}", hash & 0xff_ffff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_has_the_same_id_each_time_and_a_real_drill_never() {
        let rehearsed = || Nonce::of_run(true).drill_id("ci-77", "vpn", 0);
        assert_eq!(rehearsed(), rehearsed());
        let real = || Nonce::of_run(false).drill_id("ci-77", "vpn", 0);
        assert_ne!(real(), real());
        assert_ne!(real(), rehearsed());
        assert_eq!(real().len(), rehearsed().len());
    }
}
