//! The bundled programs by name, for the embedded node, for links in an image, and for the command line.

use std::{ffi::OsString, process::ExitCode, sync::Arc};

use crate::{
    host::{ExitStatus, Host as _, Output, Program, os::OsHost},
    host_println,
    workloads::{self, boards, hipster},
};

/// The bundled programs, in alphabetical order.
const PROGRAMS: &[(&str, Program)] = &[
    ("adservice", hipster::ad::program),
    ("app-ui", boards::app_ui::program),
    ("boards", boards::service::program),
    ("cartservice", hipster::cart::program),
    ("checkoutservice", hipster::checkout::program),
    ("context-scraper", boards::context_scraper::program),
    ("control-plane", crate::mesh::control_plane::program),
    ("curl", workloads::curl::program),
    ("currencyservice", hipster::currency::program),
    ("customers", workloads::customers::program),
    ("emailservice", hipster::email::program),
    ("frontend", hipster::frontend::program),
    ("hello", workloads::hello::program),
    ("httpbin", workloads::httpbin::program),
    ("init", crate::mesh::init::program),
    ("loadgenerator", hipster::load_generator::program),
    ("mongodb", workloads::mongodb::program),
    ("openssl", workloads::openssl::program),
    ("paymentservice", hipster::payment::program),
    ("productcatalogservice", hipster::product_catalog::program),
    ("recommendationservice", hipster::recommendation::program),
    ("redis", workloads::redis::program),
    ("shippingservice", hipster::shipping::program),
    ("sidecar", crate::mesh::agent::program),
    ("sleep", workloads::sleep::program),
    ("tap", crate::tap::program),
    ("userprofile", boards::user_profile::program),
    ("web-frontend", workloads::customers::web_frontend),
];

/// Finds a bundled program.
pub fn find(name: &str) -> Option<Program> {
    PROGRAMS.iter().find(|(known, _)| *known == name).map(|&(_, program)| program)
}

/// The names of all bundled programs.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|&(name, _)| name)
}

/// Runs a bundled program as this operating-system process.
pub fn run_here(program: Program, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    ExitCode::from(run_to_exit(program, arguments).0)
}

/// Runs a bundled program in this operating-system process until it ends.
///
/// One thread is enough: a program that wants more starts its own runtimes.
pub fn run_to_exit(program: Program, arguments: impl Iterator<Item = OsString>) -> ExitStatus {
    let host = Arc::new(OsHost);
    let arguments: Result<Vec<String>, OsString> = arguments.map(OsString::into_string).collect();
    let arguments = match arguments {
        Ok(arguments) => arguments,
        Err(argument) => {
            host_println!(host, Output::Stderr, "labctl: the argument {argument:?} is not UTF-8 text");
            return ExitStatus::USAGE;
        }
    };
    // Signals are watched from the start, before the program first asks.
    let _shutdown = host.shutdown();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            host_println!(host, Output::Stderr, "labctl: cannot start: {error}");
            return ExitStatus::FAILURE;
        }
    };
    let status = runtime.block_on(program(host, arguments));
    // A read of standard input that nobody waits for any more must not keep the process.
    runtime.shutdown_background();
    status
}
