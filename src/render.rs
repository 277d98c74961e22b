//! minijinja templates to Kubernetes objects. Knows nothing of a lab's steps.

pub mod object;
