//! What kubectl asks for beside objects: tables, descriptions of the API, the binary encoding.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::Cluster;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

async fn ask(cluster: &Cluster, path: &str, accept: &str) -> Value {
    let request = http::Request::get(path).header("accept", accept).body(Vec::new()).unwrap();
    let text = cluster.client.request_text(request).await.unwrap();
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

/// The headers of a table and the cells of its rows, but for the ages.
fn shown(table: &Value) -> Vec<String> {
    let columns = table["columnDefinitions"].as_array().unwrap();
    let narrow: Vec<usize> = (0..columns.len())
        .filter(|&index| columns[index]["priority"] == 0 && columns[index]["name"] != "Age")
        .collect();
    let line = |cells: Vec<String>| cells.join(" | ");
    let mut lines =
        vec![line(narrow.iter().map(|&index| columns[index]["name"].as_str().unwrap().to_owned()).collect())];
    for row in table["rows"].as_array().unwrap() {
        lines.push(line(narrow.iter().map(|&index| row["cells"][index].to_string()).collect()));
    }
    lines
}

#[tokio::test]
async fn lists_are_tables_for_those_who_ask() {
    let cluster = Cluster::start().await;
    let configmap = json!({"metadata": {"name": "x"}, "data": {"a": "1", "b": "2"}});
    cluster.post("/api/v1/namespaces/default/configmaps", configmap).await.object(201);
    let path = "/api/v1/namespaces/default/configmaps";
    let table = ask(&cluster, path, TABLE).await;
    assert_eq!(table["kind"], "Table");
    assert_eq!(shown(&table), ["Name | Data", "\"x\" | 2"]);
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");

    let table = ask(&cluster, &format!("{path}?includeObject=Object"), TABLE).await;
    assert_eq!(table["rows"][0]["object"]["kind"], "ConfigMap");
    let table = ask(&cluster, &format!("{path}/x?includeObject=None"), TABLE).await;
    assert_eq!(table["rows"][0].get("object"), None);
    let answer = ask(&cluster, path, "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").await;
    assert_eq!(
        (&answer["kind"], &answer["items"][0]["metadata"]["name"]),
        (&json!("PartialObjectMetadataList"), &json!("x"))
    );
}

#[tokio::test]
async fn a_watchs_first_table_describes_the_columns() {
    let cluster = Cluster::start().await;
    let path = "/api/v1/namespaces?watch=true&timeoutSeconds=1";
    let request = http::Request::get(path).header("accept", TABLE).body(Vec::new()).unwrap();
    let text = cluster.client.request_text(request).await.unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(shown(&events[0]["object"]), ["Name | Status", "\"default\" | \"Active\""]);
    assert_eq!(events[1]["object"]["columnDefinitions"], json!(null));
}

#[tokio::test]
async fn the_api_describes_itself() {
    let cluster = Cluster::start().await;
    let index = ask(&cluster, "/openapi/v3", "application/json").await;
    assert_eq!(index["paths"]["apis/apps/v1"]["serverRelativeURL"], "/openapi/v3/apis/apps/v1");
    let document = ask(&cluster, "/openapi/v3/apis/apps/v1", "application/json").await;
    let deployment = &document["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(deployment["x-kubernetes-group-version-kind"][0]["kind"], "Deployment");
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    let parameters = patch["parameters"].as_array().unwrap();
    assert!(parameters.iter().any(|parameter| parameter["name"] == "fieldValidation"), "{patch}");
    let answer = cluster.get("/openapi/v2").await;
    assert_eq!(answer.refusal(), "404 NotFound: this server describes its API as OpenAPI v3 only: see /openapi/v3");
}

/// A field of the binary encoding that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

async fn send_binary(cluster: &Cluster, body: Vec<u8>) -> (StatusCode, Value) {
    let request = http::Request::post("/api/v1/namespaces/default/configmaps")
        .header("content-type", "application/vnd.kubernetes.protobuf")
        .body(kube::client::Body::from(body))
        .unwrap();
    let answer = cluster.client.send(request).await.unwrap();
    let code = answer.status();
    let bytes = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn objects_may_come_in_the_binary_encoding() {
    let cluster = Cluster::start().await;
    let types = |kind: &str| field(1, &[field(1, b"v1"), field(2, kind.as_bytes())].concat());
    let metadata = field(1, &[field(1, b"x"), field(3, b""), field(8, b"")].concat());
    let data = field(2, &[field(1, b"key"), field(2, b"value")].concat());
    let raw = field(2, &[metadata, data].concat());
    let (code, object) = send_binary(&cluster, [b"k8s\0".to_vec(), types("ConfigMap"), raw.clone()].concat()).await;
    assert_eq!(code, 201, "{object}");
    assert_eq!((&object["metadata"]["name"], &object["data"]), (&json!("x"), &json!({"key": "value"})));

    for (body, expected) in [
        (b"{}".to_vec(), "the object does not start as the encoding says"),
        (b"k8s\0\x0a\x05".to_vec(), "the object ends early"),
        (
            [b"k8s\0".to_vec(), types("Heap"), raw].concat(),
            "v1 Heap is not a kind that this server reads in the binary encoding; send JSON instead",
        ),
        (b"k8s\0\x0a\x03\x0a\x01\xff".to_vec(), "a text is not UTF-8"),
        ([b"k8s\0".to_vec(), vec![0xff; 12]].concat(), "a number is longer than ten bytes"),
    ] {
        let (code, status) = send_binary(&cluster, body).await;
        assert_eq!((code.as_u16(), status["message"].as_str().unwrap()), (400, expected));
    }
}

#[tokio::test]
async fn what_pods_cannot_do_here_says_so() {
    let cluster = Cluster::start().await;
    let answer = cluster.get("/api/v1/namespaces/default/pods/x/portforward").await;
    assert_eq!(answer.refusal(), "501 : the embedded cluster does not implement pods/portforward");
}
