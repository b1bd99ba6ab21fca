//! `firedrill help [TOPIC]`: the manual in the terminal.
//!
//! Main function: [`run`]. A topic is a page, a verb, a kind of fault or expectation, or the code of a
//! diagnostic. Invariant: what can be made from the code is made from it (the scenario language, the
//! diagnostics, the verbs, the facts), so that the manual can't drift.

mod environment;
mod kinds;
mod language;
mod words;

use clap::{Command, CommandFactory};

use super::output::{print, say};
use crate::cli::{Cli, EXIT_CODES, Exit};
use crate::scenario::rules;
use crate::scenario::suggest::did_you_mean;

/// How wide a page is at most.
const WIDTH: usize = 96;

/// Explains a topic: a verb, a page, a kind of fault or expectation, or a diagnostic.
///
/// Pages: scenario (the language, key by key), environment (what stands in the emulated account), verdicts
/// (verdicts and outcomes), exit-codes, and diagnostics (every code that the check knows). Any verb is a
/// topic too, and so are each kind of fault and expectation, such as `firedrill help put_events`, and the
/// code of a diagnostic, such as `firedrill help unmatched-event`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct HelpArgs {
    /// A verb, a page, a kind or the code of a diagnostic; without one: an overview.
    #[arg(value_name = "TOPIC")]
    pub topic: Option<String>,
    /// After `scenario`: a kind of fault or expectation.
    #[arg(value_name = "KIND")]
    pub kind: Option<String>,
}

/// A page of the manual.
struct Page {
    name: &'static str,
    text: fn() -> String,
}

const PAGES: &[Page] = &[
    Page { name: "scenario", text: language::page },
    Page { name: "environment", text: environment::page },
    Page { name: "verdicts", text: words::page },
    Page { name: "exit-codes", text: exit_codes },
    Page { name: "diagnostics", text: rules::page },
];

/// Runs the verb.
pub fn run(arguments: &HelpArgs) -> Exit {
    match text(arguments.topic.as_deref(), arguments.kind.as_deref()) {
        Ok(text) => super::ended(print(text.trim_end()).map(|()| Exit::Passed)),
        Err(refusal) => {
            say(&refusal);
            Exit::Usage
        }
    }
}

/// The text of a topic, or why there is none.
fn text(topic: Option<&str>, kind: Option<&str>) -> Result<String, String> {
    let mut program = Cli::command();
    program.build();
    let Some(topic) = topic else { return Ok(long_help(&mut program)) };
    if let Some(kind) = kind {
        return below(topic, kind);
    }
    if let Some(page) = PAGES.iter().find(|page| page.name == topic) {
        return Ok((page.text)());
    }
    if let Some(verb) = program.find_subcommand_mut(topic) {
        return Ok(long_help(verb));
    }
    if let Some(page) = kinds::page(topic) {
        return Ok(page);
    }
    if let Some(rule) = rules::find(topic) {
        let explanation = wrapped(rule.explanation, 4);
        return Ok(format!("{}\n    {}\n{explanation}", rule.code, rule.summary));
    }
    Err(unknown(topic, &program))
}

/// The page of a kind below `scenario`.
fn below(topic: &str, kind: &str) -> Result<String, String> {
    if topic != "scenario" {
        return Err(format!(
            "error: `{topic}` has no pages below it\n  try `firedrill help {topic}` or `firedrill help {kind}`"
        ));
    }
    kinds::page(kind).ok_or_else(|| {
        let meant = meant(kind, kinds::names().into_iter());
        let kinds = wrapped(&kinds::names().join(", "), 4);
        format!("error: there is no kind `{kind}`{meant}\n  kinds:\n{kinds}")
    })
}

/// The nearest of some words, as a line of an error.
fn meant<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = did_you_mean(word, known);
    near.map_or_else(String::new, |near| format!("\n  did you mean `{near}`?"))
}

fn long_help(command: &mut Command) -> String {
    command.render_long_help().ansi().to_string()
}

fn unknown(topic: &str, program: &Command) -> String {
    let verbs: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
    let pages: Vec<&str> = PAGES.iter().map(|page| page.name).collect();
    let codes = rules::RULES.iter().map(|rule| rule.code);
    let words = pages.iter().copied().chain(verbs.iter().copied()).chain(kinds::names());
    let meant = meant(topic, words.chain(codes));
    format!(
        "error: there is no help about `{topic}`{meant}\n  pages: {}\n  verbs: {}\n  kinds:\n{}\n  \
         and the codes of `firedrill help diagnostics`",
        pages.join(", "),
        verbs.join(", "),
        wrapped(&kinds::names().join(", "), 4)
    )
}

fn exit_codes() -> String {
    format!(
        "{EXIT_CODES}\n\n{}",
        wrapped(
            "The code is that of the worst drill: passed, inconclusive (6), failed (1), unsteady (3), stopped \
             (4), a fault that may still be active (5). 2 is told before anything is touched. `check` and \
             `plan` end with 0 or 2; `match` ends with 0 on a match, 1 on none and 2 without an answer; \
             `report` ends with 0 when the reports could be made again, whatever they say.",
            0
        )
    )
}

/// Words in lines of at most [`WIDTH`] letters, indented; a blank line parts paragraphs.
fn wrapped(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.split("\n\n") {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let mut line = margin.clone();
        for word in paragraph.split_whitespace() {
            let full = line.chars().count() + 1 + word.chars().count() > WIDTH;
            if full && line.len() > margin.len() {
                lines.push(std::mem::replace(&mut line, margin.clone()));
            }
            if line.len() > margin.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(topic: Option<&str>) -> String {
        let text = text(topic, None).expect("there is such a topic");
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn every_topic_of_the_overview_has_a_page() {
        let overview = plain(None);
        for page in PAGES {
            assert!(overview.contains(page.name), "{} is not in the overview", page.name);
            let page = plain(Some(page.name));
            assert!(page.len() > 200, "{page}");
            let long = page.lines().find(|line| line.chars().count() > 100);
            assert_eq!(long, None, "a line of a page is too long");
        }
    }

    #[test]
    fn a_verb_is_explained_as_by_its_own_help() {
        let run = plain(Some("run"));
        assert!(run.contains("Usage: firedrill run [OPTIONS] [PATH]..."), "{run}");
        assert!(run.contains("junit.xml"), "{run}");
    }

    #[test]
    fn a_diagnostic_is_a_topic() {
        for rule in rules::RULES {
            assert!(plain(Some(rule.code)).starts_with(rule.code));
        }
    }

    #[test]
    fn an_unknown_topic_is_told_with_what_there_is() {
        let told = text(Some("enviroment"), None).expect_err("there is no such topic");
        assert!(told.contains("did you mean `environment`?"), "{told}");
        assert!(told.contains("verbs: run, check, plan"), "{told}");
        let told = text(Some("xyzzy"), None).expect_err("there is no such topic");
        assert!(!told.contains("did you mean"), "{told}");
        assert_eq!(run(&HelpArgs { topic: Some("xyzzy".to_owned()), kind: None }), Exit::Usage);
    }

    #[test]
    fn each_kind_is_a_topic_by_itself_and_below_scenario() {
        let mut program = Cli::command();
        program.build();
        for kind in kinds::names() {
            let page = text(Some(kind), None).expect("a kind is a topic");
            assert_eq!(text(Some("scenario"), Some(kind)), Ok(page));
            let twice = program.find_subcommand(kind).is_some() || rules::find(kind).is_some();
            assert!(!twice, "`{kind}` is the name of something else too");
        }
        let told = text(Some("ssm_automaton"), None).expect_err("there is no such topic");
        assert!(told.contains("did you mean `ssm_automation`?"), "{told}");
        let told = text(Some("scenario"), Some("comand")).expect_err("there is no such kind");
        assert!(told.contains("did you mean `command`?"), "{told}");
        let told = text(Some("verdicts"), Some("alarm")).expect_err("it has no pages");
        assert!(told.contains("`firedrill help alarm`"), "{told}");
    }

    #[test]
    fn the_page_of_the_language_ends_with_the_list_of_the_kinds() {
        let page = plain(Some("scenario"));
        let (_, list) = page.split_once("Faults, each with its page").expect("there is a list");
        assert!(kinds::names().iter().all(|kind| list.contains(kind)), "{list}");
        assert!(page.lines().count() < 400, "{} lines are no overview", page.lines().count());
    }

    #[test]
    fn every_key_of_the_language_is_on_its_page() {
        let mut page = plain(Some("scenario"));
        for kind in kinds::names() {
            page.push_str(&plain(Some(kind)));
        }
        let schema = crate::scenario::schema();
        let definitions = schema["$defs"].as_object().expect("there are definitions");
        for part in std::iter::once(&schema).chain(definitions.values()) {
            let keys = part["properties"].as_object().into_iter().flatten();
            for (key, said) in keys {
                assert!(
                    page.contains(&format!(" {key} ")) || page.contains(&format!("\n{key} ")),
                    "{key}"
                );
                let words = said["description"].as_str().expect("every key is described");
                let first = words.split_whitespace().next().expect("in words");
                assert!(page.contains(first), "{key}: {words}");
            }
        }
    }

    #[test]
    fn every_section_of_an_environment_is_on_its_page() {
        let page = plain(Some("environment"));
        for section in crate::emulator::environment::SECTIONS {
            assert!(page.contains(&format!("\n{section}")), "{section}");
        }
        for (fact, attributes) in crate::emulator::facts::KINDS {
            assert!(page.contains(fact), "{fact}");
            assert!(attributes.iter().all(|attribute| page.contains(attribute)), "{fact}");
        }
    }
}
