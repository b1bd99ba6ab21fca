//! Numbers as the service compares them.
//!
//! Main functions: [`comparable`] for a literal, [`java_text`] for how a double is printed.
//! Invariant: a number is comparable exactly when it is finite and its shortest decimal equals its
//! text; anything else is only ever compared as text.

/// The digits and the exponent of a decimal: `0.digits * 10^exponent`, without leading or trailing
/// zeros. Zero has no digits.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

fn decimal(text: &str) -> Option<Decimal> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let leading = digits.iter().take_while(|&&digit| digit == b'0').count();
    let length = |bytes: usize| i64::try_from(bytes).expect("a text's length fits");
    let mut point = i64::from(exponent) + length(whole.len()) - length(leading);
    digits.drain(..leading);
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    if digits.is_empty() {
        point = 0;
    }
    Some(Decimal { negative: negative && !digits.is_empty(), digits, exponent: point })
}

/// The double that `text` (a JSON number) stands for, when the service can compare it.
///
/// A literal is comparable when the double's printed decimal is the literal's value again:
/// `0.1` is, `1.0000000000000001` and `9007199254740993` are not.
pub(crate) fn comparable(text: &str) -> Option<f64> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
    if text.len() <= 15 && !text.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
        // Fifteen digits always survive the way through a double and back.
        return Some(value + 0.0);
    }
    let given = decimal(text)?;
    let printed = decimal(&java_digits(value))?;
    (given == printed).then_some(value + 0.0)
}

/// Powers of ten that a double holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Two doubles that enclose an event's number, which are the number itself for short ones; nothing
/// for numbers that need a close look (long ones, exponents, integers that may not be comparable).
pub(crate) fn rough(text: &str) -> Option<(f64, f64)> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, bytes),
    };
    if digits.len() > 20 {
        return None;
    }
    let mut mantissa = 0_u64;
    let mut point = None;
    for (at, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
            }
            b'.' => point = Some(at),
            _ => return None,
        }
    }
    let Some(point) = point else {
        if digits.len() > 15 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "fifteen digits are exact")]
        let value = mantissa as f64;
        let value = if negative { -value } else { value } + 0.0;
        return Some((value, value));
    };
    #[expect(clippy::cast_precision_loss, reason = "the bounds below make up for it")]
    let value = mantissa as f64 / TENS[digits.len() - point - 1];
    let value = if negative { -value } else { value } + 0.0;
    if mantissa < 1 << 53 {
        // Both operands are exact, so their quotient is the double closest to the number.
        return Some((value, value));
    }
    let slack = value.abs() * 1e-15;
    Some((value - slack, value + slack))
}

/// A double's decimal as Java's `Double.toString` chooses it: the shortest that reads back as the
/// same double, except that a single digit is given as the closest two.
fn java_digits(value: f64) -> String {
    let shortest = format!("{value:e}");
    if shortest.contains('.') { shortest } else { format!("{value:.1e}") }
}

/// A finite or infinite double as the service renders it (`1.0`, `1.0E10`, `Infinity`).
pub(crate) fn java_text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0.0".into() } else { "0.0".into() };
    }
    if (1e-3..1e7).contains(&value.abs()) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    java_digits(value).replace('e', "E")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_comparable_when_its_decimal_survives_a_double() {
        let table = [
            ("0", Some(0.0)),
            ("-0", Some(0.0)),
            ("-0.0", Some(0.0)),
            ("300.0", Some(300.0)),
            ("3.0e2", Some(300.0)),
            ("9007199254740992", Some(9_007_199_254_740_992.0)),
            ("9007199254740993", None),
            ("1.0000000000000001", None),
            ("123456789012345678901234567890", None),
            ("1e309", None),
            ("1e-400", None),
            ("0e400", Some(0.0)),
            ("4.9e-324", Some(4.9e-324)),
            ("5e-324", None),
            ("1e100", Some(1e100)),
            ("1.7976931348623157e308", Some(f64::MAX)),
            ("0.1234567890123456789", None),
            ("100000000000000000000", Some(1e20)),
        ];
        for (text, expected) in table {
            assert_eq!(comparable(text), expected, "{text}");
        }
    }

    #[test]
    fn a_rough_reading_encloses_the_number() {
        let texts = [
            "0",
            "-0",
            "-0.0",
            "1",
            "-17.25",
            "300.0",
            "0.1",
            "-122.422003528252475",
            "37.808480096967251",
            "999999999999999",
            "0.00000000000000001",
            "1234567890.123456789",
            "9007199254740993.5",
        ];
        for text in texts {
            let (low, high) = rough(text).unwrap();
            let value = text.parse::<f64>().unwrap() + 0.0;
            assert!(low <= value && value <= high, "{text}: {low} {value} {high}");
            assert!(high - low <= value.abs() * 1e-14, "{text}");
        }
        for text in ["1e5", "9007199254740993", "0.123456789012345678901234"] {
            assert_eq!(rough(text), None, "{text}");
        }
    }

    #[test]
    fn a_double_prints_as_java_prints_it() {
        let table = [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e7, "1.0E7"),
            (123.5, "123.5"),
            (1e-4, "1.0E-4"),
            (-0.0, "-0.0"),
            (1.5e300, "1.5E300"),
            (f64::INFINITY, "Infinity"),
        ];
        for (value, expected) in table {
            assert_eq!(java_text(value), expected);
        }
    }
}
