//! `firedrill match`: which event does an event pattern match, and if it does not, why not.
//!
//! Main function: [`run`]. Invariants: the answer is [`crate::pattern`]'s alone; nothing is changed anywhere
//! (a real account is asked for one rule at most); all that is read has a limit, in bytes.

mod input;
mod lines;
mod rules;
mod words;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::input::Text;
use super::real::{self, RealArgs};
use super::run::{Refusal, TargetArg};
use crate::cli::Exit;
use crate::pattern::Pattern;

/// The bus of a rule that is named without one.
const DEFAULT_BUS: &str = "default";

const MANUAL: &str = "\
Examples:
  A pattern and an event from files; `-` is standard input, for one of them:
    firedrill match --pattern rule.json --event event.json
    aws events describe-rule --name lost --query EventPattern --output text |
      firedrill match --pattern - --event event.json

  A rule by its name, from an environment, or from the account of the AWS credentials (which is
  only read; the caller needs the action events:DescribeRule):
    firedrill match --pattern web-instance-lost \\
      --environment scenarios/environments/web.yaml --event event.json
    firedrill match --pattern web-instance-lost --target aws --event event.json

  Every rule of an environment, on every bus, with its answer to one event:
    firedrill match --environment scenarios/environments/web.yaml --event event.json

  Many questions at once, one answer a line, in order:
    firedrill match --jsonl questions.jsonl

A line of --jsonl is {\"pattern\": …, \"event\": …}. Each is an object, or a string that holds the
JSON text; other keys are ignored. The text counts as it is written: number forms, duplicate
keys and escapes stay. The answer is one of
    {\"match\":true}
    {\"match\":false,\"why\":\"source: \\\"aws.ec2\\\" is not \\\"aws.s3\\\"\"}
    {\"error\":\"Event pattern is not valid. Reason: …\"}
An error is that line's answer, and the next line is read. Each line is answered before more is
waited for.

Limits: a pattern file of 1 MiB (EventBridge takes 4,096 characters), an event file of 16 MiB,
a line of 16 MiB. Events and patterns nest at most 1,000 levels.

Exit codes:
  0  match; with --environment alone: an enabled rule matches; with --jsonl: each line was
     answered, be it with an error
  1  no match; with --environment alone: no enabled rule matches
  2  no answer: a pattern that EventBridge refuses (told with its message and position), an
     event that is not JSON, a file or a rule that is not there, anything too large, bad
     arguments";

/// Says whether an event pattern matches an event, and if not, why not.
///
/// Answers as EventBridge does, offline: `match`, or `no match` with each field that failed, the value that
/// was there and the matcher that refused it. Patterns come from a file, a rule of an environment, or a rule
/// of a real account; without --pattern, every rule of an environment is asked.
///
/// An event is any JSON object. A note tells when it lacks what every event on a bus has (`source`,
/// `detail-type`, `detail`), since a pattern that is right then can't match.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = MANUAL)]
pub struct MatchArgs {
    /// The pattern: a file, or `-`; with --environment, --target aws or --endpoint-url a rule's name.
    #[arg(long, value_name = "FILE|RULE", required_unless_present_any = ["environment", "jsonl"])]
    pub pattern: Option<String>,

    /// The event: a file with a JSON object, or `-`.
    #[arg(long, value_name = "FILE", required_unless_present = "jsonl")]
    pub event: Option<PathBuf>,

    /// Questions, one JSON object a line: a file, or `-`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pattern", "event", "environment", "bus",
        "target", "endpoint_url", "profile", "region", "format"])]
    pub jsonl: Option<PathBuf>,

    /// The environment whose rules are asked.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["endpoint_url", "profile", "region"])]
    pub environment: Option<PathBuf>,

    /// The event bus of the rule, by name or ARN; default: `default`, and every bus where no rule is named.
    #[arg(long, value_name = "NAME")]
    pub bus: Option<String>,

    /// How to print the answer: for people, or one JSON object a line.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: MatchFormat,

    /// Where the rule is.
    #[arg(long, value_enum, default_value_t = TargetArg::Emulator, help_heading = "Target")]
    pub target: TargetArg,

    /// The URL of an AWS-compatible server that has the rule.
    #[arg(long, value_name = "URL", help_heading = "Target")]
    pub endpoint_url: Option<String>,

    /// The profile of the AWS configuration files.
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    pub profile: Option<String>,

    /// The region; default: that of the profile or of AWS_REGION.
    #[arg(long, value_name = "REGION", help_heading = "Target")]
    pub region: Option<String>,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MatchFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A pattern to ask, and what to call it.
#[derive(Debug)]
struct Asked {
    name: String,
    text: String,
    /// Whether it belongs to a rule that is switched off.
    disabled: bool,
}

/// Where a question's answer and the words beside it go.
struct Streams<'s> {
    out: &'s mut dyn Write,
    err: &'s mut dyn Write,
}

/// Why there is no answer.
enum Problem {
    /// In words, for the line after `error: `.
    Told(String),
    /// The output can't be written.
    Output(io::Error),
}

impl From<String> for Problem {
    fn from(words: String) -> Self {
        Self::Told(words)
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Runs the verb.
pub fn run(arguments: &MatchArgs) -> Exit {
    if let Some(file) = &arguments.jsonl {
        return super::ended(lines::answer(file));
    }
    let mut out = anstream::stdout().lock();
    let mut err = anstream::stderr().lock();
    super::ended(answer(arguments, &mut out, &mut err))
}

/// Answers one question to `out`; notes and what is wrong go to `err`.
fn answer(arguments: &MatchArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    match ask(arguments, &mut Streams { out: &mut *out, err: &mut *err }) {
        Ok(exit) => Ok(exit),
        Err(Problem::Output(error)) => Err(error),
        Err(Problem::Told(told)) => {
            writeln!(err, "error: {}", words::printable(told.trim_end()))?;
            Ok(Exit::Usage)
        }
    }
}

fn ask(arguments: &MatchArgs, streams: &mut Streams<'_>) -> Result<Exit, Problem> {
    let real = arguments.target == TargetArg::Aws || arguments.endpoint_url.is_some();
    let named = real || arguments.environment.is_some();
    contradictions(arguments, real, named)?;
    let event = arguments.event.as_deref().ok_or_else(|| "--event is missing".to_owned())?;
    let Some(pattern) = &arguments.pattern else {
        let stage = environment(arguments)?;
        let event = Text::event(event)?;
        return rules::every(&stage, arguments, &event, streams);
    };
    let bus = arguments.bus.as_deref().unwrap_or(DEFAULT_BUS);
    let asked = if real {
        from_account(arguments, bus, pattern)?
    } else if named {
        let stage = environment(arguments)?;
        rules::by_name(&stage, bus, pattern)?
    } else {
        let text = Text::pattern(pattern.as_ref())?;
        Asked { name: text.name, text: text.text, disabled: false }
    };
    let event = Text::event(event)?;
    one(&asked, &event, arguments.format, streams)
}

/// Arguments that do not go together, beyond what the command line's own grammar says.
fn contradictions(arguments: &MatchArgs, real: bool, named: bool) -> Result<(), String> {
    let dash = |path: Option<&str>| path == Some("-");
    let event = arguments.event.as_ref().and_then(|path| path.to_str());
    let wrong = if !named && dash(arguments.pattern.as_deref()) && dash(event) {
        "only one of --pattern and --event can be standard input"
    } else if real && arguments.environment.is_some() {
        "a rule comes from --environment or from an account, not from both"
    } else if real && arguments.pattern.is_none() {
        "--pattern RULE is missing: an account is asked for one rule by its name"
    } else if !named && arguments.bus.is_some() {
        "--bus needs --environment, --target aws or --endpoint-url: a pattern in a file is on no bus"
    } else if !real && (arguments.profile.is_some() || arguments.region.is_some()) {
        "--profile and --region need --target aws or --endpoint-url"
    } else {
        return Ok(());
    };
    Err(format!("{wrong}\n  see `firedrill match --help`"))
}

fn environment(arguments: &MatchArgs) -> Result<rules::Environment, String> {
    let path = arguments.environment.as_deref().ok_or("--environment is missing")?;
    rules::environment(path)
}

/// Reads one rule off a real account.
fn from_account(arguments: &MatchArgs, bus: &str, rule: &str) -> Result<Asked, String> {
    let reach = RealArgs {
        endpoint_url: arguments.endpoint_url.clone(),
        profile: arguments.profile.clone(),
        region: arguments.region.clone(),
        ..RealArgs::default()
    };
    let found = real::rule(&reach, bus, rule).map_err(|Refusal(words)| words)?;
    let name = format!("rule `{rule}` on bus `{bus}`");
    let text = found.pattern.ok_or_else(|| rules::no_pattern(&name))?;
    Ok(Asked { name, text, disabled: !found.enabled })
}

/// Answers one pattern's question.
fn one(
    asked: &Asked,
    event: &Text,
    format: MatchFormat,
    streams: &mut Streams<'_>,
) -> Result<Exit, Problem> {
    let pattern = Pattern::parse(&asked.text).map_err(|error| words::refused(asked, &error))?;
    let explained = pattern.explain(&event.text).map_err(|error| event.refused(&error))?;
    if let Some(note) = event.envelope_note() {
        writeln!(streams.err, "{note}")?;
    }
    if asked.disabled {
        writeln!(
            streams.err,
            "note: the {} is disabled: no event reaches its targets",
            asked.name
        )?;
    }
    match format {
        MatchFormat::Text => writeln!(streams.out, "{}", words::text(&explained))?,
        MatchFormat::Json => writeln!(streams.out, "{}", words::json(&explained))?,
    }
    Ok(if explained.matched() { Exit::Passed } else { Exit::Failed })
}
