//! `labctl mesh status`.

use std::{fmt::Write as _, time::Duration};

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::{
    super::{CliError, kubernetes::KubernetesArgs, output::print},
    on_cluster,
};
use crate::{
    cluster::mesh::status::{ControlPlaneState, MeshState, ProxyState, Sync},
    report::{
        columns::columns,
        style::{Paint, Style},
    },
};

/// How long the cluster may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the state is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For people with a wide terminal: identities and configuration versions as well
    Wide,
    /// For programs
    Json,
    /// For programs
    Yaml,
}

/// Shows the control plane's health, and for each proxy whether it has acknowledged the newest configuration
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    kubernetes: KubernetesArgs,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl StatusArgs {
    /// Prints the state: 0 if all is in sync, else 1.
    ///
    /// # Errors
    /// 4 if there is no mesh of labctl, or the cluster does not answer.
    pub fn execute(self) -> Result<u8, CliError> {
        let state = on_cluster(&self.kubernetes.target(), PATIENCE, async |cluster, _| cluster.mesh_state().await)?;
        let document = || serde_json::json!({ "version": 1, "mesh": state });
        let style = Style::of_stdout();
        print(&match self.output {
            Format::Json => format!("{:#}\n", document()),
            Format::Yaml => serde_yaml::to_string(&document())
                .map_err(|error| CliError::new(4, format!("the state is not YAML: {error}")))?,
            Format::Table => text(&state, false, style, Timestamp::now()),
            Format::Wide => text(&state, true, style, Timestamp::now()),
        })?;
        Ok(u8::from(!state.in_sync))
    }
}

fn text(state: &MeshState, wide: bool, style: Style, now: Timestamp) -> String {
    let mut text = control_plane(&state.control_plane, style, now);
    if state.proxies.is_empty() {
        text.push_str("\nno pod has a sidecar\n");
    } else {
        let _ = write!(text, "\n{}", proxies(&state.proxies, wide, style, now));
    }
    if !state.pending.is_empty() {
        text.push_str("\nnot in effect everywhere:\n");
        state.pending.iter().for_each(|resource| text.push_str(&format!("  {resource}\n")));
    }
    text
}

fn control_plane(plane: &ControlPlaneState, style: Style, now: Timestamp) -> String {
    let well = plane.problems.is_empty();
    let (paint, health) = if well { (Paint::Green, "healthy") } else { (Paint::Red, "not healthy") };
    let version = plane.version.as_deref().unwrap_or("unknown");
    let ends = |at: Option<Timestamp>| at.map_or_else(|| "unknown".to_owned(), |at| life(at, now));
    let mut text =
        format!("control plane  {}, {} of {} ready\n", style.paint(paint, health), plane.ready, plane.replicas);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "version        {version}, image {}", plane.image);
    let _ = writeln!(text, "trust domain   {}", plane.trust_domain);
    let _ = writeln!(
        text,
        "certificates   root {}, webhook {}",
        ends(plane.root_expires),
        ends(plane.webhook_certificate_expires)
    );
    if let Some(run) = &plane.run {
        let _ = writeln!(text, "belongs to     run {run}, and is removed with it");
    }
    for problem in &plane.problems {
        let _ = writeln!(text, "{}  {problem}", style.paint(Paint::Red, "problem      "));
    }
    text
}

fn proxies(proxies: &[ProxyState], wide: bool, style: Style, now: Timestamp) -> String {
    let cells = |proxy: &ProxyState| {
        let missing = || "-".to_owned();
        let mut cells = vec![
            format!("{}/{}", proxy.namespace, proxy.pod),
            proxy.sync.to_string(),
            proxy.certificate_expires.map_or_else(missing, |at| life(at, now)),
            proxy.version.clone().unwrap_or_else(missing),
        ];
        if wide {
            cells.push(proxy.acknowledged.clone().unwrap_or_else(missing));
            cells.push(proxy.id.clone().unwrap_or_else(missing));
        }
        cells
    };
    let mut header = vec!["POD", "STATUS", "CERTIFICATE", "VERSION"];
    if wide {
        header.extend(["CONFIGURATION", "IDENTITY"]);
    }
    let rows: Vec<Vec<String>> = proxies.iter().map(cells).collect();
    let lines = columns(&header, &rows);
    let mut text = style.paint(Paint::Dim, &lines[0]) + "\n";
    for (shown, proxy) in lines[1..].iter().zip(proxies) {
        let paint = if proxy.sync == Sync::Synced { None } else { Some(Paint::Yellow) };
        text.push_str(&paint.map_or(shown.clone(), |paint| style.paint(paint, shown)));
        text.push('\n');
        if let Some(waits_for) = &proxy.waits_for {
            let _ = writeln!(text, "  waits for {waits_for}");
        }
    }
    text
}

/// How long something is still good, in its two largest units.
fn life(until: Timestamp, now: Timestamp) -> String {
    const UNITS: [(i64, &str); 5] = [(31_536_000, "y"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let seconds = until.as_second() - now.as_second();
    if seconds <= 0 {
        return "ended".to_owned();
    }
    let first = UNITS.iter().position(|(size, _)| seconds >= *size).unwrap_or(UNITS.len() - 1);
    let mut left = seconds;
    let mut text = String::new();
    for (size, unit) in UNITS.iter().skip(first).take(2) {
        if left / size > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{unit}", left / size);
        }
        left %= size;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn state() -> MeshState {
        let proxy = |pod: &str, sync, waits_for: Option<&str>| ProxyState {
            namespace: "foo".to_owned(),
            pod: pod.to_owned(),
            sync,
            waits_for: waits_for.map(str::to_owned),
            id: Some("spiffe://cluster.local/ns/foo/sa/sleep".to_owned()),
            certificate_expires: (sync != Sync::Absent).then(|| at(86_000)),
            version: (sync != Sync::Absent).then(|| "0.1.0".to_owned()),
            acknowledged: Some("3f2a".to_owned()),
            newest: None,
        };
        MeshState {
            in_sync: false,
            control_plane: ControlPlaneState {
                image: "localhost/labctl:0.1.0".to_owned(),
                version: Some("0.1.0".to_owned()),
                trust_domain: "cluster.local".to_owned(),
                run: None,
                ready: 1,
                replicas: 1,
                root_expires: Some(at(315_360_000)),
                webhook_certificate_expires: Some(at(0)),
                problems: vec!["its certificate has ended".to_owned()],
            },
            proxies: vec![
                proxy("httpbin-6d5f7b8c9-x2x4q", Sync::Synced, None),
                proxy("sleep-7c6d5-abcde", Sync::Stale, Some("configuration 9bc1 (it has 3f2a)")),
                proxy("late", Sync::Absent, Some("its sidecar to reach the control plane")),
            ],
            pending: vec!["PeerAuthentication foo/default is under way".to_owned()],
        }
    }

    #[test]
    fn the_state_reads_as_a_page() {
        insta::assert_snapshot!(text(&state(), false, Style::PLAIN, at(100)), @r"
        control plane  not healthy, 1 of 1 ready
        version        0.1.0, image localhost/labctl:0.1.0
        trust domain   cluster.local
        certificates   root 9y364d, webhook ended
        problem        its certificate has ended

        POD                          STATUS  CERTIFICATE  VERSION
        foo/httpbin-6d5f7b8c9-x2x4q  SYNCED  23h51m       0.1.0
        foo/sleep-7c6d5-abcde        STALE   23h51m       0.1.0
          waits for configuration 9bc1 (it has 3f2a)
        foo/late                     ABSENT  -            -
          waits for its sidecar to reach the control plane

        not in effect everywhere:
          PeerAuthentication foo/default is under way
        ");
    }

    #[test]
    fn a_wide_state_has_identities() {
        insta::assert_snapshot!(text(&state(), true, Style::PLAIN, at(100)), @r"
        control plane  not healthy, 1 of 1 ready
        version        0.1.0, image localhost/labctl:0.1.0
        trust domain   cluster.local
        certificates   root 9y364d, webhook ended
        problem        its certificate has ended

        POD                          STATUS  CERTIFICATE  VERSION  CONFIGURATION  IDENTITY
        foo/httpbin-6d5f7b8c9-x2x4q  SYNCED  23h51m       0.1.0    3f2a           spiffe://cluster.local/ns/foo/sa/sleep
        foo/sleep-7c6d5-abcde        STALE   23h51m       0.1.0    3f2a           spiffe://cluster.local/ns/foo/sa/sleep
          waits for configuration 9bc1 (it has 3f2a)
        foo/late                     ABSENT  -            -        3f2a           spiffe://cluster.local/ns/foo/sa/sleep
          waits for its sidecar to reach the control plane

        not in effect everywhere:
          PeerAuthentication foo/default is under way
        ");
    }

    #[test]
    fn lives_have_two_units() {
        for (seconds, told) in [(0, "ended"), (59, "59s"), (60, "1m"), (86_399, "23h59m"), (315_360_000, "10y")] {
            assert_eq!(life(at(1000 + seconds), at(1000)), told);
        }
    }
}
