//! Growing pauses: 10 s, doubled up to 5 min, as the kubelet waits before it restarts a container or pulls an image.

use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_secs(10);

/// The longest pause; also, twice: how long things must go well until the pauses start small again.
const LONGEST: Duration = Duration::from_secs(300);

/// The pauses of one container.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    next: Option<Duration>,
}

impl BackOff {
    /// The pause after a run that lasted `ran`; the first restart comes at once.
    pub(super) fn after(&mut self, ran: Duration) -> Option<Duration> {
        if ran > LONGEST * 2 {
            self.next = None;
        }
        let pause = self.next;
        self.next = Some(pause.map_or(FIRST, |pause| (pause * 2).min(LONGEST)));
        pause
    }

    /// The pause after a failed pull: there is no free first retry.
    pub(super) fn after_pull(&mut self) -> Duration {
        let pause = self.next.map_or(FIRST, |pause| (pause * 2).min(LONGEST));
        self.next = Some(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes_and_start_anew_after_a_long_run() {
        let mut back_off = BackOff::default();
        let pauses: Vec<_> = (0..8).map(|_| back_off.after(Duration::ZERO).map(|pause| pause.as_secs())).collect();
        let expected = [None, Some(10), Some(20), Some(40), Some(80), Some(160), Some(300), Some(300)];
        assert_eq!(pauses, expected);
        assert_eq!(back_off.after(Duration::from_secs(601)), None);
        let mut pulls = BackOff::default();
        assert_eq!([(); 3].map(|()| pulls.after_pull().as_secs()), [10, 20, 40]);
    }
}
