//! The question as a `curl` command, and its answer as data.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use crate::cluster::exec::Executed;

/// What curl writes after the answer: its status and the connection's own end, as the caller's machine names it.
const WRITE_OUT: &str = r"\n%{http_code}|%{local_ip}|%{local_port}";

/// One HTTP request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// `http://httpbin.foo:8000/headers`.
    pub url: String,
    /// `GET`, ...
    pub method: String,
    /// Besides `x-request-id`.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub data: Option<String>,
}

impl Request {
    /// A plain `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self { url: url.into(), method: "GET".to_owned(), headers: BTreeMap::new(), data: None }
    }

    /// The command that asks it once, naming itself `id` in `x-request-id`.
    pub fn command(&self, id: &str, within: Duration) -> Vec<String> {
        let mut command: Vec<String> = ["curl", "-s", "-S", "-i", "-o", "-", "-w", WRITE_OUT].map(str::to_owned).into();
        command.extend(["--max-time".to_owned(), within.as_secs_f64().to_string()]);
        command.extend(["-H".to_owned(), format!("x-request-id: {id}")]);
        if self.method != "GET" {
            command.extend(["-X".to_owned(), self.method.clone()]);
        }
        for (name, value) in &self.headers {
            command.extend(["-H".to_owned(), format!("{name}: {value}")]);
        }
        if let Some(data) = &self.data {
            command.extend(["-d".to_owned(), data.clone()]);
        }
        command.push(self.url.clone());
        command
    }
}

/// What curl saw.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// curl's exit code.
    pub exit: u8,
    /// The HTTP status; 0 if there was no answer.
    pub status: u16,
    /// The last answer's headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// What curl said on standard error.
    pub message: String,
    /// The caller's end of the connection, if there was one.
    pub local: Option<SocketAddr>,
}

impl Answer {
    /// Reads what [`Request::command`] printed.
    pub fn read(executed: &Executed) -> Self {
        let (answer, written) = executed.stdout.rsplit_once('\n').unwrap_or(("", &executed.stdout));
        let mut written = written.split('|');
        let status = written.next().and_then(|code| code.trim().parse().ok()).unwrap_or(0);
        let ip = written.next().and_then(|ip| ip.parse().ok());
        let port = written.next().and_then(|port| port.trim().parse().ok()).filter(|port| *port != 0);
        let (headers, body) = split(answer);
        Self {
            exit: executed.code,
            status,
            headers,
            body,
            message: executed.stderr.trim().to_owned(),
            local: ip.zip(port).map(|(ip, port)| SocketAddr::new(ip, port)),
        }
    }

    /// What a person would see on the terminal, in one line.
    pub fn told(&self) -> String {
        match (self.exit, self.message.as_str()) {
            (0, _) => format!("HTTP {}", self.status),
            (_, "") => format!("{:03}, exit code {}", self.status, self.exit),
            (_, message) => format!("{message} (exit code {})", self.exit),
        }
    }
}

/// Splits the header blocks that `-i` writes from the body; of several (100 Continue, redirects) the last counts.
fn split(text: &str) -> (Vec<(String, String)>, String) {
    let mut rest = text;
    let mut headers = Vec::new();
    while rest.starts_with("HTTP/") {
        let (head, body) = rest.split_once("\r\n\r\n").or_else(|| rest.split_once("\n\n")).unwrap_or((rest, ""));
        headers = head.lines().skip(1).filter_map(|line| line.split_once(':')).map(header).collect();
        rest = body;
    }
    (headers, rest.to_owned())
}

fn header((name, value): (&str, &str)) -> (String, String) {
    (name.trim().to_ascii_lowercase(), value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executed(code: u8, stdout: &str, stderr: &str) -> Executed {
        Executed { code, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    #[test]
    fn reads_status_headers_body_and_the_callers_end() {
        let stdout = "HTTP/1.1 200 OK\r\nServer: x\r\nA: b:c\r\n\r\n{\"a\":\n1}\n200|10.244.0.7|40112";
        let answer = Answer::read(&executed(0, stdout, ""));
        assert_eq!((answer.exit, answer.status, answer.body.as_str()), (0, 200, "{\"a\":\n1}"));
        assert_eq!(answer.headers[1], ("a".to_owned(), "b:c".to_owned()));
        assert_eq!(answer.local, Some("10.244.0.7:40112".parse().unwrap()));
        assert_eq!(answer.told(), "HTTP 200");
    }

    #[test]
    fn reads_a_failure() {
        let stderr = "curl: (56) Recv failure: Connection reset by peer\n";
        let answer = Answer::read(&executed(56, "\n000|10.244.0.7|40112", stderr));
        assert_eq!((answer.exit, answer.status), (56, 0));
        insta::assert_snapshot!(answer.told(), @"curl: (56) Recv failure: Connection reset by peer (exit code 56)");
        let unresolved = Answer::read(&executed(6, "\n000||0", "curl: (6) Could not resolve host: nowhere"));
        assert_eq!(unresolved.local, None);
    }

    #[test]
    fn an_interim_answer_is_skipped() {
        let stdout = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nX: y\r\n\r\nbody\n201|::1|7";
        let answer = Answer::read(&executed(0, stdout, ""));
        assert_eq!((answer.body.as_str(), answer.headers.len()), ("body", 1));
    }

    #[test]
    fn the_command_is_one_that_a_trainee_could_type() {
        let mut request = Request::get("http://httpbin.foo:8000/post");
        request.method = "POST".to_owned();
        request.data = Some("a=b".to_owned());
        request.headers.insert("Accept".to_owned(), "text/plain".to_owned());
        let command = request.command("id-1", Duration::from_secs(5)).join(" ");
        insta::assert_snapshot!(command, @r"curl -s -S -i -o - -w \n%{http_code}|%{local_ip}|%{local_port} --max-time 5 -H x-request-id: id-1 -X POST -H Accept: text/plain -d a=b http://httpbin.foo:8000/post");
    }
}
