//! The wire protocols. Stub.
