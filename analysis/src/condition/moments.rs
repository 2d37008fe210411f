//! Points in time as text, by layouts written as an example: `2006-01-02 15:04:05`.
//!
//! It reads and writes the parts that conditions use. Zones are offsets; of names only UTC has a meaning, every other
//! abbreviation is taken as UTC, too.

use std::fmt::Write;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, TimeZone, Timelike, Utc};

use super::{
    limits::Fault,
    show::{quote, weekday_name},
};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The layouts that `date` tries without being told one.
const KNOWN: [&str; 7] = [
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
];

/// The parts of a layout, longest first where one starts like another.
const PARTS: [&str; 28] = [
    "January", "Jan", "Monday", "Mon", "MST", "2006", "002", "01", "02", "03", "04", "05", "06", "15", "_2", "PM",
    "pm", "-07:00", "-0700", "-07", "Z07:00", "Z0700", "Z07", "1", "2", "3", "4", "5",
];

/// The name of a month.
pub(super) fn month_name(month: u32) -> &'static str {
    let index = usize::try_from(month).unwrap_or(0).wrapping_sub(1);
    MONTHS.get(index).copied().unwrap_or("%!Month")
}

/// How a time is written where nobody gave a layout.
pub(super) fn shown(moment: &DateTime<FixedOffset>) -> String {
    let seconds = moment.format("%Y-%m-%d %H:%M:%S%.f").to_string();
    let (plain, fraction) = seconds.split_once('.').unwrap_or((&seconds, ""));
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    let zone = if moment.offset().local_minus_utc() == 0 {
        "+0000 UTC".to_string()
    } else {
        let offset = moment.format("%z");
        format!("{offset} {offset}")
    };
    format!("{plain}{dot}{fraction} {zone}")
}

/// Reads a time in any of the known layouts.
pub(super) fn parse_any(text: &str) -> Result<DateTime<FixedOffset>, Fault> {
    KNOWN.iter().find_map(|layout| parse(layout, text).ok()).ok_or_else(|| Fault::new(format!("invalid date {text}")))
}

enum Part<'a> {
    Literal(&'a str),
    Named(&'static str),
    /// `.000` or `.999`: so many digits of a fraction, and whether zeros are written.
    Fraction(usize, bool),
}

fn parts(layout: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let mut rest = layout;
    let mut literal = 0;
    while literal < rest.len() {
        let (before, after) = rest.split_at(literal);
        let part = PARTS.iter().find(|part| starts_part(after, part));
        let (part, length) = match (part, fraction_digits(after)) {
            (Some(part), _) => (Part::Named(part), part.len()),
            (None, Some((digits, padded))) => (Part::Fraction(digits, padded), digits + 1),
            (None, None) => {
                literal += after.chars().next().map_or(1, char::len_utf8);
                continue;
            }
        };
        if !before.is_empty() {
            found.push(Part::Literal(before));
        }
        found.push(part);
        rest = after.get(length..).unwrap_or_default();
        literal = 0;
    }
    if !rest.is_empty() {
        found.push(Part::Literal(rest));
    }
    found
}

fn starts_part(text: &str, part: &str) -> bool {
    // A short name that goes on in small letters is a word: `Month` is not a day.
    let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_ascii_lowercase());
    text.strip_prefix(part).is_some_and(|rest| !(matches!(part, "Jan" | "Mon") && goes_on(rest)))
}

fn fraction_digits(text: &str) -> Option<(usize, bool)> {
    let digits = text.strip_prefix(['.', ','])?;
    let first = digits.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let count = digits.chars().take_while(|c| *c == first).count();
    let ends = !digits.chars().nth(count).is_some_and(|c| c.is_ascii_digit());
    ends.then_some((count, first == '0'))
}

#[derive(Default)]
struct Fields {
    year: i32,
    month: u32,
    day: u32,
    year_day: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    afternoon: Option<bool>,
    offset: i32,
}

/// Reads a time in one layout.
pub(super) fn parse(layout: &str, text: &str) -> Result<DateTime<FixedOffset>, Fault> {
    let mut fields = Fields { month: 1, day: 1, ..Fields::default() };
    let mut rest = text;
    let mut parts = parts(layout).into_iter().peekable();
    while let Some(part) = parts.next() {
        let (read, name) = match part {
            Part::Literal(literal) => (rest.strip_prefix(literal), literal),
            Part::Named(name) => (fields.read(name, rest), name),
            Part::Fraction(digits, _) => (fields.read_fraction(rest, Some(digits)), "."),
        };
        rest = read.ok_or_else(|| {
            let (text, layout) = (quote(text), quote(layout));
            Fault::new(format!("parsing time {text} as {layout}: cannot parse {} as {}", quote(rest), quote(name)))
        })?;
        // A fraction may follow the seconds though the layout has none.
        if matches!(name, "05" | "5") && !matches!(parts.peek(), Some(Part::Fraction(..))) {
            rest = fields.read_fraction(rest, None).unwrap_or(rest);
        }
    }
    if !rest.is_empty() {
        return Err(Fault::new(format!("parsing time {}: extra text: {}", quote(text), quote(rest))));
    }
    fields.moment().map_err(|field| Fault::new(format!("parsing time {}: {field} out of range", quote(text))))
}

impl Fields {
    /// Reads one part and returns what follows it.
    fn read<'a>(&mut self, part: &str, text: &'a str) -> Option<&'a str> {
        let (number, rest) = match part {
            "January" | "Jan" => {
                let (index, rest) = name_in(&MONTHS, part.len() == 3, text)?;
                self.month = index;
                return Some(rest);
            }
            "Monday" | "Mon" => return name_in(&DAYS, part.len() == 3, text).map(|(_, rest)| rest),
            "MST" => {
                let letters = text.chars().take_while(char::is_ascii_uppercase).count();
                return if (3..=5).contains(&letters) { text.get(letters..) } else { None };
            }
            "PM" | "pm" => {
                let (half, rest) = text.split_at_checked(2)?;
                self.afternoon = Some(half.eq_ignore_ascii_case("pm"));
                return (self.afternoon == Some(true) || half.eq_ignore_ascii_case("am")).then_some(rest);
            }
            _ if part.contains("07") => {
                let (offset, rest) = offset_in(part, text)?;
                self.offset = offset;
                return Some(rest);
            }
            "2006" => digits_in(text, 4, 4)?,
            "002" => digits_in(text, 3, 3)?,
            "_2" => digits_in(text.trim_start_matches(' '), 1, 2)?,
            "15" | "1" | "2" | "3" | "4" | "5" => digits_in(text, 1, 2)?,
            _ => digits_in(text, 2, 2)?,
        };
        match part {
            "2006" => self.year = i32::try_from(number).ok()?,
            "06" => self.year = i32::try_from(number).ok()? + if number >= 69 { 1900 } else { 2000 },
            "002" => self.year_day = Some(number),
            "01" | "1" => self.month = number,
            "02" | "2" | "_2" => self.day = number,
            "15" | "03" | "3" => self.hour = number,
            "04" | "4" => self.minute = number,
            _ => self.second = number,
        }
        Some(rest)
    }

    fn read_fraction<'a>(&mut self, text: &'a str, digits: Option<usize>) -> Option<&'a str> {
        let after = text.strip_prefix(['.', ','])?;
        let count = after.chars().take_while(char::is_ascii_digit).count();
        if count == 0 || digits.is_some_and(|wanted| wanted != count) {
            return None;
        }
        let (fraction, rest) = after.split_at(count);
        let padded = format!("{:0<9}", fraction.get(..count.min(9))?);
        self.nanos = padded.parse().ok()?;
        Some(rest)
    }

    fn moment(&self) -> Result<DateTime<FixedOffset>, &'static str> {
        if !(1..=12).contains(&self.month) {
            return Err("month");
        }
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let date = match self.year_day {
            Some(day) => NaiveDate::from_yo_opt(self.year, day),
            None => NaiveDate::from_ymd_opt(self.year, self.month, self.day),
        };
        if hour > 23 {
            return Err("hour");
        }
        if self.minute > 59 {
            return Err("minute");
        }
        let local = date.ok_or("day")?.and_hms_nano_opt(hour, self.minute, self.second, self.nanos).ok_or("second")?;
        let zone = FixedOffset::east_opt(self.offset).ok_or("time zone offset")?;
        zone.from_local_datetime(&local).single().ok_or("time zone offset")
    }
}

fn digits_in(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let count = text.chars().take(most).take_while(char::is_ascii_digit).count();
    let (digits, rest) = text.split_at(count);
    if count < least { None } else { Some((digits.parse().ok()?, rest)) }
}

fn name_in<'a>(names: &[&str], short: bool, text: &'a str) -> Option<(u32, &'a str)> {
    for (index, name) in (1u32..).zip(names) {
        let name = if short { name.get(..3)? } else { name };
        if let Some((start, rest)) = text.split_at_checked(name.len())
            && start.eq_ignore_ascii_case(name)
        {
            return Some((index, rest));
        }
    }
    None
}

fn offset_in<'a>(part: &str, text: &'a str) -> Option<(i32, &'a str)> {
    if part.starts_with('Z')
        && let Some(rest) = text.strip_prefix('Z')
    {
        return Some((0, rest));
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, mut rest) = digits_in(text.get(1..)?, 2, 2)?;
    let mut minutes = 0;
    if part.len() > 3 {
        if part.contains(':') {
            rest = rest.strip_prefix(':')?;
        }
        (minutes, rest) = digits_in(rest, 2, 2)?;
    }
    Some((sign * i32::try_from(hours * 3600 + minutes * 60).ok()?, rest))
}

/// Writes a time in a layout.
pub(super) fn format(layout: &str, moment: &DateTime<FixedOffset>) -> String {
    let mut text = String::new();
    for part in parts(layout) {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Named(name) => write_part(name, moment, &mut text),
            Part::Fraction(digits, padded) => {
                let nanos = format!("{:09}", moment.nanosecond() % 1_000_000_000);
                let kept = nanos.get(..digits.min(9)).unwrap_or_default();
                let kept = if padded { kept } else { kept.trim_end_matches('0') };
                if !kept.is_empty() {
                    let _ = write!(text, ".{kept}");
                }
            }
        }
    }
    text
}

fn write_part(part: &str, moment: &DateTime<FixedOffset>, text: &mut String) {
    let is_utc = moment.offset().local_minus_utc() == 0;
    let chrono_format = match part {
        "January" => "%B",
        "Jan" => "%b",
        "Monday" => return text.push_str(weekday_name(moment.weekday())),
        "Mon" => "%a",
        "2006" => "%Y",
        "06" => "%y",
        "002" => "%j",
        "01" => "%m",
        "1" => "%-m",
        "02" => "%d",
        "2" => "%-d",
        "_2" => "%e",
        "15" => "%H",
        "03" => "%I",
        "3" => "%-I",
        "04" => "%M",
        "4" => "%-M",
        "05" => "%S",
        "5" => "%-S",
        "PM" => "%p",
        "pm" => "%P",
        "MST" if is_utc => return text.push_str("UTC"),
        _ if part.starts_with('Z') && is_utc => return text.push('Z'),
        "-07:00" | "Z07:00" => "%:z",
        "-07" | "Z07" => return text.push_str(moment.format("%z").to_string().get(..3).unwrap_or_default()),
        _ => "%z",
    };
    let _ = write!(text, "{}", moment.format(chrono_format));
}

/// The same moment on the clocks of UTC.
pub(super) fn in_utc(moment: &DateTime<FixedOffset>) -> DateTime<FixedOffset> {
    moment.with_timezone(&Utc).fixed_offset()
}

#[cfg(test)]
mod tests {
    use super::{format, parse, parse_any, shown};

    #[test]
    fn known_layouts_are_read() {
        for (text, expected) in [
            ("2024-01-02", "2024-01-02 00:00:00 +0000 UTC"),
            ("10:20:30", "0000-01-01 10:20:30 +0000 UTC"),
            ("2024-01-02 03:04:05", "2024-01-02 03:04:05 +0000 UTC"),
            ("2024-01-02T03:04:05Z", "2024-01-02 03:04:05 +0000 UTC"),
            ("2024-01-02T03:04:05.25+02:00", "2024-01-02 03:04:05.25 +0200 +0200"),
            ("02 Jan 06 15:04 MST", "2006-01-02 15:04:00 +0000 UTC"),
            ("Monday, 02-Jan-06 15:04:05 MST", "2006-01-02 15:04:05 +0000 UTC"),
            ("Tue, 02 Jan 2024 15:04:05 GMT", "2024-01-02 15:04:05 +0000 UTC"),
        ] {
            assert_eq!(shown(&parse_any(text).expect(text)), expected);
        }
    }

    #[test]
    fn layouts_go_both_ways() {
        let moment = parse_any("2024-02-02T15:04:05.123456789+02:00").expect("a moment");
        for layout in ["2006-01-02T15:04:05.000000000Z07:00", "Monday, 2 January 2006 3:04:05.000000000PM -0700"] {
            let text = format(layout, &moment);
            assert_eq!(parse(layout, &text).expect(&text), moment, "{text}");
        }
        assert_eq!(format("Jan _2 06 at .999 Z07", &moment), "Feb  2 24 at .123 +02");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (layout, text) in [
            ("2006-01-02", "14/08/2023"),
            ("2006-01-02", "2024-13-01"),
            ("2006-01-02", "2024-02-30"),
            ("2006-01-02", "2024-01-02x"),
            ("15:04", "25:00"),
            ("PM", "ä"),
            ("Jan", "ää"),
        ] {
            parse(layout, text).expect_err(text);
        }
    }
}
