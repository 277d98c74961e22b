//! How many pods each ReplicaSet of a Deployment should have next. Pure numbers, as Kubernetes computes them.

use k8s_openapi::{api::apps::v1::DeploymentStrategy, apimachinery::pkg::util::intstr::IntOrString};

/// One ReplicaSet in numbers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Count {
    /// How many pods it should have now.
    pub(super) wanted: i32,
    /// How many there are, those that are about to end not counted.
    pub(super) present: i32,
    /// How many take traffic.
    pub(super) available: i32,
}

/// How a Deployment goes from one template to the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Strategy {
    /// All old pods end before new ones start.
    Recreate,
    /// Step by step, within these bounds.
    Rolling { surge: i32, unavailable: i32 },
}

impl Strategy {
    /// The strategy of a Deployment of `desired` pods.
    pub(super) fn of(strategy: Option<&DeploymentStrategy>, desired: i32) -> Self {
        if strategy.is_some_and(|strategy| strategy.type_.as_deref() == Some("Recreate")) {
            return Self::Recreate;
        }
        let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
        let part = |part: Option<&IntOrString>, round: fn(f64) -> f64| match part {
            Some(IntOrString::Int(number)) => *number,
            Some(IntOrString::String(text)) => percent(text, desired, round),
            None => percent("25%", desired, round),
        };
        let surge = part(rolling.and_then(|rolling| rolling.max_surge.as_ref()), f64::ceil);
        let unavailable = part(rolling.and_then(|rolling| rolling.max_unavailable.as_ref()), f64::floor);
        // With neither nothing could ever move.
        let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable.min(desired) };
        Self::Rolling { surge, unavailable }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a share of an i32 is an i32")]
fn percent(text: &str, of: i32, round: fn(f64) -> f64) -> i32 {
    let share: f64 = text.trim_end_matches('%').parse().unwrap_or(0.0);
    round(f64::from(of) * share / 100.0) as i32
}

/// The next sizes of the new ReplicaSet and of the old ones (oldest first).
pub(super) fn next_sizes(desired: i32, strategy: Strategy, new: Count, old: &[Count]) -> (i32, Vec<i32>) {
    match strategy {
        Strategy::Recreate => {
            let old_are_gone = old.iter().all(|one| one.wanted == 0 && one.present == 0);
            (if old_are_gone { desired } else { new.wanted }, vec![0; old.len()])
        }
        Strategy::Rolling { surge, unavailable } => {
            let size = grow(desired, surge, new, old);
            (size, shrink(desired - unavailable, Count { wanted: size, ..new }, old))
        }
    }
}

fn grow(desired: i32, surge: i32, new: Count, old: &[Count]) -> i32 {
    let total = new.wanted + old.iter().map(|one| one.wanted).sum::<i32>();
    let room = (desired + surge - total).max(0);
    if new.wanted >= desired { desired } else { new.wanted + room.min(desired - new.wanted) }
}

fn shrink(minimum: i32, new: Count, old: &[Count]) -> Vec<i32> {
    let mut sizes: Vec<i32> = old.iter().map(|one| one.wanted).collect();
    let total = new.wanted + sizes.iter().sum::<i32>();
    let unavailable_new = (new.wanted - new.available).max(0);
    let mut room = total - minimum - unavailable_new;
    // Pods that take no traffic go first: nobody misses them.
    for (size, one) in sizes.iter_mut().zip(old) {
        let down = (*size - one.available).clamp(0, room.max(0));
        (*size, room) = (*size - down, room - down);
    }
    let available = new.available + old.iter().map(|one| one.available).sum::<i32>();
    let mut room = room.min(available - minimum);
    for size in &mut sizes {
        let down = (*size).min(room.max(0));
        (*size, room) = (*size - down, room - down);
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(wanted: i32, available: i32) -> Count {
        Count { wanted, present: wanted, available }
    }

    #[test]
    fn bounds_are_numbers_or_shares() {
        let strategy = |value: serde_json::Value| serde_json::from_value::<DeploymentStrategy>(value).unwrap();
        let rolling = |surge, unavailable| Strategy::Rolling { surge, unavailable };
        assert_eq!(Strategy::of(None, 4), rolling(1, 1));
        assert_eq!(Strategy::of(None, 1), rolling(1, 0));
        let bounds = serde_json::json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}});
        assert_eq!(Strategy::of(Some(&strategy(bounds)), 3), rolling(0, 1));
        let recreate = serde_json::json!({"type": "Recreate"});
        assert_eq!(Strategy::of(Some(&strategy(recreate)), 3), Strategy::Recreate);
    }

    #[test]
    fn a_rollout_keeps_its_bounds() {
        let one_by_one = Strategy::Rolling { surge: 1, unavailable: 0 };
        let table = [
            ("first pods", 2, one_by_one, count(0, 0), vec![], (2, vec![])),
            ("one more than wanted", 2, one_by_one, count(0, 0), vec![count(2, 2)], (1, vec![2])),
            ("wait for the new one", 2, one_by_one, count(1, 0), vec![count(2, 2)], (1, vec![2])),
            ("an old one goes", 2, one_by_one, count(1, 1), vec![count(2, 2)], (1, vec![1])),
            ("the next new one", 2, one_by_one, count(1, 1), vec![count(1, 1)], (2, vec![1])),
            ("the last old one goes", 2, one_by_one, count(2, 2), vec![count(1, 1)], (2, vec![0])),
            ("broken old ones go first", 2, one_by_one, count(1, 0), vec![count(2, 0)], (1, vec![2])),
            ("scale down", 1, one_by_one, count(3, 3), vec![], (1, vec![])),
            ("to nothing", 0, one_by_one, count(1, 1), vec![count(1, 1)], (0, vec![0])),
            ("recreate waits", 2, Strategy::Recreate, count(0, 0), vec![count(2, 2)], (0, vec![0])),
            ("recreate starts", 2, Strategy::Recreate, count(0, 0), vec![count(0, 0)], (2, vec![0])),
        ];
        for (case, desired, strategy, new, old, expected) in table {
            assert_eq!(next_sizes(desired, strategy, new, &old), expected, "{case}");
        }
    }
}
