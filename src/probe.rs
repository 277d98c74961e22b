//! One question to the cluster, one verdict with its cause and its evidence. Knows no scores.

pub mod alert;
pub mod verdict;
