//! The pattern's JSON tokens, read the way the service's parser reads them.
//!
//! Main type: [`Tokens`]. Invariant: its offset is where the service's parser stands after
//! the same token (a string value is read lazily, a field name has already consumed the token that
//! follows it), because that is the location its messages carry.

use super::error::{PatternError, Position, location};

/// The deepest nesting that the service's parser accepts.
const MAX_DEPTH: usize = 1000;
/// What may stand where a value is expected.
const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// One token of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Name,
    Text,
    Integer,
    Float,
    True,
    False,
    Null,
    End,
}

impl Token {
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Float)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
}

#[derive(Debug)]
struct Scope {
    kind: Kind,
    start: usize,
    entries: usize,
}

/// A reader of one pattern's tokens.
#[derive(Debug)]
pub(crate) struct Tokens<'p> {
    text: &'p str,
    at: usize,
    scopes: Vec<Scope>,
    current: Token,
    /// The value that was already read together with the field name before it.
    ahead: Option<Token>,
    /// The current string value is not read yet: `at` stands after its opening quote.
    lazy: bool,
    name: Vec<u8>,
    value: Vec<u8>,
    number: (usize, usize),
    value_start: usize,
}

type Read<T> = Result<T, PatternError>;

impl<'p> Tokens<'p> {
    pub(crate) fn new(text: &'p str) -> Self {
        Self {
            text,
            at: 0,
            scopes: Vec::new(),
            current: Token::End,
            ahead: None,
            lazy: false,
            name: Vec::new(),
            value: Vec::new(),
            number: (0, 0),
            value_start: 0,
        }
    }

    /// The name of the current field, unescaped; lone surrogates are kept apart (as WTF-8).
    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// An error at the place where the parser stands.
    pub(crate) fn error(&self, reason: &str) -> PatternError {
        PatternError::at(reason, self.text, self.at)
    }

    /// `error` raised once more here, as a handler in the service does.
    pub(crate) fn again(&self, mut error: PatternError) -> PatternError {
        error.locate(self.text, self.at);
        error
    }

    /// The text of the current token; reads a lazy string.
    pub(crate) fn text(&mut self) -> Read<Vec<u8>> {
        Ok(match self.current {
            Token::Text => {
                self.finish_text()?;
                self.value.clone()
            }
            Token::Integer | Token::Float => {
                self.text.as_bytes()[self.number.0..self.number.1].to_vec()
            }
            Token::Name => self.name.clone(),
            Token::ObjectStart => b"{".to_vec(),
            Token::ObjectEnd => b"}".to_vec(),
            Token::ArrayStart => b"[".to_vec(),
            Token::ArrayEnd => b"]".to_vec(),
            Token::True => b"true".to_vec(),
            Token::False => b"false".to_vec(),
            Token::Null | Token::End => b"null".to_vec(),
        })
    }

    /// Moves to the next token.
    pub(crate) fn next(&mut self) -> Read<Token> {
        self.current = self.advance()?;
        Ok(self.current)
    }

    fn advance(&mut self) -> Read<Token> {
        if self.current == Token::Name
            && let Some(token) = self.ahead.take()
        {
            match token {
                Token::ArrayStart => self.open(Kind::Array)?,
                Token::ObjectStart => self.open(Kind::Object)?,
                _ => {}
            }
            return Ok(token);
        }
        if self.lazy {
            self.finish_text()?;
        }
        let Some(mut byte) = self.skip_space() else {
            return match self.scopes.last() {
                None => Ok(Token::End),
                Some(scope) => Err(self.unclosed(scope)),
            };
        };
        if byte == b']' || byte == b'}' {
            return self.close(byte);
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.entries += 1;
            if scope.entries > 1 {
                byte = self.skip_comma(byte)?;
            }
        }
        if self.scopes.last().is_some_and(|scope| scope.kind == Kind::Object) {
            self.read_name(byte)?;
            let byte = self.skip_colon()?;
            self.ahead = Some(self.value(byte)?);
            return Ok(Token::Name);
        }
        if byte == b'}' {
            return Err(self.unexpected("expected a value"));
        }
        let token = self.value(byte)?;
        match token {
            Token::ArrayStart => self.open(Kind::Array)?,
            Token::ObjectStart => self.open(Kind::Object)?,
            _ => {}
        }
        Ok(token)
    }

    fn open(&mut self, kind: Kind) -> Read<()> {
        self.scopes.push(Scope { kind, start: self.value_start, entries: 0 });
        if self.scopes.len() > MAX_DEPTH {
            return Err(self.error(&format!(
                "Document nesting depth ({}) exceeds the maximum allowed ({MAX_DEPTH}, from \
                 `StreamReadConstraints.getMaxNestingDepth()`)",
                self.scopes.len()
            )));
        }
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Read<Token> {
        let (kind, token) = if byte == b']' {
            (Kind::Array, Token::ArrayEnd)
        } else {
            (Kind::Object, Token::ObjectEnd)
        };
        self.at += 1;
        match self.scopes.last() {
            Some(scope) if scope.kind == kind => {
                self.scopes.pop();
                Ok(token)
            }
            Some(scope) => Err(self.error(&format!(
                "Unexpected close marker '{}': expected '{}' (for {} starting at {})",
                char::from(byte),
                if scope.kind == Kind::Array { ']' } else { '}' },
                describe(Some(scope)),
                location(self.text, Position::of(self.text, scope.start)),
            ))),
            None => Err(self.error(&format!(
                "Unexpected close marker '{}': expected '{}' (for root starting at {})",
                char::from(byte),
                if byte == b']' { '}' } else { ']' },
                location(self.text, Position { line: 1, column: 0 }),
            ))),
        }
    }

    fn unclosed(&self, scope: &Scope) -> PatternError {
        self.error(&format!(
            "Unexpected end-of-input: expected close marker for {} (start marker at {})",
            describe(Some(scope)),
            location(self.text, Position::of(self.text, scope.start)),
        ))
    }

    /// Skips white space; stands on the byte that it returns.
    fn skip_space(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    fn skip_comma(&mut self, byte: u8) -> Read<u8> {
        let what = describe(self.scopes.last());
        if byte != b',' {
            return Err(self.unexpected(&format!("was expecting comma to separate {what} entries")));
        }
        self.at += 1;
        self.skip_space().ok_or_else(|| {
            self.error(&format!("Unexpected end-of-input within/between {what} entries"))
        })
    }

    fn skip_colon(&mut self) -> Read<u8> {
        let end = |this: &Self| this.error("Unexpected end-of-input within/between Object entries");
        match self.skip_space() {
            None => return Err(end(self)),
            Some(b':') => self.at += 1,
            Some(_) => {
                return Err(
                    self.unexpected("was expecting a colon to separate field name and value")
                );
            }
        }
        self.skip_space().ok_or_else(|| end(self))
    }

    fn read_name(&mut self, byte: u8) -> Read<()> {
        if byte != b'"' {
            return Err(self.unexpected("was expecting double-quote to start field name"));
        }
        self.at += 1;
        let mut name = std::mem::take(&mut self.name);
        name.clear();
        self.unescape(&mut name, " in field name", "name", true)?;
        self.name = name;
        Ok(())
    }

    fn finish_text(&mut self) -> Read<()> {
        if self.lazy {
            let mut value = std::mem::take(&mut self.value);
            value.clear();
            self.unescape(
                &mut value,
                ": was expecting closing quote for a string value",
                "string value",
                false,
            )?;
            self.value = value;
            self.lazy = false;
        }
        Ok(())
    }

    /// Reads a string up to and with its closing quote.
    fn unescape(&mut self, out: &mut Vec<u8>, end: &str, what: &str, name: bool) -> Read<()> {
        let bytes = self.text.as_bytes();
        let mut high = None;
        loop {
            let Some(&byte) = bytes.get(self.at) else {
                return Err(self.error(&format!("Unexpected end-of-input{end}")));
            };
            let mut unit = None;
            match byte {
                b'"' => {
                    self.at += 1;
                    flush(out, &mut high, name);
                    return Ok(());
                }
                b'\\' => unit = Some(self.escape()?),
                0..=0x1f => {
                    return Err(self.error(&format!(
                        "Illegal unquoted character ({}): has to be escaped using backslash to \
                         be included in {what}",
                        character(self.text, self.at)
                    )));
                }
                _ => {
                    flush(out, &mut high, name);
                    out.push(byte);
                    self.at += 1;
                }
            }
            if let Some(unit) = unit {
                push_unit(out, &mut high, unit, name);
            }
        }
    }

    /// Reads an escape; stands on its backslash before, behind it after.
    fn escape(&mut self) -> Read<u16> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        let end = "Unexpected end-of-input in character escape sequence";
        let Some(&byte) = bytes.get(self.at) else {
            return Err(self.error(end));
        };
        let simple = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 12,
            b'r' => b'\r',
            b'u' => {
                self.at += 1;
                let mut unit = 0;
                for _ in 0..4 {
                    let Some(&digit) = bytes.get(self.at) else {
                        return Err(self.error(end));
                    };
                    let Some(value) = char::from(digit).to_digit(16) else {
                        return Err(
                            self.unexpected("expected a hex-digit for character escape sequence")
                        );
                    };
                    unit = unit * 16 + u16::try_from(value).expect("a hex digit is below 16");
                    self.at += 1;
                }
                return Ok(unit);
            }
            _ => {
                return Err(self.error(&format!(
                    "Unrecognized character escape {}",
                    character(self.text, self.at)
                )));
            }
        };
        self.at += 1;
        Ok(u16::from(simple))
    }

    /// Starts a value at its first byte.
    fn value(&mut self, byte: u8) -> Read<Token> {
        self.value_start = self.at;
        match byte {
            b'"' => {
                self.at += 1;
                self.lazy = true;
                Ok(Token::Text)
            }
            b'[' => {
                self.at += 1;
                Ok(Token::ArrayStart)
            }
            b'{' => {
                self.at += 1;
                Ok(Token::ObjectStart)
            }
            b't' => self.word("true", Token::True),
            b'f' => self.word("false", Token::False),
            b'n' => self.word("null", Token::Null),
            b'-' | b'0'..=b'9' => self.read_number(),
            _ => Err(self.odd_value()),
        }
    }

    fn word(&mut self, word: &str, token: Token) -> Read<Token> {
        let rest = &self.text[self.at..];
        let same = rest.bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count();
        let whole = same == word.len();
        if whole && !rest[same..].chars().next().is_some_and(is_identifier) {
            self.at += same;
            return Ok(token);
        }
        Err(self.bad_token())
    }

    /// An unknown word; the location is behind it.
    fn bad_token(&mut self) -> PatternError {
        let rest = &self.text[self.at..];
        let mut word = String::new();
        let mut cut = "";
        for letter in rest.chars().take_while(|&letter| is_identifier(letter)) {
            word.push(letter);
            self.at += letter.len_utf8();
            if word.encode_utf16().count() >= 256 {
                cut = "...";
                break;
            }
        }
        self.error(&format!("Unrecognized token '{word}{cut}': was expecting {VALUES}"))
    }

    fn odd_value(&mut self) -> PatternError {
        let rest = &self.text[self.at..];
        for (word, length) in [("NaN", 3), ("Infinity", 8)] {
            if rest.starts_with(word) && !rest[length..].chars().next().is_some_and(is_identifier) {
                self.at += length;
                return self.error(&format!(
                    "Non-standard token '{word}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_\
                     NUMBERS` to allow"
                ));
            }
        }
        if rest.chars().next().is_some_and(|letter| is_identifier(letter) && !letter.is_numeric()) {
            return self.bad_token();
        }
        self.unexpected(&format!("expected a valid value {VALUES}"))
    }

    fn read_number(&mut self) -> Read<Token> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut token = Token::Integer;
        if bytes[self.at] == b'-' {
            self.at += 1;
            self.digit("expected digit (0-9) to follow minus sign, for valid numeric value")?;
        }
        if bytes[self.at] == b'0' && bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
            return Err(self.error("Invalid numeric value: Leading zeroes not allowed"));
        }
        self.digits();
        if bytes.get(self.at) == Some(&b'.') {
            token = Token::Float;
            self.at += 1;
            self.digit("Decimal point not followed by a digit")?;
            self.digits();
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            token = Token::Float;
            self.at += 1;
            if matches!(bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digit("Exponent indicator not followed by a digit")?;
            self.digits();
        }
        self.number = (start, self.at);
        Ok(token)
    }

    fn digits(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    }

    fn digit(&self, comment: &str) -> Read<()> {
        match self.text.as_bytes().get(self.at) {
            Some(byte) if byte.is_ascii_digit() => Ok(()),
            Some(_) => Err(self.error(&format!(
                "Unexpected character ({}) in numeric value: {comment}",
                character(self.text, self.at)
            ))),
            None => Err(self.error("Unexpected end-of-input in a Number value")),
        }
    }

    fn unexpected(&self, comment: &str) -> PatternError {
        let found = character(self.text, self.at);
        self.error(&format!("Unexpected character ({found}): {comment}"))
    }
}

fn describe(scope: Option<&Scope>) -> &'static str {
    match scope.map(|scope| scope.kind) {
        None => "root",
        Some(Kind::Object) => "Object",
        Some(Kind::Array) => "Array",
    }
}

/// The character at `at`, described as the service's parser describes it.
fn character(text: &str, at: usize) -> String {
    let mut units = [0; 2];
    let found = text[at..].chars().next().unwrap_or('\0');
    let unit = found.encode_utf16(&mut units)[0];
    if found.is_control() {
        format!("(CTRL-CHAR, code {unit})")
    } else if unit > 255 {
        format!("'{found}' (code {unit} / 0x{unit:x})")
    } else {
        format!("'{found}' (code {unit})")
    }
}

fn is_identifier(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// Appends one UTF-16 unit of an escape, pairing surrogates. A lone surrogate becomes `?` in a
/// value, because that is what the service encodes it to; in a name it stays itself (as WTF-8).
pub(crate) fn push_unit(out: &mut Vec<u8>, high: &mut Option<u16>, unit: u16, name: bool) {
    if let Some(first) = high.take() {
        if let Some(Ok(pair)) = char::decode_utf16([first, unit]).next() {
            let mut buffer = [0; 4];
            out.extend_from_slice(pair.encode_utf8(&mut buffer).as_bytes());
            return;
        }
        push_lone(out, first, name);
    }
    match unit {
        0xd800..=0xdbff => *high = Some(unit),
        0xdc00..=0xdfff => push_lone(out, unit, name),
        _ => {
            let plain = char::from_u32(u32::from(unit)).expect("not a surrogate");
            let mut buffer = [0; 4];
            out.extend_from_slice(plain.encode_utf8(&mut buffer).as_bytes());
        }
    }
}

/// Ends a run of escapes: a pending high surrogate turned out to be alone.
pub(crate) fn flush(out: &mut Vec<u8>, high: &mut Option<u16>, name: bool) {
    if let Some(first) = high.take() {
        push_lone(out, first, name);
    }
}

fn push_lone(out: &mut Vec<u8>, unit: u16, name: bool) {
    if name {
        let [high, low] = unit.to_be_bytes();
        out.push(0xe0 | (high >> 4));
        out.push(0x80 | ((high & 0x0f) << 2) | (low >> 6));
        out.push(0x80 | (low & 0x3f));
    } else {
        out.push(b'?');
    }
}
