//! EventBridge event patterns: parse, match one, match many. Pure.
