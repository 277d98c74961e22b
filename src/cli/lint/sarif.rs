//! Findings as SARIF 2.1.0, which code scanning reads.
//!
//! Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0". Columns count Unicode code points.

use serde::Serialize;

use super::Report;
use crate::lint::{Finding, Rule, catalogue};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Outcome>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<ReportingDescriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportingDescriptor {
    id: String,
    name: &'static str,
    short_description: Message,
    full_description: Message,
    help: Help,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: String,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: String,
    rule_index: usize,
    level: String,
    message: Message,
    locations: [Location; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

pub(super) fn document(report: &Report) -> String {
    let driver = Driver {
        name: "labctl",
        semantic_version: env!("CARGO_PKG_VERSION"),
        rules: catalogue::all().map(descriptor).collect(),
    };
    let results = report.findings.iter().map(outcome).collect();
    let run = Run { tool: Tool { driver }, column_kind: "unicodeCodePoints", results };
    let log = Log { schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] };
    let text = serde_json::to_string_pretty(&log).expect("plain data is JSON");
    format!("{text}\n")
}

fn descriptor(rule: &Rule) -> ReportingDescriptor {
    let Rule { why, wrong, right, .. } = rule;
    ReportingDescriptor {
        id: rule.code.to_string(),
        name: rule.name,
        short_description: Message { text: rule.summary.to_owned() },
        full_description: Message { text: format!("{} {why}", rule.summary) },
        help: Help {
            text: format!("{why}\n\nWrong:\n{wrong}\n\nRight:\n{right}"),
            markdown: format!("{why}\n\nWrong:\n```yaml\n{wrong}\n```\nRight:\n```yaml\n{right}\n```"),
        },
        default_configuration: Configuration { level: rule.severity.to_string() },
    }
}

fn outcome(finding: &Finding) -> Outcome {
    let (end_line, end_column) = finding.end();
    let hint = finding.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default();
    let region = Region { start_line: finding.at.line, start_column: finding.at.column, end_line, end_column };
    let artifact_location = ArtifactLocation { uri: uri(&finding.source.name) };
    Outcome {
        rule_id: finding.code.to_string(),
        rule_index: finding.code as usize,
        level: finding.severity().to_string(),
        message: Message { text: format!("{}{hint}", finding.message) },
        locations: [Location { physical_location: PhysicalLocation { artifact_location, region } }],
    }
}

/// A path as a relative reference (RFC 3986): what has a meaning in URIs is written with `%`.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let encoded =
        path.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") });
    encoded.collect()
}
