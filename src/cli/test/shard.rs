//! A part of the labs, for CI servers that share them out.

use std::str::FromStr;

/// One of so many parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Shard {
    /// Which, from 1.
    number: usize,
    /// Of how many.
    of: usize,
}

/// The text is not `K/N`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum NotAShard {
    /// Too low, or too high.
    #[error("there is no part {number} of {of}: they are counted from 1 to {of}")]
    Number { number: usize, of: usize },
    /// Of nothing.
    #[error("there are no parts of 0")]
    OfNone,
    /// There is no slash, or no numbers.
    #[error("write it as K/N, for example `1/4`")]
    Shape,
}

impl FromStr for Shard {
    type Err = NotAShard;

    fn from_str(text: &str) -> Result<Self, NotAShard> {
        let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers.ok_or(NotAShard::Shape)? {
            (_, 0) => Err(NotAShard::OfNone),
            (number, of) if (1..=of).contains(&number) => Ok(Self { number, of }),
            (number, of) => Err(NotAShard::Number { number, of }),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Shard {
    /// Its share: whatever the order in which labs are named, each is in the same part.
    pub fn share(self, mut labs: Vec<String>) -> Vec<String> {
        labs.sort();
        labs.into_iter().skip(self.number - 1).step_by(self.of).collect()
    }
}
