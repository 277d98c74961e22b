//! WCAG AA: every colour of ours is read well on what is behind it, in each theme.

use std::collections::BTreeMap;

use regex::Regex;

/// What normal text needs.
const ENOUGH: f64 = 4.5;
const TEXTS: [&str; 6] = ["--fg", "--links", "--locked", "--open", "--blocked", "--dim"];

/// The backgrounds of mdBook's themes: page, and stripes of tables. Source: its `css/variables.css`.
const THEMES: [(&str, &str, [&str; 2]); 5] = [
    ("light", ":root", ["#ffffff", "#f7f7f7"]),
    ("rust", ":root", ["#e1e1db", "#d8d8d1"]),
    ("navy", ".navy, .coal, .ayu", ["#161923", "#1d2130"]),
    ("coal", ".navy, .coal, .ayu", ["#141617", "#1d1f21"]),
    ("ayu", ".navy, .coal, .ayu", ["#0f1419", "#191f26"]),
];

#[test]
fn chapters_are_read_well_in_every_theme_of_mdbook() {
    let style = std::fs::read_to_string("book/theme/content.css").unwrap();
    for (theme, selector, backgrounds) in THEMES {
        let colours = colours(&style, &format!("{selector} {{"));
        assert!(colours.len() >= 4, "{theme} has colours: {colours:?}");
        for background in backgrounds {
            assert_read(theme, &colours, background);
        }
    }
}

#[test]
fn pages_of_labctl_docs_are_read_well_in_light_and_dark() {
    let page = std::fs::read_to_string("src/book/page.css").unwrap();
    let content = std::fs::read_to_string("book/theme/content.css").unwrap();
    let light: BTreeMap<_, _> = colours(&content, ":root {").into_iter().chain(colours(&page, ":root {")).collect();
    let dark = colours(&page, ":root:root {");
    for (theme, colours) in [("light", light), ("dark", dark)] {
        for name in TEXTS {
            assert!(colours.contains_key(name), "{theme} says {name}");
        }
        for background in ["--bg", "--sidebar-bg", "--code-bg", "--table-header-bg"] {
            assert_read(theme, &colours, &colours[background]);
        }
    }
}

fn assert_read(theme: &str, colours: &BTreeMap<String, String>, background: &str) {
    for name in TEXTS.iter().filter(|name| colours.contains_key(**name)) {
        let contrast = contrast(&colours[*name], background);
        assert!(contrast >= ENOUGH, "{theme}: {name} on {background} has {contrast:.2}");
    }
}

/// The custom properties of the first rule that begins so.
fn colours(style: &str, rule: &str) -> BTreeMap<String, String> {
    let (_, rest) = style.split_once(rule).unwrap_or_else(|| panic!("there is a rule {rule}"));
    let (body, _) = rest.split_once('}').unwrap();
    let property = Regex::new(r"(--[a-z-]+): (#[0-9a-f]{6});").unwrap();
    property.captures_iter(body).map(|found| (found[1].to_owned(), found[2].to_owned())).collect()
}

/// Source: WCAG 2.2, "contrast ratio" and "relative luminance".
fn contrast(left: &str, right: &str) -> f64 {
    let (left, right) = (luminance(left), luminance(right));
    (left.max(right) + 0.05) / (left.min(right) + 0.05)
}

fn luminance(colour: &str) -> f64 {
    let channel = |place: usize| {
        let value = f64::from(u8::from_str_radix(&colour[place..place + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn contrast_is_measured_as_wcag_does() {
    assert_eq!(contrast("#000000", "#ffffff"), 21.0);
    assert!((contrast("#777777", "#ffffff") - 4.48).abs() < 0.01);
}
