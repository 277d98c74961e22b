//! The store that speaks MongoDB's protocol, over real sockets.

use labctl::workloads::mongodb::{
    bson::{Bson, Document},
    wire::{self, Message},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::fleet::Running;

async fn answer(stream: &mut TcpStream) -> Message {
    let mut bytes = Vec::new();
    loop {
        if let Some((message, _)) = wire::read(&bytes).unwrap() {
            return message;
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the server closed the connection");
    }
}

async fn run(mongodb: &Running, command: Document) -> Document {
    let mut stream = TcpStream::connect(mongodb.address).await.unwrap();
    let mut bytes = Vec::new();
    Message::command(7, command).write(&mut bytes);
    stream.write_all(&bytes).await.unwrap();
    let message = answer(&mut stream).await;
    assert_eq!(message.answers, 7);
    message.body
}

fn doc() -> Document {
    Document::default()
}

fn documents(values: impl IntoIterator<Item = Document>) -> Vec<Bson> {
    values.into_iter().map(Bson::Document).collect()
}

async fn insert(mongodb: &Running, values: Vec<Document>) -> Document {
    run(mongodb, doc().with("insert", "c").with("documents", documents(values)).with("$db", "d")).await
}

/// The names of what is found.
async fn found(mongodb: &Running, command: Document) -> Vec<String> {
    let answer = run(mongodb, command.with("$db", "d")).await;
    let cursor = answer.document("cursor").unwrap_or_else(|| panic!("{answer:?}"));
    assert_eq!(cursor.integer("id"), Some(0));
    let name = |value: &Bson| match value {
        Bson::Document(document) => document.text("name").unwrap().to_owned(),
        other => panic!("{other:?}"),
    };
    cursor.array("firstBatch").unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn says_hello_to_old_and_new_clients() {
    let mongodb = Running::start("mongodb", &[]).await;
    let hello = run(&mongodb, doc().with("hello", 1).with("$db", "admin")).await;
    assert_eq!(hello.value("isWritablePrimary"), Some(&Bson::Bool(true)));
    assert_eq!((hello.integer("maxWireVersion"), hello.integer("ok")), (Some(21), Some(1)));
    assert_eq!(run(&mongodb, doc().with("ping", 1).with("$db", "admin")).await, doc().with("ok", 1.0));

    // OP_QUERY: flags, `admin.$cmd`, skip, one document, the question.
    let mut question = Vec::new();
    doc().with("ismaster", 1).write(&mut question);
    let mut body = [&[0; 4][..], b"admin.$cmd\0", &[0; 4], &(-1_i32).to_le_bytes(), &question].concat();
    let head = [i32::try_from(body.len() + 16).unwrap(), 9, 0, 2004].map(i32::to_le_bytes).concat();
    body.splice(0..0, head);
    let mut stream = TcpStream::connect(mongodb.address).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let answered = answer(&mut stream).await;
    assert!(answered.is_legacy && answered.answers == 9, "{answered:?}");
    assert_eq!(answered.body.value("ismaster"), Some(&Bson::Bool(true)));
}

#[tokio::test]
async fn inserts_finds_and_deletes() {
    let mongodb = Running::start("mongodb", &[]).await;
    let one = |id: i32, name: &str, count: f64| doc().with("_id", id).with("name", name).with("count", count);
    let inserted = insert(&mongodb, vec![one(1, "a", 3.0), one(2, "b", 1.0), one(3, "c", 2.0)]).await;
    assert_eq!((inserted.integer("n"), inserted.integer("ok")), (Some(3), Some(1)));
    let twice = insert(&mongodb, vec![one(4, "d", 0.0), one(1, "e", 0.0), one(5, "f", 0.0)]).await;
    let error = &twice.array("writeErrors").unwrap()[0];
    let Bson::Document(error) = error else { panic!("{error:?}") };
    assert_eq!((twice.integer("n"), error.integer("code"), error.integer("index")), (Some(1), Some(11000), Some(1)));

    let find = || doc().with("find", "c");
    let with = |filter: Document| find().with("filter", filter).with("sort", doc().with("count", -1));
    for (command, expected) in [
        (find(), "a b c d"),
        (with(doc()), "a c b d"),
        (with(doc()).with("skip", 1).with("limit", 2), "c b"),
        (with(doc().with("name", "b")), "b"),
        (with(doc().with("_id", 2_i64)), "b"),
        (with(doc().with("count", doc().with("$gte", 1).with("$lt", 3))), "c b"),
        (with(doc().with("name", doc().with("$in", vec![Bson::from("a"), Bson::from("d")]))), "a d"),
        (with(doc().with("name", doc().with("$ne", "a"))), "c b d"),
        (with(doc().with("none", Bson::Null)), "a c b d"),
        (with(doc().with("none", doc().with("$exists", true))), ""),
    ] {
        assert_eq!(found(&mongodb, command.clone()).await.join(" "), expected, "{command:?}");
    }
    let delete = doc().with("q", doc().with("count", doc().with("$gt", 0))).with("limit", 0);
    let delete = doc().with("delete", "c").with("deletes", documents([delete])).with("$db", "d");
    assert_eq!(run(&mongodb, delete).await.integer("n"), Some(3));
    let count = doc().with("count", "c").with("$db", "d");
    assert_eq!(run(&mongodb, count).await.integer("n"), Some(1));
    let listed = run(&mongodb, doc().with("listCollections", 1).with("$db", "d")).await;
    assert_eq!(listed.document("cursor").unwrap().array("firstBatch").unwrap().len(), 1);
    assert_eq!(run(&mongodb, doc().with("drop", "c").with("$db", "d")).await.integer("n"), Some(1));
}

#[tokio::test]
async fn what_it_cannot_do_is_told() {
    let mongodb = Running::start("mongodb", &[]).await;
    insert(&mongodb, vec![doc().with("name", "a")]).await;
    let with = |filter: Document| doc().with("find", "c").with("filter", filter).with("$db", "d");
    for (command, code, message) in [
        (doc().with("aggregate", "c").with("$db", "d"), 59, "no such command: 'aggregate'"),
        (doc(), 59, "no such command: ''"),
        (doc().with("find", 1).with("$db", "d"), 40414, "the command needs `a collection's name`"),
        (doc().with("find", "c"), 40414, "the command needs `$db`"),
        (doc().with("insert", "c").with("$db", "d"), 40414, "the command needs `documents`"),
        (doc().with("getMore", 5_i64).with("$db", "d"), 43, "cursor id 5 not found"),
        (with(doc().with("$where", "x")), 2, "unknown operator: $where"),
        (with(doc().with("name", doc().with("$regex", "x"))), 2, "unknown operator: $regex"),
        (with(doc()).with("sort", doc().with("name", 2)), 2, "the direction of `name` is 1 or -1"),
    ] {
        let answer = run(&mongodb, command).await;
        assert_eq!((answer.integer("code"), answer.text("errmsg")), (Some(code), Some(message)));
        assert_eq!(answer.integer("ok"), Some(0));
    }
}

#[tokio::test]
async fn memory_and_answers_have_an_end() {
    let mongodb = Running::start("mongodb", &[]).await;
    let large = "x".repeat(500_000);
    let mut full = None;
    for _ in 0..40 {
        let answer = insert(&mongodb, vec![doc().with("text", large.as_str())]).await;
        full = full.or_else(|| answer.array("writeErrors").map(|errors| errors[0].clone()));
    }
    let Some(Bson::Document(error)) = full else { panic!("it was never full") };
    assert_eq!(error.text("errmsg"), Some("the store is full: it keeps 16 MiB"));
    let answer = run(&mongodb, doc().with("find", "c").with("$db", "d")).await;
    assert_eq!(answer.text("errmsg"), Some("the answer has more than 1032192 bytes: set a limit"));
    let answer = run(&mongodb, doc().with("find", "c").with("limit", 1).with("$db", "d")).await;
    assert_eq!(answer.integer("ok"), Some(1));
}

#[tokio::test]
async fn nonsense_ends_the_connection_and_nothing_else() {
    let mongodb = Running::start("mongodb", &[]).await;
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 32], &[16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]] {
        let mut stream = TcpStream::connect(mongodb.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        // The rest of what was sent may not have been read: then the end is a reset.
        assert!(!matches!(stream.read(&mut [0; 16]).await, Ok(1..)));
    }
    assert_eq!(run(&mongodb, doc().with("ping", 1)).await.integer("ok"), Some(1));
}
