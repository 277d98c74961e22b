//! `labctl image`: labctl as a container image, for clusters that have to get it from somewhere.

use std::{
    env,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};

use super::{CliError, output::print};
use crate::{
    image::{Executable, Image, ImageName, archive, push, save},
    report::stream::words,
};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl image save -o labctl.tar                   an archive; then one of
    kind load image-archive labctl.tar
    docker load -i labctl.tar
    ctr -n k8s.io images import labctl.tar
  labctl image save -o - | ssh node ctr -n k8s.io images import -
  labctl image push registry.example:5000/labctl:1  to a registry, with Docker's login";

/// Packs labctl as a container image.
#[derive(Debug, Args)]
pub struct ImageArgs {
    #[command(subcommand)]
    command: ImageCommand,
}

#[derive(Debug, Subcommand)]
enum ImageCommand {
    /// Send the image to a registry
    Push(PushArgs),
    /// Write the image as an archive that ctr, kind, docker and skopeo read
    Save(SaveArgs),
}

/// What goes into the image.
#[derive(Debug, Args)]
struct SourceArgs {
    /// The static executable to pack, for the platform of the cluster's nodes [default: this one]
    #[arg(long, value_name = "FILE")]
    executable: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct PushArgs {
    /// Where to: REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "REF")]
    name: ImageName,
    #[command(flatten)]
    source: SourceArgs,
    /// Reach the registry without TLS
    #[arg(long)]
    plain_http: bool,
}

#[derive(Debug, Args)]
struct SaveArgs {
    /// The archive; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "labctl.tar")]
    output: PathBuf,
    /// What the image is called
    #[arg(long, value_name = "REF", default_value_t = ImageName::own())]
    name: ImageName,
    #[command(flatten)]
    source: SourceArgs,
}

impl ImageArgs {
    /// Packs the image and puts it where it is wanted.
    ///
    /// # Errors
    /// Exit code 2 if no image can be made of the executable, 4 if the image cannot be written or sent.
    pub fn execute(self) -> Result<u8, CliError> {
        match self.command {
            ImageCommand::Push(arguments) => arguments.execute(),
            ImageCommand::Save(arguments) => arguments.execute(),
        }
    }
}

impl SourceArgs {
    fn pack(&self) -> Result<Image, CliError> {
        let file = match &self.executable {
            Some(file) => file.clone(),
            None => env::current_exe()
                .map_err(|error| CliError::new(4, format!("this process cannot find its executable: {error}")))?,
        };
        let executable = Executable::read(&file).map_err(|error| with_hint(2, error.to_string(), error.hint()))?;
        Ok(Image::new(&executable))
    }
}

impl SaveArgs {
    fn execute(self) -> Result<u8, CliError> {
        let to_stdout = self.output == Path::new("-");
        if to_stdout && io::stdout().is_terminal() {
            return Err(CliError::new(2, "an archive is nothing for a terminal")
                .hint("give a file with -o, or send standard output into a pipe"));
        }
        let image = self.source.pack()?;
        if to_stdout {
            let written = archive::write(&image, &self.name, io::stdout().lock());
            written.map_err(|error| CliError::new(4, format!("cannot write to standard output: {error}")))?;
            return Ok(0);
        }
        save::save(&image, &self.name, &self.output).map_err(|error| CliError::new(4, error.to_string()))?;
        words(&format!("{}: {}\n", self.output.display(), summary(&image, &self.name)));
        Ok(0)
    }
}

impl PushArgs {
    fn execute(self) -> Result<u8, CliError> {
        let image = self.source.pack()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| CliError::new(4, format!("cannot start: {error}")))?;
        let pushed = runtime.block_on(push::push(&image, &self.name, self.plain_http));
        pushed.map_err(|error| with_hint(4, error.to_string(), error.hint()))?;
        words(&format!("{}\n", summary(&image, &self.name)));
        let reference = self.name.reference();
        print(&format!("{}/{}@{}\n", reference.registry(), reference.repository(), image.digest()))?;
        Ok(0)
    }
}

/// `localhost/labctl:0.1.0 for linux/amd64, 12.6 MB`
fn summary(image: &Image, name: &ImageName) -> String {
    const MEGABYTE: f64 = 1e6;
    let size = image.size() as f64 / MEGABYTE;
    format!("{name} for {}, {size:.1} MB", image.platform())
}

fn with_hint(code: u8, message: String, hint: Option<String>) -> CliError {
    let error = CliError::new(code, message);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
