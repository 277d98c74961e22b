//! What is going on right now, on standard error: one living line on a terminal that can show it, plain lines elsewhere.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{stream::words, style::dumb};
use crate::{
    cluster::labels::RUN,
    run::{
        event::{Event, Phase},
        result::{Ended, LabInfo},
    },
};

/// Without a terminal, what is waited for is told at most this often.
const REMINDER: Duration = Duration::from_secs(5);

/// Shows progress.
pub struct Progress {
    bar: Option<ProgressBar>,
    lab: Option<LabInfo>,
    last: Instant,
}

impl Progress {
    /// As standard error wants it.
    pub fn of_stderr() -> Self {
        Self::with_style(line())
    }

    /// As standard error wants it, for work that has no steps.
    pub fn without_steps() -> Self {
        Self::with_style(ProgressStyle::with_template("{spinner} {wide_msg}").expect("a fixed template"))
    }

    fn with_style(style: ProgressStyle) -> Self {
        let bar = (std::io::stderr().is_terminal() && !dumb()).then(|| {
            let bar = ProgressBar::new(0).with_style(style);
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, lab: None, last: Instant::now() }
    }

    /// Reads one event.
    pub fn read(&mut self, event: &Event) {
        match event {
            Event::Started(lab) => self.begin(lab),
            Event::PhaseStarted { phase } => self.say(&phase_text(*phase, self.cluster())),
            Event::StepStarted { step } => self.say(&self.step_text(*step)),
            Event::Acting { step, action } => self.detail(&format!("{}: {action}", self.step_text(*step))),
            Event::Noticed { text } => self.around(|| plain(&format!("note: {text}"))),
            Event::Waiting { text } => self.remind(&format!("waiting for {text}")),
            Event::Answered { step, result, .. } => {
                let (passed, all) = result.tally();
                self.detail(&format!("{}: {} ({passed} of {all})", self.step_text(*step), result.title));
            }
            Event::StepEnded { .. } => self.bar.iter().for_each(|bar| bar.inc(1)),
            Event::Kept { .. } => self.clear(),
            Event::Ended(ended) => {
                self.clear();
                self.prove(ended);
            }
            Event::PhaseEnded { .. } => (),
        }
    }

    /// Ends the living line.
    pub fn clear(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }

    /// Prints to standard output between two states of the living line.
    pub fn around(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn begin(&mut self, lab: &LabInfo) {
        if let Some(bar) = &self.bar {
            bar.set_length(lab.steps.len() as u64);
        }
        self.lab = Some(lab.clone());
    }

    /// On a cluster that stays, says that the run is gone from it without a trace.
    fn prove(&self, ended: &Ended) {
        if let Some(lab) = self.lab.as_ref().filter(|lab| lab.server.is_some())
            && ended.cleaned
        {
            plain(&format!("cleaned up: nothing on the cluster has the label {RUN}={}", lab.run));
        }
    }

    fn cluster(&self) -> &str {
        self.lab.as_ref().map_or("", |lab| &lab.cluster)
    }

    fn step_text(&self, step: usize) -> String {
        let steps = self.lab.as_ref().map_or(&[][..], |lab| &lab.steps);
        let name = steps.get(step).map_or("", |step| &step.name);
        format!("step {}/{} {name}", step + 1, steps.len())
    }

    /// Something that is worth a line of its own.
    fn say(&mut self, text: &str) {
        self.last = Instant::now();
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => plain(text),
        }
    }

    /// Something for the living line only.
    fn detail(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }

    /// Something that is said again and again.
    fn remind(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None if self.last.elapsed() >= REMINDER => self.say(text),
            None => (),
        }
    }
}

fn phase_text(phase: Phase, cluster: &str) -> String {
    match phase {
        Phase::Cleanup => "cleaning up".to_owned(),
        Phase::Cluster if cluster == "embedded" => "starting the embedded cluster".to_owned(),
        Phase::Cluster => format!("reaching the cluster ({cluster})"),
        Phase::Mesh => "installing the mesh".to_owned(),
        Phase::Setup => "setting up".to_owned(),
    }
}

fn line() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {pos}/{len} {wide_msg}").expect("a fixed template")
}

fn plain(text: &str) {
    words(&format!("{text}\n"));
}
