//! A histogram that is counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the buckets, in thousandths of what is measured (milliseconds, bytes). They are Istio's: 0.5, 1, 5, ...
const BOUNDS: [u64; 19] = [
    500,
    1_000,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    600_000_000,
    1_800_000_000,
    3_600_000_000,
];
const BUCKETS: usize = BOUNDS.len() + 1;

/// How often values fell into which bucket, and their sum.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl Histogram {
    /// Counts a value, given in thousandths.
    pub fn observe(&self, thousandths: u64) {
        let bucket = BOUNDS.partition_point(|bound| *bound < thousandths);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(thousandths, Ordering::Relaxed);
    }

    /// What has been counted.
    pub fn read(&self) -> Counted {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted { buckets: self.buckets.each_ref().map(read), sum: read(&self.sum) }
    }
}

/// A histogram at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    buckets: [u64; BUCKETS],
    sum: u64,
}

impl Counted {
    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(own, other)| *own += other);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum of all values, as the text format wants it.
    pub fn sum(&self) -> String {
        number(self.sum)
    }

    /// For each bound, how many values do not exceed it; the last bound is `+Inf`.
    pub fn cumulative(&self) -> impl Iterator<Item = (String, u64)> {
        let bounds = BOUNDS.iter().map(|bound| number(*bound)).chain(["+Inf".to_owned()]);
        bounds.zip(self.buckets.iter().scan(0, |below, count| {
            *below += count;
            Some(*below)
        }))
    }
}

/// Thousandths as a decimal number.
fn number(thousandths: u64) -> String {
    match (thousandths / 1000, thousandths % 1000) {
        (whole, 0) => whole.to_string(),
        (whole, rest) => format!("{whole}.{rest:03}").trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_the_bucket_that_they_do_not_exceed() {
        let histogram = Histogram::default();
        for thousandths in [0, 500, 501, 1_000, 3_600_000_000, 3_600_000_001] {
            histogram.observe(thousandths);
        }
        let counted = histogram.read();
        let first: Vec<(String, u64)> = counted.cumulative().take(3).collect();
        assert_eq!(first, [("0.5".to_owned(), 2), ("1".to_owned(), 4), ("5".to_owned(), 4)]);
        let last: Vec<(String, u64)> = counted.cumulative().skip(18).collect();
        assert_eq!(last, [("3600000".to_owned(), 5), ("+Inf".to_owned(), 6)]);
        assert_eq!((counted.count(), counted.sum().as_str()), (6, "7200002.002"));
    }
}
