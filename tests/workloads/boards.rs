//! The boards app on loopback.

use serde_json::{Value, json};

use crate::fleet::{Nobody, Running};

/// The whole app.
struct App {
    boards: Running,
    profiles: Running,
    scraper: Running,
    ui: Running,
    _mongodb: Running,
}

impl App {
    async fn start() -> Self {
        let mongodb = Running::start("mongodb", &[]).await;
        let database = [("MONGODB_ADDR", mongodb.address.to_string())];
        let boards = Running::start("boards", &database).await;
        let profiles = Running::start("userprofile", &database).await;
        let scraper = Running::start("context-scraper", &[]).await;
        let env = [
            ("BOARDS_ADDR", boards.address.to_string()),
            ("CONTEXT_SCRAPER_ADDR", scraper.address.to_string()),
            ("USERPROFILE_ADDR", profiles.address.to_string()),
        ];
        let ui = Running::start("app-ui", &env).await;
        Self { boards, profiles, scraper, ui, _mongodb: mongodb }
    }
}

async fn json(running: &Running, path: &str, arguments: &[&str]) -> Value {
    let ran = running.curl(path, arguments).await;
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{path}: {error}: {ran:?}"))
}

#[tokio::test]
async fn items_are_shared_and_taken_back() {
    let App { boards, .. } = &App::start().await;
    let items = json(boards, "/shareditems", &[]).await;
    let items = items.as_array().unwrap();
    assert_eq!(items.len(), 3);
    for name in ["owner", "type", "raw", "name", "id", "created_at"] {
        assert!(items.iter().all(|item| item[name].is_string()), "{name}");
    }
    let new = json(boards, "/shareditems", &["--json", r#"{"raw":"{\"a\":1}","owner":"ada","name":"n"}"#]).await;
    assert_eq!((&new["type"], &new["owner"], &new["raw"]), (&json!("json"), &json!("ada"), &json!("{\"a\":1}")));
    assert_eq!(json(boards, "/shareditems", &[]).await[0], new);
    let path = format!("/shareditems/{}", new["id"].as_str().unwrap());
    assert_eq!(json(boards, &path, &[]).await, new);
    assert_eq!(boards.status(&path, &["-X", "DELETE"]).await, "204");
    assert_eq!(boards.status(&path, &["-X", "DELETE"]).await, "404");
    assert_eq!(json(boards, &path, &[]).await, json!({ "error": "there is no such item" }));
}

#[tokio::test]
async fn users_have_boards() {
    let App { boards, profiles, .. } = &App::start().await;
    assert_eq!(json(boards, "/ada/boards", &[]).await, json!([]));
    let board = json(boards, "/ada/boards", &["--json", r#"{"name":"Plans"}"#]).await;
    assert_eq!((&board["name"], &board["owner"]), (&json!("Plans"), &json!("ada")));
    assert_eq!(json(boards, "/ada/boards", &[]).await, json!([board]));
    assert_eq!(json(boards, "/grace/boards", &[]).await, json!([]));

    assert_eq!(json(profiles, "/users/ada", &[]).await["name"], "Ada");
    let linus = r#"{"id":"lin","name":"Lin"}"#;
    assert_eq!(json(profiles, "/users", &["--json", linus]).await, json!({"id": "lin", "name": "Lin", "about": ""}));
    assert_eq!(json(profiles, "/users", &["--json", linus]).await, json!({ "error": "it is there already" }));
    assert_eq!(json(profiles, "/users", &[]).await.as_array().unwrap().len(), 3);
    assert_eq!(profiles.status("/users/nobody", &[]).await, "404");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let App { boards, scraper, .. } = &App::start().await;
    let long = format!(r#"{{"raw":"{}"}}"#, "x".repeat(20_000));
    for (path, body, expected) in [
        ("/shareditems", r#"{"raw":""}"#, "`raw` is a text of 1 to 2000 bytes"),
        (
            "/shareditems",
            r#"{"raw":"a","owner":"a b"}"#,
            "`owner` is 1 to 64 letters, digits, dots, dashes and underscores",
        ),
        ("/shareditems", "{}", "missing field `raw`"),
        ("/shareditems", &long, "length limit exceeded"),
        ("/a%20b/boards", r#"{"name":"x"}"#, "`user` is 1 to 64 letters"),
    ] {
        let refused = json(boards, path, &["--json", body]).await;
        assert!(refused["error"].as_str().unwrap().contains(expected), "{refused}");
    }
    let refused = json(scraper, "/scrape?url=ftp://x", &[]).await;
    assert_eq!(refused, json!({ "error": "`ftp://x` is not a URL; write http://HOST[:PORT][/PATH]" }));
    assert_eq!(boards.status("/nosuch", &[]).await, "404");
}

#[tokio::test]
async fn missing_database_is_told() {
    let nobody = Nobody::new();
    let boards = Running::start("boards", &[("MONGODB_ADDR", nobody.address.clone())]).await;
    let refused = json(&boards, "/shareditems", &[]).await;
    let error = refused["error"].as_str().unwrap();
    assert!(error.starts_with("the database does not answer: Connection refused"), "{error}");
    assert_eq!(boards.status("/shareditems", &[]).await, "503");
    assert!(boards.log().contains(&format!("boards: {}: Connection refused", nobody.address)), "{}", boards.log());
}

#[tokio::test]
async fn pages_show_and_share() {
    let app = App::start().await;
    let page = app.ui.curl("/", &[]).await.stdout;
    for part in ["The door code of the workshop is 4-7-1-1", "Grace", "<button>Share</button>"] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    let share = async |form: &str| app.ui.status("/items", &["-d", form]).await;
    assert_eq!(share("raw=<b>bold</b>").await, "303");
    assert_eq!(share(&format!("raw=http://{}/", app.ui.address)).await, "303");
    let page = app.ui.curl("/", &[]).await.stdout;
    assert!(page.contains("&lt;b&gt;bold&lt;/b&gt;") && !page.contains("<b>"), "{page}");
    assert!(page.contains("<h3>Shared items - Boards</h3>"), "{page}");
    assert_eq!(share("raw=").await, "422");
    assert_eq!(app.ui.status("/users/ada/boards", &["-d", "name=Plans"]).await, "303");
    let page = app.ui.curl("/users/ada", &[]).await.stdout;
    assert!(page.contains("Plans") && page.contains("machines that are not built yet"), "{page}");
    assert_eq!(app.ui.status("/users/nobody", &[]).await, "404");
}

#[tokio::test]
async fn pages_say_who_does_not_answer() {
    let (mongodb, nobody) = (Running::start("mongodb", &[]).await, Nobody::new());
    let boards = Running::start("boards", &[("MONGODB_ADDR", mongodb.address.to_string())]).await;
    let page = async |boards: &str| {
        let env = [("BOARDS_ADDR", boards.to_owned()), ("USERPROFILE_ADDR", nobody.address.clone())];
        Running::start("app-ui", &env).await.curl("/", &["-w", "%{http_code}"]).await.stdout
    };
    let without_profiles = page(&boards.address.to_string()).await;
    for part in ["Who is here is not known: connect ECONNREFUSED", "The door code of the workshop", "</html>\n200"] {
        assert!(without_profiles.contains(part), "no {part} in {without_profiles}");
    }
    let without_boards = page(&nobody.address).await;
    for part in ["The shared items are out of reach", "connect ECONNREFUSED", "</html>\n500"] {
        assert!(without_boards.contains(part), "no {part} in {without_boards}");
    }
}
