//! Customers, the page that lists them, and the greeting.

use crate::{
    fleet::{Nobody, Running},
    server::{Behaviour, Server},
};

async fn frontend(url: String) -> Running {
    Running::start("web-frontend", &[("CUSTOMER_SERVICE_URL", url)]).await
}

#[tokio::test]
async fn page_lists_what_it_fetched() {
    let customers = Running::start("customers", &[]).await;
    assert!(customers.curl("/2", &[]).await.stdout.contains("Bente Holm"));
    assert_eq!(customers.status("/99", &[]).await, "404");
    let url = format!("http://{}", customers.address);
    let frontend = frontend(url.clone()).await;
    let page = frontend.curl("/", &["-i", "-H", "x-request-id: r-1"]).await.stdout;
    for part in ["HTTP/1.1 200 OK", "Amara Diallo", "Valparaíso", "request r-1"] {
        assert!(page.contains(part), "no {part} in {page}");
    }
}

#[tokio::test]
async fn page_says_why_there_is_no_list() {
    let reset = Server::start(Behaviour::AnswerThenReset("")).await;
    let closed = Server::start(Behaviour::Answer("")).await;
    let failing = Server::start(Behaviour::Answer("HTTP/1.1 503 X\r\nContent-Length: 5\r\n\r\n<why>")).await;
    let other = Server::start(Behaviour::Answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")).await;
    let nobody = Nobody::new();
    for (address, code, message) in [
        (reset.address.to_string(), "ECONNRESET", "read ECONNRESET: Connection reset by peer"),
        (closed.address.to_string(), "ECONNRESET", "read ECONNRESET: "),
        (nobody.address.clone(), "ECONNREFUSED", "connect ECONNREFUSED: Connection refused"),
        ("nosuch.example:80".to_owned(), "ENOTFOUND", "getaddrinfo ENOTFOUND"),
        (failing.address.to_string(), "HTTP 503", "the answer is HTTP 503 Service Unavailable: &lt;why&gt;"),
        (other.address.to_string(), "no list", "the answer is no JSON list of objects"),
    ] {
        let frontend = frontend(format!("http://{address}/")).await;
        let page = frontend.curl("/", &["-i"]).await.stdout;
        assert!(page.starts_with("HTTP/1.1 500 Internal Server Error"), "{page}");
        assert!(page.contains(&format!("<strong>{code}</strong>")) && page.contains(message), "{code}: {page}");
        assert!(frontend.log().contains(&format!("web-frontend: http://{address}/: ")), "{}", frontend.log());
    }
}

#[tokio::test]
async fn greeting_names_the_path() {
    let hello = Running::start("hello", &[]).await;
    assert_eq!(hello.curl("/", &[]).await.stdout, "Hello World! /\n");
    assert_eq!(hello.curl("/a/b?c", &[]).await.stdout, "Hello World! /a/b\n");
    assert_eq!(hello.stop().await, 0);
}
