//! `labctl book record`: what labs show, kept beside the book or compared with what is kept there.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use clap::{Args, ValueHint};

use super::failed;
use crate::{
    book::{difference, guide, recording::Recording},
    cli::{CliError, interrupt, labs, output::print},
    cluster::Target,
    lab::{Collection, model::Lab},
    mesh::install::Settings,
    report::{document::RunReport, progress::Progress, recorder::Recorder},
    run::{Interrupt, Options, event::Events, mesh::Mesh, result::Verdict, run},
};

/// Runs labs on the embedded cluster, and records what they show
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Bundled labs' names, or paths of labs' folders [default: all bundled labs]
    #[arg(value_name = "LAB")]
    labs: Vec<String>,
    /// The folder of the book.toml; recordings are in its folder `recorded`
    #[arg(long, value_name = "DIR", default_value = "book", value_hint = ValueHint::DirPath)]
    book: PathBuf,
    /// Write nothing, but fail if a run shows anything else than what is recorded
    #[arg(long)]
    check: bool,
}

impl RecordArgs {
    /// Runs, and records or compares.
    ///
    /// # Errors
    /// Exit code 1 for a difference, otherwise as `labctl run`.
    pub fn execute(self) -> Result<u8, CliError> {
        let bundled = Collection::default();
        let names = match &self.labs[..] {
            [] => labs::list(&bundled)?.into_keys().collect(),
            named => labs::search(&bundled, named)?,
        };
        let load = |name: &String| labs::load(&bundled, name, &[], &Settings::default().image);
        let labs: Vec<Lab> = names.iter().map(load).collect::<Result<_, _>>()?;
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| CliError::new(4, format!("cannot start threads: {error}")))?;
        let mut differ = false;
        if !self.book.is_dir() {
            return Err(CliError::new(2, format!("there is no folder {}", self.book.display()))
                .hint("name the folder of the book.toml with --book DIR"));
        }
        for lab in &labs {
            let kept = if self.check { self.kept(lab)? } else { None };
            if self.check && kept.is_none() {
                print(&format!("{}: nothing is recorded in {}\n", lab.metadata.name, self.folder().display()))?;
                differ = true;
                continue;
            }
            let seen = Recording::of(&runtime.block_on(passed(lab))?);
            match kept {
                Some(kept) => differ |= differs(&kept, &seen)?,
                None => self.keep(&seen)?,
            }
        }
        runtime.shutdown_background();
        if differ {
            let message = "labs show something else than what is recorded";
            return Err(CliError::new(1, message).hint("if that is as it should be, `labctl book record` records it"));
        }
        Ok(0)
    }

    fn folder(&self) -> PathBuf {
        self.book.join(guide::RECORDED)
    }

    fn keep(&self, seen: &Recording) -> Result<(), CliError> {
        let folder = self.folder();
        let written = fs::create_dir_all(&folder).and_then(|()| seen.write(&folder));
        written.map_err(|error| {
            CliError::new(4, format!("cannot write a recording into {}: {error}", folder.display()))
        })?;
        print(&format!("{}: recorded\n", seen.lab))
    }

    /// What is recorded of a lab.
    fn kept(&self, lab: &Lab) -> Result<Option<Recording>, CliError> {
        Recording::read(&self.folder(), &lab.metadata.name).map_err(|error| failed(&error))
    }
}

fn differs(kept: &Recording, seen: &Recording) -> Result<bool, CliError> {
    match difference(kept, seen) {
        None => print(&format!("{}: as recorded\n", seen.lab)).map(|()| false),
        Some(lines) => print(&format!("{}: differs from what is recorded\n{lines}", seen.lab)).map(|()| true),
    }
}

/// Runs a lab; one that does not pass has nothing to show.
async fn passed(lab: &Lab) -> Result<RunReport, CliError> {
    let interrupt = Interrupt::default();
    let _signals = interrupt::listen(&interrupt)
        .map_err(|error| CliError::new(4, format!("cannot listen for signals: {error}")))?;
    let target = Target::Embedded;
    let mesh = Mesh::Labctl { image: Settings::default().image };
    let options = Options { deadline: target.deadline(), target, mesh, keep: false };
    let told = Arc::new(Mutex::new((Progress::of_stderr(), Recorder::default(), None)));
    let reader = Arc::clone(&told);
    let events = Events::to(move |event| {
        let (progress, recorder, report) = &mut *reader.lock().expect("reading an event does not panic");
        progress.read(&event);
        *report = recorder.read(&event).or(report.take());
    });
    run(lab, &options, events, &interrupt).await;
    let (progress, _, report) = &mut *told.lock().expect("reading an event does not panic");
    progress.clear();
    match report.take() {
        Some(report) if report.run.verdict == Verdict::Passed => Ok(report),
        report => {
            let code = report.map_or(4, |report| report.run.exit_code);
            let name = &lab.metadata.name;
            Err(CliError::new(code, format!("the lab `{name}` does not pass, so there is nothing to record"))
                .hint(format!("`labctl run {name}` shows why")))
        }
    }
}
