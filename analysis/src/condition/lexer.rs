//! Cuts the text of an expression into tokens, one at a time.
//!
//! Reading is lazy, so that of two mistakes the one further left is reported. It never looks at what tokens mean.

use std::{iter::Peekable, str::CharIndices};

use super::{escapes, show::quote};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Identifier(String),
    Number(String),
    Text(String),
    Bytes(Vec<u8>),
    Operator(String),
    Bracket(char),
    End,
}

impl Token {
    pub(super) fn is_operator(&self, wanted: &str) -> bool {
        matches!(self, Token::Operator(found) if found == wanted)
    }

    pub(super) fn is_bracket(&self, wanted: char) -> bool {
        matches!(self, Token::Bracket(found) if *found == wanted)
    }

    /// How the token reads in an error text.
    pub(super) fn shown(&self) -> String {
        let (kind, value) = match self {
            Token::Identifier(name) => ("Identifier", name.clone()),
            Token::Number(digits) => ("Number", digits.clone()),
            Token::Text(text) => ("String", text.clone()),
            Token::Bytes(bytes) => ("Bytes", String::from_utf8_lossy(bytes).into_owned()),
            Token::Operator(operator) => ("Operator", operator.clone()),
            Token::Bracket(bracket) => ("Bracket", bracket.to_string()),
            Token::End => ("EOF", String::new()),
        };
        if value.is_empty() { kind.to_string() } else { format!("{kind}({})", quote(&value)) }
    }
}

/// Words that are operators wherever they stand.
const WORDS: [&str; 10] = ["not", "in", "or", "and", "matches", "contains", "startsWith", "endsWith", "let", "if"];

#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    /// The last token was a `#`: what touches it is its name, even a word or a digit.
    after_pointer: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Lexer { text, chars: text.char_indices().peekable(), after_pointer: false }
    }

    /// The next token. After the last one it is `End`, for ever.
    pub(super) fn next(&mut self) -> Result<Token, String> {
        if std::mem::take(&mut self.after_pointer) {
            let start = self.offset();
            while self.chars.next_if(|(_, c)| is_name_char(*c)).is_some() {}
            let name = self.since(start);
            if !name.is_empty() {
                return Ok(Token::Identifier(name.to_string()));
            }
        }
        self.skip_blanks()?;
        let start = self.offset();
        let Some((_, first)) = self.chars.next() else { return Ok(Token::End) };
        match first {
            '\'' | '"' => {
                escapes::skip_literal(&mut self.chars, first)?;
                escapes::unescape(self.since(start)).map(Token::Text)
            }
            '`' => self.raw_text(start),
            'b' | 'B' if matches!(self.peek(), Some('\'' | '"')) => {
                let from = self.offset();
                if let Some((_, quote)) = self.chars.next() {
                    escapes::skip_literal(&mut self.chars, quote)?;
                }
                escapes::unescape_bytes(self.since(from)).map(Token::Bytes)
            }
            '0'..='9' => self.number(start, first),
            '.' => match self.peek() {
                Some('0'..='9') => self.number(start, first),
                _ => Ok(self.operator(start, ".")),
            },
            '?' => Ok(self.operator(start, ".?")),
            '|' => Ok(self.operator(start, "|")),
            ':' => Ok(self.operator(start, ":")),
            '#' => {
                self.after_pointer = true;
                Ok(self.operator(start, "#"))
            }
            '&' | '!' | '=' | '*' | '<' | '>' => Ok(self.operator(start, "&=*")),
            '/' | ',' | ';' | '%' | '+' | '-' | '^' => Ok(Token::Operator(first.to_string())),
            '(' | ')' | '[' | ']' | '{' | '}' => Ok(Token::Bracket(first)),
            _ if is_name_char(first) => Ok(self.word(start)),
            _ => Err(format!("unrecognized character: U+{:04X} '{first}'", u32::from(first))),
        }
    }

    fn skip_blanks(&mut self) -> Result<(), String> {
        loop {
            while self.chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
            let rest = self.text.get(self.offset()..).unwrap_or_default();
            if rest.starts_with("//") {
                while self.chars.next_if(|(_, c)| *c != '\n').is_some() {}
            } else if rest.starts_with("/*") {
                let Some(end) = rest.get(2..).and_then(|comment| comment.find("*/")) else {
                    return Err("unclosed comment".to_string());
                };
                let after = self.offset() + end + 4;
                while self.chars.next_if(|(at, _)| *at < after).is_some() {}
            } else {
                return Ok(());
            }
        }
    }

    fn offset(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn since(&mut self, start: usize) -> &'a str {
        let end = self.offset();
        self.text.get(start..end).unwrap_or_default()
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, c)| *c)
    }

    fn accept(&mut self, wanted: &str) -> bool {
        self.chars.next_if(|(_, c)| wanted.contains(*c)).is_some()
    }

    /// The operator that starts here, one character longer if the next one is among `second`.
    fn operator(&mut self, start: usize, second: &str) -> Token {
        self.accept(second);
        Token::Operator(self.since(start).to_string())
    }

    fn word(&mut self, start: usize) -> Token {
        while self.chars.next_if(|(_, c)| is_name_char(*c)).is_some() {}
        let word = self.since(start);
        if WORDS.contains(&word) || word == "else" {
            Token::Operator(word.to_string())
        } else {
            Token::Identifier(word.to_string())
        }
    }

    /// A backquoted text, in which a doubled backquote is one.
    fn raw_text(&mut self, start: usize) -> Result<Token, String> {
        loop {
            match self.chars.next() {
                None => return Err("literal not terminated".to_string()),
                Some((end, '`')) => {
                    if !self.accept("`") {
                        let inner = self.text.get(start + 1..end).unwrap_or_default();
                        return Ok(Token::Text(inner.replace("``", "`")));
                    }
                }
                Some(_) => {}
            }
        }
    }

    fn number(&mut self, start: usize, first: char) -> Result<Token, String> {
        let mut digits = "0123456789_";
        let first = match first {
            '.' => self.chars.next().map_or(first, |(_, digit)| digit),
            digit => digit,
        };
        if first == '0' {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        while self.accept(digits) {}
        let rest = self.text.get(self.offset()..).unwrap_or_default();
        // In `1..5` the dots are an operator.
        if rest.starts_with("..") {
            return Ok(Token::Number(self.since(start).to_string()));
        }
        if self.accept(".") {
            while self.accept(digits) {}
        }
        if self.accept("eE") {
            self.accept("+-");
            while self.accept(digits) {}
        }
        if self.chars.next_if(|(_, c)| is_name_char(*c)).is_some() {
            return Err(format!("bad number syntax: {}", quote(self.since(start))));
        }
        Ok(Token::Number(self.since(start).to_string()))
    }
}

/// May the character be in a name? Digits may, since the first character is looked at elsewhere.
pub(super) fn is_name_char(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphanumeric()
}
