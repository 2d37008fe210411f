//! Amounts such as `500m` and `1Gi`, written as Kubernetes writes them back.
//!
//! The canonical form has no fraction and the largest suffix of the same family that needs none.

const DECIMAL: &[(&str, i128)] = &[
    ("E", 1_000_000_000_000_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000_000_000),
    ("T", 1_000_000_000_000_000_000_000),
    ("G", 1_000_000_000_000_000_000),
    ("M", 1_000_000_000_000_000),
    ("k", 1_000_000_000_000),
    ("", 1_000_000_000),
    ("m", 1_000_000),
    ("u", 1_000),
    ("n", 1),
];

const BINARY: &[(&str, u32)] = &[("Ei", 60), ("Pi", 50), ("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)];

/// The canonical form, or `None` for what is no quantity.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let text = text.trim();
    let split = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+')).unwrap_or(text.len());
    let (number, suffix) = (text.get(..split)?, text.get(split..)?);
    let nanos = parse_nanos(number)?;
    if let Some((_, shift)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        let bytes = nanos.checked_mul(1_i128.checked_shl(*shift)?)?;
        return write_binary(bytes);
    }
    let (_, unit) = DECIMAL.iter().find(|(name, _)| *name == suffix)?;
    let scaled = nanos.checked_mul(*unit)? / 1_000_000_000;
    if scaled == 0 {
        return Some("0".to_owned());
    }
    let (name, unit) = DECIMAL.iter().find(|(_, unit)| scaled % unit == 0)?;
    Some(format!("{}{name}", scaled / unit))
}

fn write_binary(nanos: i128) -> Option<String> {
    if nanos % 1_000_000_000 != 0 {
        return None;
    }
    let bytes = nanos / 1_000_000_000;
    if bytes == 0 {
        return Some("0".to_owned());
    }
    let fitting = BINARY.iter().find(|(_, shift)| bytes % (1_i128 << shift) == 0);
    Some(match fitting {
        Some((name, shift)) => format!("{}{name}", bytes >> shift),
        None => bytes.to_string(),
    })
}

/// A decimal number in billionths.
fn parse_nanos(number: &str) -> Option<i128> {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let padded = format!("{fraction:0<9}");
    let fraction: i128 = padded.get(..9)?.parse().ok()?;
    Some(sign * (whole.checked_mul(1_000_000_000)?.checked_add(fraction)?))
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn forms() {
        for (given, expected) in [
            ("1", "1"),
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1.5Gi", "1536Mi"),
            ("1024Mi", "1Gi"),
            ("100000", "100k"),
            ("250m", "250m"),
            ("0", "0"),
            ("128974848", "128974848"),
            ("64Mi", "64Mi"),
        ] {
            assert_eq!(canonical(given).as_deref(), Some(expected), "{given}");
        }
        assert_eq!(canonical("lots"), None);
    }
}
