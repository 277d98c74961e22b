//! A step's solution as the commands that a trainee would type.

use std::collections::BTreeMap;

use crate::{
    lab::{
        action::{Action, Apply, Certificate, Exec, Mark, Reference},
        model::{Lab, Step},
        outside::{NamespacedName, Outside, Target},
    },
    render::manifest,
};

/// The commands as a Markdown code block.
pub(super) fn block(lab: &Lab, step: &Step) -> String {
    let commands: Vec<String> = step.solve.iter().map(|action| commands(lab, action)).collect();
    format!("```sh\n{}\n```\n", commands.join("\n"))
}

/// The commands of one action, ready to be pasted into a shell.
pub(super) fn commands(lab: &Lab, action: &Action) -> String {
    match action {
        Action::Annotate(mark) => marked("annotate", mark),
        Action::Apply(apply) => applied(apply),
        Action::Certificate(certificate) => issued(certificate),
        Action::Delete(target) => format!("kubectl delete {}", named(target)),
        Action::Edge(request) => asked(request),
        Action::Exec(exec) => executed(lab, exec),
        Action::Label(mark) => marked("label", mark),
        Action::Refused(refused) => format!("# Is refused: {}\n{}", refused.because, applied(&refused.apply)),
        Action::Restart(target) => format!("kubectl rollout restart {}", named(target)),
        Action::Scale(scale) => format!("kubectl scale {} --replicas={}", named(&scale.target), scale.replicas),
    }
}

fn applied(apply: &Apply) -> String {
    format!("kubectl apply -f - <<'EOF'\n{}EOF", manifest::write(&apply.objects))
}

/// The authority's key stays in the folder, for the next certificate.
fn issued(certificate: &Certificate) -> String {
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    let names: Vec<String> = certificate.hosts.iter().map(|host| format!("DNS:{host}")).collect();
    let (names, secret, namespace) = (names.join(","), &certificate.secret, &certificate.namespace);
    let (ca, subject) = certificate.authority.as_deref().map_or(("ca", "lab"), |name| (name, name));
    format!(
        "[ -f {ca}.crt ] || openssl req -x509 {KEY} -days 7 -subj /O={subject} -keyout {ca}.key -out {ca}.crt
openssl req {KEY} -subj / -keyout tls.key -out tls.csr
openssl x509 -req -days 7 -in tls.csr -CA {ca}.crt -CAkey {ca}.key -CAcreateserial \\
  -extfile <(echo subjectAltName={names}) -out tls.crt
kubectl create secret generic {secret} -n {namespace} --type=kubernetes.io/tls \\
  --from-file=tls.crt --from-file=tls.key --from-file=ca.crt={ca}.crt"
    )
}

fn named(target: &Reference) -> String {
    let namespace = target.namespace.as_ref().map_or_else(String::new, |namespace| format!(" -n {namespace}"));
    format!("{} {}{namespace}", resource(target), target.name)
}

/// `peerauthentication`, or `policy.v1alpha1.authentication.istio.io` where the kind alone may mean another one.
fn resource(target: &Reference) -> String {
    let kind = target.kind.to_lowercase();
    match (target.kind.as_str(), target.api_version.split_once('/')) {
        ("Policy" | "Gateway", Some((group, version))) => format!("{kind}.{version}.{group}"),
        _ => kind,
    }
}

fn marked(verb: &str, mark: &Mark) -> String {
    let values = mark.values.iter().map(|(key, value)| match value {
        Some(value) => quoted(&format!("{key}={value}")),
        None => quoted(&format!("{key}-")),
    });
    format!("kubectl {verb} --overwrite {} {}", named(&mark.target), values.collect::<Vec<_>>().join(" "))
}

/// Picks a pod by its labels, because a workload is not always a Deployment.
fn executed(lab: &Lab, exec: &Exec) -> String {
    let workload = lab.workload(&exec.workload);
    let pod = format!(
        "$(kubectl get pod -n {} -l {} -o name | head -n 1)",
        workload.namespace,
        quoted(&labels(&workload.selector)),
    );
    let command: Vec<String> = exec.command.iter().map(|word| quoted(word)).collect();
    format!("kubectl exec -n {} \"{pod}\" -c {} -- {}", workload.namespace, exec.container, command.join(" "))
}

/// The request as somebody outside types it; the address stands in the variable that `labctl run --keep` exports.
fn asked(request: &Outside) -> String {
    let variable = request.variable();
    let mut words = vec!["curl -sSf".to_owned()];
    if request.method != "GET" && !(request.method == "POST" && request.data.is_some()) {
        words.push(format!("-X {}", quoted(&request.method)));
    }
    words.extend(request.headers.iter().map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}")))));
    words.extend(request.data.iter().map(|data| format!("-d {}", quoted(data))));
    let file = |option: &str, secret: &NamespacedName, key: &str| {
        let NamespacedName { namespace, name } = secret;
        format!("--{option} <(kubectl get secret -n {namespace} {name} -o jsonpath='{{.data.{key}}}' | base64 -d)")
    };
    words.extend(request.cacert.iter().map(|secret| file("cacert", secret, r"ca\.crt")));
    if let Some(secret) = &request.cert {
        words.extend([file("cert", secret, r"tls\.crt"), file("key", secret, r"tls\.key")]);
    }
    match &request.target {
        Target::Path(path) => words.push(format!("\"http://${variable}\"{}", quoted(path))),
        Target::Url(url) => {
            let (host, port) = (url.host().unwrap_or_default(), request.target.port());
            words.push(format!("--connect-to \"{host}:{port}:${variable}\" {}", quoted(&url.to_string())));
        }
    }
    words.join(" ")
}

fn labels(selector: &BTreeMap<String, String>) -> String {
    selector.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
