//! The conditions of one field: scalars and match expressions.
//!
//! Main function: [`list`]. Invariant: which token is read when, and which of its texts is read at
//! all, follows the service, because the locations in its messages depend on it.
//!
//! See <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>.

use super::cidr::AddressRange;
use super::condition::{Condition, NumericRange, quoted};
use super::error::PatternError;
use super::fold::Fold;
use super::number;
use super::tokens::{Token, Tokens};
use super::wildcard::Wildcard;

type Read<T> = Result<T, PatternError>;

const ONE_KEY: &str = "Only one key allowed in match expression";
const TOO_MANY: &str = "Too many elements in numeric expression";

/// Reads the conditions of a field, behind its opening bracket.
pub(crate) fn list(tokens: &mut Tokens<'_>) -> Read<Vec<Condition>> {
    let mut conditions = Vec::new();
    loop {
        let token = tokens.next()?;
        conditions.push(match token {
            Token::ArrayEnd => break,
            Token::ObjectStart => expression(tokens)?,
            Token::Text => {
                let text = tokens.text()?;
                match AddressRange::literal(&text) {
                    Some(range) => Condition::Address(Box::new(range)),
                    None => Condition::Text(text.into()),
                }
            }
            Token::Integer | Token::Float => {
                let text = utf8(tokens.text()?);
                let value = number::comparable(&text);
                Condition::Number { text: text.into(), value }
            }
            Token::True => Condition::True,
            Token::False => Condition::False,
            Token::Null => Condition::Null,
            Token::ArrayStart | Token::ObjectEnd | Token::Name | Token::End => {
                return Err(
                    tokens.error("Match value must be String, number, true, false, or null")
                );
            }
        });
    }
    if conditions.is_empty() {
        return Err(tokens.error("Empty arrays are not allowed"));
    }
    Ok(conditions)
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn expression(tokens: &mut Tokens<'_>) -> Read<Condition> {
    if tokens.next()? != Token::Name {
        return Err(tokens.error("Match expression name not found"));
    }
    let name = tokens.name().to_vec();
    match name.as_slice() {
        b"exactly" => {
            let text = text(tokens, "exact match pattern must be a string")?;
            closed(tokens, Condition::Exactly(text.into()))
        }
        b"prefix" => affix(tokens, true),
        b"suffix" => affix(tokens, false),
        b"numeric" => {
            if tokens.next()? != Token::ArrayStart {
                return Err(tokens.error("Value of numeric must be an array."));
            }
            let condition = numeric(tokens)?;
            end(tokens, TOO_MANY)?;
            Ok(condition)
        }
        b"anything-but" => anything_but(tokens),
        b"exists" => {
            let condition = match tokens.next()? {
                Token::True => Condition::Exists,
                Token::False => Condition::Absent,
                _ => {
                    return Err(tokens.error("exists match pattern must be either true or false."));
                }
            };
            closed(tokens, condition)
        }
        b"cidr" => {
            let text = utf8(text(tokens, "prefix match pattern must be a string")?);
            let block = AddressRange::block(&text)
                .map_err(|reason| PatternError::without_position(&reason))?;
            closed(tokens, Condition::Address(Box::new(block)))
        }
        b"equals-ignore-case" => {
            let text = text(tokens, "equals-ignore-case match pattern must be a string")?;
            closed(tokens, Condition::Folded(Fold::new(&text)))
        }
        b"wildcard" => {
            let text = text(tokens, "wildcard match pattern must be a string")?;
            let wildcard = Wildcard::parse(&text).map_err(|reason| tokens.error(&reason))?;
            closed(tokens, Condition::Wildcard(wildcard))
        }
        other => {
            Err(tokens
                .error(&format!("Unrecognized match type {}", String::from_utf8_lossy(other))))
        }
    }
}

/// Reads a string value, or refuses with `refusal`.
fn text(tokens: &mut Tokens<'_>, refusal: &str) -> Read<Vec<u8>> {
    if tokens.next()? != Token::Text {
        return Err(tokens.error(refusal));
    }
    tokens.text()
}

fn end(tokens: &mut Tokens<'_>, refusal: &str) -> Read<()> {
    if tokens.next()? == Token::ObjectEnd { Ok(()) } else { Err(tokens.error(refusal)) }
}

fn closed(tokens: &mut Tokens<'_>, condition: Condition) -> Read<Condition> {
    end(tokens, ONE_KEY)?;
    Ok(condition)
}

/// `prefix` or `suffix`: a string, or an object with `equals-ignore-case`.
fn affix(tokens: &mut Tokens<'_>, prefix: bool) -> Read<Condition> {
    let (word, title) = if prefix { ("prefix", "Prefix") } else { ("suffix", "Suffix") };
    match tokens.next()? {
        Token::Text => {
            let text = tokens.text()?.into();
            closed(tokens, if prefix { Condition::Prefix(text) } else { Condition::Suffix(text) })
        }
        Token::ObjectStart => {
            if tokens.next()? != Token::Name {
                return Err(tokens.error(&format!("{title} expression name not found")));
            }
            if tokens.name() != b"equals-ignore-case" {
                let name = String::from_utf8_lossy(tokens.name()).into_owned();
                return Err(tokens.error(&format!("Unsupported {word} pattern: {name}")));
            }
            let text = text(tokens, "equals-ignore-case match pattern must be a string")?;
            let fold = Fold::new(&text);
            end(tokens, ONE_KEY)?;
            closed(
                tokens,
                if prefix { Condition::PrefixFolded(fold) } else { Condition::SuffixFolded(fold) },
            )
        }
        _ => Err(tokens.error(&format!("{word} match pattern must be a string"))),
    }
}

/// A bound of a numeric range: its text, and its value if it is comparable.
fn bound(tokens: &mut Tokens<'_>) -> Read<String> {
    Ok(utf8(tokens.text()?))
}

fn compare(tokens: &Tokens<'_>, text: &str) -> Read<f64> {
    number::comparable(text).ok_or_else(|| tokens.error(&format!("Cannot compare number : {text}")))
}

/// `numeric`, behind its opening bracket.
fn numeric(tokens: &mut Tokens<'_>) -> Read<Condition> {
    if tokens.next()? != Token::Text {
        let found = utf8(tokens.text()?);
        return Err(tokens.error(&format!("Invalid member in numeric match: {found}")));
    }
    let operator = utf8(tokens.text()?);
    let is_number = tokens.next()?.is_number();
    let needs_number = |tokens: &Tokens<'_>, name: &str| {
        if is_number {
            Ok(())
        } else {
            Err(tokens.error(&format!("Value of {name} must be numeric")))
        }
    };
    match operator.as_str() {
        "=" | "<" | "<=" => {
            needs_number(tokens, if operator == "=" { "equals" } else { &operator })?;
            let text = bound(tokens)?;
            if tokens.next()? != Token::ArrayEnd {
                return Err(tokens.error(TOO_MANY));
            }
            let value = compare(tokens, &text)?;
            let low = if operator == "=" { value } else { f64::MIN };
            let high_open = operator == "<";
            let range = NumericRange { low, low_open: false, high: value, high_open };
            Ok(ranged(range, format!("[{},{text}]", quoted(operator.as_bytes()))))
        }
        ">" | ">=" => {
            needs_number(tokens, &operator)?;
            let text = bound(tokens)?;
            let low_open = operator == ">";
            let shown = format!("[{},{text}", quoted(operator.as_bytes()));
            let token = tokens.next()?;
            if token == Token::ArrayEnd {
                let low = compare(tokens, &text)?;
                let range = NumericRange { low, low_open, high: f64::MAX, high_open: false };
                return Ok(ranged(range, shown + "]"));
            }
            upper_bound(tokens, token, &text, low_open, &shown)
        }
        _ => Err(tokens.error(&format!("Unrecognized numeric range operator: {operator}"))),
    }
}

fn ranged(range: NumericRange, shown: String) -> Condition {
    Condition::Numeric(range, shown.into())
}

/// The second half of a range with two bounds.
fn upper_bound(
    tokens: &mut Tokens<'_>,
    token: Token,
    low: &str,
    low_open: bool,
    shown: &str,
) -> Read<Condition> {
    if token != Token::Text {
        let found = utf8(tokens.text()?);
        return Err(tokens.error(&format!("Bad value in numeric range: {found}")));
    }
    let operator = utf8(tokens.text()?);
    if operator != "<" && operator != "<=" {
        return Err(tokens.error(&format!("Bad numeric range operator: {operator}")));
    }
    if !tokens.next()?.is_number() {
        return Err(tokens.error(&format!("Value of {operator} must be numeric")));
    }
    let text = bound(tokens)?;
    if tokens.next()? != Token::ArrayEnd {
        return Err(tokens.error("Too many terms in numeric range expression"));
    }
    let low = compare(tokens, low)?;
    let high = compare(tokens, &text)?;
    if low >= high {
        return Err(tokens.error("Bottom must be less than top"));
    }
    let range = NumericRange { low, low_open, high, high_open: operator == "<" };
    Ok(ranged(range, format!("{shown},{},{text}]", quoted(operator.as_bytes()))))
}

/// What an `anything-but` negates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Negated {
    Values,
    Folded,
    Prefix,
    Suffix,
    Wildcard,
}

impl Negated {
    /// The refusal of a member that is not a string.
    fn refusal(self) -> &'static str {
        match self {
            Self::Values => "Inside anything but list, start|null|boolean is not supported.",
            Self::Folded => {
                "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not \
                 supported."
            }
            Self::Wildcard => "wildcard match pattern must be a string",
            Self::Prefix | Self::Suffix => "prefix/suffix match pattern must be a string",
        }
    }
}

fn anything_but(tokens: &mut Tokens<'_>) -> Read<Condition> {
    let mut token = tokens.next()?;
    let mut negated = Negated::Values;
    if token == Token::ObjectStart {
        if tokens.next()? != Token::Name {
            return Err(tokens.error("Anything-But expression name not found"));
        }
        negated = match tokens.name() {
            b"equals-ignore-case" => Negated::Folded,
            b"prefix" => Negated::Prefix,
            b"suffix" => Negated::Suffix,
            b"wildcard" => Negated::Wildcard,
            other => {
                let name = String::from_utf8_lossy(other).into_owned();
                return Err(tokens.error(&format!("Unsupported anything-but pattern: {name}")));
            }
        };
        token = tokens.next()?;
    }
    let condition = match token {
        Token::ArrayStart if negated == Negated::Values => values(tokens)?,
        Token::ArrayStart => {
            let texts = members(tokens, negated).map_err(|error| tokens.again(error))?;
            negation(tokens, negated, texts)?
        }
        Token::Text | Token::Integer | Token::Float => single(tokens, token, negated)?,
        _ => {
            return Err(tokens
                .error("Value of anything-but must be an array or single string/number value."));
        }
    };
    end(tokens, TOO_MANY)?;
    if negated != Negated::Values {
        end(tokens, TOO_MANY)?;
    }
    Ok(condition)
}

/// A scalar behind `anything-but`, directly or inside its object.
fn single(tokens: &mut Tokens<'_>, token: Token, negated: Negated) -> Read<Condition> {
    match (negated, token) {
        (Negated::Values, Token::Text) => {
            Ok(Condition::NotTexts(Box::new([tokens.text()?.into_boxed_slice()])))
        }
        (Negated::Values, _) => {
            let text = utf8(tokens.text()?);
            let value = number::comparable(&text).ok_or_else(|| {
                PatternError::without_position(&format!("Cannot compare number : {text}"))
            })?;
            Ok(Condition::NotNumbers(Box::new([value]), text.into()))
        }
        (_, Token::Text) => {
            let text = tokens.text()?;
            refuse_empty(tokens, negated, &text)?;
            negation(tokens, negated, vec![text])
        }
        _ => Err(tokens.error(negated.refusal())),
    }
}

fn refuse_empty(tokens: &Tokens<'_>, negated: Negated, text: &[u8]) -> Read<()> {
    if matches!(negated, Negated::Prefix | Negated::Suffix) && text.is_empty() {
        return Err(tokens.error("Null prefix/suffix not allowed"));
    }
    Ok(())
}

/// The members of a list inside `anything-but`'s object.
fn members(tokens: &mut Tokens<'_>, negated: Negated) -> Read<Vec<Vec<u8>>> {
    let mut texts = Vec::new();
    loop {
        match tokens.next()? {
            Token::ArrayEnd => return Ok(texts),
            Token::Text => {
                let text = tokens.text()?;
                refuse_empty(tokens, negated, &text)?;
                if !texts.contains(&text) {
                    texts.push(text);
                }
            }
            _ => return Err(tokens.error(negated.refusal())),
        }
    }
}

fn negation(tokens: &Tokens<'_>, negated: Negated, texts: Vec<Vec<u8>>) -> Read<Condition> {
    let boxed = |texts: Vec<Vec<u8>>| texts.into_iter().map(Vec::into_boxed_slice).collect();
    Ok(match negated {
        Negated::Values => Condition::NotTexts(boxed(texts)),
        Negated::Prefix => Condition::NotPrefixes(boxed(texts)),
        Negated::Suffix => Condition::NotSuffixes(boxed(texts)),
        Negated::Folded => Condition::NotFolded(texts.iter().map(|text| Fold::new(text)).collect()),
        Negated::Wildcard => {
            let mut wildcards = Vec::new();
            // The service keeps the members in a hash set and refuses the first bad one of that.
            for text in super::javahash::set_order(texts) {
                wildcards.push(Wildcard::parse(&text).map_err(|reason| tokens.error(&reason))?);
            }
            Condition::NotWildcards(wildcards.into())
        }
    })
}

/// A plain list behind `anything-but`: all strings or all numbers.
fn values(tokens: &mut Tokens<'_>) -> Read<Condition> {
    let (texts, numbers) = plain_members(tokens).map_err(|error| tokens.again(error))?;
    match (texts.is_empty(), numbers.is_empty()) {
        (false, true) => {
            Ok(Condition::NotTexts(texts.into_iter().map(Vec::into_boxed_slice).collect()))
        }
        (true, false) => {
            let shown: Vec<&str> = numbers.iter().map(|(text, _)| text.as_str()).collect();
            let shown = format!("[{}]", shown.join(",")).into();
            Ok(Condition::NotNumbers(numbers.iter().map(|(_, value)| *value).collect(), shown))
        }
        _ => Err(tokens.error(
            "Inside anything but list, either all values are number or string, mixed type is \
             not supported",
        )),
    }
}

/// The strings and the numbers of a plain list, in order.
type Members = (Vec<Vec<u8>>, Vec<(String, f64)>);

fn plain_members(tokens: &mut Tokens<'_>) -> Read<Members> {
    let (mut texts, mut numbers) = (Vec::new(), Vec::new());
    loop {
        match tokens.next()? {
            Token::ArrayEnd => return Ok((texts, numbers)),
            Token::Text => texts.push(tokens.text()?),
            Token::Integer | Token::Float => {
                let text = utf8(tokens.text()?);
                let value = number::comparable(&text).ok_or_else(|| {
                    PatternError::without_position(&format!("Cannot compare number : {text}"))
                })?;
                numbers.push((text, value));
            }
            _ => return Err(tokens.error(Negated::Values.refusal())),
        }
    }
}
