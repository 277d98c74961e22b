//! Whether an area is as it should be.

use std::env;

use futures::{StreamExt, stream};

use crate::{
    answer::Answer,
    case::{self, Case},
    difference::{Known, compare},
    play::play,
    recording::Recording,
    server::Server,
};

/// How many cases are played at once.
const AT_ONCE: usize = 8;
/// How often a case is played on the real server before it counts as changed.
const PLAYS: usize = 3;

/// Plays an area on the embedded server, and on a real one if there is one, and compares with the recording.
pub async fn check(area: &str) {
    let cases = chosen(area);
    let mut recording = Recording::read(area);
    let mut wrong = Vec::new();
    match Server::real().await {
        None => println!(
            "LABCTL_E2E_KUBECONFIG is not set: compared with the recording only, the real server was not asked"
        ),
        Some(real) if env::var_os("LABCTL_CONFORMANCE_RECORD").is_some() => {
            record(area, &cases, &real, &mut recording).await;
        }
        Some(real) if real.version != recording.kubernetes => {
            println!(
                "the recording is of Kubernetes {}, the cluster is {}: not asked",
                recording.kubernetes, real.version
            );
        }
        Some(real) => drifted(&cases, &real, &recording, &mut wrong).await,
    }
    let embedded = Server::embedded().await;
    differing(area, &cases, &embedded, &recording, &mut wrong).await;
    assert!(wrong.is_empty(), "{} of {area}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The cases of an area; `LABCTL_CONFORMANCE_CASE` may ask for those with a text in their name.
fn chosen(area: &str) -> Vec<Case> {
    let mut cases = case::read(area);
    if let Ok(wanted) = env::var("LABCTL_CONFORMANCE_CASE") {
        cases.retain(|case| case.name.contains(&wanted));
    }
    cases
}

async fn played<'a>(cases: &'a [Case], server: &'a Server) -> Vec<(&'a Case, Result<Vec<Answer>, String>)> {
    let plays = cases.iter().map(|case| async move { (case, play(case, server).await) });
    stream::iter(plays).buffered(AT_ONCE).collect().await
}

async fn record(area: &str, cases: &[Case], real: &Server, recording: &mut Recording) {
    let all: Vec<String> = case::read(area).into_iter().map(|case| case.name).collect();
    recording.cases.retain(|name, _| all.contains(name));
    recording.kubernetes.clone_from(&real.version);
    for (case, answers) in played(cases, real).await {
        let answers = answers.unwrap_or_else(|error| panic!("{:?} cannot be recorded: {error}", case.name));
        recording.cases.insert(case.name.clone(), answers);
    }
    recording.write(area);
}

/// The real server answers as it did.
///
/// Its controllers write when they get round to it, maybe between two steps: a case counts as changed if it differs
/// every time.
async fn drifted(cases: &[Case], real: &Server, recording: &Recording, wrong: &mut Vec<String>) {
    for (case, answers) in played(cases, real).await {
        let recorded = recording.cases.get(&case.name).map(Vec::as_slice).unwrap_or_default();
        let mut found = drift(case, recorded, answers);
        for _ in 1..PLAYS {
            if found.is_empty() {
                break;
            }
            found = drift(case, recorded, play(case, real).await);
        }
        wrong.extend(found);
    }
}

/// How the real server's answers differ from the recorded ones.
fn drift(case: &Case, recorded: &[Answer], answers: Result<Vec<Answer>, String>) -> Vec<String> {
    match answers {
        Err(error) => vec![format!("{:?} cannot be played on the real server: {error}", case.name)],
        Ok(answers) => {
            let differences = compare(&case.name, recorded, &answers);
            differences.iter().map(|it| format!("the real server has changed: {it}")).collect()
        }
    }
}

/// The embedded server answers as the real one did, but for what is known.
async fn differing(area: &str, cases: &[Case], embedded: &Server, recording: &Recording, wrong: &mut Vec<String>) {
    let known = Known::read(area);
    let claims: Vec<_> = known.iter().flat_map(Known::claims).collect();
    let mut proven = vec![false; claims.len()];
    for (case, answers) in played(cases, embedded).await {
        let Some(recorded) = recording.cases.get(&case.name) else {
            wrong.push(format!("{:?} is not recorded", case.name));
            continue;
        };
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                wrong.push(format!("{:?} cannot be played: {error}", case.name));
                continue;
            }
        };
        for difference in compare(&case.name, recorded, &answers) {
            let mut listed = false;
            for (claim, proven) in claims.iter().zip(&mut proven) {
                if claim.covers(&difference) {
                    (*proven, listed) = (true, true);
                }
            }
            if !listed {
                wrong.push(difference.to_string());
            }
        }
    }
    let is_played = |name: &str| cases.iter().any(|case| case.name == name);
    let everything = cases.len() == recording.cases.len();
    for (claim, _) in claims.iter().zip(&proven).filter(|(_, proven)| !**proven) {
        if claim.case.map_or(everything, is_played) {
            wrong.push(format!(
                "the known difference {} of {:?} is no longer there",
                claim.at,
                claim.case.unwrap_or("any")
            ));
        }
    }
}
