//! One request, of a loop or outside of any.

use k8s_openapi::api::core::v1::Pod;

use super::{Saw, source, subject, word};
use crate::{
    lab::{
        check::{
            Http,
            steady::{Asks, Steady},
        },
        outside::Outside,
    },
    probe::{
        ask::Prober,
        curl::Answer,
        edge,
        finding::Evidence,
        http::question,
        interpret::{Seen, seen},
        result::{CheckResult, Line},
        scene::Scene,
    },
};

/// Asks once, outside of any loop, what a step says about.
pub async fn once(prober: &Prober<'_>, scene: &Scene, steady: &Steady, step: &str) -> CheckResult {
    let wanted = steady.fails_in(step);
    let (subject, expected) = (format!("{}, once", subject(steady)), word(wanted));
    let saw = match &steady.request {
        Asks::Inside(http) => match scene.caller(&http.from.value) {
            Ok(caller) => prober.saw_from(caller, http).await,
            Err(why) => Saw::Broken(why),
        },
        Asks::Outside(outside) => prober.saw_from_outside(outside).await,
    };
    let line = match saw {
        Saw::Broken(why) => Line::broken(subject, expected, why),
        saw => {
            let mut line = Line::new(subject, expected, word(saw.failure()), saw.failure() == wanted);
            line.evidence.extend(saw.told().map(|told| Evidence::new(source(steady), told)));
            line
        }
    };
    CheckResult::of_lines("steady", &steady.title, vec![line])
}

impl Prober<'_> {
    /// Asks once from a pod; what the caller alone can tell.
    pub async fn saw_from(&self, caller: &Pod, http: &Http) -> Saw {
        let id = uuid::Uuid::new_v4().to_string();
        let question = question(http, &http.from.value, &http.container);
        self.answer(caller, &question, &id).await.map_or_else(Saw::Broken, |answer| saw(&answer))
    }

    /// Asks once from outside of the cluster.
    pub async fn saw_from_outside(&self, outside: &Outside) -> Saw {
        let answer = edge::answer(self.cluster, outside).await;
        answer.map_or_else(|error| Saw::Broken(error.to_string()), |answer| saw(&answer))
    }
}

fn saw(answer: &Answer) -> Saw {
    match seen(answer) {
        Ok(Seen::Answered) => Saw::Answered,
        Ok(Seen::Verdict(verdict)) => Saw::Failed { verdict, told: answer.told() },
        Err(why) => Saw::Broken(why),
    }
}
