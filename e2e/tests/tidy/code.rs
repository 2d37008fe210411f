//! Reads sources as far as tidiness needs: what is code and what is text, where functions begin and end, what is for tests.
//!
//! It knows no grammar. Texts and comments are blanked out first, so that a brace is a brace; after that, words and braces
//! are all it looks at.

use std::ops::RangeInclusive;

/// A function.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// Lines with their numbers.
pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// Whether the word stands alone in the line.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let is_inside = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
        !is_inside(line[..at].chars().next_back()) && !is_inside(line[at + word.len()..].chars().next())
    })
}

/// Whether a line of code waits for some time to pass.
pub(crate) fn calls_sleep(line: &str) -> bool {
    let waits = ["sleep(", "sleep_until("];
    waits.iter().any(|call| {
        line.match_indices(call).any(|(at, _)| {
            let before = line[..at].trim_end();
            !before.ends_with("fn") && !line[..at].ends_with(|char: char| char.is_alphanumeric() || char == '_')
        })
    })
}

/// The text with comments and the insides of literals as blanks; every line and column stays where it was.
pub(crate) fn blank_rust(text: &str) -> String {
    let source = text.as_bytes();
    let mut out = Vec::with_capacity(source.len());
    let mut at = 0;
    while at < source.len() {
        let end = literal_end(source, at);
        if end == at {
            out.push(source[at]);
            at += 1;
        } else {
            out.extend(source[at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn literal_end(source: &[u8], at: usize) -> usize {
    let rest = &source[at..];
    if rest.starts_with(b"//") {
        return at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return block_comment_end(source, at);
    }
    let is_word = at > 0 && (source[at - 1].is_ascii_alphanumeric() || source[at - 1] == b'_');
    let prefix = rest.iter().take(2).take_while(|byte| matches!(byte, b'r' | b'b' | b'c')).count();
    let after = &rest[prefix..];
    if !is_word && rest[..prefix].contains(&b'r') {
        let hashes = after.iter().take_while(|byte| **byte == b'#').count();
        if after.get(hashes) == Some(&b'"') {
            let close = [b"\"".as_slice(), &after[..hashes]].concat();
            let body = at + prefix + hashes + 1;
            let end = source[body..].windows(close.len()).position(|window| window == close);
            return end.map_or(source.len(), |end| body + end + close.len());
        }
    }
    match rest.first() {
        Some(b'"') => quoted_end(source, at, b'"'),
        Some(b'\'') if is_char(rest) => quoted_end(source, at, b'\''),
        _ => at,
    }
}

fn block_comment_end(source: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < source.len() {
        match &source[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    source.len()
}

fn quoted_end(source: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < source.len() {
        match source[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    source.len()
}

/// A quote begins a character, not a lifetime: `'x'`, `'\n'`, `'é'`.
fn is_char(rest: &[u8]) -> bool {
    match rest {
        [_, b'\\', ..] => true,
        [_, first, ..] => {
            let length = match first {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            rest.get(1 + length) == Some(&b'\'')
        }
        _ => false,
    }
}

/// The functions of a Rust file whose texts are blank.
pub(crate) fn rust_functions(blank: &str) -> Vec<Function> {
    let starts = blank.match_indices("fn ").filter(|(at, _)| {
        !blank[..*at].ends_with(|char: char| char.is_alphanumeric() || char == '_')
            && blank[at + 3..].starts_with(|char: char| char.is_alphabetic() || char == '_')
    });
    let bodies = starts.filter_map(|(at, _)| {
        let open = body(blank, at)?;
        let end = open + closing(&blank[open..])?;
        let name = blank[at + 3..].chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
        Some(Function { name, line: line_of(blank, at), lines: blank[at..end].lines().count() })
    });
    bodies.collect()
}

/// The functions of a Go file, as gofmt leaves them: from `func` at the left to a brace at the left.
pub(crate) fn go_functions(text: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let mut open: Option<(usize, &str)> = None;
    for (number, line) in numbered(text) {
        if line.starts_with("func ") && !line.ends_with('}') {
            open = Some((number, line));
        }
        if line == "}"
            && let Some((start, head)) = open.take()
        {
            functions.push(Function { name: head.to_owned(), line: start, lines: number + 1 - start });
        }
    }
    functions
}

/// How many lines of a function begin inside of brackets.
pub(crate) fn lines_in_brackets(blank: &str, function: &Function) -> usize {
    let mut depth = 0;
    let lines = blank.lines().skip(function.line - 1).take(function.lines);
    let inside = lines.filter(|line| {
        let is_inside = depth > 0;
        depth += line.matches('[').count();
        depth = depth.saturating_sub(line.matches(']').count());
        is_inside
    });
    inside.count()
}

/// Where the body of what is declared at `start` begins; `None` when it has none.
fn body(blank: &str, start: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, char) in blank[start..].char_indices() {
        match char {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(start + at),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The length up to the brace that closes the first one.
pub(crate) fn closing(blank: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, char) in blank.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && char == '}' {
            return Some(at + 1);
        }
    }
    None
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The lines of a file that are compiled for tests only.
pub(crate) fn test_regions(blank: &str) -> Vec<RangeInclusive<usize>> {
    let regions = blank.match_indices("#[cfg(test)]").filter_map(|(at, _)| {
        let open = body(blank, at + "#[cfg(test)]".len())?;
        let end = open + closing(&blank[open..])?;
        Some(line_of(blank, at)..=line_of(blank, end))
    });
    regions.collect()
}

#[test]
fn a_brace_in_a_text_is_no_brace() {
    let text = "// {\nfn a<'a>(x: &'a [u8; 2]) -> char {\n  /* { /* } */ */ r#\"{\"}\"#; '{'\n}\nfn b();\n";
    assert_eq!(rust_functions(&blank_rust(text)), [Function { name: "a".into(), line: 2, lines: 3 }]);
    assert_eq!(blank_rust("a(\"{\\\"\", 'é')"), "a(     ,     )");
}

#[test]
fn a_table_is_measured() {
    let blank = "fn a() {\n    let rows = [\n        [1,\n        2],\n    ];\n}\n";
    let functions = rust_functions(blank);
    assert_eq!(functions, [Function { name: "a".into(), line: 1, lines: 6 }]);
    assert_eq!(lines_in_brackets(blank, &functions[0]), 3);
}

#[test]
fn what_is_for_tests_is_known() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n}\n#[cfg(test)]\nmod more;\nfn b() {}\n";
    assert_eq!(test_regions(text), [2..=4]);
    assert!(calls_sleep("tokio::time::sleep(x).await") && !calls_sleep("fn sleep(x)") && !calls_sleep("a_sleep(x)"));
}
