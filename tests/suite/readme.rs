//! Every command that the README shows is run, and says what the README says that it says.
//!
//! A `console` block begins with `$ firedrill …` (or `$ cargo run -- …`, which is the same); the lines
//! below it are what the program says on standard output and standard error together. In them, a line
//! that is only `...` stands for any number of lines, and `[..]` for any characters in a line. A last line
//! `[exit N]` says how it ended; without one it ended with 0.

use std::fs;
use std::path::Path;

use crate::support::{command, root, said, scratch};

/// One command of the README and what it is said to print.
struct Shown {
    line: usize,
    arguments: Vec<String>,
    expected: Vec<String>,
    code: i32,
}

fn shown(text: &str) -> Vec<Shown> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line != "```console" {
            continue;
        }
        let mut block: Vec<&str> = Vec::new();
        for (_, line) in lines.by_ref() {
            if line == "```" {
                break;
            }
            block.push(line);
        }
        found.extend(read(number + 2, &block));
    }
    found
}

fn read(line: usize, block: &[&str]) -> Option<Shown> {
    let (first, rest) = block.split_first()?;
    let command = first.strip_prefix("$ ")?;
    let arguments = command
        .strip_prefix("cargo run -- ")
        .or_else(|| command.strip_prefix("cargo run --quiet -- "))
        .or_else(|| command.strip_prefix("firedrill "))?;
    let mut expected: Vec<String> = rest.iter().map(|line| (*line).to_owned()).collect();
    let mut code = 0;
    if let Some(last) = expected.last()
        && let Some(number) = last.strip_prefix("[exit ").and_then(|rest| rest.strip_suffix(']'))
    {
        code = number.parse().expect("an exit code is a number");
        expected.pop();
    }
    let arguments = arguments.split_whitespace().map(str::to_owned).collect();
    Some(Shown { line, arguments, expected, code })
}

/// Whether what was said has the form that is shown.
fn matches(expected: &[String], actual: &[&str]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=actual.len()).any(|skipped| matches(rest, &actual[skipped..]))
        }
        Some((first, rest)) => match actual.split_first() {
            Some((line, others)) => line_matches(first, line) && matches(rest, others),
            None => false,
        },
    }
}

fn line_matches(expected: &str, actual: &str) -> bool {
    let mut pieces = expected.trim_end().split("[..]");
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = actual.trim_end().strip_prefix(first) else { return false };
    let mut open = false;
    for piece in pieces {
        match rest.find(piece) {
            Some(at) if !piece.is_empty() => rest = &rest[at + piece.len()..],
            Some(_) => {
                open = true;
                continue;
            }
            None => return false,
        }
        open = false;
    }
    open || rest.is_empty() || expected.trim_end().ends_with("[..]")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it is there") {
        let path = entry.expect("it can be listed").path();
        let target = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("it can be copied");
        }
    }
}

#[test]
fn every_command_of_the_readme_says_what_the_readme_shows() {
    let text = fs::read_to_string(root().join("README.md")).expect("there is a README");
    let shown = shown(&text);
    assert!(shown.len() >= 4, "the README shows {} commands", shown.len());
    let place = scratch();
    copy(&root().join("scenarios"), &place.path().join("scenarios"));
    fs::create_dir_all(place.path().join("reports")).expect("it can be made");
    copy(&root().join("reports/examples"), &place.path().join("reports/examples"));
    for example in shown {
        let arguments: Vec<&str> = example.arguments.iter().map(String::as_str).collect();
        let mut process = command(&arguments);
        let said = said(&process.current_dir(place.path()).output().expect("it starts"));
        let all = format!("{}{}", said.out, said.err);
        let lines: Vec<&str> = all.lines().collect();
        assert!(
            matches(&example.expected, &lines) && said.code == example.code,
            "README.md:{}: `firedrill {}` ended with {} and says:\n{all}",
            example.line,
            example.arguments.join(" "),
            said.code
        );
    }
}
