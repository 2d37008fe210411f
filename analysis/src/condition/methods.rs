//! The methods of times and durations: `date("2024-01-02").Year()`.

use chrono::{Datelike, Days, Months, TimeDelta, Timelike};

use super::{
    durations::{self, HOUR, MINUTE, SECOND},
    limits::{Fault, Meter},
    moments, show,
    types::{
        Signature,
        Simple::{self, Bool, Duration, Float, Int, Int64, Text, Time, Zone},
        Type,
    },
    value::Value,
};

const fn method(name: &'static str, go_type: &'static str, parameters: &'static [Simple], result: Simple) -> Signature {
    Signature { name, go_type, parameters, result }
}

static OF_TIME: [Signature; 26] = [
    method("Year", "func() int", &[], Int),
    method("Month", "func() time.Month", &[], Simple::Month),
    method("Day", "func() int", &[], Int),
    method("Hour", "func() int", &[], Int),
    method("Minute", "func() int", &[], Int),
    method("Second", "func() int", &[], Int),
    method("Nanosecond", "func() int", &[], Int),
    method("Weekday", "func() time.Weekday", &[], Simple::Weekday),
    method("YearDay", "func() int", &[], Int),
    method("Unix", "func() int64", &[], Int64),
    method("UnixMilli", "func() int64", &[], Int64),
    method("UnixMicro", "func() int64", &[], Int64),
    method("UnixNano", "func() int64", &[], Int64),
    method("Add", "func(time.Duration) time.Time", &[Duration], Time),
    method("AddDate", "func(int, int, int) time.Time", &[Int, Int, Int], Time),
    method("Sub", "func(time.Time) time.Duration", &[Time], Duration),
    method("After", "func(time.Time) bool", &[Time], Bool),
    method("Before", "func(time.Time) bool", &[Time], Bool),
    method("Equal", "func(time.Time) bool", &[Time], Bool),
    method("Compare", "func(time.Time) int", &[Time], Int),
    method("IsZero", "func() bool", &[], Bool),
    method("Format", "func(string) string", &[Text], Text),
    method("String", "func() string", &[], Text),
    method("UTC", "func() time.Time", &[], Time),
    method("Local", "func() time.Time", &[], Time),
    method("In", "func(*time.Location) time.Time", &[Zone], Time),
];

static OF_DURATION: [Signature; 9] = [
    method("Hours", "func() float64", &[], Float),
    method("Minutes", "func() float64", &[], Float),
    method("Seconds", "func() float64", &[], Float),
    method("Milliseconds", "func() int64", &[], Int64),
    method("Microseconds", "func() int64", &[], Int64),
    method("Nanoseconds", "func() int64", &[], Int64),
    method("Abs", "func() time.Duration", &[], Duration),
    method("Truncate", "func(time.Duration) time.Duration", &[Duration], Duration),
    method("String", "func() string", &[], Text),
];

static OF_NAMES: [Signature; 1] = [method("String", "func() string", &[], Text)];

/// The method of a type.
pub(super) fn of_type(base: &Type, name: &str) -> Option<&'static Signature> {
    let known: &[Signature] = match base {
        Type::Time => &OF_TIME,
        Type::Duration => &OF_DURATION,
        Type::Month | Type::Weekday | Type::Zone => &OF_NAMES,
        _ => return None,
    };
    known.iter().find(|method| method.name == name)
}

/// The method of a value.
pub(super) fn of_value(base: &Value, name: &str) -> Option<&'static Signature> {
    let base = match base {
        Value::Time(_) => Type::Time,
        Value::Duration(_) => Type::Duration,
        Value::Month(_) => Type::Month,
        Value::Weekday(_) => Type::Weekday,
        Value::Zone => Type::Zone,
        _ => return None,
    };
    of_type(&base, name)
}

/// Calls a method that `of_value` has found.
pub(super) fn call(
    base: &Value,
    signature: &Signature,
    arguments: &[Value],
    meter: &mut Meter,
) -> Result<Value, Fault> {
    let (found, wanted) = (arguments.len(), signature.parameters.len());
    if found != wanted {
        return Err(Fault::new(format!("invalid number of arguments: expected {wanted}, got {found}")));
    }
    match base {
        Value::Time(_) => {
            // A layout is paid for by the character: at each of them every part is looked for.
            let layout = arguments.iter().filter_map(|argument| argument.text().ok());
            meter.steps(layout.map(str::len).sum())?;
            call_on_time(base, signature.name, arguments)
        }
        Value::Duration(nanos) => call_on_duration(*nanos, signature.name, arguments),
        named => show::plain(named, meter).map(Value::from),
    }
}

fn call_on_time(base: &Value, name: &str, arguments: &[Value]) -> Result<Value, Fault> {
    let moment = time(base)?;
    let argument = arguments.first().unwrap_or(&Value::Nil);
    Ok(match name {
        "Year" => Value::Int(i64::from(moment.year())),
        "Month" => Value::month_of(&moment),
        "Day" => Value::Int(i64::from(moment.day())),
        "Hour" => Value::Int(i64::from(moment.hour())),
        "Minute" => Value::Int(i64::from(moment.minute())),
        "Second" => Value::Int(i64::from(moment.second())),
        "Nanosecond" => Value::Int(i64::from(moment.nanosecond() % 1_000_000_000)),
        "Weekday" => Value::Weekday(moment.weekday()),
        "YearDay" => Value::Int(i64::from(moment.ordinal())),
        "Unix" => Value::Int64(moment.timestamp()),
        "UnixMilli" => Value::Int64(moment.timestamp_millis()),
        "UnixMicro" => Value::Int64(moment.timestamp_micros()),
        "UnixNano" => Value::Int64(moment.timestamp_nanos_opt().unwrap_or(0)),
        "Add" => plus(base, duration(argument)?)?,
        "AddDate" => add_date(&moment, arguments)?,
        "Sub" => Value::Duration(between(&moment, &time(argument)?)),
        "After" => Value::Bool(moment > time(argument)?),
        "Before" => Value::Bool(moment < time(argument)?),
        "Equal" => Value::Bool(moment == time(argument)?),
        "Compare" => Value::Int(moment.cmp(&time(argument)?) as i64),
        "IsZero" => Value::Bool(moment.year() == 1 && moment.ordinal() == 1 && moment.num_seconds_from_midnight() == 0),
        "Format" => Value::from(moments::format(argument.text()?, &moment)),
        "String" => Value::from(moments::shown(&moment)),
        // The controller's own clock is in UTC.
        _ => Value::Time(moments::in_utc(&moment)),
    })
}

fn call_on_duration(nanos: i64, name: &str, arguments: &[Value]) -> Result<Value, Fault> {
    Ok(match name {
        "Hours" => Value::Float(durations::in_units(nanos, HOUR)),
        "Minutes" => Value::Float(durations::in_units(nanos, MINUTE)),
        "Seconds" => Value::Float(durations::in_units(nanos, SECOND)),
        "Milliseconds" => Value::Int64(nanos / 1_000_000),
        "Microseconds" => Value::Int64(nanos / 1_000),
        "Nanoseconds" => Value::Int64(nanos),
        "Abs" => Value::Duration(nanos.saturating_abs()),
        "Truncate" => {
            let unit = duration(arguments.first().unwrap_or(&Value::Nil))?;
            Value::Duration(if unit <= 0 { nanos } else { nanos - nanos % unit })
        }
        _ => Value::from(durations::shown(nanos)),
    })
}

fn time(value: &Value) -> Result<chrono::DateTime<chrono::FixedOffset>, Fault> {
    match value {
        Value::Time(moment) => Ok(*moment),
        other => Err(other.is_not("time.Time")),
    }
}

fn duration(value: &Value) -> Result<i64, Fault> {
    match value {
        Value::Duration(nanos) => Ok(*nanos),
        other => Err(other.is_not("time.Duration")),
    }
}

/// A time moved by nanoseconds.
pub(super) fn plus(base: &Value, nanos: i64) -> Result<Value, Fault> {
    let moved = time(base)?.checked_add_signed(TimeDelta::nanoseconds(nanos));
    moved.map(Value::Time).ok_or_else(|| Fault::new("time out of range"))
}

/// The nanoseconds from the second time to the first, as far as they can be counted.
pub(super) fn between(
    later: &chrono::DateTime<chrono::FixedOffset>,
    earlier: &chrono::DateTime<chrono::FixedOffset>,
) -> i64 {
    let limit = if later > earlier { i64::MAX } else { i64::MIN };
    later.signed_duration_since(*earlier).num_nanoseconds().unwrap_or(limit)
}

fn add_date(moment: &chrono::DateTime<chrono::FixedOffset>, arguments: &[Value]) -> Result<Value, Fault> {
    let out_of_range = || Fault::new("time out of range");
    let [years, months, days] = arguments else { return Err(out_of_range()) };
    let months = years.index()?.checked_mul(12).and_then(|m| m.checked_add(months.index().ok()?));
    let months = months.ok_or_else(out_of_range)?;
    let count = Months::new(u32::try_from(months.unsigned_abs()).map_err(|_| out_of_range())?);
    let moved = if months < 0 { moment.checked_sub_months(count) } else { moment.checked_add_months(count) };
    let days = days.index()?;
    let count = Days::new(days.unsigned_abs());
    let moved =
        moved.and_then(|moment| if days < 0 { moment.checked_sub_days(count) } else { moment.checked_add_days(count) });
    moved.map(Value::Time).ok_or_else(out_of_range)
}
