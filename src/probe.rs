//! One question to the cluster, one verdict with its cause and its evidence. Knows no scores.

pub mod alert;
pub mod ask;
pub mod assertion;
pub mod certificate;
pub mod control;
pub mod curl;
pub mod edge;
pub mod finding;
pub mod http;
pub mod interpret;
pub mod judge;
pub mod logs;
pub mod matrix;
pub mod pair;
pub mod resource;
pub mod result;
pub mod scene;
pub mod shows;
pub mod tap;
pub mod verdict;
pub mod wire;
pub mod witness;
pub mod xfcc;
