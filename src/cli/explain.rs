//! `labctl explain`: what manifests mean, without a cluster; and one call, of manifests or of a running cluster.

mod pair;
mod table;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::{
    cli::{CliError, call::Typed, kubernetes::KubernetesArgs, output::print},
    lab::{
        position::Span,
        problem::{self, ProblemKind, Problems},
    },
    mesh::{
        explain::{
            cases,
            manifest::{self, File, Problem},
            report,
        },
        policy::Index,
        snapshot::{Release, Settings},
    },
    report::{
        stream::words,
        style::{Style, colour},
    },
};

use pair::Explained;

/// What the help shows besides the options.
pub const EXAMPLES: &str = "\
Examples:
  labctl explain -f manifests/             every port, every client, every pair
  labctl explain -f mesh.yaml -o json      the same for programs
  labctl explain sleep.foo httpbin.bar     one call on a running cluster: what decides, and what is seen now
  labctl explain sleep.foo httpbin.bar -f mesh.yaml    the same of manifests, to the line that decides
  labctl explain --cases cases.yaml        answer the questions of a file of cases

Exit codes: 0 all is well, 1 a case failed, or something else is seen than predicted,
2 a file cannot be read, or nobody is called that,
3 the answer is there, but something in the manifests has no effect, or the call could
not be tried, 4 no cluster or no mesh, 6 the manifests are wrong.";

/// How the answer is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Explains manifests, or one call.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Who calls: NAME, NAMESPACE/NAME or NAME.NAMESPACE of a pod or its Deployment
    #[arg(requires = "to")]
    from: Option<String>,
    /// Whom: a Service as a client names it, with or without a port, a workload, or a URL
    to: Option<String>,
    /// The namespace of names that name none [default: that of the kubeconfig's context]
    #[arg(short, long, value_name = "NAME", requires = "from")]
    namespace: Option<String>,
    /// Manifests: files or directories
    #[arg(short, long = "filename", value_name = "FILE", required_unless_present_any = ["cases", "from"], num_args = 1..)]
    files: Vec<PathBuf>,
    /// How to write the answer
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Answer the questions of a file of cases instead
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "from"])]
    cases: Option<PathBuf>,
    #[command(flatten)]
    kubernetes: KubernetesArgs,
    #[command(flatten)]
    mesh: MeshArgs,
}

/// How the mesh is set up; cases bring their own, and a running cluster has its own.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Mesh")]
struct MeshArgs {
    /// Where mesh-wide policies live
    #[arg(long, value_name = "NAME", default_value = "istio-system")]
    root_namespace: String,
    /// The first part of every identity
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    trust_domain: String,
    /// Another trust domain that counts as ours; may be repeated
    #[arg(long, value_name = "DOMAIN")]
    trust_domain_alias: Vec<String>,
    /// The domain of Service names
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    cluster_domain: String,
    /// Clients use mutual TLS only where a rule says so
    #[arg(long)]
    no_auto_mtls: bool,
    /// The defaults of Istio up to 1.4, with the old API only
    #[arg(long)]
    old_api: bool,
}

impl From<&MeshArgs> for Settings {
    fn from(arguments: &MeshArgs) -> Self {
        let arguments = arguments.clone();
        Self {
            root_namespace: arguments.root_namespace,
            trust_domain: arguments.trust_domain,
            trust_domain_aliases: arguments.trust_domain_alias,
            cluster_domain: arguments.cluster_domain,
            enable_auto_mtls: !arguments.no_auto_mtls,
            release: if arguments.old_api { Release::UpTo1_4 } else { Release::Current },
        }
    }
}

impl ExplainArgs {
    /// Prints the explanation, or the failed cases.
    ///
    /// # Errors
    /// Exit code 2 if a file cannot be read, 6 if it is wrong.
    pub fn execute(self) -> Result<u8, CliError> {
        match &self.cases {
            Some(file) => run_cases(file),
            None if self.files.is_empty() => self.explain_cluster(),
            None => self.explain(),
        }
    }

    /// The call that was typed, if one was.
    fn call(&self) -> Option<Typed<'_>> {
        let (from, to) = (self.from.as_deref()?, self.to.as_deref()?);
        Some(Typed { from, to, namespace: self.namespace.as_deref() })
    }

    fn explain_cluster(&self) -> Result<u8, CliError> {
        let usage = || CliError::new(2, "nothing to explain").hint("name a call, FROM TO, or manifests with -f");
        let explained = self.call().ok_or_else(usage)?.of_cluster(&self.kubernetes)?;
        self.show(&explained)?;
        Ok(explained.code())
    }

    fn show(&self, explained: &Explained) -> Result<(), CliError> {
        print(&match self.output {
            Format::Json => format!("{:#}\n", explained.document()),
            Format::Table => explained.text(Style::of_stdout()),
        })
    }

    fn explain(self) -> Result<u8, CliError> {
        let files = manifest::read(&self.files).map_err(|error| CliError::new(2, error.to_string()))?;
        let settings = Settings::from(&self.mesh);
        let manifests = manifest::load(&files, settings).map_err(|problems| refused(&problems))?;
        warn(&manifests.warnings);
        let warned = !manifests.warnings.is_empty();
        let index = Index::new(manifests.snapshot);
        if let Some(call) = self.call() {
            self.show(&call.of_files(&index, &files)?)?;
            return Ok(if warned { 3 } else { 0 });
        }
        let explanation = report::explain(&index);
        match self.output {
            Format::Json => print(&json(&explanation)?)?,
            Format::Table if index.workloads().len() == 0 => words(
                "these manifests bring no pods, so there is nobody to reach anybody\n\
                 hint: add the programs, as in `labctl render mtls-strict --step default > programs.yaml`, and name both with -f\n",
            ),
            Format::Table => print(&table::render(&explanation))?,
        }
        Ok(if warned { 3 } else { 0 })
    }
}

/// Says what is accepted but surely not meant.
pub(super) fn warn(warnings: &[Problem]) {
    warnings.iter().for_each(|warning| words(&format!("warning: {warning}\n")));
}

fn json(explanation: &report::Explanation) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(explanation)
        .map_err(|error| CliError::new(4, format!("cannot write the explanation as JSON: {error}")))?;
    Ok(format!("{text}\n"))
}

fn run_cases(path: &Path) -> Result<u8, CliError> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| CliError::new(2, format!("{name}: {error}")))?;
    let outcome = cases::run(&text).map_err(|error| CliError::new(6, format!("{name}: {error}")))?;
    let failures = outcome.failures.iter().map(|failure| {
        format!("{}: {}: expected {}, got {}\n", failure.case, failure.query, failure.expected, failure.got)
    });
    let failed = outcome.failures.len();
    print(&format!("{}{} passed, {failed} failed\n", failures.collect::<String>(), outcome.passed))?;
    Ok(u8::from(failed > 0))
}

/// Everything that is wrong with manifests, each with an excerpt and a caret under the place.
pub(super) fn refused(problems: &[Problem]) -> CliError {
    let colour = colour(&std::io::stderr());
    let drawn: Vec<String> = problems.iter().map(|problem| Problems::from(drawable(problem)).draw(colour)).collect();
    let count = match problems.len() {
        1 => "this manifest is wrong".to_owned(),
        several => format!("{several} things are wrong with these manifests"),
    };
    CliError::new(6, format!("{count}\n{}", drawn.join("\n")))
}

fn drawable(found: &Problem) -> problem::Problem {
    let File { name, text } = found.file.clone();
    let source = problem::Source { name, text };
    let kind = ProblemKind::Invalid { message: found.message.clone(), hint: None };
    problem::Problem::new(&source, span(&found.file.text, found.line, found.column), kind)
}

/// The rest of the word that starts at a place.
fn span(text: &str, line: u64, column: u64) -> Span {
    let (line, column) = (usize::try_from(line).unwrap_or(1).max(1), usize::try_from(column).unwrap_or(1).max(1));
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let offset = start + rest.chars().take(column - 1).map(char::len_utf8).sum::<usize>();
    let word = text.get(offset..).unwrap_or_default();
    let length = word.find(|c: char| c.is_whitespace() || c == ',' || c == '}').unwrap_or(word.len());
    Span { line, column, offset, length }
}
