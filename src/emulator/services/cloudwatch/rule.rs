//! The rules of composite alarms: read, evaluate, and tell which children decided. Pure.
//!
//! Main type: [`RuleExpression`]. Invariant: size and depth are bounded as AWS bounds them (100 children,
//! 500 elements). <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html>.

use super::alarm::StateValue;

/// "The `AlarmRule` expression can have as many as 500 elements."
const MAX_ELEMENTS: usize = 500;

/// "The `AlarmRule` can specify as many as 100 children alarms."
const MAX_CHILDREN: usize = 100;

/// The deepest nesting (ours).
const MAX_DEPTH: usize = 50;

/// A rule over the states of other alarms; alarms are given by name.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RuleExpression {
    Constant(bool),
    State(StateValue, String),
    Not(Box<RuleExpression>),
    And(Box<RuleExpression>, Box<RuleExpression>),
    Or(Box<RuleExpression>, Box<RuleExpression>),
    AtLeast { least: Least, negated: bool, state: StateValue, alarms: Vec<String> },
}

/// How many alarms `AT_LEAST` wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Least {
    Count(usize),
    Percent(f64),
}

/// Reads a rule; the error is a message for a person.
pub(super) fn parse(text: &str) -> Result<RuleExpression, String> {
    let mut parser = Parser { rest: text, elements: 0, depth: 0 };
    let rule = parser.or()?;
    parser.skip();
    if !parser.rest.is_empty() {
        return Err(format!("'{}' is not expected", shorten(parser.rest)));
    }
    if rule.children().len() > MAX_CHILDREN {
        return Err("it names more than 100 alarms".to_owned());
    }
    Ok(rule)
}

impl RuleExpression {
    /// Whether the rule holds; an alarm that does not exist is in no state.
    pub(super) fn holds(&self, state: &dyn Fn(&str) -> Option<StateValue>) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::State(wanted, alarm) => state(alarm) == Some(*wanted),
            Self::Not(inner) => !inner.holds(state),
            Self::And(left, right) => left.holds(state) && right.holds(state),
            Self::Or(left, right) => left.holds(state) || right.holds(state),
            Self::AtLeast { least, negated, state: wanted, alarms } => {
                let fits = |alarm: &&String| in_state(state(alarm), *wanted, *negated);
                least.reached(alarms.iter().filter(fits).count(), alarms.len())
            }
        }
    }

    /// The alarms that the rule names, each once, in order.
    pub(super) fn children(&self) -> Vec<&str> {
        let mut children = Vec::new();
        self.leaves(true, &mut |alarm, _, _, _| {
            if !children.contains(&alarm) {
                children.push(alarm);
            }
        });
        children
    }

    /// The children that speak for the rule's result, each once, in order.
    pub(super) fn deciding(&self, state: &dyn Fn(&str) -> Option<StateValue>) -> Vec<&str> {
        let result = self.holds(state);
        let mut children = Vec::new();
        self.leaves(true, &mut |alarm, wanted, negated, positive| {
            let speaks = in_state(state(alarm), wanted, negated) == positive;
            if speaks == result && !children.contains(&alarm) {
                children.push(alarm);
            }
        });
        children
    }

    /// Visits every alarm with the state that is wanted, whether that is negated, and whether the whole
    /// stands under an even number of NOTs.
    fn leaves<'a>(
        &'a self,
        positive: bool,
        visit: &mut dyn FnMut(&'a str, StateValue, bool, bool),
    ) {
        match self {
            Self::Constant(_) => {}
            Self::State(wanted, alarm) => visit(alarm, *wanted, false, positive),
            Self::Not(inner) => inner.leaves(!positive, visit),
            Self::And(left, right) | Self::Or(left, right) => {
                left.leaves(positive, visit);
                right.leaves(positive, visit);
            }
            Self::AtLeast { negated, state, alarms, .. } => {
                for alarm in alarms {
                    visit(alarm, *state, *negated, positive);
                }
            }
        }
    }
}

fn in_state(state: Option<StateValue>, wanted: StateValue, negated: bool) -> bool {
    state.is_some_and(|state| (state == wanted) != negated)
}

impl Least {
    fn reached(self, count: usize, of: usize) -> bool {
        match self {
            Self::Count(least) => count >= least,
            #[expect(clippy::cast_precision_loss, reason = "at most 100 alarms")]
            Self::Percent(least) => count as f64 * 100.0 >= least * of as f64,
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    elements: usize,
    depth: usize,
}

type Parsed = Result<RuleExpression, String>;

impl Parser<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, symbol: char) -> bool {
        self.skip();
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, symbol: char) -> Result<(), String> {
        if self.take(symbol) {
            return Ok(());
        }
        Err(format!("'{symbol}' is missing before '{}'", shorten(self.rest)))
    }

    /// Takes this word, if it stands here as a word of its own.
    fn word(&mut self, word: &str) -> bool {
        self.skip();
        let Some(rest) = self.rest.strip_prefix(word) else { return false };
        if rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            return false;
        }
        self.rest = rest;
        true
    }

    fn element(&mut self) -> Result<(), String> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err("it has more than 500 elements".to_owned());
        }
        Ok(())
    }

    fn or(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("it is nested too deeply".to_owned());
        }
        let mut left = self.and()?;
        while self.word("OR") {
            left = RuleExpression::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Parsed {
        let mut left = self.not()?;
        while self.word("AND") {
            left = RuleExpression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed {
        let mut negated = false;
        while self.word("NOT") {
            negated = !negated;
        }
        let inner = self.atom()?;
        Ok(if negated { RuleExpression::Not(Box::new(inner)) } else { inner })
    }

    fn atom(&mut self) -> Parsed {
        self.element()?;
        if self.take('(') {
            let inner = self.or()?;
            self.expect(')')?;
            return Ok(inner);
        }
        if self.word("TRUE") {
            return Ok(RuleExpression::Constant(true));
        }
        if self.word("FALSE") {
            return Ok(RuleExpression::Constant(false));
        }
        if self.word("AT_LEAST") {
            return self.at_least();
        }
        let state = self.state()?;
        self.expect('(')?;
        let alarm = self.alarm()?;
        self.expect(')')?;
        Ok(RuleExpression::State(state, alarm))
    }

    fn state(&mut self) -> Result<StateValue, String> {
        for state in [StateValue::InsufficientData, StateValue::Alarm, StateValue::Ok] {
            if self.word(state.as_str()) {
                return Ok(state);
            }
        }
        Err(format!("a function is expected at '{}'", shorten(self.rest)))
    }

    /// `AT_LEAST(M, STATE_CONDITION, (alarm1, alarm2, …alarmN))`, M a number or a percentage.
    fn at_least(&mut self) -> Parsed {
        self.expect('(')?;
        self.skip();
        let end = self.rest.find([',', ')']).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        let least = least(number.trim())?;
        self.rest = rest;
        self.expect(',')?;
        let negated = self.word("NOT");
        let state = self.state()?;
        self.expect(',')?;
        self.expect('(')?;
        let mut alarms = Vec::new();
        loop {
            self.element()?;
            alarms.push(self.alarm()?);
            if self.take(')') {
                break;
            }
            self.expect(',')?;
        }
        self.expect(')')?;
        if let Least::Count(least) = least
            && least > alarms.len()
        {
            return Err(format!("AT_LEAST wants {least} of {} alarms", alarms.len()));
        }
        Ok(RuleExpression::AtLeast { least, negated, state, alarms })
    }

    /// A name or an ARN, in quotes or without; the answer is the name.
    fn alarm(&mut self) -> Result<String, String> {
        self.skip();
        let mut name = String::new();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let mut characters = quoted.char_indices();
            loop {
                match characters.next() {
                    Some((place, '"')) => {
                        self.rest = &quoted[place + 1..];
                        break;
                    }
                    Some((_, '\\')) => name.extend(characters.next().map(|(_, c)| c)),
                    Some((_, c)) => name.push(c),
                    None => return Err("a quoted name does not end".to_owned()),
                }
            }
        } else {
            let stop = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',');
            let end = self.rest.find(stop).unwrap_or(self.rest.len());
            self.rest[..end].clone_into(&mut name);
            self.rest = &self.rest[end..];
        }
        let name = name_of(&name).to_owned();
        if name.is_empty() { Err("the name of an alarm is missing".to_owned()) } else { Ok(name) }
    }
}

/// The alarm's name, out of its name or its ARN.
pub(super) fn name_of(alarm: &str) -> &str {
    if !alarm.starts_with("arn:") {
        return alarm;
    }
    alarm.split_once(":alarm:").map_or(alarm, |(_, name)| name)
}

fn least(text: &str) -> Result<Least, String> {
    let wrong = || format!("'{text}' is neither a number nor a percentage");
    if let Some(percent) = text.strip_suffix('%') {
        let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
        let valid = percent > 0.0 && percent <= 100.0;
        return if valid { Ok(Least::Percent(percent)) } else { Err(wrong()) };
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(wrong()),
        Ok(count) => Ok(Least::Count(count)),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Alarms `a…` are in ALARM, `o…` OK, `i…` without data; `z…` do not exist.
    fn state(alarm: &str) -> Option<StateValue> {
        match alarm.chars().next() {
            Some('a') => Some(StateValue::Alarm),
            Some('o') => Some(StateValue::Ok),
            Some('i') => Some(StateValue::InsufficientData),
            _ => None,
        }
    }

    #[test]
    fn a_rule_holds_as_the_documented_grammar_says() {
        for (text, holds) in [
            ("ALARM(a1)", true),
            ("ALARM(\"a1\")", true),
            ("ALARM(arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a1)", true),
            ("ALARM(\"arn:aws:cloudwatch:eu-west-1:111122223333:alarm:o 1\")", false),
            ("ALARM(a1) AND ALARM(o1)", false),
            ("ALARM(a1) OR ALARM(o1)", true),
            ("ALARM(a1) AND NOT ALARM(o1)", true),
            ("NOT ALARM(a1)", false),
            ("(ALARM(o1) OR ALARM(a1)) AND OK(o2)", true),
            ("ALARM(o1) AND ALARM(o1) OR TRUE", true),
            ("TRUE OR TRUE AND FALSE", true),
            ("INSUFFICIENT_DATA(i1)", true),
            ("OK(i1)", false),
            ("ALARM(z1) OR OK(z1)", false),
            ("NOT (NOT (TRUE))", true),
            ("AT_LEAST(2, ALARM, (a1, a2, o1))", true),
            ("AT_LEAST(2, ALARM, (a1, o2, o1))", false),
            ("AT_LEAST(50%, OK, (o1, o2, a1, a2))", true),
            ("AT_LEAST(51%, OK, (o1, o2, a1, a2))", false),
            ("AT_LEAST(60%, NOT OK, (\"a1\", \"i1\", \"o1\"))", true),
            ("AT_LEAST(1, NOT INSUFFICIENT_DATA, (i1, z1))", false),
        ] {
            let rule = parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(rule.holds(&state), holds, "{text}");
        }
    }

    #[test]
    fn a_malformed_rule_is_an_error_and_never_a_panic() {
        let long = "TRUE OR ".repeat(600) + "TRUE";
        let deep = "(".repeat(80) + "TRUE";
        for text in [
            "",
            "ALARM",
            "ALARM()",
            "ALARM(a",
            "ALARM(a) AND",
            "ALARM(a) ALARM(b)",
            "alarm(a)",
            "ALARM(\"a)",
            "AT_LEAST(0, ALARM, (a))",
            "AT_LEAST(3, ALARM, (a, b))",
            "AT_LEAST(200%, ALARM, (a))",
            "AT_LEAST(1, ALARM, ())",
            "AT_LEAST(1, ALARM(a))",
            "TRUE)",
            "ALARMS(a)",
            &long,
            &deep,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_children_that_decide_are_told_for_both_results() {
        let rule = parse("(ALARM(a1) OR ALARM(o1)) AND NOT ALARM(o2)").unwrap();
        assert_eq!(rule.children(), ["a1", "o1", "o2"]);
        assert_eq!(rule.deciding(&state), ["a1", "o2"]);
        let quiet = parse("ALARM(o1) OR ALARM(o2)").unwrap();
        assert_eq!(quiet.deciding(&state), ["o1", "o2"]);
    }

    #[test]
    fn a_quoted_name_may_hold_spaces_brackets_and_escaped_quotes() {
        let rule = parse(r#"ALARM("odd (name), \"x\"")"#).unwrap();
        assert_eq!(rule.children(), [r#"odd (name), "x""#]);
    }
}
