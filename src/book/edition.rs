//! For whom the guide is.

use std::{fmt, str::FromStr};

/// For whom the guide is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Edition {
    /// Without the answer key
    #[default]
    Learner,
    /// With solutions, and what each check looked at
    Trainer,
}

/// The text is no edition.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no edition `{0}`: write `learner` or `trainer`")]
pub struct UnknownEdition(String);

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Learner => "learner",
            Self::Trainer => "trainer",
        })
    }
}

impl FromStr for Edition {
    type Err = UnknownEdition;

    fn from_str(text: &str) -> Result<Self, UnknownEdition> {
        let mut editions = [Self::Learner, Self::Trainer].into_iter();
        editions.find(|edition| edition.to_string() == text).ok_or_else(|| UnknownEdition(text.to_owned()))
    }
}
