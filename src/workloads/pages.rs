//! HTML pages of the bundled applications: templates that share a frame and a stylesheet, everything escaped.

use std::sync::LazyLock;

use axum::response::{Html, IntoResponse as _, Response};
use http::StatusCode;
use minijinja::{Environment, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use serde_json::Value;

/// The name of each template, and its text; `.html` makes the engine escape every value.
const TEMPLATES: [(&str, &str); 12] = [
    ("boards.html", include_str!("pages/boards.html")),
    ("customers.html", include_str!("pages/customers.html")),
    ("frame.html", include_str!("pages/frame.html")),
    ("problem.html", include_str!("pages/problem.html")),
    ("shop/cart.html", include_str!("pages/shop/cart.html")),
    ("shop/error.html", include_str!("pages/shop/error.html")),
    ("shop/frame.html", include_str!("pages/shop/frame.html")),
    ("shop/home.html", include_str!("pages/shop/home.html")),
    ("shop/macros.html", include_str!("pages/shop/macros.html")),
    ("shop/order.html", include_str!("pages/shop/order.html")),
    ("shop/product.html", include_str!("pages/shop/product.html")),
    ("style.css", include_str!("pages/style.css")),
];

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the delimiters are minijinja's own"));
    for (name, text) in TEMPLATES {
        environment.add_template(name, text).expect("the templates are part of the program");
    }
    environment
});

/// The page that `template` makes of `values`.
pub(super) fn page(status: StatusCode, template: &str, values: &Value) -> Response {
    let rendered = ENGINE.get_template(template).and_then(|template| template.render(Serde(values)));
    match rendered {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_templates_are_well_formed() {
        assert_eq!(ENGINE.templates().count(), TEMPLATES.len());
    }
}
