//! One question to the cluster, one verdict with its cause and its evidence. Knows no scores.

pub mod alert;
pub mod ask;
pub mod assertion;
pub mod curl;
pub mod finding;
pub mod interpret;
pub mod judge;
pub mod logs;
pub mod resource;
pub mod scene;
pub mod verdict;
pub mod witness;
pub mod xfcc;
