//! The account under the real SDK. Stub.
