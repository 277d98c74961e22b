//! `labctl run mtls-strict`: the same report from every cluster, and nothing left on it.

use std::fmt::Write as _;

use regex::Regex;
use serde_json::Value;

use crate::support::{World, on_both_clusters};

on_both_clusters!(World: the_lab_passes_with_the_same_report_everywhere);

async fn the_lab_passes_with_the_same_report_everywhere(world: &World) {
    let before = world.ours().await;
    let mut arguments = vec!["run", "mtls-strict", "--on", "k8s", "-o", "json"];
    let images = [format!("httpbin_image={}", world.image()), format!("sleep_image={}", world.image())];
    arguments.extend(images.iter().flat_map(|image| ["--set", image]));
    let ran = world.labctl(&arguments).await;
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    // One snapshot for all clusters: same cells, same causes, same evidence.
    insta::assert_snapshot!("mtls_strict", told(&report));
    assert_eq!(world.ours().await, before);
}

/// Everything that a report claims, without what differs from run to run.
fn told(report: &Value) -> String {
    let mut text = String::new();
    for step in report["steps"].as_array().unwrap() {
        writeln!(text, "{}: {} {}/{}", word(step, "name"), word(step, "outcome"), step["points"], step["worth"])
            .unwrap();
        for check in step["checks"].as_array().unwrap() {
            writeln!(text, "  {}: {}", word(check, "title"), word(check, "outcome")).unwrap();
            for finding in check["findings"].as_array().into_iter().flatten() {
                claim(&mut text, word(finding, "subject"), finding);
            }
            for row in check["matrix"]["rows"].as_array().into_iter().flatten() {
                for cell in row["cells"].as_array().unwrap() {
                    claim(&mut text, &format!("{} -> {}", word(row, "from"), word(cell, "to")), cell);
                }
            }
        }
    }
    masked(&text)
}

fn claim(text: &mut String, subject: &str, found: &Value) {
    writeln!(text, "    {subject}: {}, {}", word(found, "outcome"), word(found, "seen")).unwrap();
    for field in ["cause", "control", "why"] {
        if let Some(said) = found[field].as_str() {
            writeln!(text, "      {field}: {said}").unwrap();
        }
    }
    for evidence in found["evidence"].as_array().into_iter().flatten() {
        writeln!(text, "      {}: {}", word(evidence, "source"), word(evidence, "text")).unwrap();
    }
}

fn word<'a>(of: &'a Value, field: &str) -> &'a str {
    of[field].as_str().unwrap_or_default()
}

/// Hides addresses, names of pods, hashes and times.
fn masked(text: &str) -> String {
    let masks = [
        (r"\b10(\.[0-9]+){3}(:[0-9]+)?", "<address>"),
        (r"\b(httpbin|sleep)-[0-9a-z]{6,10}-[0-9a-z]{5}\b", "$1-<pod>"),
        (r"\b[0-9a-f]{64}\b", "<hash>"),
        (r#""time":"[^"]+""#, r#""time":"<time>""#),
        (r#""durationMs":[0-9]+"#, r#""durationMs":<time>"#),
    ];
    masks.iter().fold(text.to_owned(), |text, (pattern, with)| {
        Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
    })
}
