//! Quantities, of which `500m` and `0.5` are one: two spellings are compared, nothing is computed with them.

use serde_json::Value;

/// Fields whose values are quantities, whatever they are called below.
const QUANTITY_MAPS: [&str; 5] = ["limits", "requests", "hard", "capacity", "overhead"];
/// Single fields that are quantities.
const QUANTITY_FIELDS: [&str; 3] = ["sizeLimit", "averageValue", "divisor"];

/// Whether a value of field `field` in the map `parent` is a quantity.
pub(super) fn is_quantity(parent: &str, field: &str) -> bool {
    QUANTITY_MAPS.contains(&parent) || QUANTITY_FIELDS.contains(&field)
}

/// Whether two spellings are the same quantity. What is no quantity equals nothing.
pub(super) fn are_equal(one: &Value, two: &Value) -> bool {
    matches!((parse(one), parse(two)), (Some(one), Some(two)) if one == two)
}

/// A quantity in billionths, which is the finest that the API keeps.
fn parse(value: &Value) -> Option<i128> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let end = text.find(|letter: char| !matches!(letter, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end)?;
    let nano = decimal(number)?;
    let (multiplier, divisor) = scale(suffix)?;
    nano.checked_mul(multiplier)?.checked_div(divisor)
}

fn decimal(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text.strip_prefix('+').unwrap_or(text)), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 9 {
        return None;
    }
    let padded = format!("{whole}{fraction:0<9}");
    padded
        .chars()
        .all(|digit| digit.is_ascii_digit())
        .then(|| padded.parse::<i128>().ok())
        .flatten()
        .map(|nano| sign * nano)
}

fn scale(suffix: &str) -> Option<(i128, i128)> {
    let kibi = |power: u32| (1024_i128.pow(power), 1);
    let kilo = |power: u32| (1000_i128.pow(power), 1);
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1000),
        "k" => kilo(1),
        "M" => kilo(2),
        "G" => kilo(3),
        "T" => kilo(4),
        "P" => kilo(5),
        "E" => kilo(6),
        "Ki" => kibi(1),
        "Mi" => kibi(2),
        "Gi" => kibi(3),
        "Ti" => kibi(4),
        "Pi" => kibi(5),
        "Ei" => kibi(6),
        exponent => {
            let power: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            let factor = 10_i128.checked_pow(power.unsigned_abs())?;
            if power < 0 { (1, factor) } else { (factor, 1) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spellings() {
        for (one, two, expected) in [
            (json!("500m"), json!("0.5"), true),
            (json!(1), json!("1"), true),
            (json!("1Gi"), json!("1024Mi"), true),
            (json!("1G"), json!("1Gi"), false),
            (json!("1e3"), json!("1k"), true),
            (json!("100m"), json!("0.1"), true),
            (json!(".5"), json!("500m"), true),
            (json!("-1"), json!("1"), false),
            (json!("x"), json!("x"), false),
            (json!(true), json!("1"), false),
            (json!("99999999999999999999999999999999999999999"), json!("1"), false),
        ] {
            assert_eq!(are_equal(&one, &two), expected, "{one} {two}");
        }
    }
}
