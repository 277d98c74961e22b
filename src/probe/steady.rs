//! The `steady` check: what became of a request that is made again and again while steps are done.
//!
//! Judging is a pure function of what was recorded. A request that was under way while policies were changed may be as
//! it was before or as it is afterwards; every other one must be as its step says.

mod once;
mod record;

use tokio::time::Instant;

pub use once::once;
pub use record::{Asked, Saw, Times};

use super::{
    edge,
    finding::Evidence,
    judge::Outcome,
    result::{CheckResult, Line},
    verdict::Verdict,
};
use crate::lab::check::steady::{Asks, Steady};

/// How many requests of a step, made when its policies were in effect, say something about it.
pub const ENOUGH: usize = 10;

/// A loop with its record, as one step sees it.
#[derive(Clone, Copy, Debug)]
pub struct Loop<'a> {
    /// What is asked, and what must become of it.
    pub steady: &'a Steady,
    /// The names of all steps.
    pub steps: &'a [&'a str],
    /// The step in which it began.
    pub since: usize,
    /// When the steps up to now were done.
    pub times: &'a [Times],
    /// All requests so far, in order; the first one was answered.
    pub record: &'a [Asked],
}

/// A line for each step from the loop's first to the newest.
pub fn judge(all: Loop<'_>) -> CheckResult {
    let lines = (all.since..all.times.len()).map(|step| all.line(step)).collect();
    CheckResult::of_lines("steady", &all.steady.title, lines)
}

/// What is asked, in few words.
pub fn subject(steady: &Steady) -> String {
    match &steady.request {
        Asks::Inside(http) => format!("{}: {} {}", http.from.value, http.method, http.url),
        Asks::Outside(outside) => edge::subject(outside),
    }
}

/// Who says what became of a request.
fn source(steady: &Steady) -> String {
    let caller = match &steady.request {
        Asks::Inside(http) => &http.from.value.0,
        Asks::Outside(_) => edge::CALLER,
    };
    format!("curl in {caller}")
}

/// The word for what becomes of a request.
fn word(failure: Option<&Verdict>) -> String {
    failure.map_or_else(|| "answered".to_owned(), ToString::to_string)
}

impl Loop<'_> {
    fn line(&self, step: usize) -> Line {
        let subject = format!("{} in step {}", subject(self.steady), self.steps[step]);
        // One that has ended in the next step may be as that says, so it belongs there.
        let of_step: Vec<&Asked> = self.record.iter().filter(|asked| self.step_at(asked.ended) == step).collect();
        let expected = self.expected(step);
        let mut line = Line::new(subject, expected.join(", then "), record::tally(&of_step, &expected), true);
        let wrong: Vec<&&Asked> = of_step.iter().filter(|asked| !self.admits(asked)).collect();
        if let Some(first) = wrong.first() {
            line.outcome = Outcome::Fail;
            line.why = Some(self.wrong(wrong.len(), first, step));
        } else if let Some(broken) = of_step.iter().find(|asked| matches!(asked.saw, Saw::Broken(_))) {
            line.outcome = Outcome::Error;
            line.why = Some(format!("a request could not be made: {}", broken.saw.told().unwrap_or_default()));
        } else if self.last_as_expected(&of_step, step) < ENOUGH {
            line.outcome = Outcome::Error;
            let known = self.last_as_expected(&of_step, step);
            line.why = Some(format!("{known} requests like this since the step was solved, {ENOUGH} say something"));
        }
        // Of a step that is right, what still was as it had been before tells nothing.
        let tells = |asked: &&&Asked| line.outcome != Outcome::Pass || asked.saw.failure() == self.wanted(step);
        let told = of_step.iter().filter(|asked| asked.saw.told().is_some()).find(tells);
        let telling = wrong.first().copied().or(told);
        line.evidence.extend(telling.and_then(|asked| self.evidence(asked)));
        line
    }

    fn evidence(&self, asked: &Asked) -> Option<Evidence> {
        let told = asked.saw.told()?;
        Some(Evidence::new(format!("{} at {}", source(self.steady), asked.at), told))
    }

    /// What must be seen in a step; two things if its solution changes that.
    fn expected(&self, step: usize) -> Vec<String> {
        let before = (step > self.since).then(|| self.wanted(step - 1)).filter(|before| *before != self.wanted(step));
        before.into_iter().chain([self.wanted(step)]).map(word).collect()
    }

    fn wanted(&self, step: usize) -> Option<&Verdict> {
        self.steady.fails_in(self.steps[step])
    }

    /// The step that was under way at a time.
    fn step_at(&self, time: Instant) -> usize {
        self.times.iter().rposition(|times| times.began <= time).unwrap_or_default()
    }

    /// Whether what a request saw is right for one of the steps that it may belong to.
    fn admits(&self, asked: &Asked) -> bool {
        if matches!(asked.saw, Saw::Broken(_)) {
            return true;
        }
        let first = self.step_at(asked.began);
        let is_settled = self.times[first].settled.is_some_and(|settled| settled <= asked.began);
        let first = if is_settled || first == self.since { first } else { first - 1 };
        (first..=self.step_at(asked.ended)).any(|step| self.wanted(step) == asked.saw.failure())
    }

    /// How many of the last requests between a step's solution and its end were as it says, one after the other.
    fn last_as_expected(&self, of_step: &[&Asked], step: usize) -> usize {
        let times = self.times[step];
        let since = times.settled.unwrap_or(times.began);
        let right = |asked: &&&Asked| !matches!(asked.saw, Saw::Broken(_)) && asked.saw.failure() == self.wanted(step);
        of_step.iter().rev().take_while(|asked| asked.began >= since).take_while(right).count()
    }

    /// How many requests were not as they must be, and when the first of them was.
    fn wrong(&self, number: usize, first: &Asked, step: usize) -> String {
        let times = self.times[step];
        let after = first.began.duration_since(times.began).as_secs_f64();
        let when = match times.settled {
            Some(settled) if settled <= first.began => "when it was solved",
            _ => "while it was being solved",
        };
        let seen = word(first.saw.failure());
        let them = if number == 1 { "1 request was".to_owned() } else { format!("{number} requests were") };
        format!("{them} not as expected; the first began {after:.3} s after the step, {when}: {seen}")
    }
}

#[cfg(test)]
mod tests;
