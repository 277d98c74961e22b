//! As much of Markdown as rules have to tell apart: blocks of code, and images.

use crate::render::{manifest, object::Object};

/// The contents of the fenced blocks of a text.
pub(super) fn code_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if is_fence(line) {
            let code: Vec<&str> = lines.by_ref().take_while(|line| !is_fence(line)).collect();
            blocks.push(code.join("\n"));
        }
    }
    blocks
}

/// The lines outside fenced blocks, with what stands between backticks left out.
fn prose(text: &str) -> impl Iterator<Item = String> {
    let mut in_code = false;
    text.lines().filter_map(move |line| {
        if is_fence(line) {
            in_code = !in_code;
            return None;
        }
        (!in_code).then(|| line.split('`').step_by(2).collect::<Vec<_>>().join("` `"))
    })
}

fn is_fence(line: &str) -> bool {
    line.trim_start().starts_with("```")
}

/// The images of a text that say nothing to those who do not see them, as they are written.
pub(super) fn images_without_text(text: &str) -> Vec<String> {
    let mut images = Vec::new();
    for line in prose(text) {
        for (start, _) in line.match_indices("![") {
            let rest = &line[start + 2..];
            let Some((alternative, target)) = rest.split_once("](") else { continue };
            if alternative.trim().is_empty() {
                images.push(format!("![{alternative}]({})", target.split(')').next().unwrap_or_default()));
            }
        }
        for (start, _) in line.match_indices("<img") {
            let tag = line[start..].split_inclusive('>').next().unwrap_or_default();
            let described =
                tag.split("alt=").nth(1).is_some_and(|rest| !rest.starts_with("\"\"") && !rest.starts_with("''"));
            if !described {
                images.push(tag.to_owned());
            }
        }
    }
    images
}

/// The objects of the manifests in a block: the block itself, or the here-documents of its commands.
pub(super) fn manifests(block: &str) -> Vec<Object> {
    let here = here_documents(block);
    let texts = if here.is_empty() { vec![block.to_owned()] } else { here };
    // Most blocks are commands, which are quicker told than read as YAML.
    let texts = texts.iter().filter(|text| text.contains("apiVersion"));
    texts.filter_map(|text| manifest::read("", text).ok()).flatten().collect()
}

fn here_documents(block: &str) -> Vec<String> {
    let mut documents = Vec::new();
    let mut lines = block.lines();
    while let Some(line) = lines.next() {
        let Some((_, rest)) = line.split_once("<<") else { continue };
        let word = rest.trim_start_matches('-').split_whitespace().next().unwrap_or_default();
        let end = word.trim_matches(['\'', '"']);
        if !end.is_empty() {
            let document: Vec<&str> = lines.by_ref().take_while(|line| line.trim() != end).collect();
            documents.push(document.join("\n"));
        }
    }
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_told_from_code() {
        let text = "![](a.svg) and ![a lock](b.svg), `![](c.svg)`\n```\n![](d.svg)\n```\n<img src=e.svg> <img alt=\"x\" src=f.svg>";
        assert_eq!(images_without_text(text), ["![](a.svg)", "<img src=e.svg>"]);
    }

    #[test]
    fn manifests_stand_in_blocks_and_in_here_documents() {
        let manifest = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n";
        let command = format!("kubectl apply -f - <<'EOF'\n{manifest}EOF\nkubectl get ns");
        for block in [manifest, &command] {
            assert_eq!(manifests(block).len(), 1, "{block}");
        }
        assert_eq!(manifests("kubectl get pods -n foo"), []);
    }
}
