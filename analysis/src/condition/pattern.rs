//! Regular expressions in the dialect of existing conditions, compiled within a size limit.
//!
//! The dialect is RE2's: `\d`, `\w`, `\s` and `\b` know ASCII alone, and a bracket or `&&` inside of a class stands for
//! itself. The pattern is rewritten to say the same to our engine. Matching is linear in the text and in the pattern's
//! compiled size, and is paid for accordingly.

use regex::{Regex, RegexBuilder};

use super::limits::{Fault, Meter};

/// Sizes that a compiled pattern is tried with, in KiB. The first that suffices says how dear a match is.
const COMPILED_KIB: [usize; 4] = [16, 64, 256, 1024];
/// A text of so many bytes times KiB of pattern costs one step: in the worst case every byte meets every state.
const BYTES_TIMES_KIB: usize = 32;
/// Brackets within brackets in a pattern.
const MAX_PATTERN_NESTING: u32 = 64;
/// Longest pattern in bytes.
const MAX_PATTERN: usize = 4096;
/// Most repetitions that `x{2,3}` may ask for, as in the dialect.
const MAX_REPEATED: u32 = 1000;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    regex: Regex,
    kib: usize,
}

impl Pattern {
    pub(super) fn compile(pattern: &str) -> Result<Pattern, String> {
        if pattern.len() > MAX_PATTERN {
            return Err("error parsing regexp: expression too large".to_string());
        }
        let rewritten = rewritten(pattern)?;
        let mut last = String::new();
        for kib in COMPILED_KIB {
            let mut builder = RegexBuilder::new(&rewritten);
            builder.size_limit(kib * 1024).dfa_size_limit(1024 * 1024).nest_limit(MAX_PATTERN_NESTING);
            match builder.build() {
                Ok(regex) => return Ok(Pattern { regex, kib }),
                Err(error) => last = refusal(pattern, &error),
            }
        }
        Err(last)
    }

    pub(super) fn is_match(&self, text: &str, meter: &mut Meter) -> Result<bool, Fault> {
        meter.steps(text.len().saturating_mul(self.kib) / BYTES_TIMES_KIB)?;
        Ok(self.regex.is_match(text))
    }

    /// The pattern as it was compiled.
    pub(super) fn as_str(&self) -> &str {
        self.regex.as_str()
    }
}

/// What is wrong, in the words of the dialect where there are some.
///
/// The last line of the engine's message says it; those before it draw a picture.
fn refusal(pattern: &str, error: &regex::Error) -> String {
    let text = match error {
        regex::Error::CompiledTooBig(_) => "expression too large".to_string(),
        other => other.to_string(),
    };
    let reason = match text.lines().last().unwrap_or_default().trim_start_matches("error: ") {
        "unclosed character class" => "missing closing ]",
        "unclosed group" => "missing closing )",
        "unopened group" => "unexpected )",
        "repetition operator missing expression" => "missing argument to repetition operator",
        "incomplete escape sequence, reached end of pattern prematurely" => "trailing backslash at end of expression",
        other => other,
    };
    refused(reason, pattern)
}

fn refused(reason: &str, at: &str) -> String {
    let shown: String = at.chars().take(100).collect();
    format!("error parsing regexp: {reason}: `{shown}`")
}

/// What a repetition may be followed by.
#[derive(PartialEq, Clone, Copy)]
enum Before {
    /// Something that can be repeated.
    Item,
    /// A repetition, which a `?` makes lazy.
    Repetition,
    /// A lazy repetition.
    Lazy,
}

struct Rewriter {
    text: String,
    /// Inside of a class: how many characters of it were seen, not counting a leading `^`.
    class: Option<usize>,
    before: Before,
}

fn rewritten(pattern: &str) -> Result<String, String> {
    let text = String::with_capacity(pattern.len() + 16);
    let mut rewriter = Rewriter { text, class: None, before: Before::Item };
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = match rewriter.class {
            None => rewriter.outside(c, after)?,
            Some(seen) => rewriter.inside(c, after, seen),
        };
    }
    Ok(rewriter.text)
}

impl Rewriter {
    /// Writes a character that is in no class, and returns what follows.
    fn outside<'a>(&mut self, c: char, after: &'a str) -> Result<&'a str, String> {
        let repetition = match c {
            '*' | '+' | '?' => Some(0),
            '{' => counted(after)?,
            _ => None,
        };
        if let Some(length) = repetition {
            self.before = match (self.before, c) {
                (Before::Item, _) => Before::Repetition,
                (Before::Repetition, '?') => Before::Lazy,
                _ => return Err(refused("invalid nested repetition operator", &format!("{c}{after}"))),
            };
            self.text.push(c);
            self.text.push_str(after.get(..length).unwrap_or_default());
            return Ok(after.get(length..).unwrap_or_default());
        }
        self.before = Before::Item;
        match c {
            '\\' => return Ok(rewrite_escape(after, false, &mut self.text)),
            '[' => {
                self.class = Some(0);
                self.text.push('[');
                if let Some(after) = after.strip_prefix('^') {
                    self.text.push('^');
                    return Ok(after);
                }
            }
            // A brace that counts nothing stands for itself.
            '{' => self.text.push_str("\\{"),
            // What opens a group says how, which is no repetition.
            '(' if after.starts_with('?') => {
                self.text.push_str("(?");
                return Ok(after.get(1..).unwrap_or_default());
            }
            _ => self.text.push(c),
        }
        Ok(after)
    }

    /// Writes a character of a class, and returns what follows.
    fn inside<'a>(&mut self, c: char, after: &'a str, seen: usize) -> &'a str {
        self.class = Some(seen + 1);
        match c {
            '\\' => return rewrite_escape(after, true, &mut self.text),
            '[' => match after.strip_prefix(':').and_then(|name| name.split_once(":]")) {
                Some((name, after)) => {
                    self.text.push_str("[:");
                    self.text.push_str(name);
                    self.text.push_str(":]");
                    return after;
                }
                None => self.text.push_str("\\["),
            },
            // The first bracket of a class stands for itself.
            ']' if seen == 0 => self.text.push_str("\\]"),
            ']' => {
                self.class = None;
                self.text.push(']');
            }
            '&' | '~' => {
                self.text.push('\\');
                self.text.push(c);
            }
            _ => self.text.push(c),
        }
        after
    }
}

/// The length of `2,3}`, if that is what follows a brace.
fn counted(after: &str) -> Result<Option<usize>, String> {
    let Some((counts, _)) = after.split_once('}') else { return Ok(None) };
    let (least, most) = counts.split_once(',').unwrap_or((counts, counts));
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if !is_number(least) || !(is_number(most) || most.is_empty() && counts.contains(',')) {
        return Ok(None);
    }
    let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
    let most = if most.is_empty() { MAX_REPEATED } else { number(most) };
    if number(least) > most || most > MAX_REPEATED {
        return Err(refused("invalid repeat count", &format!("{{{counts}}}")));
    }
    Ok(Some(counts.len() + 1))
}

/// Writes what follows a backslash, and returns what follows that.
fn rewrite_escape<'a>(after: &'a str, in_class: bool, text: &mut String) -> &'a str {
    let Some(kind) = after.chars().next() else {
        text.push('\\');
        return after;
    };
    let rest = after.get(kind.len_utf8()..).unwrap_or_default();
    let replacement = match (kind, in_class) {
        ('d', true) => "0-9",
        ('w', true) => "0-9A-Za-z_",
        ('s', true) => "\\t\\n\\x0C\\r ",
        ('D', true) => "[^0-9]",
        ('W', true) => "[^0-9A-Za-z_]",
        ('S', true) => "[^\\t\\n\\x0C\\r ]",
        ('d', false) => "[0-9]",
        ('w', false) => "[0-9A-Za-z_]",
        ('s', false) => "[\\t\\n\\x0C\\r ]",
        ('D', false) => "[^0-9]",
        ('W', false) => "[^0-9A-Za-z_]",
        ('S', false) => "[^\\t\\n\\x0C\\r ]",
        ('b', false) => "(?-u:\\b)",
        ('Q', false) => {
            let (quoted, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
            text.push_str(&regex::escape(quoted));
            return rest;
        }
        _ => {
            text.push('\\');
            text.push(kind);
            return rest;
        }
    };
    text.push_str(replacement);
    rest
}

#[cfg(test)]
mod tests {
    use super::{Meter, Pattern};

    #[test]
    fn patterns_match_as_in_re2() {
        for (pattern, text, expected) in [
            ("^h.*o$", "hello", true),
            (r"^\w$", "é", false),
            (r"^.$", "é", true),
            (r"\d", "٣", false),
            (r"^[\d.]+$", "1.5", true),
            (r"^[^\d]+$", "a1", false),
            (r"[\D]", "12", false),
            (r"^\s$", "\u{b}", false),
            (r"\bfoo\b", "éfoo", true),
            ("[a&&b]", "&", true),
            ("[[]", "[", true),
            ("[]a]", "]", true),
            ("[^]a]", "]", false),
            ("^[[:alpha:]]+$", "abc", true),
            (r"\Qa.b\E+", "a.bb", true),
            ("a{2,3}", "aaa", true),
            ("(?i)ABC", "abc", true),
            ("a$", "a\n", false),
            ("^{a}$", "{a}", true),
            ("a+?b", "aab", true),
            ("^(?:a|b)*$", "abba", true),
        ] {
            assert_eq!(
                Pattern::compile(pattern).expect(pattern).is_match(text, &mut Meter::new()),
                Ok(expected),
                "{pattern} on {text}"
            );
        }
    }

    #[test]
    fn a_larger_pattern_is_dearer() {
        for (pattern, kib) in [
            ("^(ok|fine)$", 16),
            (r"^v\d+\.\d+\.\d+(-[\w.]+)?$", 16),
            ("(?i)error|timeout", 16),
            (r"\pL", 64),
            (r"\pL{3}", 256),
            ("(a|b)*a(a|b){700}", 256),
        ] {
            assert_eq!(Pattern::compile(pattern).expect(pattern).kib, kib, "{pattern}");
        }
    }

    #[test]
    fn what_is_wrong_or_too_large_is_refused() {
        let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
        for pattern in [
            "[",
            "(",
            ")",
            "(?=x)",
            "x{2,1}",
            "x{1001}",
            "x**",
            "x{2}*",
            r"\",
            "(a{1000}){1000}",
            &"a".repeat(5000),
            &deep,
        ] {
            let text = Pattern::compile(pattern).expect_err("no pattern");
            assert!(text.starts_with("error parsing regexp: "), "{text}");
        }
    }
}
