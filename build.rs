//! Labs, templates and the guide are part of the program: a file that appears or goes away makes it stale.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=book");
    println!("cargo:rerun-if-changed=labs");
    println!("cargo:rerun-if-changed=templates");
    // The linker that Rust brings for this target can keep one of several functions with the same code. That is a good
    // part of the executable, which has to travel to every node.
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("TARGET", "x86_64-unknown-linux-gnu") && is("PROFILE", "release") {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
}
