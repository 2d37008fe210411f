//! Conditions that nobody means well with, or nobody wrote: they must end soon, and never in a panic.

use analysis::condition::{Condition, Shape, Value};
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_oneof, proptest};

use crate::{answer, noon, read};

/// The result that hostile conditions are tried on.
const RESULT: &str = r#"{"a":[1,2,3,[4,["x"]]],"t":"some text","n":5}"#;

/// Only ends well if this returns. What it returns does not matter.
fn survive(text: &str) {
    for result in [Value::Nil, Value::Float(5.0), Value::floats([0.5, 1.5]), read(RESULT)] {
        for shape in [Shape::of(&result), Shape::Any] {
            if let Ok(condition) = Condition::parse(text, shape) {
                let _ = condition.holds(&result, noon());
            }
        }
    }
}

#[test]
fn nesting_is_refused_or_bearable() {
    let nests = [
        ("(", ")"),
        ("[", "]"),
        ("-", ""),
        ("not ", ""),
        ("string(", ")"),
        ("{a: ", "}"),
        ("all([1], ", ")"),
        ("map([1], {", "})"),
        ("true ? ", " : 1"),
        ("(true ?: ", ")"),
        ("(1 < ", " < 3)"),
        ("if true { ", " } else { 2 }"),
        ("if false { 1 } else { ", "}"),
        ("let x = ", "; 1"),
        ("[1][", "]"),
        ("[1][0:", "]"),
        ("2 ** ", ""),
        ("$env[", "]"),
        ("sort(", ")"),
    ];
    for (open, close) in nests {
        for levels in [20, 60, 100, 127, 128, 129, 300, 3_000] {
            survive(&format!("{}1{}", open.repeat(levels), close.repeat(levels)));
            survive(&open.repeat(levels));
        }
    }
}

#[test]
fn chains_are_refused_or_bearable() {
    for link in [
        " + 1",
        " || false",
        " == 1",
        " == 1 < 2",
        ".a",
        "?.a",
        "[0]",
        "[0:]",
        " | len()",
        " not in [1]",
        " ?? 1",
        " ?: 1",
        "; 1",
    ] {
        for length in [100, 250, 260, 1_000, 11_000] {
            survive(&format!("result{}", link.repeat(length)));
        }
    }
    // A long flat condition is a condition.
    let long = format!("result == 0{}", " || result == 1".repeat(1_000));
    assert_eq!(answer(&long, &Value::Float(1.0)).0, "true");
}

#[test]
fn what_would_run_away_ends() {
    for (text, expected) in [
        ("1..1000000000", "memory budget exceeded"),
        ("-9223372036854775807..9223372036854775807", "memory budget exceeded"),
        ("all(1..100000, all(1..100000, true))", "memory budget exceeded"),
        ("map(1..999, map(1..999, map(1..999, 1)))", "memory budget exceeded"),
        ("reduce(1..100, #acc + #acc, 'a')", "memory budget exceeded"),
        ("len(string(reduce(1..100, [#acc, #acc], 1)))", "memory budget exceeded"),
        ("len(toJSON(reduce(1..100, [#acc, #acc], 1)))", "memory budget exceeded"),
        ("len(flatten(reduce(1..100, [#acc, #acc], [1])))", "memory budget exceeded"),
        ("let x = reduce(1..100, [#acc, #acc], [1]); x == [x[0], x[1]]", "memory budget exceeded"),
        ("mean(reduce(1..100, [#acc, #acc], [1]))", "memory budget exceeded"),
        ("reduce(1..1000, [#acc], 1)", "memory budget exceeded"),
        ("repeat('a', 1000000) | repeat(1000000)", "memory budget exceeded"),
        ("len(replace(repeat('a', 900000), 'a', repeat('b', 90000)))", "memory budget exceeded"),
        ("len(join(map(1..90000, repeat('a', 9)), repeat('b', 900000)))", "memory budget exceeded"),
        ("none(1..900000, repeat('a', 9000) matches '(a?){50}b')", "memory budget exceeded"),
        ("all(1..90000, not ('a' matches 'b' + string(#)))", "memory budget exceeded"),
        ("uniq(1..90000)", "memory budget exceeded"),
        ("fromJSON(repeat('[', 900000))", "unexpected"),
        ("'a' matches '(((a{100}){100}){100}){100}'", "error parsing regexp"),
    ] {
        let found = answer(text, &Value::Nil).0;
        assert!(found.contains(expected) || found.contains("memory budget exceeded"), "{text}: {found}");
    }
    let large = Value::from("x".repeat(5_000_000));
    assert_eq!(answer("all(1..900000, not (result contains 'y'))", &large).0, "ERRR memory budget exceeded");
}

#[test]
fn the_ends_of_time_are_bearable() {
    for start in ["date('9999-12-31T23:59:59+14:00')", "date('0001-01-01T00:00:00-12:00')", "now()"] {
        for move_by in [
            "AddDate(252142, 11, 31)",
            "AddDate(-262144, 0, 0)",
            "AddDate(9223372036854775807, 1, 1)",
            "AddDate(0, 9223372036854775807, 0)",
            "AddDate(0, 0, -9223372036854775807)",
            "AddDate(252143, 0, 0)",
            "AddDate(252142, 0, 0)",
            "Add(duration('2562047h'))",
        ] {
            for use_of in [
                "Year() > 0",
                "String() == ''",
                "UnixNano() > 0",
                "Format('Monday 2006-01-02 15:04:05.999 PM MST Z07:00 -07') == ''",
                "UTC().YearDay() > 0",
                "Sub(date('2024-01-01')) > duration('1h')",
                "AddDate(1, 1, 1).Weekday() == now().Weekday()",
                "IsZero()",
            ] {
                survive(&format!("{start}.{move_by}.{use_of}"));
                survive(&format!("toJSON({start}.{move_by}) == string({start}.{move_by})"));
            }
        }
    }
}

/// Pieces, two blanks apart. Heaps of them often, but not always, make an expression.
const PIECES: &str = "result  result.a  result?.b  #  .v  #acc  #index  $env  nil  true  1  2.5  'a'  \"b\"  `c`  b'd'  \
    0x1F  1e300  -9223372036854775808  9223372036854775807  [  ]  (  )  {  }  ,  :  ;  ?  ?.  ??  |  ||  &&  and  or  \
    not  in  ==  !=  <  <=  >  >=  +  -  *  /  %  **  ..  let x =  x  if  else  matches  contains  startsWith  //  /*  \
    */  \\  é  \u{0}  asInt(  default(  isNaN(  len(  all(  map(  reduce(  sortBy(  groupBy(  filter(  sum(  string(  \
    int(  date(  duration(  split(  repeat(  replace(  trim(  max(  median(  take(  get(  fromJSON(  toJSON(  \
    fromBase64(  fromPairs(  bitshl(  bitushr(  round(";

/// Operands, two blanks apart.
const OPERANDS: &str = "result  result[0]  result.a  result.t  result?.n  1  0  -1  2.5  1e308  9223372036854775807  'a'  \
    'é'  ''  []  [1, 'a', nil]  {}  {a: 1}  1..3  nil  true  duration('1h')  date('2024-01-02')  now()  b'\\xff'  $env  \
    '2006-01-02'  '[a-z]+'";

const OPERATORS: &str = "+  -  *  /  %  **  ==  !=  <  <=  >  >=  and  or  in  not in  matches  contains  ..  ??";

const FUNCTIONS: &str = "len  abs  round  int  float  string  trim  upper  max  mean  median  toJSON  fromJSON  type  \
    first  last  keys  toPairs  fromPairs  reverse  uniq  flatten  sort  asInt  asFloat  isNaN  isInf  toBase64  \
    fromBase64  date  duration  bitnot  timezone  now  concat  join";

const FUNCTIONS_OF_TWO: &str = "split  splitAfter  indexOf  repeat  take  get  default  bitshl  bitshr  bitushr  trim  \
    date  hasPrefix  join  trimSuffix  concat  min  sort";

const LOOPS: &str = "all  any  none  one  filter  map  count  sum  find  findLastIndex  groupBy  sortBy  reduce";

const PREDICATES: &str = "#  # > 1  #acc  [#, #]  .a";

const METHODS: &str = "Year()  Unix()  Hours()  String()  AddDate(1, -1, 9999999)  a  In";

fn any_of(words: &'static str) -> impl Strategy<Value = String> {
    prop::sample::select(words.split("  ").map(str::to_string).collect::<Vec<_>>())
}

/// An expression that is read, mostly.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => any_of(OPERANDS),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_map(|number| format!("{number:e}")),
    ];
    leaf.prop_recursive(5, 32, 3, |inner| {
        let one = inner.clone();
        let two = (inner.clone(), inner.clone());
        let three = (inner.clone(), inner.clone(), inner.clone());
        let predicate = prop_oneof![any_of(PREDICATES), inner];
        prop_oneof![
            (two.clone(), any_of(OPERATORS)).prop_map(|((l, r), op)| format!("({l} {op} {r})")),
            (any_of(FUNCTIONS), one.clone()).prop_map(|(f, x)| format!("{f}({x})")),
            (any_of(FUNCTIONS_OF_TWO), two.clone()).prop_map(|(f, (x, y))| format!("{f}({x}, {y})")),
            three.clone().prop_map(|(x, y, z)| format!("replace({x}, {y}, {z}, 3)")),
            (any_of(LOOPS), one.clone(), predicate).prop_map(|(f, x, p)| format!("{f}({x}, {p})")),
            three.clone().prop_map(|(c, x, y)| format!("({c} ? {x} : {y})")),
            two.prop_map(|(x, y)| format!("({x})[{y}]")),
            three.prop_map(|(x, y, z)| format!("({x})[{y}:{z}]")),
            (one, any_of(METHODS)).prop_map(|(x, m)| format!("({x}).{m}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_text_panics(text in any::<String>()) {
        survive(&text);
    }

    #[test]
    fn no_heap_of_pieces_panics(pieces in prop::collection::vec(any_of(PIECES), 0..24)) {
        survive(&pieces.join(" "));
        survive(&pieces.concat());
    }

    #[test]
    fn no_expression_panics(text in expression()) {
        survive(&text);
    }

    #[test]
    fn no_pattern_panics(pattern in any::<String>(), near in "[a-c\\[\\]()*+?{}0-9,^$|\\\\.&:-]{0,20}") {
        for pattern in [pattern, near] {
            let result = read(&serde_json::json!({ "p": pattern, "t": "abc" }).to_string());
            let found = Condition::parse("result.t matches result.p", Shape::Map).expect("a condition");
            let _ = found.holds(&result, noon());
        }
    }

    /// The same condition, the same result, the same time: the same answer.
    #[test]
    fn answers_repeat(text in expression()) {
        let result = read(RESULT);
        proptest::prop_assert_eq!(answer(&text, &result), answer(&text, &result));
    }
}
