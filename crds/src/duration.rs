//! Durations as users write them: `1h30m`, `1.5s`, `100ms`, and the plain seconds of a pause.

use chrono::TimeDelta;

use crate::IntOrString;

/// Nanoseconds of each unit; two-letter units first, so that `ms` is not read as `m`.
const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a duration of number-and-unit pairs, with an optional sign. `0` needs no unit; everything else does.
pub fn parse_go(text: &str) -> Option<TimeDelta> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(TimeDelta::zero());
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(number_end)?;
        let (unit, nanos) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        total = total.checked_add(scaled(number, *nanos)?)?;
        rest = after.strip_prefix(unit)?;
    }
    // Go's durations are 64-bit counts of nanoseconds; longer ones are refused there too.
    i64::try_from(sign * total).ok().map(TimeDelta::nanoseconds)
}

/// `1.5` times the unit, in nanoseconds; what is below one nanosecond is dropped.
fn scaled(number: &str, nanos: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let mut sum = if whole.is_empty() { 0 } else { whole.parse::<i128>().ok()?.checked_mul(nanos)? };
    let mut place = nanos;
    for digit in fraction.bytes() {
        place /= 10;
        sum += i128::from(digit - b'0') * place;
    }
    Some(sum)
}

/// Whole seconds of a pause step's `duration`: a number, a text of digits, or a Go duration cut to whole seconds.
/// A text that is none of these gives -1, which the rules refuse as a negative pause.
pub fn pause_seconds(duration: &IntOrString) -> i64 {
    if let Some(seconds) = duration.as_int() {
        return i64::from(seconds);
    }
    match duration {
        IntOrString::Int(seconds) => i64::from(*seconds),
        IntOrString::Text(text) => parse_go(text).map_or(-1, |delta| delta.num_seconds()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::{parse_go, pause_seconds};
    use crate::IntOrString;

    #[test]
    fn go_durations() {
        let cases = [
            ("1h30m", Some(TimeDelta::minutes(90))),
            ("1.5s", Some(TimeDelta::milliseconds(1500))),
            ("100ms", Some(TimeDelta::milliseconds(100))),
            ("-2m", Some(TimeDelta::minutes(-2))),
            ("+5s", Some(TimeDelta::seconds(5))),
            (".5s", Some(TimeDelta::milliseconds(500))),
            ("5.s", Some(TimeDelta::seconds(5))),
            ("1us", Some(TimeDelta::microseconds(1))),
            ("1µs", Some(TimeDelta::microseconds(1))),
            ("3ns", Some(TimeDelta::nanoseconds(3))),
            ("0", Some(TimeDelta::zero())),
            ("1s500ms", Some(TimeDelta::milliseconds(1500))),
            ("", None),
            ("-", None),
            ("5", None),
            ("s", None),
            (".s", None),
            ("1d", None),
            ("1 s", None),
            ("1.2.3s", None),
            ("9999999h", None),
            ("ä", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_go(text), expected, "{text:?}");
        }
    }

    #[test]
    fn pauses() {
        let cases = [
            (IntOrString::Int(30), 30),
            (IntOrString::from("30"), 30),
            (IntOrString::from("1h30m"), 5400),
            (IntOrString::from("1.9s"), 1),
            (IntOrString::from("100ms"), 0),
            (IntOrString::from("soon"), -1),
            (IntOrString::from("1d"), -1),
            (IntOrString::Int(-5), -5),
        ];
        for (duration, expected) in cases {
            assert_eq!(pause_seconds(&duration), expected, "{duration:?}");
        }
    }
}
