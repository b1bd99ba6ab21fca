//! What the emulated account supports, as a table made from the code. Stub.
