//! How long to wait before trying again.

use std::time::Duration;

use kube::runtime::utils::Backoff;

/// The first wait: what is missing at the start is usually there a moment later.
const FIRST: Duration = Duration::from_millis(50);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5);

/// Ever longer waits, each twice as long as the one before, up to a limit.
#[derive(Clone, Debug)]
pub struct Retry {
    next: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Retry {
    /// Waits before the next try.
    pub async fn wait(&mut self) {
        if let Some(wait) = self.next() {
            tokio::time::sleep(wait).await;
        }
    }
}

impl Iterator for Retry {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        Some(wait)
    }
}

impl Backoff for Retry {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit() {
        let mut retry = Retry::default();
        let waits: Vec<u128> = retry.by_ref().take(9).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        retry.reset();
        assert_eq!(retry.next(), Some(FIRST));
    }
}
