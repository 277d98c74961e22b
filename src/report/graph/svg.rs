//! The graph as a picture that needs nothing else: legible in light and in dark, readable aloud.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    amount,
    layout::{Layout, Place, layout},
    sentence, summary,
};
use crate::mesh::graph::{Edge, Graph, Node, NodeKind, Security};

const MARGIN: f64 = 24.0;
const HEAD: f64 = 56.0;
const NODE_HEIGHT: f64 = 44.0;
const ROW: f64 = 72.0;
/// Room between two layers, for curves and what is written on them.
const BETWEEN: f64 = 150.0;
/// Enough for the heading.
const LEAST_WIDTH: f64 = 620.0;
/// About as wide as a character of the font is.
const CHARACTER: f64 = 7.4;
/// The same of small letters.
const SMALL_CHARACTER: f64 = 6.0;

/// Colours come from the reader's scheme; kinds of lines and marks say the same without colour.
const STYLE: &str = "
  :root { --paper: #ffffff; --ink: #1f2328; --soft: #59636e; --box: #f6f8fa; --frame: #818b98;
          --mtls: #1a7f37; --open: #9a6700; --refused: #a626a4; }
  @media (prefers-color-scheme: dark) {
    :root { --paper: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --box: #161b22; --frame: #656c76;
            --mtls: #3fb950; --open: #d29922; --refused: #db61d8; }
  }
  text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: var(--ink); }
  .heading { font-size: 16px; font-weight: 600; }
  .soft { font-size: 11px; fill: var(--soft); }
  .label { font-size: 11px; }
  .node rect { fill: var(--box); stroke: var(--frame); }
  .node.stranger rect { stroke-dasharray: 4 3; }
  .edge path.line { fill: none; stroke: currentColor; stroke-width: 1.8; }
  .edge path.tip { fill: currentColor; }
  .edge .icon { fill: none; stroke: currentColor; stroke-width: 1.6; }
  .edge .icon .body { fill: currentColor; }
  .edge .ground { fill: var(--paper); fill-opacity: 0.88; }
  .mtls { color: var(--mtls); }
  .open { color: var(--open); } .open path.line { stroke-dasharray: 7 4; }
  .refused { color: var(--refused); } .refused path.line { stroke-dasharray: 2 4; }
";

/// Draws the graph.
pub fn svg(graph: &Graph) -> String {
    let drawing = Drawing::new(graph);
    let (width, height) = drawing.size();
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-labelledby=\"title description\">\n\
         <title id=\"title\">Service graph</title>\n<desc id=\"description\">{}</desc>\n<style>{STYLE}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>\n\
         <text class=\"heading\" x=\"{MARGIN}\" y=\"28\">Service graph</text>\n\
         <text class=\"soft\" x=\"{MARGIN}\" y=\"46\">{}</text>\n",
        escaped(&description(graph)),
        escaped(&summary(graph)),
    );
    let edges = || graph.edges.iter().zip(&drawing.layout.edges);
    edges().for_each(|(edge, path)| drawing.line(&mut text, edge, path));
    graph.nodes.iter().zip(&drawing.layout.nodes).for_each(|(node, place)| drawing.node(&mut text, node, *place));
    // What is written on edges lies above all lines.
    edges().for_each(|(edge, path)| drawing.label(&mut text, edge, path));
    text + "</svg>\n"
}

/// All that the picture shows, for those who do not see it.
fn description(graph: &Graph) -> String {
    let sentences: Vec<String> = graph.edges.iter().map(sentence).collect();
    format!("{}. {}.", summary(graph), sentences.join(". "))
}

struct Drawing {
    layout: Layout,
    /// By layer: where it begins, and how wide it is.
    columns: Vec<(f64, f64)>,
}

impl Drawing {
    fn new(graph: &Graph) -> Self {
        let numbers: BTreeMap<&str, usize> =
            graph.nodes.iter().enumerate().map(|(number, node)| (node.name.as_str(), number)).collect();
        let number = |name: &str| numbers.get(name).copied().unwrap_or_default();
        let edges: Vec<(usize, usize)> =
            graph.edges.iter().map(|edge| (number(&edge.source), number(&edge.destination))).collect();
        let layout = layout(graph.nodes.len(), &edges);
        let mut widths = vec![0.0_f64; layout.sizes.len()];
        for (node, (layer, _)) in graph.nodes.iter().zip(&layout.nodes) {
            widths[*layer] = widths[*layer].max(node_width(node));
        }
        let mut x = MARGIN;
        let columns = widths.into_iter().map(|width| {
            let begin = x;
            x += width + BETWEEN;
            (begin, width)
        });
        Self { columns: columns.collect(), layout }
    }

    fn size(&self) -> (f64, f64) {
        let rows = self.layout.sizes.iter().max().copied().unwrap_or_default() as f64;
        let right = self.columns.last().map_or(0.0, |(x, width)| x + width);
        ((right + MARGIN).max(LEAST_WIDTH), HEAD + rows * ROW + MARGIN)
    }

    /// The middle of a place's height. Smaller layers stand in the middle of the largest.
    fn y(&self, (layer, position): Place) -> f64 {
        let rows = self.layout.sizes.iter().max().copied().unwrap_or_default() as f64;
        let own = self.layout.sizes[layer] as f64;
        HEAD + ((rows - own) / 2.0 + position as f64 + 0.5) * ROW
    }

    fn node(&self, text: &mut String, node: &Node, place: Place) {
        let (x, width) = self.columns[place.0];
        let y = self.y(place);
        let (above, name) = match node.name.split_once('/') {
            Some((namespace, name)) => (namespace, name),
            None => (subtitle(node.kind), node.name.as_str()),
        };
        let class = if node.proxied { "node" } else { "node stranger" };
        let middle = x + width / 2.0;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "<g class=\"{class}\"><title>{}</title><rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" \
             height=\"{NODE_HEIGHT}\" rx=\"8\"/><text class=\"soft\" x=\"{middle:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{}</text><text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text></g>",
            escaped(&node.name),
            y - NODE_HEIGHT / 2.0,
            y - 6.0,
            escaped(above),
            y + 11.0,
            escaped(name),
        );
    }

    /// The points that an edge passes, with the direction it has there: 1 to the right, -1 to the left.
    fn points(&self, path: &[Place]) -> Vec<(f64, f64)> {
        let last = path.len() - 1;
        let right = path[0].0 <= path[last].0;
        let mut points = Vec::new();
        for (step, place) in path.iter().enumerate() {
            let (x, width) = self.columns[place.0];
            // Back edges run a little lower, so that they do not lie on those they answer.
            let y = self.y(*place) + if right { 0.0 } else { 10.0 };
            let (enter, leave) = if right { (x - 7.0, x + width) } else { (x + width + 7.0, x) };
            if step > 0 {
                points.push((if step == last { enter } else { enter + if right { 7.0 } else { -7.0 } }, y));
            }
            if step < last {
                points.push((leave, y));
            }
        }
        points
    }

    fn line(&self, text: &mut String, edge: &Edge, path: &[Place]) {
        let points = self.points(path);
        let (class, data, tip) = if path[0] == path[path.len() - 1] {
            let (x, width) = self.columns[path[0].0];
            let (x, y) = (x + width, self.y(path[0]));
            let data = format!("M{x:.1} {:.1} c40 -14 40 26 6 22", y - 6.0);
            (class(edge.security), data, format!("M{:.1} {:.1} l9 -4 v8 z", x - 1.0, y + 16.0))
        } else {
            (class(edge.security), curve(&points), arrow(&points))
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "<g class=\"edge {class}\"><title>{}</title><path class=\"line\" d=\"{data}\"/><path class=\"tip\" \
             d=\"{tip}\"/></g>",
            escaped(&sentence(edge)),
        );
    }

    fn label(&self, text: &mut String, edge: &Edge, path: &[Place]) {
        let points = self.points(path);
        let (x, y) = match points[..] {
            // On the curve, nearer to its end, where edges from one caller have parted.
            [(x0, y0), (x1, y1), ..] => (x0 + (x1 - x0) * 0.576, y0 + (y1 - y0) * 0.648),
            _ => {
                let (x, width) = self.columns[path[0].0];
                (x + width + 44.0, self.y(path[0]))
            }
        };
        let amount = amount(edge);
        let width = amount.chars().count() as f64 * SMALL_CHARACTER + 24.0;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "<g class=\"edge {}\" aria-hidden=\"true\" transform=\"translate({:.1} {:.1})\"><rect class=\"ground\" x=\"-4\" \
             y=\"-2\" width=\"{width:.1}\" height=\"18\" rx=\"6\"/>{}<text class=\"label\" x=\"17\" y=\"11\">{}</text></g>",
            class(edge.security),
            x - width / 2.0,
            y - 7.0,
            icon(edge.security),
            escaped(&amount),
        );
    }
}

fn node_width(node: &Node) -> f64 {
    let longest = node.name.split('/').map(|part| part.chars().count()).max().unwrap_or_default();
    (longest as f64 * CHARACTER + 28.0).max(96.0)
}

fn subtitle(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Identity | NodeKind::Service | NodeKind::Workload => "",
        NodeKind::Outside => "no Service",
        NodeKind::Unknown => "no identity",
    }
}

/// A smooth line through all points: level at each, so that it enters nodes straight.
fn curve(points: &[(f64, f64)]) -> String {
    let mut data = format!("M{:.1} {:.1}", points[0].0, points[0].1);
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let middle = (x0 + x1) / 2.0;
        // Writing to a String cannot fail.
        let _ = write!(data, " C{middle:.1} {y0:.1} {middle:.1} {y1:.1} {x1:.1} {y1:.1}");
    }
    data
}

fn arrow(points: &[(f64, f64)]) -> String {
    let (x, y) = points[points.len() - 1];
    let right = points[0].0 <= x;
    let back = if right { -2.0 } else { 2.0 };
    format!(
        "M{:.1} {y:.1} l{} -4.5 v9 z",
        x + if right { 7.0 } else { -7.0 },
        if right { -9.0 + back } else { 9.0 + back }
    )
}

fn class(security: Security) -> &'static str {
    match security {
        Security::Mtls => "mtls",
        Security::Unconfirmed | Security::Mixed | Security::Tls | Security::Plaintext => "open",
        Security::Failed | Security::Refused => "refused",
    }
}

/// A lock, an open one, or a cross; 12 by 14.
fn icon(security: Security) -> &'static str {
    match security {
        Security::Mtls => {
            "<g class=\"icon\"><path d=\"M3 6 V4 a3 3 0 0 1 6 0 V6\"/>\
             <rect class=\"body\" x=\"1\" y=\"6\" width=\"10\" height=\"7\" rx=\"1.5\"/></g>"
        }
        Security::Unconfirmed | Security::Mixed => {
            "<g class=\"icon\"><path d=\"M3 6 V4 a3 3 0 0 1 6 0 V6\"/>\
             <rect x=\"1\" y=\"6\" width=\"10\" height=\"7\" rx=\"1.5\"/></g>"
        }
        Security::Tls | Security::Plaintext => {
            "<g class=\"icon\"><path d=\"M3 6 V3 a3 3 0 0 1 5.6 -1.4\"/>\
             <rect x=\"1\" y=\"6\" width=\"10\" height=\"7\" rx=\"1.5\"/></g>"
        }
        Security::Failed | Security::Refused => "<g class=\"icon\"><path d=\"M2 3 l8 8 M10 3 l-8 8\"/></g>",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
