//! Values in filter patterns: how they are read, and how they are compared.
//!
//! Main types: [`Tokens`] (a text that is read piece by piece) and [`Operand`]. Invariant: every read
//! either moves on or fails, so that reading ends.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>.

use regex::Regex;

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a value is compared with.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// A number, which compares by its value.
    Number(f64),
    /// Text, in pieces between the `*` that stand for anything.
    Text(Vec<String>),
    /// A regular expression.
    Regex(Regex),
}

/// Whether a text compares so.
pub(super) fn compare(text: &str, comparison: Comparison, operand: &Operand) -> bool {
    let equal = match operand {
        Operand::Number(number) => {
            let Ok(value) = text.parse::<f64>() else { return comparison == Comparison::NotEqual };
            return match comparison {
                Comparison::Equal => value.total_cmp(number).is_eq(),
                Comparison::NotEqual => value.total_cmp(number).is_ne(),
                Comparison::Less => value < *number,
                Comparison::LessOrEqual => value <= *number,
                Comparison::Greater => value > *number,
                Comparison::GreaterOrEqual => value >= *number,
            };
        }
        Operand::Text(pieces) => fits(text, pieces),
        Operand::Regex(regex) => regex.is_match(text),
    };
    match comparison {
        Comparison::Equal => equal,
        Comparison::NotEqual => !equal,
        // `Tokens::operand` gives these numbers alone.
        Comparison::Less
        | Comparison::LessOrEqual
        | Comparison::Greater
        | Comparison::GreaterOrEqual => false,
    }
}

/// Whether a text consists of the pieces with anything between them.
fn fits(text: &str, pieces: &[String]) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.first().is_some_and(|only| only == text);
    };
    let Some(rest) = text.strip_prefix(first.as_str()) else { return false };
    let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
    for piece in middle {
        let Some(at) = rest.find(piece.as_str()) else { return false };
        rest = &rest[at + piece.len()..];
    }
    true
}

/// A regular expression within what CloudWatch Logs supports.
pub(super) fn compile(text: &str) -> Result<Regex, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || ":_#=@/;,-^$?[]{}|\\*+. ".contains(c);
    if let Some(odd) = text.chars().find(|c| !legal(*c)) {
        return Err(format!("`{odd}` is not supported in a regular expression"));
    }
    Regex::new(text).map_err(|error| format!("%{text}% is no regular expression: {error}"))
}

/// A text that is read piece by piece.
#[derive(Debug)]
pub(super) struct Tokens<'t> {
    rest: &'t str,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    /// Passes over blanks.
    pub(super) fn skip(&mut self) -> &mut Self {
        self.rest = self.rest.trim_start();
        self
    }

    /// Takes this, after any blanks.
    pub(super) fn take(&mut self, token: &str) -> bool {
        self.skip().take_here(token)
    }

    /// Takes this, right here.
    pub(super) fn take_here(&mut self, token: &str) -> bool {
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Takes a word in any case, where nothing of a name follows it.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let name = self.skip().peek_name();
        let same = name.eq_ignore_ascii_case(word);
        if same {
            self.rest = &self.rest[name.len()..];
        }
        same
    }

    fn peek_name(&self) -> &'t str {
        let legal = |c: char| c.is_alphanumeric() || "_-@".contains(c);
        let end = self.rest.find(|c| !legal(c)).unwrap_or(self.rest.len());
        &self.rest[..end]
    }

    /// Takes a name; it may be empty.
    pub(super) fn name(&mut self) -> &'t str {
        let name = self.peek_name();
        self.rest = &self.rest[name.len()..];
        name
    }

    /// Takes a name with its dots; it may be empty.
    pub(super) fn path(&mut self) -> &'t str {
        let legal = |c: char| c.is_alphanumeric() || "_-@.".contains(c);
        let end = self.rest.find(|c| !legal(c)).unwrap_or(self.rest.len());
        let (path, after) = self.rest.split_at(end);
        self.rest = after;
        path
    }

    /// Takes everything before a character, and the character.
    pub(super) fn until(&mut self, end: char) -> Option<&'t str> {
        let (inner, after) = self.rest.split_once(end)?;
        self.rest = after;
        Some(inner)
    }

    pub(super) fn comparison(&mut self) -> Option<Comparison> {
        let all = [
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("=", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let found = all.into_iter().find(|(token, _)| self.take(token))?;
        Some(found.1)
    }

    /// A number, a text with or without quotes, or a regular expression; a bare text ends at a blank or at
    /// one of `stops`.
    pub(super) fn operand(&mut self, stops: &str) -> Result<Operand, String> {
        self.skip();
        if self.take_here("%") {
            let inner = self.until('%').ok_or("the regular expression has no closing %")?;
            return compile(inner).map(Operand::Regex);
        }
        if self.take_here("\"") {
            let inner = self.until('"').ok_or("the text has no closing \"")?;
            return Ok(Operand::Text(pieces(inner)));
        }
        let ends = |c: char| c.is_whitespace() || stops.contains(c);
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        if word.is_empty() {
            return Err("a value is missing".to_owned());
        }
        self.rest = after;
        Ok(match word.parse() {
            Ok(number) => Operand::Number(number),
            Err(_) => Operand::Text(pieces(word)),
        })
    }

    /// Nothing may be left.
    pub(super) fn end(&mut self) -> Result<(), String> {
        match self.skip().rest {
            "" => Ok(()),
            rest => Err(format!("`{}` can't be read", rest.chars().take(40).collect::<String>())),
        }
    }
}

fn pieces(text: &str) -> Vec<String> {
    text.split('*').map(str::to_owned).collect()
}
