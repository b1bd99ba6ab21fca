//! firedrill: fire drills for AWS incident automation.

pub mod aws;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod diagnostic;
pub mod emulator;
pub mod faults;
pub mod judge;
pub mod observe;
pub mod pattern;
pub mod plan;
pub mod recorder;
pub mod recovery;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod timeline;
pub mod wakeup;
