//! HTML pages of the bundled applications: templates that share a frame and a stylesheet, everything escaped.

use std::{fmt::Write as _, sync::LazyLock};

use axum::response::{Html, IntoResponse as _, Response};
use http::StatusCode;
use minijinja::{Environment, Output, State, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use serde_json::Value;

/// The name of each template, and its text.
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
    environment.set_formatter(write_value);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.expect("the delimiters are minijinja's own"));
    for (name, text) in TEMPLATES {
        environment.add_template(name, text).expect("the templates are part of the program");
    }
    environment
});

/// Writes a value so that it is text wherever a template puts it. Slashes stay: people read these pages with curl, too.
fn write_value(out: &mut Output, _: &mut State, value: &minijinja::Value) -> Result<(), minijinja::Error> {
    let text = value.to_string();
    if value.is_safe() {
        return Ok(out.write_str(&text)?);
    }
    for letter in text.chars() {
        match letter {
            '&' => out.write_str("&amp;"),
            '<' => out.write_str("&lt;"),
            '>' => out.write_str("&gt;"),
            '"' => out.write_str("&quot;"),
            '\'' => out.write_str("&#39;"),
            other => out.write_char(other),
        }?;
    }
    Ok(())
}

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
