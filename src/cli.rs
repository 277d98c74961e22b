//! Arguments in, exit code out. One file per subcommand; the work itself is done elsewhere.

mod auth;
mod call;
mod cluster;
mod completion;
mod down;
mod error;
mod explain;
mod graph;
mod image;
mod interrupt;
mod kubernetes;
pub mod labs;
mod lint;
mod list;
mod man;
mod mesh;
mod migrate;
mod new;
pub mod output;
mod pack;
mod question;
mod render;
mod run;
mod schema;
mod show;
mod sidecar;
mod tap;
mod test;
mod unpack;
mod version;
mod workload;

use std::{ffi::OsString, path::Path, process::ExitCode};

use clap::{Parser, Subcommand};

pub use error::CliError;

const EXAMPLES: &str = "\
Examples:
  labctl list                  the bundled labs
  labctl show mtls-strict      what a trainee reads
  labctl run mtls-strict       run it, see who reaches whom over what, get a grade";

/// Teach, learn and verify mutual TLS in a service mesh.
#[derive(Debug, Parser)]
#[command(name = "labctl", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// One subcommand, one file, one `execute(self) -> Result<u8, CliError>`.
#[derive(Debug, Subcommand)]
enum Command {
    /// Show what a proxy does about authentication
    #[command(after_help = auth::EXAMPLES)]
    Auth(auth::AuthArgs),
    /// Print what a shell needs to complete labctl's arguments
    #[command(after_help = completion::EXAMPLES)]
    Completion(completion::CompletionArgs),
    /// Show what runs left on a Kubernetes, and remove it
    #[command(after_help = down::EXAMPLES)]
    Down(down::DownArgs),
    /// Say what manifests mean: who accepts what, who sends what, who reaches whom
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::ExplainArgs),
    /// Draw who calls whom in a running mesh, how often, and what is locked
    #[command(after_help = graph::EXAMPLES)]
    Graph(graph::GraphArgs),
    /// Pack labctl as a container image, for clusters that have to get it from somewhere
    #[command(after_help = image::EXAMPLES)]
    Image(image::ImageArgs),
    /// Find what is wrong with labs, without a cluster
    #[command(after_help = lint::EXAMPLES)]
    Lint(lint::LintArgs),
    /// List the labs
    List(list::ListArgs),
    /// Print the manual page, or write one for each subcommand
    #[command(after_help = man::EXAMPLES)]
    Man(man::ManArgs),
    /// Install, look at or remove the mesh of a Kubernetes
    #[command(after_help = mesh::EXAMPLES)]
    Mesh(mesh::MeshArgs),
    /// Say policies of the old API (authentication.istio.io) in the new one
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::MigrateArgs),
    /// Make a lab of your own
    #[command(after_help = new::EXAMPLES)]
    New(new::NewArgs),
    /// Pack labs with all that they need into one file
    #[command(after_help = pack::EXAMPLES)]
    Pack(pack::PackArgs),
    /// Print the manifests of a lab, as they are applied
    #[command(after_help = render::EXAMPLES)]
    Render(render::RenderArgs),
    /// Run a lab: do its steps, check what must be seen, grade, clean up
    #[command(after_help = run::EXAMPLES)]
    Run(run::RunArgs),
    /// Print the JSON Schema of lab files, for editors
    #[command(after_help = schema::EXAMPLES)]
    Schema(schema::SchemaArgs),
    /// Show what a trainee reads
    Show(show::ShowArgs),
    /// Wrap any two programs in mutual TLS, with listeners and addresses from a file
    Sidecar(sidecar::SidecarArgs),
    /// Show what travels between two pods, as somebody on the way sees it
    #[command(after_help = tap::EXAMPLES)]
    Tap(tap::TapArgs),
    /// Prove labs: red before each solution, green after it, clean in the end
    #[command(after_help = test::EXAMPLES)]
    Test(test::TestArgs),
    /// Write the labs of a pack into a new folder
    #[command(after_help = unpack::EXAMPLES)]
    Unpack(unpack::UnpackArgs),
    /// Show the version
    Version(version::VersionArgs),
    /// Run a bundled program as a process of this machine
    Workload(workload::WorkloadArgs),
}

impl Command {
    fn execute(self) -> Result<u8, CliError> {
        match self {
            Self::Auth(arguments) => arguments.execute(),
            Self::Completion(arguments) => arguments.execute(),
            Self::Down(arguments) => arguments.execute(),
            Self::Explain(arguments) => arguments.execute(),
            Self::Graph(arguments) => arguments.execute(),
            Self::Image(arguments) => arguments.execute(),
            Self::Lint(arguments) => arguments.execute(),
            Self::List(arguments) => arguments.execute(),
            Self::Man(arguments) => arguments.execute(),
            Self::Mesh(arguments) => arguments.execute(),
            Self::Migrate(arguments) => arguments.execute(),
            Self::New(arguments) => arguments.execute(),
            Self::Pack(arguments) => arguments.execute(),
            Self::Render(arguments) => arguments.execute(),
            Self::Run(arguments) => arguments.execute(),
            Self::Schema(arguments) => arguments.execute(),
            Self::Show(arguments) => arguments.execute(),
            Self::Sidecar(arguments) => arguments.execute(),
            Self::Tap(arguments) => arguments.execute(),
            Self::Test(arguments) => arguments.execute(),
            Self::Unpack(arguments) => arguments.execute(),
            Self::Version(arguments) => arguments.execute(),
            Self::Workload(arguments) => arguments.execute(),
        }
    }
}

/// Runs `labctl` with these arguments, the program's own name first.
///
/// A link that is named like a bundled program (as in the container image) runs that program instead.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(program) =
        arguments.first().and_then(|own| Path::new(own).file_name()?.to_str()).and_then(crate::programs::find)
    {
        return crate::programs::run_here(program, arguments.into_iter().skip(1));
    }
    match Cli::try_parse_from(arguments) {
        Ok(cli) => ExitCode::from(cli.command.execute().unwrap_or_else(|error| error.report())),
        Err(error) => error.exit(),
    }
}
