//! Lengths of time as text: `1h30m`, both ways, in whole nanoseconds.

use super::{limits::Fault, show::quote};

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000_000;
pub(super) const SECOND: i64 = 1_000_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// Reads `1h30m`, `-1.5s`, `0`.
pub(super) fn parse(text: &str) -> Result<i64, Fault> {
    let invalid = || Fault::new(format!("time: invalid duration {}", quote(text)));
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (whole, after_whole) = digits(rest);
        let (fraction, after_number) = match after_whole.strip_prefix('.') {
            Some(after_dot) => digits(after_dot),
            None => ("", after_whole),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_end = after_number.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after_number.len());
        let (unit, after_unit) = after_number.split_at(unit_end);
        if unit.is_empty() {
            return Err(Fault::new(format!("time: missing unit in duration {}", quote(text))));
        }
        let Some(size) = unit_size(unit) else {
            return Err(Fault::new(format!("time: unknown unit {} in duration {}", quote(unit), quote(text))));
        };
        total += nanos(whole, fraction, size).ok_or_else(invalid)?;
        if total > i128::from(i64::MAX) {
            return Err(invalid());
        }
        rest = after_unit;
    }
    let signed = if negative { -total } else { total };
    i64::try_from(signed).map_err(|_| invalid())
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn unit_size(unit: &str) -> Option<i64> {
    match unit {
        "ns" => Some(1),
        "us" | "µs" | "μs" => Some(MICROSECOND),
        "ms" => Some(MILLISECOND),
        "s" => Some(SECOND),
        "m" => Some(MINUTE),
        "h" => Some(HOUR),
        _ => None,
    }
}

fn nanos(whole: &str, fraction: &str, size: i64) -> Option<i128> {
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // More digits than these are below a nanosecond, whatever the unit.
    let kept = fraction.get(..fraction.len().min(15))?;
    let numerator: i64 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    let scale = 10i128.checked_pow(u32::try_from(kept.len()).ok()?)?;
    Some(i128::from(whole) * i128::from(size) + i128::from(numerator) * i128::from(size) / scale)
}

/// Writes `1h30m0s`, `1.5s`, `0s`.
pub(super) fn shown(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let size = nanos.unsigned_abs();
    if size == 0 {
        return "0s".to_string();
    }
    if size < SECOND.unsigned_abs() {
        let (unit, scale) = match size {
            0..1_000 => return format!("{sign}{size}ns"),
            1_000..1_000_000 => ("µs", MICROSECOND.unsigned_abs()),
            _ => ("ms", MILLISECOND.unsigned_abs()),
        };
        return format!("{sign}{}{unit}", decimal(size / scale, size % scale, scale));
    }
    let minute = MINUTE.unsigned_abs();
    let second = SECOND.unsigned_abs();
    let (minutes, rest) = (size / minute, size % minute);
    let seconds = decimal(rest / second, rest % second, second);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

fn decimal(whole: u64, part: u64, scale: u64) -> String {
    if part == 0 {
        return whole.to_string();
    }
    let width = scale.to_string().len() - 1;
    let digits = format!("{part:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// A length of time in a larger unit.
pub(super) fn in_units(nanos: i64, unit: i64) -> f64 {
    // Whole units and the rest are turned into floats apart: together they may have too many digits.
    (nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64
}

#[cfg(test)]
mod tests {
    use super::{parse, shown};

    #[test]
    fn durations_read_and_write() {
        for (text, nanos, back) in [
            ("1h", 3_600_000_000_000, "1h0m0s"),
            ("1h30m", 5_400_000_000_000, "1h30m0s"),
            ("90s", 90_000_000_000, "1m30s"),
            ("1.5s", 1_500_000_000, "1.5s"),
            (".5ms", 500_000, "500µs"),
            ("1.5us", 1_500, "1.5µs"),
            ("7ns", 7, "7ns"),
            ("-2m", -120_000_000_000, "-2m0s"),
            ("0", 0, "0s"),
        ] {
            assert_eq!(parse(text).expect("a duration"), nanos, "{text}");
            assert_eq!(shown(nanos), back);
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "-", "x", "5", "5x", "1h.", "999999999999h", "99999999999999999999s", "1h-5m"] {
            parse(text).expect_err(text);
        }
        assert_eq!(shown(i64::MIN), "-2562047h47m16.854775808s");
    }
}
