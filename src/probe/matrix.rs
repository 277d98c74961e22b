//! The `matrix` check: all pairs at once, then only those that are not yet as expected.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::{
    ask::{Prober, Question},
    curl::Request,
    finding::Finding,
    judge::{Control, Outcome, judge, needs_control},
    result::{Cell, CheckResult, Grid, GridRow},
    scene::Scene,
    shows,
    verdict::Verdict,
};
use crate::lab::{
    check::Matrix,
    model::{Workload, WorkloadName},
};

/// Asks the cells that `earlier` does not have as passed; all of them if there is no earlier answer.
pub async fn check(prober: &Prober<'_>, scene: &Scene, matrix: &Matrix, earlier: Option<&CheckResult>) -> CheckResult {
    let mut grid = earlier.and_then(|earlier| earlier.matrix.clone()).unwrap_or_else(|| blank(matrix));
    let open: Vec<(usize, usize)> =
        places(matrix).filter(|&place| cell(&grid, place).outcome != Outcome::Pass).collect();
    let questions: Vec<Question> = open.iter().map(|&place| question(prober, matrix, place)).collect();
    let findings = prober.ask(scene, &questions).await;
    let asked: BTreeMap<(usize, usize), &Finding> = open.iter().copied().zip(&findings).collect();
    let controls = controls(prober, scene, matrix, &asked).await;
    for (&(row, column), finding) in &asked {
        let from = &matrix.rows[row].from.value;
        let expected = &matrix.rows[row].cells[column].value;
        let caller = scene.identity_of(&prober.workloads[from]);
        let control = controls.get(&column);
        let (mut outcome, mut why) = judge(expected, finding, Some(&caller), control);
        if let (Outcome::Pass, Some(wanted), Some(answer)) = (outcome, matrix.shows(expected), &finding.answer) {
            why = shows::differs(wanted, answer);
            outcome = if why.is_some() { Outcome::Fail } else { Outcome::Pass };
        }
        let reached = match control {
            Some(Control::Reached(who)) if needs_control(expected) => Some(who.clone()),
            _ => None,
        };
        grid.rows[row].cells[column] = Cell {
            to: matrix.to[column].value.0.clone(),
            outcome,
            expected: expected.clone(),
            seen: finding.verdict.clone(),
            cause: finding.cause.clone(),
            why,
            control: reached,
            evidence: finding.evidence.clone(),
        };
    }
    CheckResult::of_grid(&matrix.title, grid)
}

/// For each column that has blocked cells: who reaches its server in this round.
async fn controls(
    prober: &Prober<'_>,
    scene: &Scene,
    matrix: &Matrix,
    asked: &BTreeMap<(usize, usize), &Finding>,
) -> BTreeMap<usize, Control> {
    let blocked = |column: usize| matrix.rows.iter().any(|row| needs_control(&row.cells[column].value));
    let columns = (0..matrix.to.len()).filter(|&column| blocked(column));
    let found = join_all(columns.map(|column| async move {
        let answered =
            |finding: &Finding| finding.doubt.is_none() && finding.verdict.as_ref().is_some_and(Verdict::answered);
        let reached = asked.iter().find(|((_, at), finding)| *at == column && answered(finding));
        let control = match reached {
            Some(((row, _), _)) => Control::Reached(matrix.rows[*row].from.value.0.clone()),
            None => prober.control(scene, &matrix.to[column].value, &matrix.path).await,
        };
        (column, control)
    }));
    found.await.into_iter().collect()
}

fn question(prober: &Prober<'_>, matrix: &Matrix, (row, column): (usize, usize)) -> Question {
    let (from, to) = (&matrix.rows[row].from.value, &matrix.to[column].value);
    let caller: &Workload = &prober.workloads[from];
    Question {
        from: from.clone(),
        container: caller.container.clone(),
        to: Some(to.clone()),
        request: Request::get(url(&prober.workloads[to], &matrix.path, to)),
    }
}

fn url(server: &Workload, path: &str, name: &WorkloadName) -> String {
    match &server.service {
        Some(endpoint) => format!("http://{endpoint}{path}"),
        // Loading a lab refuses this; curl's own message names the host if it ever comes here.
        None => format!("http://{name}{path}"),
    }
}

fn places(matrix: &Matrix) -> impl Iterator<Item = (usize, usize)> + use<> {
    let (rows, columns) = (matrix.rows.len(), matrix.to.len());
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

fn cell(grid: &Grid, (row, column): (usize, usize)) -> &Cell {
    &grid.rows[row].cells[column]
}

/// The matrix before anybody was asked.
pub fn blank(matrix: &Matrix) -> Grid {
    let unasked = |to: &WorkloadName, expected: &super::verdict::Expected| Cell {
        to: to.0.clone(),
        outcome: Outcome::Error,
        expected: expected.clone(),
        seen: None,
        cause: None,
        why: Some("not asked".to_owned()),
        control: None,
        evidence: Vec::new(),
    };
    let row = |row: &crate::lab::check::Row| GridRow {
        from: row.from.value.0.clone(),
        cells: matrix.to.iter().zip(&row.cells).map(|(to, expected)| unasked(to, expected)).collect(),
    };
    Grid {
        path: matrix.path.clone(),
        columns: matrix.to.iter().map(|to| to.value.0.clone()).collect(),
        rows: matrix.rows.iter().map(row).collect(),
    }
}
