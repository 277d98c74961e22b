//! Labs and templates are part of the program: a file that appears or goes away makes it stale.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=labs");
    println!("cargo:rerun-if-changed=templates");
}
