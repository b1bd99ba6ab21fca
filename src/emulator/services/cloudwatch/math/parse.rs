//! Reads metric math. Main function: [`parse`]. Invariant: depth and length are bounded, so that no
//! input can exhaust the stack.

use super::{Expression, Filler, Function, Operator};
use crate::emulator::error::ServiceError;

/// The longest expression (AWS: 2,048 characters).
const MAX_LENGTH: usize = 2_048;

/// The deepest nesting (ours).
const MAX_DEPTH: usize = 64;

/// The documented functions that are not emulated, so that the refusal can say so.
const REFUSED: &[&str] = &[
    "ANOMALY_DETECTION_BAND",
    "DATE",
    "DAY",
    "DB_PERF_INSIGHTS",
    "DIFF_TIME",
    "EPOCH",
    "HOUR",
    "INSIGHT_RULE_METRIC",
    "LAMBDA",
    "MINUTE",
    "MONTH",
    "REMOVE_EMPTY",
    "SEARCH",
    "SELECT",
    "SERVICE_QUOTA",
    "SLICE",
    "SORT",
    "YEAR",
];

/// Reads an expression.
pub(in super::super) fn parse(text: &str) -> Result<Expression, ServiceError> {
    if text.len() > MAX_LENGTH {
        return Err(wrong(text, "it is longer than 2048 characters"));
    }
    let mut parser = Parser { text, tokens: tokens(text)?, place: 0, depth: 0 };
    let expression = parser.or()?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => Err(wrong(text, &format!("{token:?} is not expected here"))),
    }
}

fn wrong(text: &str, why: &str) -> ServiceError {
    ServiceError::new("ValidationError", format!("Error in expression '{text}': {why}"))
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Name(String),
    Text(String),
    Symbol(&'static str),
}

/// Longer symbols stand before the shorter ones that they begin with.
const SYMBOLS: &[&str] = &[
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",",
];

fn tokens(text: &str) -> Result<Vec<Token>, ServiceError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() || first == '.' {
            let length = number_length(rest);
            let number = rest[..length].parse();
            tokens.push(Token::Number(number.map_err(|_| wrong(text, "a number is malformed"))?));
            length
        } else if first.is_ascii_alphabetic() {
            let length =
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token::Name(rest[..length].to_owned()));
            length
        } else if first == '"' || first == '\'' {
            let end = rest[1..].find(first).ok_or_else(|| wrong(text, "a text does not end"))?;
            tokens.push(Token::Text(rest[1..=end].to_owned()));
            end + 2
        } else {
            let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
            let symbol =
                symbol.ok_or_else(|| wrong(text, &format!("'{first}' is not understood")))?;
            tokens.push(Token::Symbol(symbol));
            symbol.len()
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count()
    };
    let mantissa = digits(0);
    if !matches!(bytes.get(mantissa), Some(b'e' | b'E')) {
        return mantissa;
    }
    let sign = usize::from(matches!(bytes.get(mantissa + 1), Some(b'+' | b'-')));
    match digits((mantissa + 1 + sign).min(bytes.len())) {
        0 => mantissa,
        exponent => mantissa + 1 + sign + exponent,
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    place: usize,
    depth: usize,
}

type Parsed = Result<Expression, ServiceError>;

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.place)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(found)) if *found == symbol);
        self.place += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), ServiceError> {
        if self.take(symbol) {
            return Ok(());
        }
        Err(wrong(self.text, &format!("'{symbol}' is missing")))
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Name(found)) if found == word);
        self.place += usize::from(found);
        found
    }

    /// Takes the first of these operators that stands here.
    fn operator(&mut self, table: &[(&str, Operator)]) -> Option<Operator> {
        let found = match self.peek()? {
            Token::Symbol(symbol) => table.iter().find(|(name, _)| name == symbol),
            Token::Name(word) => table.iter().find(|(name, _)| name == word),
            Token::Number(_) | Token::Text(_) => None,
        }?;
        self.place += 1;
        Some(found.1)
    }

    fn chain(&mut self, table: &[(&str, Operator)], next: fn(&mut Self) -> Parsed) -> Parsed {
        let mut left = next(self)?;
        while let Some(operator) = self.operator(table) {
            let right = next(self)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn or(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(wrong(self.text, "it is nested too deeply"));
        }
        let parsed = self.chain(&[("OR", Operator::Or), ("||", Operator::Or)], Self::and);
        self.depth -= 1;
        parsed
    }

    fn and(&mut self) -> Parsed {
        self.chain(&[("AND", Operator::And), ("&&", Operator::And)], Self::comparison)
    }

    fn comparison(&mut self) -> Parsed {
        const TABLE: &[(&str, Operator)] = &[
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        self.chain(TABLE, Self::sum)
    }

    fn sum(&mut self) -> Parsed {
        self.chain(&[("+", Operator::Add), ("-", Operator::Subtract)], Self::product)
    }

    fn product(&mut self) -> Parsed {
        self.chain(&[("*", Operator::Multiply), ("/", Operator::Divide)], Self::unary)
    }

    fn unary(&mut self) -> Parsed {
        let mut signs = 0;
        while self.take("-") {
            signs += 1;
        }
        let inner = self.power()?;
        Ok(if signs % 2 == 1 { Expression::Negate(Box::new(inner)) } else { inner })
    }

    fn power(&mut self) -> Parsed {
        let base = self.atom()?;
        if !self.take("^") {
            return Ok(base);
        }
        let negative = self.take("-");
        let exponent = self.atom()?;
        let exponent = if negative { Expression::Negate(Box::new(exponent)) } else { exponent };
        Ok(Expression::Binary(Operator::Power, Box::new(base), Box::new(exponent)))
    }

    fn atom(&mut self) -> Parsed {
        let Some(token) = self.peek().cloned() else {
            return Err(wrong(self.text, "it ends too early"));
        };
        self.place += 1;
        match token {
            Token::Number(number) => Ok(Expression::Number(number)),
            Token::Name(name) if self.take("(") => self.call(&name),
            Token::Name(name) if name == "SELECT" => Err(refused(&name)),
            Token::Name(name) if name.starts_with(|c: char| c.is_ascii_lowercase()) => {
                Ok(Expression::Reference(name))
            }
            Token::Symbol("(") => {
                let inner = self.or()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Symbol("[") => self.list("]").map(Expression::List),
            Token::Name(_) | Token::Text(_) | Token::Symbol(_) => {
                Err(wrong(self.text, &format!("{token:?} is not expected here")))
            }
        }
    }

    /// The expressions up to the closing symbol.
    fn list(&mut self, close: &str) -> Result<Vec<Expression>, ServiceError> {
        let mut items = Vec::new();
        if self.take(close) {
            return Ok(items);
        }
        loop {
            items.push(self.or()?);
            if self.take(close) {
                return Ok(items);
            }
            self.expect(",")?;
        }
    }

    fn call(&mut self, name: &str) -> Parsed {
        match name {
            "METRICS" => self.metrics(),
            "FILL" => self.fill(),
            "IF" => {
                let mut parts = self.list(")")?;
                let other = (parts.len() == 3).then(|| parts.pop()).flatten().map(Box::new);
                match (parts.pop(), parts.pop(), parts.is_empty()) {
                    (Some(then), Some(condition), true) => {
                        Ok(Expression::If(Box::new(condition), Box::new(then), other))
                    }
                    _ => Err(wrong(self.text, "IF takes two or three arguments")),
                }
            }
            "PERIOD" => match self.list(")")?.as_slice() {
                [Expression::Reference(id)] => Ok(Expression::Period(id.clone())),
                _ => Err(wrong(self.text, "PERIOD takes the id of a metric")),
            },
            _ => self.function(name),
        }
    }

    fn function(&mut self, name: &str) -> Parsed {
        let Some(function) = Function::named(name) else {
            if REFUSED.contains(&name) {
                return Err(refused(name));
            }
            return Err(wrong(self.text, &format!("there is no function {name}")));
        };
        let mut arguments = self.list(")")?;
        match (arguments.pop(), arguments.is_empty()) {
            (Some(argument), true) => Ok(Expression::Call(function, Box::new(argument))),
            _ => Err(wrong(self.text, &format!("{name} takes one argument"))),
        }
    }

    fn metrics(&mut self) -> Parsed {
        let mut filter = None;
        if let Some(Token::Text(text)) = self.peek() {
            filter = Some(text.clone());
            self.place += 1;
        }
        self.expect(")")?;
        Ok(Expression::Metrics(filter))
    }

    fn fill(&mut self) -> Parsed {
        let inner = self.or()?;
        self.expect(",")?;
        let filler = if self.word("REPEAT") {
            Filler::Repeat
        } else if self.word("LINEAR") {
            Filler::Linear
        } else {
            Filler::Value(Box::new(self.or()?))
        };
        self.expect(")")?;
        Ok(Expression::Fill(Box::new(inner), filler))
    }
}

fn refused(name: &str) -> ServiceError {
    ServiceError::unsupported(format_args!("the metric math function {name}"))
}
