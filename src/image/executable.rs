//! The executable that an image is made of: for which platform, and whether it can run alone.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use object::{
    Endianness, FileKind,
    elf::{EM_AARCH64, EM_ARM, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64, FileHeader32, FileHeader64, Machine},
    read::elf::{FileHeader, ProgramHeader as _},
};
use oci_spec::image::Arch;

/// What every labctl has somewhere inside. Another version is another program: its links and arguments may differ.
pub const MARK: &str = concat!("this executable is labctl ", env!("CARGO_PKG_VERSION"), ", as an image needs to know.");

/// Processors: their number in an ELF header, their name in an image, and the compiler's target.
const PROCESSORS: [(Machine, &str, &str); 6] = [
    (EM_AARCH64, "arm64", "aarch64-unknown-linux-gnu"),
    (EM_ARM, "arm", "armv7-unknown-linux-gnueabihf"),
    (EM_PPC64, "ppc64le", "powerpc64le-unknown-linux-gnu"),
    (EM_RISCV, "riscv64", "riscv64gc-unknown-linux-gnu"),
    (EM_S390, "s390x", "s390x-unknown-linux-gnu"),
    (EM_X86_64, "amd64", "x86_64-unknown-linux-gnu"),
];

/// A static executable of labctl for Linux.
#[derive(Clone, Debug)]
pub struct Executable {
    contents: Vec<u8>,
    architecture: Arch,
}

/// A file that no image can be made of.
#[derive(Debug, thiserror::Error)]
pub enum ExecutableError {
    /// It needs libraries, which an image made from nothing does not have.
    #[error("{} is dynamically linked: it needs {interpreter}, which the image does not have", .file.display())]
    Dynamic {
        /// Which file.
        file: PathBuf,
        /// The program that loads its libraries.
        interpreter: String,
        /// For which target of the compiler a static one is to be built.
        target: &'static str,
    },
    /// Its processor has no name among the platforms of images.
    #[error("{} is for a processor that images have no name for (number {machine} in its ELF header)", .file.display())]
    Machine {
        /// Which file.
        file: PathBuf,
        /// The processor.
        machine: u16,
    },
    /// It is no program at all.
    #[error("{} is not an executable", .0.display())]
    NotExecutable(PathBuf),
    /// It is another program, or another version of this one.
    #[error("{} is not labctl {}", .0.display(), env!("CARGO_PKG_VERSION"))]
    NotThisLabctl(PathBuf),
    /// It is for another system than containers run on.
    #[error("{} is an executable for {system}; containers run Linux's", .file.display())]
    OtherSystem {
        /// Which file.
        file: PathBuf,
        /// For which system.
        system: &'static str,
    },
    /// It cannot be read.
    #[error("cannot read {}: {error}", .file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl ExecutableError {
    /// What the reader can do.
    pub fn hint(&self) -> Option<String> {
        const TAKE: &str = "labctl image save --executable";
        let build = |target: &str| {
            format!(
                "RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --target {target}\n  \
                 {TAKE} target/{target}/release/labctl"
            )
        };
        match self {
            Self::Dynamic { target, .. } => Some(format!("make a static one, and take that:\n  {}", build(target))),
            Self::OtherSystem { .. } => {
                Some(format!("make one on Linux, and take that:\n  {}", build(build_target(std::env::consts::ARCH))))
            }
            Self::NotExecutable(_) | Self::NotThisLabctl(_) => {
                let version = env!("CARGO_PKG_VERSION");
                Some(format!("give labctl {version} for Linux with --executable, or leave the option out"))
            }
            Self::Machine { .. } | Self::Read { .. } => None,
        }
    }
}

impl Executable {
    /// Reads an executable and makes sure that an image of it can work.
    ///
    /// # Errors
    /// [`ExecutableError`] says in what way it cannot.
    pub fn read(file: &Path) -> Result<Self, ExecutableError> {
        let read = fs::read(file);
        let contents = read.map_err(|error| ExecutableError::Read { file: file.to_owned(), error })?;
        let architecture = inspect(file, &contents)?;
        Ok(Self { contents, architecture })
    }

    /// For which processor it is.
    pub fn architecture(&self) -> &Arch {
        &self.architecture
    }

    /// The file's bytes.
    pub fn contents(&self) -> &[u8] {
        &self.contents
    }
}

fn inspect(file: &Path, contents: &[u8]) -> Result<Arch, ExecutableError> {
    let other = |system| Err(ExecutableError::OtherSystem { file: file.to_owned(), system });
    let (machine, interpreter) = match FileKind::parse(contents) {
        Ok(FileKind::Elf32) => elf::<FileHeader32<Endianness>>(file, contents)?,
        Ok(FileKind::Elf64) => elf::<FileHeader64<Endianness>>(file, contents)?,
        Ok(FileKind::MachO32 | FileKind::MachO64 | FileKind::MachOFat32 | FileKind::MachOFat64) => {
            return other("macOS");
        }
        Ok(FileKind::Pe32 | FileKind::Pe64) => return other("Windows"),
        _ => return Err(ExecutableError::NotExecutable(file.to_owned())),
    };
    let known = PROCESSORS.iter().find(|(number, ..)| *number == machine);
    let unknown = || ExecutableError::Machine { file: file.to_owned(), machine: machine.0 };
    let (_, architecture, target) = known.ok_or_else(unknown)?;
    if let Some(interpreter) = interpreter {
        return Err(ExecutableError::Dynamic { file: file.to_owned(), interpreter, target });
    }
    if memchr::memmem::find(contents, MARK.as_bytes()).is_none() {
        return Err(ExecutableError::NotThisLabctl(file.to_owned()));
    }
    Ok(Arch::from(*architecture))
}

/// The processor, and the program that would load libraries; a static executable has none.
fn elf<Header: FileHeader<Endian = Endianness>>(
    file: &Path,
    contents: &[u8],
) -> Result<(Machine, Option<String>), ExecutableError> {
    let damaged = |_: object::read::Error| ExecutableError::NotExecutable(file.to_owned());
    let header = Header::parse(contents).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let mut interpreter = None;
    for segment in header.program_headers(endian, contents).map_err(damaged)? {
        if let Some(path) = segment.interpreter(endian, contents).map_err(damaged)? {
            interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
    }
    Ok((header.e_machine(endian), interpreter))
}

/// The compiler's target for a processor as Rust names it.
fn build_target(processor: &str) -> &'static str {
    let starts = |target: &&str| target.split('-').next().is_some_and(|first| first.starts_with(processor));
    PROCESSORS.iter().map(|(.., target)| *target).find(starts).unwrap_or("x86_64-unknown-linux-gnu")
}
