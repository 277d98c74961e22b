//! A matrix as a grid of text.

use super::{
    label,
    style::{Paint, Style, of_outcome, of_tone},
};
use crate::probe::{
    judge::Outcome,
    result::{Cell, Grid},
};

/// Between two columns.
const GAP: usize = 3;
/// The head of the column of callers.
const CORNER: &str = "from \\ to";

/// The grid, `indent` columns from the left; one line for each pair where the terminal is too narrow for it.
pub fn text(grid: &Grid, style: Style, indent: usize) -> String {
    let widths = widths(grid);
    let needed = indent + widths.iter().sum::<usize>() + GAP * (widths.len() - 1);
    if needed > style.width { pairs(grid, style, indent) } else { table(grid, style, indent, &widths) }
}

fn table(grid: &Grid, style: Style, indent: usize, widths: &[usize]) -> String {
    let mut text = String::new();
    let heads = std::iter::once(CORNER).chain(grid.columns.iter().map(String::as_str));
    let heads = heads.map(|head| (head.to_owned(), style.paint(Paint::Dim, head))).collect();
    line(&mut text, indent, widths, heads);
    for row in &grid.rows {
        let name = (row.from.clone(), row.from.clone());
        let cells = row.cells.iter().map(|cell| (label::cell(cell), painted(cell, style)));
        line(&mut text, indent, widths, std::iter::once(name).chain(cells).collect());
        if row.cells.iter().any(|cell| cell.outcome == Outcome::Fail) {
            let wanted = row.cells.iter().map(|cell| {
                let wanted = wanted(cell);
                (wanted.clone(), style.paint(Paint::Dim, &wanted))
            });
            line(&mut text, indent, widths, std::iter::once((String::new(), String::new())).chain(wanted).collect());
        }
    }
    text
}

/// Writes one line of cells, each as it is measured and as it is written.
fn line(text: &mut String, indent: usize, widths: &[usize], cells: Vec<(String, String)>) {
    let mut line = " ".repeat(indent);
    for ((plain, painted), width) in cells.into_iter().zip(widths) {
        line.push_str(&painted);
        line.push_str(&" ".repeat(width - columns(&plain) + GAP));
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// One line for each pair.
fn pairs(grid: &Grid, style: Style, indent: usize) -> String {
    let mut text = String::new();
    for (from, cell) in grid.cells() {
        let wanted = wanted(cell);
        let wanted = if wanted.is_empty() { wanted } else { format!("  {}", wanted.trim()) };
        let line = format!("{}{} {from} -> {}{wanted}\n", " ".repeat(indent), painted(cell, style), cell.to);
        text.push_str(&line);
    }
    text
}

/// What a cell should have said, under one that says something else.
fn wanted(cell: &Cell) -> String {
    match cell.outcome {
        Outcome::Fail => format!("  not {}", label::expected_word(&cell.expected)),
        Outcome::Error | Outcome::Pass => String::new(),
    }
}

fn painted(cell: &Cell, style: Style) -> String {
    let paint = match cell.outcome {
        Outcome::Pass => of_tone(label::tone(cell)),
        wrong => of_outcome(wrong),
    };
    style.paint(paint, &label::cell(cell))
}

fn widths(grid: &Grid) -> Vec<usize> {
    let names = grid.rows.iter().map(|row| columns(&row.from));
    let first = names.chain([columns(CORNER)]).max().unwrap_or(0);
    let of_column = |place: usize| {
        let cells = grid.rows.iter().filter_map(move |row| row.cells.get(place));
        let cells = cells.flat_map(|cell| [columns(&label::cell(cell)), columns(&wanted(cell))]);
        cells.chain([columns(&grid.columns[place])]).max().unwrap_or(0)
    };
    std::iter::once(first).chain((0..grid.columns.len()).map(of_column)).collect()
}

/// The columns that a text takes; our marks and names are one column a character.
fn columns(text: &str) -> usize {
    text.chars().count()
}
