//! Quantities (`100m`, `1Gi`, `1e3`) in the one form that Kubernetes writes them in.

/// What a quantity that is none is told.
pub const PATTERN: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// Parts of one that are counted: nothing smaller can be said.
const UNIT: i128 = 1_000_000_000;
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// How a quantity is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Format {
    Binary,
    Decimal,
    Exponent,
}

/// An amount and the way it is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quantity {
    /// The amount, in billionths.
    billionths: i128,
    format: Format,
}

impl Quantity {
    /// Reads a quantity; nothing if it is none. Amounts below a billionth are rounded up.
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(|letter: char| !(letter.is_ascii_digit() || ".+-".contains(letter))).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (factor, format) = factor(suffix)?;
        let (negative, digits) = match number.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mantissa: i128 = format!("0{whole}{fraction}").parse().ok()?;
        let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let amount = mantissa.checked_mul(factor)?;
        let billionths = amount / scale + i128::from(amount % scale != 0);
        Some(Self { billionths: if negative { -billionths } else { billionths }, format })
    }

    /// The quantity rounded up to thousandths, beyond which resources are not counted.
    #[must_use]
    pub fn in_thousandths(self) -> Self {
        const THOUSANDTH: i128 = UNIT / 1000;
        let rest = self.billionths.rem_euclid(THOUSANDTH);
        let up = if rest == 0 { 0 } else { THOUSANDTH - rest };
        Self { billionths: self.billionths + up, ..self }
    }

    /// Whether it is below nothing.
    pub fn is_negative(self) -> bool {
        self.billionths < 0
    }

    /// Whether it is more than another one.
    pub fn exceeds(self, other: Self) -> bool {
        self.billionths > other.billionths
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.billionths == 0 {
            return f.write_str("0");
        }
        let whole = (self.billionths % UNIT == 0).then_some(self.billionths / UNIT);
        if let (Format::Binary, Some(mut amount)) = (self.format, whole)
            && amount.abs() >= 1024
        {
            let mut power = 0;
            while amount % 1024 == 0 && power < BINARY.len() {
                (amount, power) = (amount / 1024, power + 1);
            }
            let suffix = power.checked_sub(1).map_or("", |power| BINARY[power]);
            return write!(f, "{amount}{suffix}");
        }
        let (mut amount, mut step) = (self.billionths, 0);
        while amount % 1000 == 0 && step + 1 < DECIMAL.len() {
            (amount, step) = (amount / 1000, step + 1);
        }
        match (self.format, DECIMAL[step]) {
            (Format::Exponent, (_, exponent)) if exponent != 0 => write!(f, "{amount}e{exponent}"),
            (_, (suffix, _)) => write!(f, "{amount}{suffix}"),
        }
    }
}

/// What a suffix multiplies by, in billionths.
fn factor(suffix: &str) -> Option<(i128, Format)> {
    if let Some(&(_, exponent)) = DECIMAL.iter().find(|(known, _)| *known == suffix) {
        return Some((10_i128.pow(u32::try_from(exponent + 9).ok()?), Format::Decimal));
    }
    if let Some(power) = BINARY.iter().position(|known| *known == suffix) {
        return Some((UNIT * 1024_i128.pow(u32::try_from(power + 1).ok()?), Format::Binary));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let power = u32::try_from(exponent.checked_add(9)?).ok()?;
    Some((10_i128.checked_pow(power)?, Format::Exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_one_form() {
        for (written, canonical) in [
            ("0", "0"),
            ("0.10", "100m"),
            ("1000m", "1"),
            ("1024Ki", "1Mi"),
            ("100.5Mi", "102912Ki"),
            ("0.5Ki", "512"),
            ("1.5", "1500m"),
            ("1e6", "1e6"),
            ("1000000", "1M"),
            ("128974848", "128974848"),
            ("-2Gi", "-2Gi"),
            ("12E", "12E"),
        ] {
            assert_eq!(Quantity::parse(written).unwrap().to_string(), canonical, "{written}");
        }
        for nonsense in ["", "x", "1x", "1 ", ".", "1ki", "e3"] {
            assert_eq!(Quantity::parse(nonsense), None, "{nonsense}");
        }
        assert_eq!(Quantity::parse("0.0005").unwrap().in_thousandths().to_string(), "1m");
    }
}
