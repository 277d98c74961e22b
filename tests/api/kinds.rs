//! What is special about single kinds.

use serde_json::{Value, json};

use crate::support::{Cluster, PODS};

const SERVICES: &str = "/api/v1/namespaces/default/services";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

#[tokio::test]
async fn a_pod_is_completed() {
    let cluster = Cluster::start().await;
    let pod = json!({
        "metadata": {"name": "x"},
        "spec": {"containers": [{
            "name": "a", "image": "httpbin:1", "ports": [{"containerPort": 80}],
            "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
            "readinessProbe": {"httpGet": {"port": 80}},
        }]},
        "status": {"phase": "Running"},
    });
    let answer = cluster.post(PODS, pod.clone()).await;
    insta::assert_snapshot!(answer.refusal(), @r#"403 Forbidden: pods "x" is forbidden: error looking up service account default/default: serviceaccount "default" not found"#);
    cluster.default_account().await;
    let mut made = cluster.post(PODS, pod).await.object(201);
    let volume = made["spec"]["volumes"][0]["name"].as_str().unwrap().to_owned();
    assert!(volume.starts_with("kube-api-access-"));
    assert_eq!(made["status"], json!({"phase": "Pending", "qosClass": "BestEffort"}));
    for place in ["/spec/volumes/0/name", "/spec/containers/0/volumeMounts/0/name"] {
        *made.pointer_mut(place).unwrap() = "[volume]".into();
    }
    insta::assert_json_snapshot!(made["spec"], @r#"
    {
      "containers": [
        {
          "env": [
            {
              "name": "IP",
              "valueFrom": {
                "fieldRef": {
                  "apiVersion": "v1",
                  "fieldPath": "status.podIP"
                }
              }
            }
          ],
          "image": "httpbin:1",
          "imagePullPolicy": "IfNotPresent",
          "name": "a",
          "ports": [
            {
              "containerPort": 80,
              "protocol": "TCP"
            }
          ],
          "readinessProbe": {
            "failureThreshold": 3,
            "httpGet": {
              "path": "/",
              "port": 80,
              "scheme": "HTTP"
            },
            "periodSeconds": 10,
            "successThreshold": 1,
            "timeoutSeconds": 1
          },
          "resources": {},
          "terminationMessagePath": "/dev/termination-log",
          "terminationMessagePolicy": "File",
          "volumeMounts": [
            {
              "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
              "name": "[volume]",
              "readOnly": true
            }
          ]
        }
      ],
      "dnsPolicy": "ClusterFirst",
      "enableServiceLinks": true,
      "preemptionPolicy": "PreemptLowerPriority",
      "priority": 0,
      "restartPolicy": "Always",
      "schedulerName": "default-scheduler",
      "securityContext": {},
      "serviceAccount": "default",
      "serviceAccountName": "default",
      "terminationGracePeriodSeconds": 30,
      "tolerations": [
        {
          "effect": "NoExecute",
          "key": "node.kubernetes.io/not-ready",
          "operator": "Exists",
          "tolerationSeconds": 300
        },
        {
          "effect": "NoExecute",
          "key": "node.kubernetes.io/unreachable",
          "operator": "Exists",
          "tolerationSeconds": 300
        }
      ],
      "volumes": [
        {
          "name": "[volume]",
          "projected": {
            "defaultMode": 420,
            "sources": [
              {
                "serviceAccountToken": {
                  "expirationSeconds": 3607,
                  "path": "token"
                }
              },
              {
                "configMap": {
                  "items": [
                    {
                      "key": "ca.crt",
                      "path": "ca.crt"
                    }
                  ],
                  "name": "kube-root-ca.crt"
                }
              },
              {
                "downwardAPI": {
                  "items": [
                    {
                      "fieldRef": {
                        "apiVersion": "v1",
                        "fieldPath": "metadata.namespace"
                      },
                      "path": "namespace"
                    }
                  ]
                }
              }
            ]
          }
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn pods_are_checked() {
    let cluster = Cluster::start().await;
    cluster.default_account().await;
    for (spec, expected) in [
        (json!({"containers": []}), "spec.containers: Required value"),
        (json!({"containers": [{"name": "a"}]}), "spec.containers[0].image: Required value"),
        (
            json!({"containers": [{"name": "a", "image": "x"}, {"name": "a", "image": "x"}]}),
            r#"spec.containers[1].name: Duplicate value: "a""#,
        ),
        (
            json!({"containers": [{"name": "a", "image": "x"}], "restartPolicy": "Sometimes"}),
            r#"spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never""#,
        ),
        (
            json!({"containers": [{"name": "a", "image": "x", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}),
            r#"spec.containers[0].volumeMounts[0].name: Not found: "v""#,
        ),
    ] {
        let answer = cluster.post(PODS, json!({"metadata": {"name": "x"}, "spec": spec})).await;
        assert_eq!(answer.refusal(), format!("422 Invalid: Pod \"x\" is invalid: {expected}"));
    }
}

#[tokio::test]
async fn a_service_gets_an_address() {
    let cluster = Cluster::start().await;
    let service = |spec: Value| json!({"metadata": {"name": "x"}, "spec": spec});
    let made = cluster.post(SERVICES, service(json!({"ports": [{"port": 8000}]}))).await.object(201);
    insta::assert_json_snapshot!(made["spec"], @r#"
    {
      "clusterIP": "10.96.1.0",
      "clusterIPs": [
        "10.96.1.0"
      ],
      "internalTrafficPolicy": "Cluster",
      "ipFamilies": [
        "IPv4"
      ],
      "ipFamilyPolicy": "SingleStack",
      "ports": [
        {
          "port": 8000,
          "protocol": "TCP",
          "targetPort": 8000
        }
      ],
      "sessionAffinity": "None",
      "type": "ClusterIP"
    }
    "#);
    let path = format!("{SERVICES}/x");
    let changed = cluster.merge(&path, json!({"spec": {"ports": [{"port": 80}], "clusterIP": ""}})).await.object(200);
    assert_eq!(changed["spec"]["clusterIP"], "10.96.1.0");
    let answer = cluster.merge(&path, json!({"spec": {"clusterIP": "10.96.7.7"}})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: Service "x" is invalid: spec.clusterIP: Invalid value: "10.96.7.7": field is immutable"#);
    assert_eq!(cluster.delete(&path).await.object(200)["kind"], "Service");
    let again = cluster.post(SERVICES, service(json!({"ports": [{"port": 80}]}))).await.object(201);
    assert_eq!(again["spec"]["clusterIP"], "10.96.1.0");
}

#[tokio::test]
async fn services_may_ask_for_an_address_or_none() {
    let cluster = Cluster::start().await;
    let service =
        |name: &str, ip: &str| json!({"metadata": {"name": name}, "spec": {"clusterIP": ip, "ports": [{"port": 80}]}});
    let headless = cluster.post(SERVICES, service("a", "None")).await.object(201);
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    cluster.post(SERVICES, service("b", "10.96.0.10")).await.object(201);
    let answer = cluster.post(SERVICES, service("c", "10.96.0.10")).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: Service "c" is invalid: spec.clusterIPs: Invalid value: []string{"10.96.0.10"}: failed to allocate IP 10.96.0.10: provided IP is already allocated"#);
    let answer = cluster.post(SERVICES, service("c", "10.96.0.1")).await;
    assert_eq!(answer.code, 422);
    let answer = cluster.post(SERVICES, service("c", "192.168.0.1")).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: Service "c" is invalid: spec.clusterIPs: Invalid value: []string{"192.168.0.1"}: failed to allocate IP 192.168.0.1: the provided IP (192.168.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/12"#);
    let api = cluster.get(&format!("{SERVICES}/kubernetes")).await.object(200);
    assert_eq!(api["spec"]["clusterIP"], "10.96.0.1");
    let external = json!({"metadata": {"name": "d"}, "spec": {"type": "ExternalName", "externalName": "example.com"}});
    assert!(cluster.post(SERVICES, external).await.object(201)["spec"].get("clusterIP").is_none());
}

fn deployment(selector: Value) -> Value {
    let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    json!({"metadata": {"name": "x"}, "spec": {"selector": selector, "template": template}})
}

#[tokio::test]
async fn a_deployment_is_completed_and_checked() {
    let cluster = Cluster::start().await;
    let made = cluster.post(DEPLOYMENTS, deployment(json!({"matchLabels": {"app": "x"}}))).await.object(201);
    let spec = &made["spec"];
    assert_eq!(
        (&spec["replicas"], &spec["revisionHistoryLimit"], &spec["progressDeadlineSeconds"]),
        (&json!(1), &json!(10), &json!(600))
    );
    assert_eq!(
        spec["strategy"],
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
    );
    assert_eq!(spec["template"]["spec"]["restartPolicy"], "Always");
    let path = format!("{DEPLOYMENTS}/x");
    let answer = cluster.merge(&path, json!({"spec": {"selector": {"matchLabels": {"tier": "y"}}}})).await;
    assert!(
        answer.refusal().contains("spec.selector: Invalid value:") && answer.refusal().contains("field is immutable")
    );
    let mut wrong = deployment(json!({"matchLabels": {"app": "y"}}));
    wrong["metadata"]["name"] = "y".into();
    insta::assert_snapshot!(cluster.post(DEPLOYMENTS, wrong).await.refusal(), @r#"422 Invalid: Deployment.apps "y" is invalid: spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`"#);
}

#[tokio::test]
async fn a_deployment_can_be_scaled() {
    let cluster = Cluster::start().await;
    cluster.post(DEPLOYMENTS, deployment(json!({"matchLabels": {"app": "x"}}))).await.object(201);
    let path = format!("{DEPLOYMENTS}/x/scale");
    let mut scale = cluster.get(&path).await.object(200);
    assert_eq!(scale["status"], json!({"replicas": 0, "selector": "app=x"}));
    scale["spec"]["replicas"] = 4.into();
    assert_eq!(cluster.put(&path, &scale).await.object(200)["spec"]["replicas"], 4);
    assert_eq!(cluster.put(&path, &scale).await.code, 409);
    let answer = cluster.merge(&path, json!({"spec": {"replicas": -1}})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: Scale.autoscaling "x" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"#);
}

#[tokio::test]
async fn texts_of_a_secret_are_encoded() {
    let cluster = Cluster::start().await;
    let path = "/api/v1/namespaces/default/secrets";
    let secret = json!({"metadata": {"name": "x"}, "stringData": {"a": "b"}});
    let made = cluster.post(path, secret).await.object(201);
    assert_eq!((&made["type"], &made["data"]), (&json!("Opaque"), &json!({"a": "Yg=="})));
    assert!(made.get("stringData").is_none());
    let answer = cluster.post(path, json!({"metadata": {"name": "y"}, "type": "kubernetes.io/tls"})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: Secret "y" is invalid: [data[tls.crt]: Required value, data[tls.key]: Required value]"#);
}

#[tokio::test]
async fn a_pod_is_bound_once() {
    let cluster = Cluster::start().await;
    cluster.default_account().await;
    let pod = json!({"metadata": {"name": "x"}, "spec": {"containers": [{"name": "a", "image": "i"}]}});
    cluster.post(PODS, pod).await.object(201);
    let binding = json!({"metadata": {"name": "x"}, "target": {"kind": "Node", "name": "here"}});
    assert_eq!(cluster.post(&format!("{PODS}/x/binding"), binding.clone()).await.object(201)["status"], "Success");
    let bound = cluster.get(&format!("{PODS}/x")).await.object(200);
    assert_eq!(bound["spec"]["nodeName"], "here");
    assert_eq!(bound["status"]["conditions"][0]["type"], "PodScheduled");
    let answer = cluster.post(&format!("{PODS}/x/binding"), binding).await;
    insta::assert_snapshot!(answer.refusal(), @r#"409 Conflict: Operation cannot be fulfilled on pods/binding "x": pod x is already assigned to node "here""#);
    let eviction = json!({"metadata": {"name": "x"}, "deleteOptions": {"gracePeriodSeconds": 0}});
    assert_eq!(cluster.post(&format!("{PODS}/x/eviction"), eviction).await.code, 201);
    assert_eq!(cluster.get(&format!("{PODS}/x")).await.code, 404);
}
