//! `labctl down`: what runs left on a cluster, and the way to be rid of it.

mod text;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{CliError, interrupt, kubernetes::KubernetesArgs, output::print, question};
use crate::{
    cluster::{
        Cluster, ClusterError, Patience, RunId, Target,
        clean::Leftover,
        connect,
        survey::{FoundRun, Survey},
    },
    report::progress::Progress,
    run::{Interrupt, event::Event},
};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl down                        what runs left on the cluster; asks before it removes that
  labctl down --run 3f2a9c41d07b     of one run only
  labctl down --all --yes            of all runs, without a question
  labctl down --verify               remove nothing, say what is left and what holds it

Exit codes:
  0  nothing of a run is left      4  the cluster cannot be reached
  1  something is left             5  a deadline passed
  2  usage error, or the answer was no";

/// How long deleting may take, unless somebody says so.
const DEADLINE: &str = "2m";

/// How leftovers are shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Format {
    /// One document for programs, `labctl/v1` Leftovers
    Json,
    /// For people
    #[default]
    Table,
}

/// Finds what runs left on a cluster and removes it
#[derive(Debug, Args)]
pub struct DownArgs {
    #[command(flatten)]
    kubernetes: KubernetesArgs,
    /// Only what this run made
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    run: Option<String>,
    /// What all runs made, those that go on right now as well
    #[arg(long)]
    all: bool,
    /// Remove nothing; say what is left, and what holds it
    #[arg(long)]
    verify: bool,
    /// How it is shown on standard output
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    /// How long deleting may take, as `45s` or `5m`
    #[arg(long, value_name = "DURATION", default_value = DEADLINE, value_parser = super::run::duration)]
    deadline: Duration,
}

/// The document for programs. Within `labctl/v1` fields are only added.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    /// The ids of the runs whose objects were deleted.
    deleted: Vec<String>,
    /// What is there now.
    #[serde(flatten)]
    survey: &'a Survey,
}

impl DownArgs {
    /// Shows, asks, deletes, proves.
    ///
    /// # Errors
    /// 2 for a usage error or a no, 4 for trouble with the cluster, 5 after the deadline.
    pub fn execute(self) -> Result<u8, CliError> {
        let target = if self.verify { self.kubernetes.target() } else { self.kubernetes.consented()? };
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| CliError::new(4, format!("cannot start threads: {error}")))?;
        let done = runtime.block_on(self.on(&target));
        runtime.shutdown_background();
        done
    }

    async fn on(&self, target: &Target) -> Result<u8, CliError> {
        let connection = connect(target).await.map_err(|error| failed(&error))?;
        let looker = Cluster::new(connection.client(), RunId::random());
        let survey = looker.survey().await.map_err(|error| failed(&error))?.only(self.run.as_deref());
        if self.verify || survey.runs.is_empty() {
            return self.conclude(&survey, Vec::new(), &[]);
        }
        if self.output == Format::Table {
            print(&text::survey(&survey))?;
        }
        self.check_choice(&survey)?;
        self.consent(&survey)?;
        let leftovers = self.remove(&connection.client(), &survey.runs).await?;
        let after = looker.survey().await.map_err(|error| failed(&error))?.only(self.run.as_deref());
        let deleted = survey.runs.into_iter().map(|run| run.id).collect();
        self.conclude(&after, deleted, &leftovers)
    }

    /// With several runs somebody has to say which; one of them may go on right now.
    fn check_choice(&self, survey: &Survey) -> Result<(), CliError> {
        if survey.runs.len() < 2 || self.all || self.run.is_some() {
            return Ok(());
        }
        let first = &survey.runs[0].id;
        Err(CliError::new(2, format!("there are objects of {} runs; which of them are over?", survey.runs.len()))
            .hint(format!("`labctl down --run {first}` removes those of one run, `labctl down --all` those of all")))
    }

    fn consent(&self, survey: &Survey) -> Result<(), CliError> {
        if self.kubernetes.yes() {
            return Ok(());
        }
        let what = match &survey.runs[..] {
            [one] => format!("Delete everything of run {}?", one.id),
            several => format!("Delete everything of these {} runs?", several.len()),
        };
        match question::ask("", &what) {
            Some(true) => Ok(()),
            Some(false) => Err(CliError::new(2, "nothing was deleted")),
            None => {
                Err(CliError::new(2, "nothing was deleted: nobody can be asked")
                    .hint("say that you mean it with --yes"))
            }
        }
    }

    /// Deletes what the runs made, all of them at once.
    async fn remove(&self, client: &kube::Client, runs: &[FoundRun]) -> Result<Vec<Leftover>, CliError> {
        let interrupt = Interrupt::default();
        let _signals = interrupt::listen(&interrupt)
            .map_err(|error| CliError::new(4, format!("cannot listen for signals: {error}")))?;
        let progress = Arc::new(Mutex::new(Progress::without_steps()));
        let cleaned = futures::future::join_all(runs.iter().map(|run| {
            let cluster = Cluster::new(client.clone(), RunId::known(&run.id));
            cluster.adopt(run);
            let shown = Arc::clone(&progress);
            let patience = Patience::telling(self.deadline, move |text| {
                let event = Event::Waiting { text: text.to_owned() };
                shown.lock().expect("showing an event does not panic").read(&event);
            });
            async move { cluster.clean(&patience).await }
        }));
        let done = tokio::select! {
            left = cleaned => Ok(left.into_iter().flatten().collect()),
            () = interrupt.stop.cancelled() => Err(CliError::new(130, "interrupted; what was asked to go may still go")
                .hint("`labctl down --verify` says what is left")),
        };
        progress.lock().expect("showing an event does not panic").clear();
        done
    }

    /// Says what is there now; the exit code is 0 only if that is nothing.
    fn conclude(&self, survey: &Survey, deleted: Vec<String>, leftovers: &[Leftover]) -> Result<u8, CliError> {
        match self.output {
            Format::Json => {
                let document = Document { api_version: "labctl/v1", kind: "Leftovers", deleted, survey };
                let text = serde_json::to_string_pretty(&document);
                print(&(text.map_err(|error| CliError::new(4, format!("cannot write JSON: {error}")))? + "\n"))?;
            }
            Format::Table => print(&text::end(survey, &deleted, leftovers))?,
        }
        Ok(u8::from(!survey.runs.is_empty()))
    }
}

fn failed(error: &ClusterError) -> CliError {
    let code = if matches!(error, ClusterError::Late { .. }) { 5 } else { 4 };
    CliError::new(code, error.to_string()).hints(&error.hint().unwrap_or_default())
}
