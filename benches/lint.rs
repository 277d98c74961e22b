//! How long `labctl lint` takes for 1,000 labs, beside reading their YAML and nothing else.
//!
//! The labs are copies of `mtls-strict`, each in a folder of its own: 6 programs, 7 steps, 5 matrices of 9 cells.

use std::{fs, path::Path};

use labctl::{
    lab::{Collection, Found},
    lint::lint_all,
};

const LABS: usize = 1_000;

fn main() {
    divan::main();
}

/// A folder of labs, as somebody would have them.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the labs");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("labs/mtls-strict/lab.yaml"));
    let text = text.expect("the lab is there");
    for number in 0..LABS {
        let lab = folder.path().join(format!("lab-{number}"));
        fs::create_dir(&lab).expect("a folder for a lab");
        fs::write(lab.join("lab.yaml"), &text).expect("a lab is written");
    }
    folder
}

fn found(folder: &Path) -> Vec<Found> {
    let labs = Collection::default();
    let names = labs.search(&[folder.display().to_string()]).expect("labs are there");
    names.iter().map(|name| labs.find(name).expect("a lab is there")).collect()
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn lint_1000_labs(bencher: divan::Bencher<'_, '_>) {
    let folder = folder();
    bencher.bench(|| {
        let findings = lint_all(&found(folder.path()));
        assert!(findings.len() == LABS && findings.iter().all(Vec::is_empty));
    });
}

/// The floor: one thread, no positions, no templates, no rules.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn read_1000_files_as_yaml(bencher: divan::Bencher<'_, '_>) {
    let folder = folder();
    bencher.bench(|| {
        let labs = found(folder.path());
        labs.iter().filter(|lab| serde_yaml::from_str::<serde_yaml::Value>(&lab.source().text).is_ok()).count()
    });
}
