//! Diagnostics for programs: one JSON object a line.
//!
//! Main function: [`render`]. The keys are those of [`Diagnostic`], in its order.

use super::Diagnostic;

/// One diagnostic as one line, newline included.
///
/// # Panics
/// Never: a diagnostic is plain data.
pub fn render(diagnostic: &Diagnostic) -> String {
    let mut text = serde_json::to_string(diagnostic).expect("a diagnostic is plain data");
    text.push('\n');
    text
}
