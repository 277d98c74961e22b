//! Markdown for a terminal of 80 columns: paragraphs, headings, lists, code, emphasis. What it does not know stays as written.

use crate::report::style::{Paint, Style};

/// The width that text is wrapped to.
const WIDTH: usize = 80;

/// Renders `text`, every line indented by `indent` spaces.
pub(super) fn render(text: &str, indent: usize, style: Style) -> String {
    let mut writer = Writer { out: String::new(), indent, style, paragraph: Vec::new(), bullet: None };
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("```") {
            writer.flush();
            writer.fence(line.trim());
            let code = lines.by_ref().take_while(|line| !line.trim_start().starts_with("```"));
            code.for_each(|line| writer.code(line));
            writer.fence("```");
        } else {
            writer.line(line);
        }
    }
    writer.flush();
    writer.out
}

struct Writer {
    out: String,
    indent: usize,
    style: Style,
    paragraph: Vec<String>,
    bullet: Option<String>,
}

impl Writer {
    fn line(&mut self, line: &str) {
        let text = line.trim();
        if text.is_empty() {
            self.flush();
            self.out.push('\n');
        } else if let Some(heading) = heading(text) {
            self.flush();
            self.push_line(self.indent, &self.style.paint(Paint::Bold, heading));
        } else if let Some((bullet, rest)) = bullet(text) {
            self.flush();
            self.bullet = Some(bullet);
            self.paragraph.push(rest.to_owned());
        } else {
            self.paragraph.push(text.to_owned());
        }
    }

    /// Code is never indented: whoever copies a here-document needs its last line at the margin.
    fn code(&mut self, line: &str) {
        self.push_line(0, &self.style.paint(Paint::Code, line));
    }

    /// Without colours the fence is what tells code from text.
    fn fence(&mut self, fence: &str) {
        if !self.style.colour {
            self.push_line(0, fence);
        }
    }

    /// Writes the paragraph or list item that was collected.
    fn flush(&mut self) {
        let words = std::mem::take(&mut self.paragraph).join(" ");
        let bullet = self.bullet.take().unwrap_or_default();
        let hang = self.indent + bullet.chars().count();
        for (index, line) in wrap(&words, WIDTH.saturating_sub(hang)).iter().enumerate() {
            let lead = if index == 0 { &bullet[..] } else { "" };
            let margin = if index == 0 { self.indent } else { hang };
            self.push_line(margin, &format!("{lead}{}", spans(line, self.style)));
        }
    }

    fn push_line(&mut self, margin: usize, line: &str) {
        if !line.is_empty() {
            self.out.extend(std::iter::repeat_n(' ', margin));
            self.out.push_str(line);
        }
        self.out.push('\n');
    }
}

fn heading(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches('#');
    (rest.len() < text.len()).then(|| rest.strip_prefix(' ')).flatten()
}

/// `- item` and `1. item`: the mark as it is shown, and the rest.
fn bullet(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix("- ").or_else(|| text.strip_prefix("* ")) {
        return Some(("• ".to_owned(), rest));
    }
    let (number, rest) = text.split_once(". ")?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| (format!("{number}. "), rest))
}

/// A piece that is not broken, and whether it is code; emphasis marks count as text here.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words(text) {
        match lines.last_mut() {
            Some(line) if visible(line) + 1 + visible(&word) <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Words; what stands between backticks is not broken.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut in_code) = (String::new(), false);
    for character in text.chars() {
        if character == '`' {
            in_code = !in_code;
        }
        if character == ' ' && !in_code {
            words.push(std::mem::take(&mut word));
        } else {
            word.push(character);
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// How many columns a text takes once its emphasis marks are gone.
fn visible(text: &str) -> usize {
    text.replace("**", "").chars().count()
}

/// Shows `**strong**`, `*emphasis*` and `` `code` ``. Backticks stay where no colour can replace them.
fn spans(line: &str, style: Style) -> String {
    let mut out = String::new();
    for (index, piece) in line.split('`').enumerate() {
        match (index % 2 == 1, style.colour) {
            (true, true) => out.push_str(&style.paint(Paint::Code, piece)),
            (true, false) => out.push_str(&format!("`{piece}`")),
            (false, _) => out.push_str(&emphasis(piece, style)),
        }
    }
    out
}

fn emphasis(text: &str, style: Style) -> String {
    let strong = |(index, piece): (usize, &str)| {
        if index % 2 == 1 { style.paint(Paint::Bold, piece) } else { italic(piece, style) }
    };
    text.split("**").enumerate().map(strong).collect()
}

fn italic(text: &str, style: Style) -> String {
    let pieces: Vec<&str> = text.split('*').collect();
    if pieces.len().is_multiple_of(2) {
        // A lone `*` is itself.
        return text.to_owned();
    }
    let slanted = |(index, piece): (usize, &&str)| {
        if index % 2 == 1 { style.paint(Paint::Italic, piece) } else { (*piece).to_owned() }
    };
    pieces.iter().enumerate().map(slanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Title

A paragraph that is **longer than** one line of the terminal, with `some code` in it and *one word* slanted.

- first
- second, which is long enough that it has to go on in the next line, under its own text
1. one

```sh
kubectl get pods
```
";

    #[test]
    fn plain() {
        insta::assert_snapshot!(render(TEXT, 2, Style::PLAIN), @r"
          Title

          A paragraph that is longer than one line of the terminal, with `some code` in
          it and one word slanted.

          • first
          • second, which is long enough that it has to go on in the next line, under
            its own text
          1. one

        ```sh
        kubectl get pods
        ```
        ");
    }

    #[test]
    fn coloured() {
        let text = "A **strong** *word* and `code`, 2 * 3.";
        insta::assert_snapshot!(render(text, 0, Style { colour: true, ..Style::PLAIN }).escape_debug().to_string(), @r"A \u{1b}[1mstrong\u{1b}[0m \u{1b}[3mword\u{1b}[0m and \u{1b}[36mcode\u{1b}[0m, 2 * 3.\n");
    }
}
