//! What stands between quotes, and what it means: `"\u00e9\t"`.
//!
//! First the literal is skipped, which finds its end; then it is read. Both may refuse it.

use std::{iter::Peekable, str::CharIndices};

const BAD_ESCAPE: &str = "invalid char escape";
const UNREADABLE: &str = "unable to unescape string";
const UNREADABLE_OCTAL: &str = "unable to unescape octal sequence in string";

/// Moves behind the closing quote.
pub(super) fn skip_literal(chars: &mut Peekable<CharIndices<'_>>, quote: char) -> Result<(), String> {
    loop {
        match chars.next() {
            None | Some((_, '\n')) => return Err("literal not terminated".to_string()),
            Some((_, '\\')) => skip_escape(chars, quote)?,
            Some((_, c)) if c == quote => return Ok(()),
            Some(_) => {}
        }
    }
}

fn skip_escape(chars: &mut Peekable<CharIndices<'_>>, quote: char) -> Result<(), String> {
    let Some((_, kind)) = chars.next() else { return Err(BAD_ESCAPE.to_string()) };
    match kind {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => Ok(()),
        _ if kind == quote => Ok(()),
        '0'..='7' => skip_digits(chars, 8, 2),
        'x' => skip_digits(chars, 16, 2),
        'u' if chars.next_if(|(_, c)| *c == '{').is_some() => {
            let mut digits = 0;
            while chars.next_if(|(_, c)| c.is_ascii_hexdigit()).is_some() {
                digits += 1;
            }
            let closed = chars.next_if(|(_, c)| *c == '}').is_some();
            if closed && (1..=6).contains(&digits) { Ok(()) } else { Err(BAD_ESCAPE.to_string()) }
        }
        'u' => skip_digits(chars, 16, 4),
        'U' => skip_digits(chars, 16, 8),
        _ => Err(BAD_ESCAPE.to_string()),
    }
}

fn skip_digits(chars: &mut Peekable<CharIndices<'_>>, radix: u32, count: usize) -> Result<(), String> {
    for _ in 0..count {
        chars.next_if(|(_, c)| c.is_digit(radix)).ok_or(BAD_ESCAPE)?;
    }
    Ok(())
}

/// The text that a quoted literal stands for.
pub(super) fn unescape(literal: &str) -> Result<String, String> {
    let mut text = String::new();
    for piece in pieces(literal)? {
        match piece? {
            Piece::Char(c) => text.push(c),
            Piece::Code(code) => {
                // A surrogate half has no character of its own.
                let replacement = (0xD800..=0xDFFF).contains(&code).then_some('\u{FFFD}');
                text.push(char::from_u32(code).or(replacement).ok_or(UNREADABLE)?);
            }
        }
    }
    Ok(text)
}

/// The bytes that a quoted literal stands for. Escapes are bytes here, not characters.
pub(super) fn unescape_bytes(literal: &str) -> Result<Vec<u8>, String> {
    if literal.contains("\\u") || literal.contains("\\U") {
        return Err(UNREADABLE.to_string());
    }
    let mut bytes = Vec::new();
    for piece in pieces(literal)? {
        match piece? {
            Piece::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Piece::Code(code) => bytes.push(u8::try_from(code).map_err(|_| UNREADABLE)?),
        }
    }
    Ok(bytes)
}

enum Piece {
    Char(char),
    Code(u32),
}

/// The pieces between the quotes. The scan has already seen that there are quotes.
fn pieces(literal: &str) -> Result<Vec<Result<Piece, String>>, String> {
    let mut inner = literal.chars();
    inner.next();
    inner.next_back();
    let normal = inner.as_str().replace("\r\n", "\n").replace('\r', "\n");
    let mut chars = normal.chars();
    let mut found = Vec::new();
    while let Some(c) = chars.next() {
        found.push(if c == '\\' { escape(&mut chars) } else { Ok(Piece::Char(c)) });
    }
    Ok(found)
}

fn escape(chars: &mut std::str::Chars<'_>) -> Result<Piece, String> {
    let Some(kind) = chars.next() else {
        return Err("unable to unescape string, found '\\' as last character".to_string());
    };
    Ok(match kind {
        'a' => Piece::Char('\u{7}'),
        'b' => Piece::Char('\u{8}'),
        'f' => Piece::Char('\u{c}'),
        'n' => Piece::Char('\n'),
        'r' => Piece::Char('\r'),
        't' => Piece::Char('\t'),
        'v' => Piece::Char('\u{b}'),
        '\\' | '\'' | '"' | '`' | '?' => Piece::Char(kind),
        'x' | 'X' => Piece::Code(code(chars, 16, 2)?),
        'u' if chars.as_str().starts_with('{') => {
            let (digits, rest) = chars.as_str().get(1..).and_then(|s| s.split_once('}')).ok_or(UNREADABLE)?;
            *chars = rest.chars();
            Piece::Code(u32::from_str_radix(digits, 16).map_err(|_| UNREADABLE)?)
        }
        'u' => Piece::Code(code(chars, 16, 4)?),
        'U' => Piece::Code(code(chars, 16, 8)?),
        '0'..='3' => {
            let high = kind.to_digit(8).unwrap_or(0) * 64;
            Piece::Code(high + code(chars, 8, 2).map_err(|_| UNREADABLE_OCTAL)?)
        }
        _ => return Err(UNREADABLE.to_string()),
    })
}

fn code(chars: &mut std::str::Chars<'_>, radix: u32, count: usize) -> Result<u32, String> {
    let mut code: u32 = 0;
    for _ in 0..count {
        let digit = chars.next().and_then(|c| c.to_digit(radix)).ok_or(UNREADABLE)?;
        code = code.checked_mul(radix).and_then(|high| high.checked_add(digit)).ok_or(UNREADABLE)?;
    }
    Ok(code)
}
