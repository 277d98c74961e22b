//! Hints that sell what they should not: the whole solution, or what was already said.

use crate::{
    lab::{
        action::{Action, Exec, Mark, Reference},
        model::{Hint, Step},
    },
    lint::{Code, Subject, markdown},
    render::object::Object,
};

pub(super) fn check(subject: &Subject<'_>) {
    for step in &subject.lab.steps {
        for (index, hint) in step.hints.iter().enumerate() {
            if is_solution(step, hint) {
                let message = "this hint does everything that the step asks for";
                let advice = "say where to look, or what to think of; `labctl show LAB --solution` has the solution";
                subject.note(Code::HintIsSolution, hint.cost.at, message, advice);
            }
            if hint.cost.value > 0 && repeats(step, &step.hints[..index], hint) {
                let message = format!("this hint costs {} and says what was already said", hint.cost.value);
                let advice = "say something new, or remove it";
                subject.note(Code::HintRepeats, hint.cost.at, message, advice);
            }
        }
    }
}

/// Whether the hint's code does every action of the solution that the step's own text leaves to be found.
fn is_solution(step: &Step, hint: &Hint) -> bool {
    let (told, sold) = (done(step, &step.text), done(step, &hint.text));
    sold.contains(&true) && told.contains(&false) && told.iter().zip(&sold).all(|(told, sold)| *told || *sold)
}

/// For each action of the solution, whether a text's code does it.
fn done(step: &Step, text: &str) -> Vec<bool> {
    let blocks = markdown::code_blocks(text);
    let objects: Vec<Object> = blocks.iter().flat_map(|block| markdown::manifests(block)).collect();
    let code = blocks.join("\n").replace("\\\n", " ");
    let commands: Vec<Vec<&str>> = code.lines().map(|line| line.split_whitespace().collect()).collect();
    let does = |action: &Action| match action {
        Action::Apply(apply) => apply.objects.iter().all(|object| objects.contains(object)),
        Action::Annotate(mark) => commands.iter().any(|words| sets(words, "annotate", mark)),
        Action::Delete(target) => commands.iter().any(|words| names(words, "delete", target)),
        Action::Exec(exec) => commands.iter().any(|words| executes(words, exec)),
        Action::Label(mark) => commands.iter().any(|words| sets(words, "label", mark)),
        Action::Restart(target) => commands.iter().any(|words| names(words, "restart", target)),
        Action::Scale(scale) => {
            let replicas = format!("--replicas={}", scale.replicas);
            commands.iter().any(|words| names(words, "scale", &scale.target) && words.contains(&&replicas[..]))
        }
        _ => false,
    };
    step.solve.iter().map(|action| does(&action.value)).collect()
}

/// Whether a command of kubectl does `verb` to an object: `kubectl delete service -n foo a`, `... service/a`.
fn names(words: &[&str], verb: &str, target: &Reference) -> bool {
    let kind = target.kind.to_lowercase();
    let is_kind = |word: &str| word.to_lowercase().starts_with(&kind);
    let named = words.iter().any(|word| is_kind(word)) && words.contains(&&target.name[..])
        || words
            .iter()
            .any(|word| word.split_once('/').is_some_and(|(kind, name)| is_kind(kind) && name == target.name));
    let within =
        target.namespace.as_ref().is_none_or(|namespace| words.iter().any(|word| word.ends_with(&namespace[..])));
    words.contains(&"kubectl") && words.contains(&verb) && named && within
}

fn sets(words: &[&str], verb: &str, mark: &Mark) -> bool {
    let written = |(key, value): (&String, &Option<String>)| match value {
        Some(value) => words.contains(&&format!("{key}={value}")[..]),
        None => words.contains(&&format!("{key}-")[..]),
    };
    names(words, verb, &mark.target) && mark.values.iter().all(written)
}

fn executes(words: &[&str], exec: &Exec) -> bool {
    let bare: Vec<&str> = words.iter().map(|word| word.trim_matches(['\'', '"'])).collect();
    bare.windows(exec.command.len()).any(|window| window.iter().eq(exec.command.iter()))
}

/// Whether a hint has nothing but code that the trainee has seen, or words that an earlier hint has.
fn repeats(step: &Step, earlier: &[Hint], hint: &Hint) -> bool {
    let said = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if earlier.iter().any(|other| said(&other.text) == said(&hint.text)) {
        return true;
    }
    let seen: Vec<String> = std::iter::once(&step.text)
        .chain(earlier.iter().map(|other| &other.text))
        .flat_map(|text| markdown::code_blocks(text))
        .map(|block| said(&block))
        .collect();
    let blocks = markdown::code_blocks(&hint.text);
    !blocks.is_empty() && blocks.iter().all(|block| seen.contains(&said(block)))
}
