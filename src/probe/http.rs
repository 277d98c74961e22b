//! The `http` check: one request, its verdict, its answer.

use super::{
    ask::{Prober, Question},
    curl::Request,
    finding::Finding,
    judge::{self, Control, needs_control},
    result::{CheckResult, Line},
    scene::Scene,
    shows,
};
use crate::lab::{check::Http, model::WorkloadName};

/// Asks once.
pub async fn check(prober: &Prober<'_>, scene: &Scene, http: &Http) -> CheckResult {
    let mut questions = vec![question(http, &http.from.value, &http.container)];
    if let Some(control) = &http.control {
        questions.push(question(http, &control.value, &prober.workloads[&control.value].container));
    }
    let findings = prober.ask(scene, &questions).await;
    let control = control(prober, scene, http, findings.get(1)).await;
    let subject = format!("{} {}", http.method, http.url);
    let mut lines = Vec::new();
    lines.extend(verdict(prober, scene, http, &findings[0], control.as_ref(), &subject));
    lines.extend(shows::of_answer(&subject, &findings[0], &http.shows, &http.response, &http.body));
    for line in lines.iter_mut().filter(|line| line.evidence.is_empty()) {
        line.evidence.clone_from(&findings[0].evidence);
    }
    CheckResult::of_lines("http", &http.title, lines)
}

pub(super) fn question(http: &Http, from: &WorkloadName, container: &str) -> Question {
    Question {
        from: from.clone(),
        container: container.to_owned(),
        to: http.to.as_ref().map(|to| to.value.clone()),
        request: Request {
            url: http.url.clone(),
            method: http.method.clone(),
            headers: http.headers.clone(),
            data: http.data.clone(),
        },
    }
}

/// Who reaches the server meanwhile, where the expected verdict needs that.
async fn control(prober: &Prober<'_>, scene: &Scene, http: &Http, other: Option<&Finding>) -> Option<Control> {
    let expected = http.verdict.as_ref()?;
    if !needs_control(expected) {
        return None;
    }
    if let (Some(finding), Some(who)) = (other, &http.control) {
        return Some(Control::of(&who.value.0, finding));
    }
    let server = http.to.as_ref()?;
    let path = http.url.splitn(4, '/').nth(3).map_or_else(|| "/".to_owned(), |path| format!("/{path}"));
    Some(prober.control(scene, &server.value, &path).await)
}

fn verdict(
    prober: &Prober<'_>,
    scene: &Scene,
    http: &Http,
    finding: &Finding,
    control: Option<&Control>,
    subject: &str,
) -> Option<Line> {
    let expected = &http.verdict.as_ref()?.value;
    let caller = scene.identity_of(&prober.workloads[&http.from.value]);
    Some(judge::line(subject, expected, finding, Some(&caller), control))
}
