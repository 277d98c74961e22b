//! The `edge` check.

use crate::{
    lab::{every, findings, mesh_wide, run, run_with_gateway, step},
    support::{World, on_both_clusters},
};

on_both_clusters!(World:
    the_gateway_is_asked_by_name_and_by_header,
    the_gateway_is_believed_by_those_who_know_its_authority,
    the_gateway_asks_for_a_certificate,
    a_service_shows_what_its_sidecars_take,
    what_nobody_answers_is_no_solution,
    what_is_not_as_expected_fails,
);

/// Opens the gateway's port 80 for any name, and leads to httpbin. Port 443, too, once it is open.
const OPEN: &str = "apply: {template: shared/gateway.yaml, with: {name: open, namespace: foo, port: 80, hosts: ['*']}}
      - apply:
          template: shared/virtual-service.yaml
          with:
            {name: open, namespace: foo, hosts: [open.example], gateways: [open, safe], to: httpbin.foo.svc.cluster.local,
             port: 8000}";

/// Opens port 443 with a certificate for `open.example`; `other` is of another authority.
const SAFE: &str = "certificate: {secret: safe, namespace: istio-system, hosts: [open.example]}
      - certificate: {secret: other, namespace: foo, hosts: [open.example], authority: stranger}
      - apply:
          template: shared/gateway.yaml
          with: {name: safe, namespace: foo, port: 443, hosts: ['*'], credential: safe}";

async fn the_gateway_is_asked_by_name_and_by_header(world: &World) {
    let expect = "
- edge:
    title: A name
    url: http://open.example/headers
    headers: {X-Question: why}
    verdict: plaintext
    exit: 0
    status: 200
    response: [{header: Content-Type, equals: application/json}, {header: location, absent: true}]
    body:
      - {json: /headers/Host, contains: open.example}
      - {json: /headers/X-Question, contains: why}
      - {json: /headers/X-Forwarded-Client-Cert, contains: istio-ingressgateway}
- edge:
    {title: A header, path: /post, method: POST, data: a=b, headers: {Host: open.example}, status: 200,
     body: [{json: /form/a, contains: b}]}
- edge: {title: Nobody, path: /, verdict: http(404), control: {url: 'http://open.example/headers'}}
- edge: {title: Down, path: /status/503, headers: {Host: open.example}, verdict: http(503), control: {from: sleep.legacy}}
- http:
    {title: Inside, from: sleep.legacy, url: 'http://istio-ingressgateway.istio-system/redirect-to?url=/x&status_code=303',
     headers: {Host: open.example}, status: 303, response: [{header: Location, equals: /x}]}";
    let steps = step("look", &format!("{}\n      - {OPEN}", mesh_wide("STRICT")), expect);
    let (code, report) = run_with_gateway(world, &steps, &["--deadline", "20s"]).await;
    // The last but one is never answered, also not to whoever asks from inside.
    assert_eq!(code, 5, "{report:#}");
    let findings = findings(&report, "look");
    let outcomes = every(&findings, "outcome");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome != "pass").count(), 1, "{report:#}");
    let down = findings.iter().find(|finding| finding["outcome"] != "pass").unwrap();
    let why = "the block proves nothing, because nobody reaches the server: sleep.legacy sees http(503)";
    assert_eq!((&down["outcome"], &down["why"]), (&"error".into(), &why.into()));
    let evidence = findings[0]["evidence"].to_string();
    let heard = ["curl in the outside world: HTTP 200", "gateway istio-system/istio-ingressgateway", "in mutual TLS"];
    let evidence = evidence.replace(r#"","text":""#, ": ");
    assert!(heard.iter().all(|part| evidence.contains(part)), "{evidence}");
}

async fn the_gateway_is_believed_by_those_who_know_its_authority(world: &World) {
    let expect = "
- edge: {title: A, url: 'https://open.example/headers', cacert: istio-system/safe, verdict: tls-only, status: 200}
- edge:
    {title: B, url: 'https://open.example/', control: {cacert: istio-system/safe}, exit: 60, status: 0,
     message: 'curl: (60) SSL certificate problem'}
- edge:
    {title: C, url: 'https://open.example/', cacert: foo/other, exit: 60,
     control: {cacert: istio-system/safe}}
- edge:
    {title: D, url: 'https://other.example/', cacert: istio-system/safe, exit: 60, message: other.example,
     control: {url: 'https://open.example/'}}
- edge: {title: E, url: 'https://open.example/', cacert: foo/nobody, status: 200}";
    let steps = step("look", &format!("{OPEN}\n      - {SAFE}"), expect);
    let (code, report) = run_with_gateway(world, &steps, &["--deadline", "20s"]).await;
    assert_eq!(code, 5, "{report:#}");
    let findings = findings(&report, "look");
    let (last, others) = findings.split_last().unwrap();
    assert!(others.iter().all(|finding| finding["outcome"] == "pass"), "{report:#}");
    assert_eq!(last["outcome"], "error");
    let why = last["why"].as_str().unwrap();
    assert!(why.starts_with("cannot read Secret foo/nobody: "), "{why}");
}

async fn the_gateway_asks_for_a_certificate(world: &World) {
    let solve = format!(
        "{OPEN}
      - certificate: {{secret: safe, namespace: istio-system, hosts: [open.example]}}
      - certificate: {{secret: other, namespace: foo, hosts: [client.example], authority: stranger}}
      - apply: {{template: mutual.yaml}}"
    );
    let expect = "
- edge:
    {title: A, url: 'https://open.example/headers', cacert: istio-system/safe, cert: istio-system/safe, verdict: tls-only,
     status: 200}
- edge:
    {title: B, url: 'https://open.example/', cacert: istio-system/safe, verdict: tls-alert(certificate required),
     control: {cert: istio-system/safe}}
- edge:
    {title: C, url: 'https://open.example/', cacert: istio-system/safe, cert: foo/other, verdict: tls-alert(unknown ca),
     control: {cert: istio-system/safe}}";
    let (code, report) = run_with_gateway(world, &step("look", &solve, expect), &["--deadline", "20s"]).await;
    assert_eq!(code, 0, "{report:#}");
}

async fn what_nobody_answers_is_no_solution(world: &World) {
    let solve = format!("{OPEN}\n      - edge: {{path: /post, data: a=b}}");
    let expect = "
- edge: {title: A, url: 'http://open.example/', status: 200}";
    let (code, report) = run_with_gateway(world, &step("look", &solve, expect), &["--deadline", "20s"]).await;
    assert_eq!(code, 4, "{report:#}");
    let problem = &report["steps"][0]["problem"]["message"];
    assert_eq!(problem, "POST /post at istio-system/istio-ingressgateway was not answered: HTTP 404");
}

async fn a_service_shows_what_its_sidecars_take(world: &World) {
    let open = "
- edge: {title: Open, service: foo/outside, path: /headers, verdict: plaintext, status: 200}";
    let shut = "
- edge:
    {title: Shut, service: foo/outside, path: /headers, verdict: reset, control: {from: sleep.foo}, exit: 56, status: 0,
     message: 'curl: (56) Recv failure: Connection reset by peer'}";
    let steps = step("open", "apply: {template: outside.yaml}", open) + &step("shut", &mesh_wide("STRICT"), shut);
    let (code, report) = run(world, &steps, &[]).await;
    assert_eq!(code, 0, "{report:#}");
    let evidence = findings(&report, "shut")[0]["evidence"].to_string();
    assert!(evidence.contains("sidecar of foo/outside") && evidence.contains("port is STRICT"), "{evidence}");
}

async fn what_is_not_as_expected_fails(world: &World) {
    let expect = "
- edge:
    {title: A, service: foo/outside, path: /headers, verdict: tls-only, status: 404,
     response: [{header: content-type, equals: text/html}], body: [{contains: nothing like that}]}
- edge: {title: B, service: foo/outside, url: 'http://x.example:81/', status: 200}
- edge: {title: C, service: foo/nobody, status: 200}";
    let (code, report) =
        run(world, &step("look", "apply: {template: outside.yaml}", expect), &["--deadline", "20s"]).await;
    assert_eq!(code, 1, "{report:#}");
    let findings = findings(&report, "look");
    assert_eq!(every(&findings, "outcome"), ["fail", "fail", "fail", "fail", "error", "error"], "{report:#}");
    assert_eq!(findings[2]["subject"], "header content-type");
    assert_eq!(findings[4]["why"], "cannot ask Service foo/outside from outside: it has no port 81");
    assert!(findings[5]["why"].as_str().unwrap().contains("Service foo/nobody"), "{report:#}");
}
