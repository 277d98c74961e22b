//! Plays a case on a server.

use serde_json::{Value, json};

use crate::{
    answer::Answer,
    case::{Case, Step},
    cleanup::Leftovers,
    mask,
    server::Server,
    variables::Variables,
    webhook::Webhook,
};

/// The masked answers to all requests of a case.
///
/// # Errors
/// If a request could not be made, or an answer lacks what a later request needs.
pub async fn play(case: &Case, server: &Server) -> Result<Vec<Answer>, String> {
    let mut variables = Variables::default();
    let mut leftovers = Leftovers::default();
    let id = uuid::Uuid::new_v4().simple().to_string();
    variables.set("ns", format!("conformance-{}", &id[..10]).into());
    let webhook = if case.needs_webhook() { Some(Webhook::start().await) } else { None };
    if let Some(webhook) = &webhook {
        variables.set("webhook", webhook.url.as_str().into());
        variables.set("bundle", webhook.bundle.as_str().into());
    }
    let answers = async {
        enter(server, &variables).await?;
        steps(case, server, &mut variables, &mut leftovers).await
    };
    let answers = answers.await;
    leftovers.remove(server, &variables).await;
    answers
}

/// Makes the namespace, and waits until pods can be made in it.
async fn enter(server: &Server, variables: &Variables) -> Result<(), String> {
    let namespace = json!({"metadata": {"name": "${ns}", "labels": {"app.kubernetes.io/managed-by": "conformance"}}});
    let made = server.ask(&Step::with("POST /api/v1/namespaces", namespace), variables).await?;
    if made.code != 201 {
        return Err(format!("the namespace was not made: {made:?}"));
    }
    let mut account = Step::new("GET /api/v1/namespaces/${ns}/serviceaccounts/default");
    account.until_code = Some(200);
    server.ask(&account, variables).await?;
    // Older servers make a token for the account in their own time, and no pods before.
    let pod = json!({"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let mut pod = Step::with("POST /api/v1/namespaces/${ns}/pods?dryRun=All", pod);
    pod.until_code = Some(201);
    server.ask(&pod, variables).await.map(drop)
}

async fn steps(
    case: &Case,
    server: &Server,
    variables: &mut Variables,
    leftovers: &mut Leftovers,
) -> Result<Vec<Answer>, String> {
    let mut answers = Vec::with_capacity(case.steps.len());
    for step in &case.steps {
        let mut answer = server.ask(step, variables).await?;
        leftovers.note(step, &answer, variables);
        for (name, place) in &step.capture {
            if let Some(value) = answer.body.pointer(place) {
                variables.set(name, value.clone());
            }
        }
        variables.hide(&mut answer.body);
        for warning in &mut answer.warnings {
            let mut text = Value::from(warning.as_str());
            variables.hide(&mut text);
            *warning = text.as_str().unwrap_or_default().to_owned();
        }
        let places: Vec<String> = case.mask.iter().chain(&step.mask).cloned().collect();
        mask::mask(&mut answer, &places);
        answers.push(if step.quiet { Answer { code: answer.code, ..Answer::default() } } else { answer });
    }
    Ok(answers)
}
