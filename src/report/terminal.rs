//! Shows a run as it happens: steps and the score on standard output, progress on standard error.

use std::{io, path::Path};

use super::{
    Format, ReportError,
    document::RunReport,
    json,
    progress::Progress,
    recorder::Recorder,
    stream,
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
    /// Whether all data could be written so far; the run goes on in any case, to clean up.
    written: io::Result<()>,
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
            written: Ok(()),
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
            Event::Kept { kubeconfig, namespaces, made, addresses } => {
                let told = kept(kubeconfig, namespaces, made, addresses, self.style);
                self.progress.around(|| stream::words(&told));
            }
            _ => (),
        }
        if let Some(report) = self.recorder.read(event) {
            self.report = Some(report);
        }
    }

    /// Prints the end of the run and gives its document away; [`Terminal::written`] says whether it was read.
    ///
    /// # Errors
    /// The document does not fit its format.
    ///
    /// # Panics
    /// Before [`Event::Ended`].
    pub fn finish(&mut self) -> Result<RunReport, ReportError> {
        let report = self.report.take().expect("a run ends with its last event");
        let end = match self.format {
            Format::Json => json(&report)?,
            Format::Yaml => yaml(&report)?,
            Format::Table | Format::Wide => text::summary(&report, self.style),
        };
        self.print(&end);
        if self.timings {
            stream::words(&text::timings(&report, self.recorder.first_matrix()));
        }
        Ok(report)
    }

    /// Whether all of the run's data reached standard output.
    ///
    /// # Errors
    /// The first failure to write, because a disk is full for instance.
    pub fn written(&mut self) -> Result<(), ReportError> {
        std::mem::replace(&mut self.written, Ok(())).map_err(ReportError::Io)
    }

    fn begin(&mut self, lab: &LabInfo) {
        self.steps = lab.steps.len();
        if self.detail().is_some() {
            let head = format!("{}: {}", lab.name, lab.title);
            let place = lab.server.as_ref().map(|server| format!("\non {}, {server}", lab.cluster)).unwrap_or_default();
            let place = self.style.paint(Paint::Dim, &place);
            self.print(&format!("{}{place}\n\n", self.style.paint(Paint::Bold, &head)));
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

    fn print(&mut self, text: &str) {
        if self.written.is_ok() {
            let mut written = Ok(());
            self.progress.around(|| written = stream::data(text));
            self.written = written;
        }
    }
}

/// How to reach a lab that stays up.
fn kept(
    kubeconfig: &Path,
    namespaces: &[String],
    made: &[String],
    addresses: &[(String, String)],
    style: Style,
) -> String {
    let namespace = namespaces.first().map_or("default", String::as_str);
    let command = |text: String| format!("  {}\n", style.paint(Paint::Bold, &text));
    let by_hand = match made {
        [] => String::new(),
        made => {
            let delete = command(format!("kubectl delete namespace {}", made.join(" ")));
            format!("To do the steps by hand, remove first what the tour has made:\n{delete}")
        }
    };
    [
        "The lab stays up until you press Ctrl-C. From another terminal:\n".to_owned(),
        command(format!("export KUBECONFIG={}", kubeconfig.display())),
        addresses.iter().map(|(name, address)| command(format!("export {name}={address}"))).collect(),
        command(format!("kubectl get pods -n {namespace}")),
        command("kubectl get peerauthentication -A".to_owned()),
        by_hand,
    ]
    .concat()
}
