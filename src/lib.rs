//! firedrill: fire drills for AWS incident automation.

pub mod diagnostic;
pub mod emulator;
pub mod judge;
pub mod pattern;
pub mod plan;
pub mod recovery;
pub mod report;
pub mod scenario;
pub mod timeline;
pub mod wakeup;
