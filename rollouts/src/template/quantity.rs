//! Amounts with a unit (`500m`, `1.5Gi`, `12e6`): their one spelling, and when two of them are equal.
//!
//! Follows the rules of the Kubernetes quantity type, including those that look like accidents (`1E3` keeps its
//! spelling, `2000m` does not), because the spelling goes into the hash of a template. Text that is no quantity
//! gives `None`, and so does an amount of more than 38 digits.

use std::fmt::Write;

use serde_json::Value;

/// The largest amount that a binary unit can express.
const BINARY_CAP: i128 = i64::MAX as i128;
/// Amounts are kept to a billionth, rounded away from zero.
const FINEST: i32 = -9;
/// The API server rounds resources up to a thousandth.
const MILLI: i32 = -3;
/// Digits that fit the short representation, in which the original spelling may be kept.
const SHORT_DIGITS: i32 = 18;

const DECIMAL_SUFFIXES: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY_SUFFIXES: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

/// In which family of units an amount is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Decimal,
    Binary,
    Exponent,
}

/// An amount: `mantissa` times ten to the `exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quantity {
    // Invariant: no trailing zero; zero is 0 with exponent 0. So equal amounts have equal fields.
    mantissa: i128,
    exponent: i32,
    format: Format,
    kept: Option<String>,
}

impl Quantity {
    /// Reads an amount from text or from a JSON number.
    pub(super) fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text.trim()),
            Value::Number(number) => Self::parse(&super::encode::number_text(number)),
            _ => None,
        }
    }

    /// Reads an amount.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts = Parts::split(text)?;
        let digits = format!("{}{}", parts.whole, parts.fraction);
        let fraction_digits = i32::try_from(parts.fraction.len()).ok()?;
        let sign = if parts.negative { -1 } else { 1 };
        let mut mantissa: i128 = sign * digits.parse::<i128>().ok()?;
        match parts.unit()? {
            Unit::Ten(exponent, format) => {
                let exponent = exponent.checked_sub(fraction_digits)?;
                let short = i32::try_from(digits.len()).ok()? <= SHORT_DIGITS && exponent >= FINEST;
                let kept = short && exponent % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0');
                Some(Self::rounded(mantissa, exponent, FINEST, format).keeping(kept, text))
            }
            Unit::Two(power) => {
                let room = 15 - i64::try_from(parts.whole.len()).ok()? - i64::from(power) * 3 / 10 - 1;
                let short = room >= 0 && parts.fraction.is_empty();
                let kept = short && mantissa & 7 != 0;
                let whole: i128 = parts.whole.parse().ok()?;
                let mut quantity = if whole > BINARY_CAP >> power {
                    Self::rounded(sign * BINARY_CAP, 0, FINEST, Format::Binary)
                } else {
                    mantissa = mantissa.checked_mul(1_i128 << power)?;
                    Self::rounded(mantissa, -fraction_digits, FINEST, Format::Binary)
                };
                if quantity.mantissa != 0 && !quantity.magnitude_exceeds(0) {
                    quantity.format = Format::Decimal;
                }
                Some(quantity.keeping(kept, text))
            }
        }
    }

    /// The one spelling of this amount.
    pub(super) fn text(&self) -> String {
        if let Some(kept) = &self.kept {
            return kept.clone();
        }
        if self.mantissa == 0 {
            return "0".to_owned();
        }
        if self.format == Format::Binary
            && self.magnitude_exceeds(1023)
            && let Some(whole) = self.whole()
        {
            return binary_text(whole);
        }
        self.decimal_text()
    }

    /// A spelling that is the same for equal amounts, whatever unit they were given in.
    pub(super) fn value_text(&self) -> String {
        format!("{}e{}", self.mantissa, self.exponent)
    }

    /// The same amount in thousandths, rounded away from zero. `None` when it is in thousandths already.
    pub(super) fn rounded_up(&self) -> Option<Self> {
        (self.exponent < MILLI).then(|| Self::rounded(self.mantissa, self.exponent, MILLI, self.format))
    }

    /// True if the amount is below zero.
    pub(super) fn is_negative(&self) -> bool {
        self.mantissa < 0
    }

    /// True if the amount, rounded up to thousandths, has no fraction.
    pub(super) fn is_whole(&self) -> bool {
        self.rounded_up().as_ref().unwrap_or(self).exponent >= 0
    }

    /// True if this amount is more than the other.
    pub(super) fn exceeds(&self, other: &Self) -> bool {
        let shared = self.exponent.min(other.exponent);
        let scaled = |amount: &Self| {
            let places = u32::try_from(i64::from(amount.exponent) - i64::from(shared)).unwrap_or(u32::MAX);
            10_i128.checked_pow(places).and_then(|factor| amount.mantissa.checked_mul(factor))
        };
        match (scaled(self), scaled(other)) {
            (Some(left), Some(right)) => left > right,
            // Too far apart for whole numbers: the one with more zeros decides by its sign.
            _ if self.exponent > other.exponent => self.mantissa > 0,
            _ => other.mantissa < 0,
        }
    }

    fn rounded(mut mantissa: i128, mut exponent: i32, finest: i32, format: Format) -> Self {
        if mantissa == 0 {
            return Self { mantissa: 0, exponent: 0, format, kept: None };
        }
        if exponent < finest {
            let excess = u32::try_from(i64::from(finest) - i64::from(exponent)).unwrap_or(u32::MAX);
            let sign = mantissa.signum();
            mantissa = match 10_i128.checked_pow(excess) {
                Some(factor) => mantissa / factor + if mantissa % factor == 0 { 0 } else { sign },
                None => sign,
            };
            exponent = finest;
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent = exponent.saturating_add(1);
        }
        Self { mantissa, exponent, format, kept: None }
    }

    fn keeping(mut self, kept: bool, text: &str) -> Self {
        self.kept = kept.then(|| text.to_owned());
        self
    }

    /// True if the amount, taken positive, is over `bound`, or (for a bound of zero) is at least one.
    fn magnitude_exceeds(&self, bound: i128) -> bool {
        let magnitude = self.mantissa.unsigned_abs();
        match u32::try_from(self.exponent) {
            Ok(zeros) => match 10_u128.checked_pow(zeros).and_then(|factor| magnitude.checked_mul(factor)) {
                Some(whole) => whole > bound.unsigned_abs(),
                None => magnitude > 0,
            },
            Err(_) => match 10_u128.checked_pow(self.exponent.unsigned_abs()) {
                Some(divisor) => magnitude / divisor > bound.unsigned_abs(),
                None => false,
            },
        }
    }

    fn whole(&self) -> Option<i128> {
        let zeros = u32::try_from(self.exponent).ok()?;
        self.mantissa.checked_mul(10_i128.checked_pow(zeros)?)
    }

    fn decimal_text(&self) -> String {
        let surplus = self.exponent.rem_euclid(3);
        let exponent = self.exponent - surplus;
        let mut text = self.mantissa.to_string();
        text.extend(std::iter::repeat_n('0', usize::try_from(surplus).unwrap_or(0)));
        if self.format == Format::Exponent {
            if exponent != 0 {
                // Writing to a String cannot fail.
                let _ = write!(text, "e{exponent}");
            }
        } else if let Some((suffix, _)) = DECIMAL_SUFFIXES.iter().find(|(_, known)| *known == exponent) {
            text.push_str(suffix);
        }
        text
    }
}

fn binary_text(mut whole: i128) -> String {
    let mut power = 0;
    while whole % 1024 == 0 && whole != 0 {
        whole /= 1024;
        power += 10;
    }
    let suffix = BINARY_SUFFIXES.iter().find(|(_, known)| *known == power).map_or("", |(suffix, _)| suffix);
    format!("{whole}{suffix}")
}

#[derive(Debug)]
enum Unit {
    Ten(i32, Format),
    Two(u32),
}

/// The pieces of an amount as it was written.
#[derive(Debug)]
struct Parts<'text> {
    negative: bool,
    whole: &'text str,
    fraction: &'text str,
    suffix: &'text str,
}

impl<'text> Parts<'text> {
    fn split(text: &'text str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, rest) = leading_digits(unsigned.trim_start_matches('0'));
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), leading_digits);
        let letters = suffix.trim_start_matches(|letter| "eEinumkKMGTP".contains(letter));
        let exponent = letters.strip_prefix(['-', '+']).unwrap_or(letters);
        exponent.bytes().all(|byte| byte.is_ascii_digit()).then_some(Self {
            negative: text.starts_with('-'),
            whole: if whole.is_empty() { "0" } else { whole },
            fraction,
            suffix,
        })
    }

    fn unit(&self) -> Option<Unit> {
        if let Some((_, exponent)) = DECIMAL_SUFFIXES.iter().find(|(suffix, _)| *suffix == self.suffix) {
            return Some(Unit::Ten(*exponent, Format::Decimal));
        }
        if let Some((_, power)) = BINARY_SUFFIXES.iter().find(|(suffix, _)| *suffix == self.suffix) {
            return Some(Unit::Two(*power));
        }
        let exponent = self.suffix.strip_prefix(['e', 'E'])?;
        Some(Unit::Ten(exponent.parse().ok()?, Format::Exponent))
    }
}

fn leading_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(text: &str) -> Quantity {
        Quantity::from_json(&Value::from(text)).unwrap_or_else(|| panic!("{text} is an amount"))
    }

    #[test]
    fn every_amount_has_one_spelling() {
        for line in include_str!("quantities.txt").lines().filter(|line| !line.starts_with('#')) {
            let (written, spelling) = line.split_once(" | ").expect("two columns");
            let read = quantity(written);
            assert_eq!(read.text(), spelling, "{written}");
            assert_eq!(quantity(spelling).text(), spelling, "{written}");
        }
    }

    #[test]
    fn numbers_are_amounts_too() {
        for (number, spelling) in
            [(serde_json::json!(2), "2"), (serde_json::json!(0.15), "150m"), (serde_json::json!(1e21), "1e+21")]
        {
            assert_eq!(Quantity::from_json(&number).map(|quantity| quantity.text()).as_deref(), Some(spelling));
        }
    }

    #[test]
    fn other_text_is_no_amount() {
        for text in ["", "abc", "1e", "1.5.5", "1Kix", "0x1", "1 Gi", "--1"] {
            assert_eq!(Quantity::from_json(&Value::from(text)), None, "{text}");
        }
    }

    #[test]
    fn equal_amounts_are_equal_in_any_unit() {
        for (left, right) in
            [("1", "1000m"), ("1Gi", "1024Mi"), ("1.5", "1500m"), ("1e3", "1k"), ("0", "0Ki"), ("1024", "1Ki")]
        {
            assert_eq!(quantity(left).value_text(), quantity(right).value_text(), "{left} and {right}");
        }
        for (more, less) in [("1", "999m"), ("1Gi", "1G"), ("1", "-1"), ("1e40", "1n"), ("1n", "-1e40")] {
            assert!(quantity(more).exceeds(&quantity(less)), "{more} over {less}");
            assert!(!quantity(less).exceeds(&quantity(more)), "{less} over {more}");
        }
    }

    #[test]
    fn a_stored_amount_has_no_less_than_thousandths() {
        for (written, stored) in [("0.0001", Some("1m")), ("-0.0001", Some("-1m")), ("100m", None), ("1.0000", None)] {
            assert_eq!(quantity(written).rounded_up().map(|rounded| rounded.text()).as_deref(), stored, "{written}");
        }
    }
}
