//! Money that can be reckoned with: exact to a billionth of a unit, and never silently wrong.

use tonic::Status;

use super::hipstershop::Money;

/// Billionths in a unit.
const NANOS: i128 = 1_000_000_000;

/// An amount in one currency.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Amount {
    pub(super) currency: String,
    /// Billionths of a unit; always few enough for a [`Money`].
    nanos: i128,
}

/// What cannot be reckoned.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum AmountError {
    #[error("cannot add {0} to {1}")]
    Currencies(String, String),
    #[error("the amount of money is missing")]
    Missing,
    #[error("units and nanos of an amount have the same sign, and nanos are less than a unit")]
    Signs,
    #[error("the amount of money is too large")]
    TooLarge,
}

impl From<AmountError> for Status {
    fn from(error: AmountError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

impl Amount {
    /// So many billionths of a unit of `currency`.
    pub(super) fn of_nanos(currency: &str, nanos: i128) -> Result<Self, AmountError> {
        i64::try_from(nanos / NANOS).map_err(|_| AmountError::TooLarge)?;
        Ok(Self { currency: currency.to_owned(), nanos })
    }

    /// Reads what came in a message.
    pub(super) fn read(money: Option<&Money>) -> Result<Self, AmountError> {
        let money = money.ok_or(AmountError::Missing)?;
        let (units, nanos) = (i128::from(money.units), i128::from(money.nanos));
        if nanos.abs() >= NANOS || units.signum() * nanos.signum() < 0 {
            return Err(AmountError::Signs);
        }
        Ok(Self { currency: money.currency_code.clone(), nanos: units * NANOS + nanos })
    }

    /// Writes it into a message.
    pub(super) fn money(&self) -> Money {
        Money {
            currency_code: self.currency.clone(),
            units: i64::try_from(self.nanos / NANOS).expect("an amount has as many units as fit"),
            nanos: i32::try_from(self.nanos % NANOS).expect("a remainder is less than a unit"),
        }
    }

    /// The sum of two amounts in one currency.
    pub(super) fn plus(&self, other: &Self) -> Result<Self, AmountError> {
        if self.currency != other.currency {
            return Err(AmountError::Currencies(other.currency.clone(), self.currency.clone()));
        }
        Self::of_nanos(&self.currency, self.nanos + other.nanos)
    }

    /// So many times the amount.
    pub(super) fn times(&self, count: u32) -> Result<Self, AmountError> {
        Self::of_nanos(&self.currency, self.nanos * i128::from(count))
    }

    /// The amount in `currency`, of which `to` are worth as much as `from` of this one's. Halves of a billionth are
    /// rounded away from zero. Rates are positive.
    pub(super) fn convert(&self, currency: &str, from: u64, to: u64) -> Result<Self, AmountError> {
        let (from, to) = (i128::from(from), i128::from(to));
        let scaled = self.nanos.checked_mul(to).ok_or(AmountError::TooLarge)?;
        let rounded = scaled.checked_add(scaled.signum() * (from / 2)).ok_or(AmountError::TooLarge)? / from;
        Self::of_nanos(currency, rounded)
    }

    /// Whether it is more than nothing.
    pub(super) fn is_positive(&self) -> bool {
        self.nanos > 0
    }

    /// As a shop shows it: with its symbol and two decimals, rounded.
    pub(super) fn shown(&self) -> String {
        let symbol = match self.currency.as_str() {
            "EUR" => "€",
            "GBP" => "£",
            "JPY" => "¥",
            "TRY" => "₺",
            "USD" => "$",
            other => &format!("{other} "),
        };
        let sign = if self.nanos < 0 { "-" } else { "" };
        let cents = (self.nanos.abs() + NANOS / 200) / (NANOS / 100);
        format!("{sign}{symbol}{}.{:02}", cents / 100, cents % 100)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(units: i64, nanos: i32) -> Money {
        Money { currency_code: "USD".to_owned(), units, nanos }
    }

    fn amount(units: i64, nanos: i32) -> Amount {
        Amount::read(Some(&money(units, nanos))).unwrap()
    }

    #[test]
    fn what_is_no_amount() {
        for (units, nanos) in [(1, -1), (-1, 1), (0, 1_000_000_000), (5, i32::MAX), (0, i32::MIN)] {
            assert_eq!(Amount::read(Some(&money(units, nanos))), Err(AmountError::Signs), "{units} {nanos}");
        }
        assert_eq!(Amount::read(None), Err(AmountError::Missing));
        assert_eq!(amount(i64::MAX, 999_999_999).plus(&amount(0, 1)), Err(AmountError::TooLarge));
        assert_eq!(amount(i64::MAX, 0).times(u32::MAX), Err(AmountError::TooLarge));
        assert_eq!(amount(i64::MAX, 0).convert("EUR", 1, u64::MAX), Err(AmountError::TooLarge));
        let message = amount(1, 0).plus(&Amount::of_nanos("EUR", 0).unwrap()).unwrap_err().to_string();
        assert_eq!(message, "cannot add EUR to USD");
    }

    #[test]
    fn carries_and_rounds() {
        assert_eq!(amount(1, 600_000_000).plus(&amount(1, 600_000_000)).unwrap().money(), money(3, 200_000_000));
        assert_eq!(amount(2, 0).plus(&amount(-1, -1)).unwrap().money(), money(0, 999_999_999));
        assert_eq!(amount(0, 1).convert("USD", 2, 1).unwrap().money(), money(0, 1));
        assert_eq!(amount(0, -1).convert("USD", 2, 1).unwrap().money(), money(0, -1));
        assert_eq!(amount(0, 1).convert("USD", 3, 1).unwrap().money(), money(0, 0));
    }

    #[test]
    fn shown_as_in_a_shop() {
        assert_eq!(amount(19, 990_000_000).shown(), "$19.99");
        assert_eq!(amount(0, 995_000_000).shown(), "$1.00");
        assert_eq!(amount(-3, -50_000_000).shown(), "-$3.05");
        assert_eq!(amount(1, 0).convert("CHF", 1, 1).unwrap().shown(), "CHF 1.00");
    }

    prop_compose! {
        /// Any amount that a message can hold.
        fn any_money()(units in any::<i64>(), nanos in 0..1_000_000_000_i32, is_negative in any::<bool>()) -> Money {
            let sign = if units == 0 && is_negative { -1 } else { i32::try_from(units.signum()).unwrap() };
            money(units, if units == 0 && !is_negative { nanos } else { sign * nanos })
        }
    }

    proptest! {
        #[test]
        fn reading_and_writing_are_inverses(money in any_money()) {
            prop_assert_eq!(Amount::read(Some(&money)).unwrap().money(), money);
        }

        #[test]
        fn sums_are_exact_or_refused(a in any_money(), b in any_money()) {
            let total = |money: &Money| i128::from(money.units) * NANOS + i128::from(money.nanos);
            let (left, right) = (Amount::read(Some(&a)).unwrap(), Amount::read(Some(&b)).unwrap());
            prop_assert_eq!(left.plus(&right), right.plus(&left));
            match left.plus(&right) {
                Ok(sum) => {
                    prop_assert_eq!(total(&sum.money()), total(&a) + total(&b));
                    prop_assert_eq!(Amount::read(Some(&sum.money())), Ok(sum));
                }
                Err(error) => {
                    prop_assert_eq!(error, AmountError::TooLarge);
                    prop_assert!(i64::try_from((total(&a) + total(&b)) / NANOS).is_err());
                }
            }
        }

        #[test]
        fn times_is_repeated_addition(units in -1000_i64..1000, nanos in 0..1_000_000_000_i32, count in 0_u32..50) {
            let sign = if units < 0 { -1 } else { 1 };
            let one = amount(units, sign * nanos);
            let sum = (0..count).try_fold(Amount::of_nanos("USD", 0).unwrap(), |sum, _| sum.plus(&one));
            prop_assert_eq!(one.times(count), sum);
        }

        #[test]
        fn there_and_back_again_loses_less_than_the_rate(
            units in -1_000_000_i64..1_000_000, from in 1_u64..1_000_000, to in 1_u64..1_000_000,
        ) {
            let before = amount(units, 0);
            let after = before.convert("EUR", from, to).unwrap().convert("USD", to, from).unwrap();
            let lost = (after.nanos - before.nanos).unsigned_abs();
            prop_assert!(lost <= u128::from(from / to) / 2 + 1, "{} {}", lost, from / to);
        }

        #[test]
        fn conversion_keeps_the_order(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000, from in 1_u64.., to in 1_u64..1_000_000_000) {
            let (left, right) = (amount(a.min(b), 0), amount(a.max(b), 0));
            if let (Ok(left), Ok(right)) = (left.convert("EUR", from, to), right.convert("EUR", from, to)) {
                prop_assert!(left.nanos <= right.nanos);
            }
        }
    }
}
