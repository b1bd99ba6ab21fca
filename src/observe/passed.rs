//! What was over before a look could show it.
//!
//! Main function: [`Watch::passed_over`]. Invariant: what AWS shows only while it lasts, and what may have
//! come and gone between two looks, is a gap in the record; it is never called absent.

use jiff::Timestamp;

use super::Watch;
use crate::timeline::{EntryKind, Gap};

impl Watch<'_> {
    /// Notes that from then to then this may have happened, and why no look shows whether it did.
    pub(super) fn passed_over(
        &self,
        expectation: &str,
        from: Timestamp,
        to: Timestamp,
        reason: String,
    ) {
        let expectations = vec![expectation.to_owned()];
        self.recorder.record(EntryKind::Blind { expectations: expectations.clone(), reason });
        // The look that found it may still fail: how far it reached is told when it is done.
        let (through, gap) = (self.since, Some(Gap { from, to: to.max(from) }));
        self.recorder.record(EntryKind::Looked { expectations, through, gap });
    }
}
