//! Everything asked of Kubernetes, through `kube::Client` only; does not know which cluster answers.
