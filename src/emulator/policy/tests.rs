//! Tests of authorization: which caller may make which call.
