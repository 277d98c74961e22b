//! Whether a credit card can be charged.

use tonic::Status;

use super::hipstershop::CreditCardInfo;

/// A card that is not charged, and why.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum CardError {
    #[error("your credit card (ending {ending}) expired on {month}/{year}")]
    Expired { ending: String, month: i32, year: i32 },
    #[error("credit card info is invalid")]
    Invalid,
    #[error("cannot process {0} credit cards: only VISA or MasterCard is accepted")]
    Unaccepted(&'static str),
}

impl From<CardError> for Status {
    fn from(error: CardError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

/// A card that passed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Card {
    /// Who issues such cards.
    pub(super) brand: &'static str,
    /// The last four digits.
    pub(super) ending: String,
}

/// Checks number, brand and expiry; `now` is the year and the month of today.
pub(super) fn check(card: &CreditCardInfo, now: (i32, i32)) -> Result<Card, CardError> {
    let digits = digits(&card.credit_card_number).filter(|digits| (12..=19).contains(&digits.len()));
    let digits = digits.filter(|digits| is_luhn(digits)).ok_or(CardError::Invalid)?;
    let (year, month) = (card.credit_card_expiration_year, card.credit_card_expiration_month);
    if !(1..=12).contains(&month) || !(1..=9999).contains(&card.credit_card_cvv) {
        return Err(CardError::Invalid);
    }
    let brand = brand(&digits);
    if !matches!(brand, "VISA" | "MasterCard") {
        return Err(CardError::Unaccepted(brand));
    }
    let ending = digits[digits.len() - 4..].iter().map(ToString::to_string).collect();
    if (year, month) < now { Err(CardError::Expired { ending, month, year }) } else { Ok(Card { brand, ending }) }
}

/// The digits of a number; spaces and dashes may stand between them.
fn digits(number: &str) -> Option<Vec<u8>> {
    let digits = number.chars().filter(|letter| !matches!(letter, ' ' | '-'));
    digits.map(|letter| letter.to_digit(10).and_then(|digit| u8::try_from(digit).ok())).collect()
}

/// The check digit of ISO/IEC 7812-1: every second digit from the right counts twice.
fn is_luhn(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().map(|(place, digit)| match place % 2 {
        0 => u32::from(*digit),
        _ => u32::from(digit * 2 / 10 + digit * 2 % 10),
    });
    sum.sum::<u32>().is_multiple_of(10)
}

/// Who issues a card, by the first digits and the length of its number.
fn brand(digits: &[u8]) -> &'static str {
    let first = |count: usize| digits[..count].iter().fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    match (digits.len(), first(4)) {
        (13 | 16 | 19, 4000..=4999) => "VISA",
        (16, 5100..=5599 | 2221..=2720) => "MasterCard",
        (15, 3400..=3499 | 3700..=3799) => "American Express",
        (14, 3000..=3059 | 3600..=3699 | 3800..=3899) => "Diners Club",
        (16, 6011 | 6440..=6599) => "Discover",
        (16..=19, 3528..=3589) => "JCB",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(number: &str, year: i32, month: i32) -> String {
        let card = CreditCardInfo {
            credit_card_number: number.to_owned(),
            credit_card_cvv: 672,
            credit_card_expiration_year: year,
            credit_card_expiration_month: month,
        };
        match check(&card, (2030, 6)) {
            Ok(card) => format!("{} {}", card.brand, card.ending),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn cards() {
        let cases = [
            ("4111 1111 1111 1111", 2030, 6, "VISA 1111"),
            ("5555-5555-5555-4444", 2031, 1, "MasterCard 4444"),
            ("2223003122003222", 2031, 1, "MasterCard 3222"),
            ("4111111111111112", 2031, 1, "credit card info is invalid"),
            ("411111111111111a", 2031, 1, "credit card info is invalid"),
            ("", 2031, 1, "credit card info is invalid"),
            ("0", 2031, 1, "credit card info is invalid"),
            ("4111111111111111", 2031, 13, "credit card info is invalid"),
            ("4111111111111111", 2030, 5, "your credit card (ending 1111) expired on 5/2030"),
            (
                "378282246310005",
                2031,
                1,
                "cannot process American Express credit cards: only VISA or MasterCard is accepted",
            ),
            ("000000000000", 2031, 1, "cannot process unknown credit cards: only VISA or MasterCard is accepted"),
        ];
        for (number, year, month, expected) in cases {
            assert_eq!(told(number, year, month), expected, "{number}");
        }
    }

    proptest! {
        #[test]
        fn exactly_one_check_digit_fits(mut digits in prop::collection::vec(0_u8..10, 11..19)) {
            digits.push(0);
            let last = digits.len() - 1;
            let fitting = (0..10).filter(|digit| { digits[last] = *digit; is_luhn(&digits) }).count();
            prop_assert_eq!(fitting, 1);
        }

        #[test]
        fn any_text_is_a_card_or_not(number in ".{0,40}", year in any::<i32>(), month in any::<i32>()) {
            let _ = told(&number, year, month);
        }
    }
}
