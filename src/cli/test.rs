//! `labctl test`: labs prove themselves.

mod shard;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use clap::{Args, ValueEnum};

use super::{
    CliError,
    cluster::ClusterArgs,
    interrupt,
    labs::{self, LabsArgs},
    mesh::install::image,
    output::print,
    run::{duration, open},
};
use crate::{
    lab::model::Lab,
    mesh::install::Settings,
    report::{
        ReportError,
        file::{Kind, NotAReport, Wanted},
        progress::Progress,
        proof::{self, github, junit, text},
        stream::words,
        style::Style,
    },
    run::{
        Interrupt, Options,
        event::Events,
        mesh::Mesh,
        test::{Proof, Series, test},
    },
};
use shard::Shard;

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl test mtls-strict             red before each solution, green after it, clean in the end
  labctl test ./labs --mutate         all labs of a folder, and every field of their policies matters
  labctl test --all --shard 1/4       the first quarter of the bundled labs
  labctl test ./my-lab --repeat 10    a step that holds in some runs only is named with its rate
  labctl test ./labs --report junit=report.xml

With GITHUB_ACTIONS=true, what does not hold is also written as annotations of the lab files.

Exit codes: 0 everything holds, 1 something does not, 2 usage error or no lab, 4 environment (cluster,
image, port), 5 a deadline passed, 6 a lab is not sound, 130 interrupted (after cleaning up)";

/// How the proof is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For people, with every change to a policy and who noticed it
    Wide,
    /// For programs
    Json,
    /// As table, with annotations for GitHub Actions
    Github,
}

/// Proves labs: red before each solution, green after it, clean in the end
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Labs' names, paths of labs' folders, or folders with labs in them
    #[arg(value_name = "LAB", required_unless_present = "all", conflicts_with = "all")]
    labs: Vec<String>,
    /// Set a parameter of the labs
    #[arg(long, value_name = "NAME=VALUE", value_parser = labs::setting)]
    set: Vec<(String, String)>,
    /// All labs that `labctl list` shows
    #[arg(long)]
    all: bool,
    /// Only the K-th of N parts of the labs, which are sorted and dealt out in turn
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Prove each lab so many times; a step that holds in some runs only is flaky, and does not hold
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
    #[command(flatten)]
    from: LabsArgs,
    /// Leave out or change each field of the policies in turn, and report what no check notices
    #[arg(long)]
    mutate: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// The image of the mesh and of the labs' programs on a Kubernetes [default: the one of this version]
    #[arg(long, value_name = "REF", value_parser = image)]
    image: Option<String>,
    /// How the proof is written
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Also write a report: json, junit or yaml, and its file
    #[arg(long, value_name = "KIND=FILE", value_parser = report)]
    report: Vec<Wanted>,
    /// How long the mesh, the setup and each step may take, as `45s` or `5m` [default: 30s, on a Kubernetes 2m]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    deadline: Option<Duration>,
}

impl TestArgs {
    /// Proves the labs.
    ///
    /// # Errors
    /// 2 for a usage error and for no lab at all, 4 for trouble with the cluster, 6 for a lab that is not sound.
    pub fn execute(self) -> Result<u8, CliError> {
        self.cluster.check_usage(self.image.as_deref())?;
        let image = self.image.clone().unwrap_or_else(|| Settings::default().image);
        let labs = self.load(&image)?;
        let target = self.cluster.target()?;
        let files = open(self.report.clone())?;
        let deadline = self.deadline.unwrap_or_else(|| target.deadline());
        let options = Options { target, mesh: Mesh::Labctl { image }, deadline, keep: false };
        let proven = self.prove(&labs, &options)?;
        if self.output == Format::Json {
            print(&proof::json(&proven))?;
        } else {
            text::summary(&proven).map_or(Ok(()), |line| print(&line))?;
        }
        for file in files {
            let filled = file.write(|kind| in_file(kind, &proven));
            filled.map_err(|error| CliError::new(4, error.to_string()))?;
        }
        Ok(proven.iter().map(Series::exit_code).max().unwrap_or_default())
    }

    /// All labs, or every reason why some of them cannot be loaded.
    fn load(&self, image: &str) -> Result<Vec<Lab>, CliError> {
        let collection = self.from.collection()?;
        let named = match self.all {
            true => labs::list(&collection)?.into_keys().collect(),
            false => labs::search(&collection, &self.labs)?,
        };
        let all = named.len();
        let names = match self.shard {
            Some(shard) => shard.share(named),
            None => named,
        };
        if let (Some(shard), true) = (self.shard, names.is_empty()) {
            words(&format!("nothing to do: part {shard} is empty; number of labs: {all}\n"));
        }
        let load = |lab: &String| labs::load(&collection, lab, &self.set, image);
        let (sound, broken): (Vec<_>, Vec<_>) = names.iter().map(load).partition(Result::is_ok);
        let mut broken: Vec<CliError> = broken.into_iter().filter_map(Result::err).collect();
        let Some(last) = broken.pop() else { return Ok(sound.into_iter().flatten().collect()) };
        for error in &broken {
            error.report();
        }
        Err(last)
    }

    /// Proves lab after lab, and shows each when it is done.
    fn prove(&self, labs: &[Lab], options: &Options) -> Result<Vec<Series>, CliError> {
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| CliError::new(4, format!("cannot start threads: {error}")))?;
        let mut proven = Vec::new();
        for lab in labs {
            let mut series = Series::of(lab);
            let mut interrupted = false;
            while !interrupted && series.runs.len() < self.repeat as usize {
                let proof = runtime.block_on(prove(lab, options, self.mutate))?;
                interrupted = proof.interrupted;
                series.runs.push(proof);
            }
            self.show(&series)?;
            proven.push(series);
            if interrupted {
                break;
            }
        }
        runtime.shutdown_background();
        Ok(proven)
    }

    fn show(&self, series: &Series) -> Result<(), CliError> {
        if self.output == Format::Json {
            return Ok(());
        }
        print(&text::series(series, self.output == Format::Wide, Style::of_stdout()))?;
        if self.output == Format::Github || std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
            let lines = github::annotations(series).into_iter().map(|annotation| format!("{annotation}\n"));
            print(&lines.collect::<String>())?;
        }
        Ok(())
    }
}

async fn prove(lab: &Lab, options: &Options, mutate: bool) -> Result<Proof, CliError> {
    let interrupt = Interrupt::default();
    let _signals = interrupt::listen(&interrupt)
        .map_err(|error| CliError::new(4, format!("cannot listen for signals: {error}")))?;
    let progress = Arc::new(Mutex::new(Progress::of_stderr()));
    let shown = progress.clone();
    let events = Events::to(move |event| shown.lock().expect("showing an event does not panic").read(&event));
    let proof = test(lab, options, mutate, events, &interrupt).await;
    progress.lock().expect("showing an event does not panic").clear();
    Ok(proof)
}

/// A report of proofs: a page is made of runs only.
fn report(text: &str) -> Result<Wanted, String> {
    let wanted: Wanted = text.parse().map_err(|error: NotAReport| error.to_string())?;
    match wanted.kind {
        Kind::Html => Err("proofs have no page; write json, junit or yaml".to_owned()),
        Kind::Json | Kind::Junit | Kind::Yaml => Ok(wanted),
    }
}

fn in_file(kind: Kind, labs: &[Series]) -> Result<String, ReportError> {
    match kind {
        Kind::Html => unreachable!("refused when the arguments are read"),
        Kind::Json => Ok(proof::json(labs)),
        Kind::Junit => junit::xml(labs),
        Kind::Yaml => proof::yaml(labs),
    }
}
