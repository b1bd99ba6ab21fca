//! IAM policy documents: who may do what, in the small part that delivery and runbooks depend on. Stub.
