//! `labctl explain FROM TO`: one call, link by link, of files or of a running cluster, where it is also tried.

use std::{fmt::Write as _, time::Duration};

use serde_json::json;

use crate::{
    cli::{CliError, call::Typed, kubernetes::KubernetesArgs, mesh::on_cluster},
    cluster::{
        Cluster,
        mesh::{MeshError, Presence},
    },
    lab::model::Endpoint,
    mesh::{
        explain::{
            chain::{self, Call, Chain},
            manifest::File,
        },
        policy::Index,
    },
    probe::{
        finding::Finding,
        pair::{self, Pair},
        verdict::Verdict,
    },
    report::style::{Paint, Style},
};

/// How long the cluster may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How far the texts stand from the words before them.
const INDENT: usize = 14;

/// What one call comes to.
pub(super) struct Explained {
    chains: Vec<Chain>,
    observed: Option<Finding>,
}

/// Whether what is seen is what was predicted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Agreement {
    Agrees,
    Differs,
    /// Nobody could be asked, or the answer says nothing about the policy.
    Unknown,
}

impl Typed<'_> {
    /// Explains the call by what files say.
    pub(super) fn of_files(&self, index: &Index, files: &[File]) -> Result<Explained, CliError> {
        let (call, _) = self.find(index, "default")?;
        Ok(Explained { chains: chain::explain(index, call, files), observed: None })
    }

    /// Explains the call by what a cluster holds, and tries it.
    pub(super) fn of_cluster(&self, kubernetes: &KubernetesArgs) -> Result<Explained, CliError> {
        on_cluster(&kubernetes.target(), PATIENCE, async |cluster, _| self.look(cluster).await)?
    }

    async fn look(&self, cluster: &Cluster) -> Result<Result<Explained, CliError>, MeshError> {
        let client = cluster.client();
        let index = cluster.mesh_index().await?;
        let (call, path) = match self.find(&index, client.default_namespace()) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let witnessed = matches!(cluster.mesh().await?, Presence::Labctl(_));
        let pair = question(&index, call, path);
        let observed = pair::ask(cluster, &index.settings().trust_domain, witnessed, &pair).await?;
        Ok(Ok(Explained { chains: chain::explain(&index, call, &[]), observed: Some(observed) }))
    }
}

fn question(index: &Index, call: Call, path: &str) -> Pair {
    let (client, service) = (index.workload(call.client), index.service(call.service));
    Pair {
        from: (client.namespace.clone(), client.name.clone()),
        to: (service.namespace.clone(), service.selector.clone()),
        endpoint: Endpoint { host: service.host.clone(), port: call.port },
        path: path.to_owned(),
    }
}

impl Explained {
    /// 0 if what is seen is what was predicted, or nobody was to be asked; 1 if not; 3 if there is no answer.
    pub(super) fn code(&self) -> u8 {
        match self.observed.as_ref().map(|finding| self.agreement(finding)) {
            None | Some(Agreement::Agrees) => 0,
            Some(Agreement::Differs) => 1,
            Some(Agreement::Unknown) => 3,
        }
    }

    fn agreement(&self, finding: &Finding) -> Agreement {
        let Some(seen) = finding.verdict.as_ref().filter(|_| finding.doubt.is_none()) else {
            return Agreement::Unknown;
        };
        if self.chains.iter().any(|chain| chain.verdict == seen.to_string()) {
            return Agreement::Agrees;
        }
        // A status of the application's own shows that it was reached, and not over what.
        let answered = self.chains.iter().any(|chain| !chain.verdict.starts_with("http(") && chain.flags.is_empty());
        match seen {
            Verdict::Http(code) if *code != 503 && answered => Agreement::Unknown,
            _ => Agreement::Differs,
        }
    }

    /// The JSON form. Fields are only ever added to a version.
    pub(super) fn document(&self) -> serde_json::Value {
        let observed = self.observed.as_ref().map(|finding| {
            json!({
                "verdict": finding.verdict.as_ref().map(ToString::to_string),
                "agrees": match self.agreement(finding) {
                    Agreement::Agrees => json!(true),
                    Agreement::Differs => json!(false),
                    Agreement::Unknown => json!(null),
                },
                "cause": finding.cause,
                "doubt": finding.doubt,
                "evidence": finding.evidence,
            })
        });
        json!({ "apiVersion": "labctl/v1", "kind": "CallExplanation", "chains": self.chains, "observed": observed })
    }

    /// A chain for each thing that may be seen, then what is seen.
    pub(super) fn text(&self, style: Style) -> String {
        let mut text = String::new();
        for chain in &self.chains {
            let heading = format!("{} -> {}:{}", chain.from, chain.host, chain.port);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}\n", style.paint(Paint::Bold, &heading));
            for link in &chain.links {
                entry(&mut text, &link.about.to_string(), &link.says, style);
            }
            let verdict = format!("{} {}", chain.verdict, chain.flags);
            entry(&mut text, "verdict", &[verdict.trim_end().to_owned()], style);
            let places: Vec<String> = chain.decided_by.iter().map(ToString::to_string).collect();
            let defaults = ["defaults: no policy and no rule says otherwise".to_owned()];
            entry(&mut text, "decided by", if places.is_empty() { &defaults } else { &places }, style);
            text.push('\n');
        }
        match &self.observed {
            Some(finding) => self.observation(&mut text, finding, style),
            None => drop(text.pop()),
        }
        text
    }

    fn observation(&self, text: &mut String, finding: &Finding, style: Style) {
        let seen = finding.verdict.as_ref().map_or_else(|| "no answer".to_owned(), ToString::to_string);
        let (paint, word) = match self.agreement(finding) {
            Agreement::Agrees => (Paint::Green, "as predicted"),
            Agreement::Differs => (Paint::Red, "not as predicted"),
            Agreement::Unknown => (Paint::Yellow, "which proves nothing"),
        };
        let mut says = vec![format!("{seen}, {}", style.paint(paint, word))];
        says.extend(finding.doubt.clone());
        says.extend(finding.cause.clone());
        says.extend(finding.evidence.iter().map(|line| format!("{}: {}", line.source, line.text)));
        entry(text, "observed now", &says, style);
    }
}

/// A word at the margin, and beside it what there is to say, as wide as the terminal.
fn entry(text: &mut String, word: &str, says: &[String], style: Style) {
    for (place, sentence) in says.iter().enumerate() {
        let margin = if place == 0 { word } else { "" };
        let lead = style.paint(Paint::Dim, &format!("{margin:INDENT$}"));
        let options = textwrap::Options::new(style.width.saturating_sub(INDENT)).break_words(false);
        let options = options.word_splitter(textwrap::WordSplitter::NoHyphenation);
        let options = options.word_separator(textwrap::WordSeparator::AsciiSpace);
        let lines = textwrap::wrap(sentence, options);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{lead}{}", lines.join(&format!("\n{:INDENT$}", "")));
    }
}
