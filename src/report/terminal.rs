//! Shows a run as it happens: steps and the score on standard output, progress on standard error.

use std::{
    io::{self, Write},
    path::Path,
};

use super::{
    Format, ReportError,
    document::RunReport,
    json,
    progress::Progress,
    recorder::Recorder,
    style::{Paint, Style},
    text::{self, Detail},
    yaml,
};
use crate::run::{event::Event, result::LabInfo};

/// Reads the events of one run.
pub struct Terminal {
    format: Format,
    timings: bool,
    style: Style,
    progress: Progress,
    recorder: Recorder,
    report: Option<RunReport>,
    steps: usize,
}

impl Terminal {
    /// Shows a run in this format, with how long its parts took if `timings` is wanted.
    pub fn new(format: Format, timings: bool) -> Self {
        Self {
            format,
            timings,
            style: Style::of_stdout(),
            progress: Progress::of_stderr(),
            recorder: Recorder::default(),
            report: None,
            steps: 0,
        }
    }

    /// Reads one event.
    pub fn read(&mut self, event: &Event) {
        self.progress.read(event);
        match event {
            Event::Started(lab) => self.begin(lab),
            Event::StepEnded { step, result } => {
                if let Some(detail) = self.detail() {
                    self.print(&format!("{}\n", text::step(step + 1, self.steps, result, detail, self.style)));
                }
            }
            Event::Kept { kubeconfig, namespaces } => {
                self.progress.around(|| say(&kept(kubeconfig, namespaces, self.style)));
            }
            _ => (),
        }
        if let Some(report) = self.recorder.read(event) {
            self.report = Some(report);
        }
    }

    /// Prints the end of the run and gives its document away.
    ///
    /// # Errors
    /// The document does not fit its format.
    ///
    /// # Panics
    /// Before [`Event::Ended`].
    pub fn finish(&mut self) -> Result<RunReport, ReportError> {
        let report = self.report.take().expect("a run ends with its last event");
        match self.format {
            Format::Json => out(&json(&report)?),
            Format::Yaml => out(&yaml(&report)?),
            Format::Table | Format::Wide => out(&text::summary(&report, self.style)),
        }
        if self.timings {
            say(&text::timings(&report, self.recorder.first_matrix()));
        }
        Ok(report)
    }

    fn begin(&mut self, lab: &LabInfo) {
        self.steps = lab.steps.len();
        if self.detail().is_some() {
            let head = format!("{}: {}", lab.name, lab.title);
            self.print(&format!("{}\n\n", self.style.paint(Paint::Bold, &head)));
        }
    }

    /// How much people see; nothing if a program reads.
    fn detail(&self) -> Option<Detail> {
        match self.format {
            Format::Table => Some(Detail::Brief),
            Format::Wide => Some(Detail::Wide),
            Format::Json | Format::Yaml => None,
        }
    }

    fn print(&self, text: &str) {
        self.progress.around(|| out(text));
    }
}

/// How to reach a lab that stays up.
fn kept(kubeconfig: &Path, namespaces: &[String], style: Style) -> String {
    let namespace = namespaces.first().map_or("default", String::as_str);
    let command = |text: String| format!("  {}\n", style.paint(Paint::Bold, &text));
    [
        "The lab stays up until you press Ctrl-C. From another terminal:\n".to_owned(),
        command(format!("export KUBECONFIG={}", kubeconfig.display())),
        command(format!("kubectl get pods -n {namespace}")),
        command("kubectl get peerauthentication -A".to_owned()),
    ]
    .concat()
}

/// Writes data. A reader that went away (`| head`) has seen what it wanted.
fn out(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Writes a message for a person.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
