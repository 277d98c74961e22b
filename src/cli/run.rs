//! `labctl run`: a lab from a cluster's start to its end.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use clap::{Args, ValueEnum};

use super::{CliError, cluster::ClusterArgs, interrupt, labs::LabArgs, mesh::install::image};
use crate::{
    cluster::Target,
    lab::model::Lab,
    mesh::install::Settings,
    report::{
        self, Format,
        document::RunReport,
        file::{ReportFile, Wanted},
        terminal::Terminal,
    },
    run::{
        Interrupt, Options,
        event::Events,
        mesh::Mesh,
        result::{Leftover, Verdict},
        run,
    },
};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl run mtls-strict                              a bundled lab, nothing installed
  labctl run ./my-lab                                 a lab of your own
  labctl run mtls-strict -o json | jq .score          for programs
  labctl run mtls-strict --report html=report.html --report junit=report.xml
  labctl run mtls-strict --keep                       look around with kubectl afterwards

Exit codes:
  0  all checks pass            4  environment (cluster, image, port)
  1  a check failed             5  a deadline passed, inconclusive
  2  usage error                6  the lab is not sound
                              130  interrupted (after cleaning up)";

/// What the system, or the embedded cluster before it starts, says where the process may open too few files.
const TOO_FEW_FILES: [&str; 2] = ["Too many open files", "this process may open"];
const FILES_HINT: &str = "allow more open files with `ulimit -n 1024`, and try again";

/// Whose mesh a lab runs in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum MeshKind {
    /// The Istio that is on the cluster; nothing is installed
    Istio,
    /// Labctl's own, installed for the run unless it is there
    Labctl,
}

/// Runs a lab: does its steps, checks what must be seen, grades, cleans up
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    lab: LabArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// The mesh to run in
    #[arg(long, value_enum, default_value_t = MeshKind::Labctl)]
    mesh: MeshKind,
    /// The image of the mesh and of the lab's programs on a Kubernetes [default: the one of this version]
    #[arg(long, value_name = "REF", value_parser = image)]
    image: Option<String>,
    /// How the run is shown on standard output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Also write a report: html, json, junit or yaml, and its file
    #[arg(long, value_name = "KIND=FILE")]
    report: Vec<Wanted>,
    /// Say how long each part took
    #[arg(long)]
    timings: bool,
    /// Stay up after the last step, say how to reach the lab, and end with Ctrl-C
    #[arg(long)]
    keep: bool,
    /// How long the mesh, the setup and each step may take, as `45s` or `5m` [default: 30s, on a Kubernetes that is
    /// there 2m]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    deadline: Option<Duration>,
}

impl RunArgs {
    /// Runs the lab.
    ///
    /// # Errors
    /// 2 for a usage error, 4 for trouble with the cluster, 5 after a deadline, 6 for a lab that is not sound,
    /// 130 if somebody interrupts.
    pub fn execute(self) -> Result<u8, CliError> {
        self.check_usage()?;
        let image = self.image.clone().unwrap_or_else(|| Settings::default().image);
        let lab = self.lab.load_for(&image)?;
        let target = self.cluster.target()?;
        let mesh = match self.mesh {
            MeshKind::Istio => Mesh::Istio,
            MeshKind::Labctl => Mesh::Labctl { image },
        };
        let files = open(self.report)?;
        let deadline = self.deadline.unwrap_or_else(|| target.deadline());
        let options = Options { target, mesh, deadline, keep: self.keep };
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| CliError::new(4, format!("cannot start threads: {error}")))?;
        let terminal = Arc::new(Mutex::new(Terminal::new(self.output, self.timings)));
        let report = runtime.block_on(show(&lab, &options, &terminal));
        runtime.shutdown_background();
        let report = report?;
        let shown = terminal.lock().expect("reading an event does not panic").written();
        let mut written = shown.map_err(|error| CliError::new(4, error.to_string()));
        for file in files {
            let filled = file.write(|kind| report::of_kind(kind, &report));
            written = written.and(filled.map_err(|error| CliError::new(4, error.to_string())));
        }
        conclude(&report, &options.target)?;
        written.map(|()| report.run.exit_code)
    }

    fn check_usage(&self) -> Result<(), CliError> {
        if self.cluster.embedded() && self.mesh == MeshKind::Istio {
            let message = "--mesh istio is for a Kubernetes that is there";
            return Err(CliError::new(2, message).hint("name it with --context, or say --on k8s"));
        }
        self.cluster.check_usage(self.image.as_deref())
    }
}

/// Opens all report files, so that one that cannot be written is found out before anything is done.
pub(super) fn open(wanted: Vec<Wanted>) -> Result<Vec<ReportFile>, CliError> {
    for (index, report) in wanted.iter().enumerate() {
        if wanted[..index].iter().any(|earlier| earlier.path == report.path) {
            let message = format!("two reports would go to {}", report.path.display());
            return Err(CliError::new(2, message).hint("give every --report a file of its own"));
        }
    }
    let opened = wanted.into_iter().map(ReportFile::open);
    opened.collect::<Result<_, _>>().map_err(|error| {
        CliError::new(2, error.to_string()).hint("nothing was run; give a file in a folder that is there and yours")
    })
}

/// Runs the lab and shows it.
async fn show(lab: &Lab, options: &Options, terminal: &Arc<Mutex<Terminal>>) -> Result<RunReport, CliError> {
    let interrupt = Interrupt::default();
    let _signals = interrupt::listen(&interrupt)
        .map_err(|error| CliError::new(4, format!("cannot listen for signals: {error}")))?;
    let reader = Arc::clone(terminal);
    let events = Events::to(move |event| reader.lock().expect("reading an event does not panic").read(&event));
    run(lab, options, events, &interrupt).await;
    let finished = terminal.lock().expect("reading an event does not panic").finish();
    finished.map_err(|error| CliError::new(4, error.to_string()))
}

/// Says on standard error what ended the run early, and what is left of it.
fn conclude(report: &RunReport, target: &Target) -> Result<(), CliError> {
    let code = report.run.exit_code;
    let mut error = match (report.first_problem(), report.run.verdict) {
        (Some(problem), _) => {
            let error = CliError::new(code, problem.message.clone());
            let files = TOO_FEW_FILES.iter().any(|text| problem.message.contains(text)).then(|| FILES_HINT.to_owned());
            let error = problem.hint.iter().fold(error, |error, hint| error.hints(hint));
            files.into_iter().fold(error, CliError::hint)
        }
        (None, Verdict::Interrupted) => CliError::new(code, "interrupted"),
        (None, _) if !report.leftovers.is_empty() => CliError::new(code, "not everything could be cleaned up"),
        (None, _) => return Ok(()),
    };
    if !report.leftovers.is_empty() {
        error.message.push_str(&format!("\nnot cleaned up:{}", left(&report.leftovers)));
        let label = format!("{}={}", crate::cluster::labels::RUN, report.run.id);
        error = error.hint(format!("everything of this run has the label {label}"));
        if let Target::Kubernetes { .. } = target {
            let down = format!("labctl down --run {}{}", report.run.id, target.arguments());
            error = error.hint(format!("`{down}` removes it when the cluster lets it go"));
        }
    }
    Err(error)
}

/// What is left, with the reasons; one that several objects share is told once.
fn left(leftovers: &[Leftover]) -> String {
    let mut text = String::new();
    for same in leftovers.chunk_by(|left, right| left.why == right.why) {
        let objects: Vec<String> = same.iter().map(|left| format!("\n  {}", left.object)).collect();
        text.push_str(&objects.concat());
        text.push_str(&if same.len() > 1 { format!("\n    {}", same[0].why) } else { format!(": {}", same[0].why) });
    }
    text
}

/// `45s`, `5m`, `1m30s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Option<jiff::SignedDuration> = text.parse().ok();
    let positive = parsed.and_then(|parsed| Duration::try_from(parsed).ok()).filter(|it| !it.is_zero());
    positive.ok_or_else(|| "write it as `45s`, `5m` or `1m30s`".to_owned())
}
