//! Pictures of the products: a few lines on a coloured ground.

use axum::{extract::Path, response::IntoResponse as _, response::Response};
use http::{StatusCode, header};

/// A product, the colour of its ground, and what is drawn on it, in a square of 96.
const PICTURES: [(&str, &str, &str); 9] = [
    ("BIKEBELL05", "#d8b45a", "<path d='M20 60a28 28 0 0 1 56 0z'/><path d='M12 60h72M48 32v-8M48 60v14'/>"),
    (
        "FERNPOTTED",
        "#8fb996",
        "<path d='M32 62h32l-5 22H37zM48 62V20M48 34l-16-10M48 34l16-10M48 48l-20-8M48 48l20-8'/>",
    ),
    ("JARSETOF03", "#9fc5cf", "<path d='M8 34h22v44H8zM37 24h22v54H37zM66 40h22v38H66zM10 28h18M39 18h18M68 34h18'/>"),
    (
        "KETTLE42GO",
        "#c3a7c9",
        "<path d='M34 40h32l8 40H26zM42 40v-8h16v8M74 66c14-4 2-36 16-38M34 44c-24-4-24 30-7 30'/>",
    ),
    ("LAMPDESK7W", "#e2a98a", "<path d='M28 84h30M43 84 34 50l26-24M52 18l22 20-6 6a14 14 0 0 1-22-20z'/>"),
    (
        "MUG3KILN01",
        "#b9a78f",
        "<path d='M24 34h40v34a10 10 0 0 1-10 10H34a10 10 0 0 1-10-10zM64 42h8a8 8 0 0 1 8 8v6a8 8 0 0 1-8 8h-8M36 26v-8M52 26v-8'/>",
    ),
    ("PANNIER20L", "#a3b18a", "<path d='M22 34h52v48H22zM22 34l8-14h36l8 14M38 34v18M58 34v18M22 64h52'/>"),
    ("TENTFOR2PP", "#e0c27a", "<path d='M48 20 10 80h76zM48 20v-6M48 44 34 80M48 44l14 36'/>"),
    (
        "WATCHFIELD",
        "#a9b8d6",
        "<circle cx='48' cy='48' r='22'/><path d='M48 36v12l9 6M38 28l2-18h16l2 18M38 68l2 18h16l2-18'/>",
    ),
];

/// `/static/products/ID.svg`.
pub(super) async fn picture(Path(file): Path<String>) -> Response {
    let id = file.strip_suffix(".svg").unwrap_or_default();
    let Some((_, ground, lines)) = PICTURES.iter().find(|(own, _, _)| *own == id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='-16 0 128 96'><rect x='-16' width='128' height='96' fill='{ground}'/>\
         <g fill='none' stroke='#20262c' stroke-width='3' stroke-linejoin='round' stroke-linecap='round'>{lines}</g></svg>"
    );
    let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, svg).into_response()
}

#[cfg(test)]
mod tests {
    use super::{super::super::catalogue, PICTURES};

    #[test]
    fn every_product_has_a_picture() {
        let pictures: Vec<String> = PICTURES.iter().map(|(id, _, _)| format!("/static/products/{id}.svg")).collect();
        for product in catalogue::products() {
            assert!(pictures.contains(&product.picture), "{}", product.picture);
        }
    }
}
