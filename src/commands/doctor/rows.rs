//! What the doctor found: one row for each thing that was looked at.
//!
//! Main type: [`Row`]. Invariant: a row that is not fine says the way out; a thing that could not be looked
//! at is told apart from one that is wrong.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::Exit;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What was looked at, such as `alarm vpn-status`.
    pub subject: String,
    /// How it is.
    pub health: Health,
    /// What was found.
    pub found: String,
    /// The way out, where one is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way_out: Option<String>,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// As it must be.
    Ok,
    /// Worth knowing, and no reason not to drill.
    Note,
    /// Not looked at, and nothing follows from that.
    Skipped,
    /// Could not be looked at.
    Unseen,
    /// Not as it must be.
    Wrong,
}

impl Health {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Skipped => "skipped",
            Self::Unseen => "unseen",
            Self::Wrong => "wrong",
        }
    }
}

impl Row {
    /// A thing that is as it must be.
    pub(super) fn ok(subject: impl Into<String>, found: impl Into<String>) -> Self {
        Self { subject: subject.into(), health: Health::Ok, found: found.into(), way_out: None }
    }

    /// A thing with a way out.
    pub(super) fn not(
        health: Health,
        subject: impl Into<String>,
        found: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        let way_out = Some(way_out.into());
        Self { subject: subject.into(), health, found: found.into(), way_out }
    }
}

/// The exit code of all rows: what is wrong goes before what could not be seen.
pub(super) fn exit(rows: &[Row]) -> Exit {
    let any = |health: Health| rows.iter().any(|row| row.health == health);
    if any(Health::Wrong) {
        Exit::Unsteady
    } else if any(Health::Unseen) {
        Exit::Inconclusive
    } else {
        Exit::Passed
    }
}

/// The table for people: a line for each row, its way out below it.
pub(super) fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.subject.chars().count()).max().unwrap_or(0).min(48);
    let mut text = String::new();
    for row in rows {
        let Row { subject, health, found, way_out } = row;
        let word = health.word();
        writeln!(text, "{word:<8} {subject:<width$}  {found}").expect("a string takes all");
        if let Some(way_out) = way_out {
            writeln!(text, "{:<8} {:<width$}  way out: {way_out}", "", "")
                .expect("a string takes all");
        }
    }
    text
}
