//! The functions of PromQL: rates and other looks at a range of samples, and functions of single values.

use super::{Evaluation, Labels, Range, Result, Value, unnamed, unsupported};
use promql_parser::parser::Expr;

impl Evaluation<'_> {
    /// Calls a function.
    pub(super) fn call(self, name: &str, arguments: &[Box<Expr>]) -> Result<Value> {
        let argument = |index: usize| match arguments.get(index) {
            Some(argument) => Ok(&**argument),
            None => unsupported(format!("{name} lacks an argument")),
        };
        if let Some(over) = over_time(name) {
            return self.over(argument(0)?, over);
        }
        let each = |change: &dyn Fn(f64) -> f64| {
            let all = self.vector(argument(0)?)?;
            Ok(Value::Vector(all.into_iter().map(|(labels, value)| (unnamed(labels), change(value))).collect()))
        };
        match name {
            "time" => Ok(Value::Scalar(seconds(self.now))),
            "vector" => Ok(Value::Vector(vec![(Labels::new(), self.scalar(argument(0)?)?)])),
            "scalar" => Ok(Value::Scalar(match self.vector(argument(0)?)?.as_slice() {
                [(_, value)] => *value,
                _ => f64::NAN,
            })),
            "absent" => Ok(Value::Vector(match self.vector(argument(0)?)?.is_empty() {
                true => vec![(Labels::new(), 1.0)],
                false => Vec::new(),
            })),
            "clamp_min" => {
                let floor = self.scalar(argument(1)?)?;
                each(&|value| value.max(floor))
            }
            "clamp_max" => {
                let ceiling = self.scalar(argument(1)?)?;
                each(&|value| value.min(ceiling))
            }
            "clamp" => {
                let (floor, ceiling) = (self.scalar(argument(1)?)?, self.scalar(argument(2)?)?);
                each(&|value| value.max(floor).min(ceiling))
            }
            "abs" => each(&f64::abs),
            "ceil" => each(&f64::ceil),
            "floor" => each(&f64::floor),
            "round" => each(&f64::round),
            "sqrt" => each(&f64::sqrt),
            "exp" => each(&f64::exp),
            "ln" => each(&f64::ln),
            "log2" => each(&f64::log2),
            "log10" => each(&f64::log10),
            "sort" | "sort_desc" => {
                let mut all = self.vector(argument(0)?)?;
                all.sort_by(|one, other| one.1.total_cmp(&other.1));
                if name == "sort_desc" {
                    all.reverse();
                }
                Ok(Value::Vector(all))
            }
            other => unsupported(format!("{other} is not known here")),
        }
    }

    fn over(self, argument: &Expr, over: Over) -> Result<Value> {
        let selector = match argument {
            Expr::MatrixSelector(selector) => selector,
            Expr::Paren(inner) => return self.over(&inner.expr, over),
            Expr::Subquery(_) => return unsupported("subqueries are not known here"),
            _ => return unsupported("expected a range of samples"),
        };
        let (ranges, start, end) = self.range(selector)?;
        let found = ranges.into_iter().filter_map(|range| {
            let value = over(&range, start, end)?;
            Some((unnamed(range.labels), value))
        });
        Ok(Value::Vector(found.collect()))
    }
}

type Over = fn(&Range, i64, i64) -> Option<f64>;

fn over_time(name: &str) -> Option<Over> {
    Some(match name {
        "rate" => |range, start, end| Some(extrapolated(range, start, end, true)? / seconds(end - start)),
        "increase" => |range, start, end| extrapolated(range, start, end, true),
        "delta" => |range, start, end| extrapolated(range, start, end, false),
        "irate" => |range, _, _| {
            let [.., (before, old), (after, new)] = range.samples.as_slice() else { return None };
            let rise = if new < old { *new } else { new - old };
            Some(rise / seconds(after - before))
        },
        "sum_over_time" => |range, _, _| Some(values(range).sum()),
        "avg_over_time" => |range, _, _| Some(values(range).sum::<f64>() / values(range).map(|_| 1.0).sum::<f64>()),
        "min_over_time" => |range, _, _| values(range).reduce(f64::min),
        "max_over_time" => |range, _, _| values(range).reduce(f64::max),
        "count_over_time" => |range, _, _| Some(values(range).map(|_| 1.0).sum()),
        "last_over_time" => |range, _, _| values(range).last(),
        _ => return None,
    })
}

fn values(range: &Range) -> impl Iterator<Item = f64> {
    range.samples.iter().map(|(_, value)| *value)
}

/// The rise over a range, stretched to its edges as Prometheus does: at most half a gap beyond the first and last sample
/// where the edges are far, and a counter never starts below zero.
fn extrapolated(range: &Range, start: i64, end: i64, is_counter: bool) -> Option<f64> {
    let [(first_at, first), .., (last_at, last)] = range.samples.as_slice() else { return None };
    let mut rise = last - first;
    if is_counter {
        let pairs = range.samples.iter().zip(range.samples.iter().skip(1));
        rise += pairs.filter(|(before, after)| after.1 < before.1).map(|(before, _)| before.1).sum::<f64>();
    }
    let covered = seconds(last_at - first_at);
    let gaps: f64 = range.samples.iter().skip(1).map(|_| 1.0).sum();
    let gap = covered / gaps;
    let reach = |edge: f64| if edge >= gap * 1.1 { gap / 2.0 } else { edge };
    let mut before = reach(seconds(first_at - start));
    if is_counter && rise > 0.0 && *first >= 0.0 {
        before = before.min(covered * (first / rise));
    }
    let after = reach(seconds(end - last_at));
    Some(rise * (covered + before + after) / covered)
}

fn seconds(millis: i64) -> f64 {
    // Times are far below 2^52 milliseconds.
    #[allow(clippy::cast_precision_loss)]
    let millis = millis as f64;
    millis / 1000.0
}
