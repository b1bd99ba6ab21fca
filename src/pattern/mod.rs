//! EventBridge event patterns: parse, match one, match many. Pure.

/// Stub until the matcher lands.
#[derive(Debug, Clone)]
pub struct Pattern;
/// Stub.
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct PatternError;
impl Pattern {
    /// Stub.
    pub fn parse(_text: &str) -> Result<Self, PatternError> {
        Ok(Self)
    }
    /// Stub.
    pub fn matches(&self, _event: &str) -> Result<bool, PatternError> {
        Ok(true)
    }
}
