//! What the shop sells, and what it advertises.

use super::hipstershop::{Money, Product};

/// A product as it stands in the catalogue.
struct Entry {
    id: &'static str,
    name: &'static str,
    description: &'static str,
    cents: i64,
    categories: &'static [&'static str],
}

const ENTRIES: [Entry; 9] = [
    Entry {
        id: "MUG3KILN01",
        name: "Hand-thrown mug",
        description: "Holds a good deal of coffee and keeps it warm through one meeting.",
        cents: 1450,
        categories: &["kitchen"],
    },
    Entry {
        id: "KETTLE42GO",
        name: "Gooseneck kettle",
        description: "Pours where you point it. Brushed steel, 0.9 litres.",
        cents: 5900,
        categories: &["kitchen", "camping"],
    },
    Entry {
        id: "JARSETOF03",
        name: "Three glass jars",
        description: "For rice, beans and the thing you will label later.",
        cents: 2275,
        categories: &["kitchen"],
    },
    Entry {
        id: "LAMPDESK7W",
        name: "Desk lamp",
        description: "A warm light of seven watts on a jointed arm.",
        cents: 7999,
        categories: &["home"],
    },
    Entry {
        id: "FERNPOTTED",
        name: "Potted fern",
        description: "Likes shade, forgives a forgotten weekend.",
        cents: 1899,
        categories: &["home", "garden"],
    },
    Entry {
        id: "BIKEBELL05",
        name: "Brass bicycle bell",
        description: "One clear note, heard around the corner.",
        cents: 1249,
        categories: &["cycling"],
    },
    Entry {
        id: "PANNIER20L",
        name: "Waxed canvas pannier",
        description: "Twenty litres behind the saddle, dry in any rain.",
        cents: 11850,
        categories: &["cycling", "camping"],
    },
    Entry {
        id: "TENTFOR2PP",
        name: "Tent for two",
        description: "Up in four minutes, down in six, 1.9 kilograms in between.",
        cents: 24900,
        categories: &["camping"],
    },
    Entry {
        id: "WATCHFIELD",
        name: "Field watch",
        description: "Two hands and a date. Winds itself while you walk.",
        cents: 18995,
        categories: &["accessories"],
    },
];

/// Everything for sale.
pub(super) fn products() -> impl Iterator<Item = Product> {
    ENTRIES.iter().map(|entry| Product {
        id: entry.id.to_owned(),
        name: entry.name.to_owned(),
        description: entry.description.to_owned(),
        picture: format!("/static/products/{}.svg", entry.id),
        price_usd: Some(Money {
            currency_code: "USD".to_owned(),
            units: entry.cents / 100,
            nanos: i32::try_from(entry.cents % 100 * 10_000_000).expect("less than a unit"),
        }),
        categories: entry.categories.iter().map(|category| (*category).to_owned()).collect(),
    })
}

/// A category, a product of it, and what is said about that.
pub(super) const ADS: [(&str, &str, &str); 7] = [
    ("accessories", "WATCHFIELD", "Always in time: the field watch, this week with a second strap."),
    ("camping", "TENTFOR2PP", "Sleep outside on Friday: the tent for two is in stock."),
    ("cycling", "BIKEBELL05", "Be heard: brass bells, tuned by hand."),
    ("cycling", "PANNIER20L", "Bring the whole market home: panniers of waxed canvas."),
    ("garden", "FERNPOTTED", "Green all winter: ferns that ask for little."),
    ("home", "LAMPDESK7W", "Read one more chapter: desk lamps with a warm light."),
    ("kitchen", "KETTLE42GO", "Better coffee by Monday: kettles that pour where you point."),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn advertisements_are_for_what_is_sold() {
        for (category, id, _) in ADS {
            let product = products().find(|product| product.id == id).unwrap_or_else(|| panic!("{id}"));
            assert!(product.categories.iter().any(|own| own == category), "{id}");
        }
        let ids: BTreeSet<String> = products().map(|product| product.id).collect();
        assert_eq!(ids.len(), ENTRIES.len());
        let categories: BTreeSet<String> = products().flat_map(|product| product.categories).collect();
        assert!(categories.iter().all(|category| ADS.iter().any(|(own, _, _)| own == category)));
    }
}
