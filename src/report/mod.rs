//! The report of a run: one tree, told once per format.
//!
//! The main type is [`Report`], made by [`Report::new`] from plans and timelines only; `report.json` is the
//! tree itself. Each renderer is a pure `fn(&Report) -> String` in a file of its own. Invariant: the same
//! plans and timelines give the same bytes, whenever and wherever they are told.

pub mod console;
#[cfg(test)]
pub(crate) mod fixture;
mod highlights;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod mttr;
pub mod tree;
pub(crate) mod words;

pub use tree::{Report, RunInfo};

/// Every file of a report, with its name, in the order in which they are written.
pub fn files(report: &Report) -> Vec<(&'static str, String)> {
    vec![
        ("report.json", json::render(report)),
        ("report.md", markdown::render(report)),
        ("junit.xml", junit::render(report)),
        ("mttr.md", mttr::render(report)),
    ]
}
