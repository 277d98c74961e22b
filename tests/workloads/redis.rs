//! The store that speaks RESP, over real sockets.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::fleet::Running;

/// Sends `requests` one after the other, each a line, and answers what comes back until the server closes.
async fn told(redis: &Running, requests: &[&str]) -> String {
    let mut stream = TcpStream::connect(redis.address).await.unwrap();
    let lines: String = requests.iter().map(|request| format!("{request}\r\n")).collect();
    stream.write_all(format!("{lines}QUIT\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    answer.replace("\r\n", " ").trim_end().strip_suffix("+OK").unwrap_or(&answer).trim_end().to_owned()
}

#[tokio::test]
async fn strings() {
    let redis = Running::start("redis", &[]).await;
    for (requests, expected) in [
        (&["PING", "PING hello", "ECHO \"a b\""][..], "+PONG $5 hello $3 a b"),
        (&["SET a 1", "GET a", "GET none", "STRLEN a", "TYPE a"], "+OK $1 1 $-1 :1 +string"),
        (&["INCR a", "INCRBY a 5", "DECR a", "DECRBY a 2", "APPEND a 0"], ":2 :7 :6 :4 :2"),
        (&["SET a x NX", "SET a y XX GET", "SET none y XX", "GET a", "EXISTS none"], "$-1 $2 40 $-1 $1 y :0"),
        (&["MSET b 1 c 2", "MGET b c none", "DEL b c none", "GETDEL a", "DBSIZE"], "+OK *3 $1 1 $1 2 $-1 :2 $1 y :0"),
        (&["SET n 9223372036854775807", "INCR n"], "+OK -ERR increment or decrement would overflow"),
        (&["SET n x", "INCR n"], "+OK -ERR value is not an integer or out of range"),
        (&["SET n x EX 0"], "-ERR invalid expire time in 'set' command"),
        (&["SET n x NX XX"], "-ERR syntax error"),
    ] {
        assert_eq!(told(&redis, requests).await, expected, "{requests:?}");
    }
}

#[tokio::test]
async fn hashes() {
    let redis = Running::start("redis", &[]).await;
    for (requests, expected) in [
        (&["HSET h b 2 a 1", "HSET h a 3", "HGETALL h"][..], ":2 :0 *4 $1 a $1 3 $1 b $1 2"),
        (&["HGET h a", "HGET h x", "HMGET h a x", "HLEN h"], "$1 3 $-1 *2 $1 3 $-1 :2"),
        (&["HKEYS h", "HVALS h", "HEXISTS h a", "TYPE h"], "*2 $1 a $1 b *2 $1 3 $1 2 :1 +hash"),
        (&["HINCRBY h a 4", "HDEL h b x", "HMSET h c 1", "HLEN h"], ":7 :1 +OK :2"),
        (&["HDEL h a c", "EXISTS h", "HGETALL h"], ":2 :0 *0"),
        (&["SET s x", "HGET s a"], "+OK -WRONGTYPE Operation against a key holding the wrong kind of value"),
        (
            &["HSET h a x", "HINCRBY h a 1", "GET h"],
            ":1 -ERR hash value is not an integer -WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (&["HSET h a"], "-ERR wrong number of arguments for 'hset' command"),
    ] {
        assert_eq!(told(&redis, requests).await, expected, "{requests:?}");
    }
}

#[tokio::test]
async fn keys_and_the_connection() {
    let redis = Running::start("redis", &[]).await;
    for (requests, expected) in [
        (&["SET a 1 EX 100", "TTL a", "PERSIST a", "TTL a", "TTL none"][..], "+OK :100 :1 :-1 :-2"),
        (&["EXPIRE a 50", "TTL a", "PEXPIRE a 20000", "TTL a", "EXPIRE none 1"], ":1 :50 :1 :20 :0"),
        (&["EXPIRE a -1", "EXISTS a"], ":1 :0"),
        (&["MSET k1 1 k2 2 x 3", "KEYS k*", "SCAN 0 MATCH ?"], "+OK *2 $2 k1 $2 k2 *2 $1 0 *1 $1 x"),
        (&["FLUSHALL", "DBSIZE", "SELECT 0", "SELECT 1"], "+OK :0 +OK -ERR DB index is out of range"),
        (&["CLIENT SETNAME me", "CLIENT GETNAME", "COMMAND DOCS"], "+OK $-1 *0"),
        (&["HELLO 4"], "-NOPROTO unsupported protocol version"),
        (&["NOSUCH a b"], "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b'"),
        (&["GET"], "-ERR wrong number of arguments for 'get' command"),
    ] {
        assert_eq!(told(&redis, requests).await, expected, "{requests:?}");
    }
    let hello = told(&redis, &["HELLO 3", "GET none", "HSET h a 1", "HGETALL h"]).await;
    assert!(hello.starts_with("%6 $6 server $5 redis ") && hello.ends_with(" _ :1 %1 $1 a $1 1"), "{hello}");
}

#[tokio::test]
async fn nonsense_ends_the_connection_and_nothing_else() {
    let redis = Running::start("redis", &[]).await;
    for (bytes, expected) in [
        (b"*1\r\n+PING\r\n".as_slice(), "-ERR Protocol error: expected '$', got '+'\r\n"),
        (b"*9999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n$99999999\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        (b"GET \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
        (&[b'x'; 70_000], "-ERR Protocol error: too big inline request\r\n"),
    ] {
        let mut stream = TcpStream::connect(redis.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), expected);
    }
    assert_eq!(told(&redis, &["PING"]).await, "+PONG");
}

#[tokio::test]
async fn memory_has_an_end() {
    let redis = Running::start("redis", &[]).await;
    let mut stream = TcpStream::connect(redis.address).await.unwrap();
    let value = "x".repeat(1 << 19);
    let mut last = String::new();
    for number in 0..64 {
        let key = format!("{number:02}");
        let request = format!("*3\r\n$3\r\nSET\r\n$2\r\n{key}\r\n${}\r\n{value}\r\n", value.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 128];
        let length = stream.read(&mut answer).await.unwrap();
        last = String::from_utf8_lossy(&answer[..length]).into_owned();
    }
    assert_eq!(last, "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    assert_eq!(told(&redis, &["DEL 00", "SET a 1"]).await, ":1 +OK");
}
