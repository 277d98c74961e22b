//! Tables for people without frames, as kubectl prints them.

/// Aligns cells under their headings, two blanks apart: the line of headings first, then one for each row.
pub fn columns(headings: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let length = |cell: &str| cell.chars().count();
    let width = |column: usize| {
        let longest = rows.iter().map(|row| length(&row[column])).max().unwrap_or_default();
        longest.max(length(headings[column]))
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let heading = line(&mut headings.iter().copied());
    std::iter::once(heading).chain(rows.iter().map(|row| line(&mut row.iter().map(String::as_str)))).collect()
}
