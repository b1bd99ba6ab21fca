//! Stub; its owner replaces this file.
