//! Writes the Rust code for `hipstershop.proto`: `cargo run --manifest-path protos/Cargo.toml`.
//!
//! No `protoc` is needed. The result is checked in; run this again after a change to a proto file.

use std::{error::Error, path::Path};

/// Where the code goes.
const OUT: &str = "../src/workloads/hipster";

fn main() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = protox::compile([here.join("hipstershop.proto")], [here])?;
    // Servers and clients run over connections of the host, never over sockets that tonic opens.
    tonic_prost_build::configure().build_transport(false).out_dir(here.join(OUT)).compile_fds(files)?;
    Ok(())
}
