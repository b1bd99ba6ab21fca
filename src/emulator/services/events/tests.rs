//! Tests of EventBridge.
