//! Time to detect, act, mitigate, recover, and their statistics. Stub.
