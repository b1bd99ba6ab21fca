//! Environments: what stands in the emulated account. Stub.
