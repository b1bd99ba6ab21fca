//! The house rules that a test can hold: who may import whom, how long a file may be, how a file begins.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// Each module of the crate and the crate modules that it may name. Imports run downwards only.
const MAY_SEE: &[(&str, &[&str])] = &[
    ("diagnostic", &[]),
    ("pattern", &[]),
    ("clock", &[]),
    ("wakeup", &["clock"]),
    ("aws", &["clock"]),
    ("scenario", &["diagnostic", "pattern"]),
    ("plan", &["scenario"]),
    ("timeline", &["scenario"]),
    ("judge", &["scenario", "plan", "timeline"]),
    ("recovery", &["scenario", "plan", "timeline", "judge"]),
    ("report", &["scenario", "plan", "timeline", "judge", "recovery"]),
    ("recorder", &["aws", "clock", "timeline"]),
    ("context", &["aws", "clock", "recorder", "scenario", "timeline", "wakeup"]),
    ("outside", &["aws", "clock", "scenario"]),
    (
        "faults",
        &[
            "outside", "aws", "clock", "context", "plan", "recorder", "scenario", "timeline",
            "wakeup",
        ],
    ),
    (
        "observe",
        &[
            "outside", "aws", "clock", "context", "pattern", "plan", "recorder", "scenario",
            "timeline", "wakeup",
        ],
    ),
    (
        "runner",
        &[
            "aws", "clock", "context", "faults", "judge", "observe", "plan", "recorder",
            "scenario", "timeline", "wakeup",
        ],
    ),
    ("emulator", &["clock", "diagnostic", "pattern", "wakeup"]),
];

/// Modules that stand above everything else.
const ABOVE_ALL: &[&str] = &["commands", "cli", "main", "lib"];

/// The longest file, in lines, and the longest line, in characters.
const MOST_LINES: usize = 620;

/// Whether a file holds nothing but tests; those may look anywhere below the commands.
fn is_test(path: &Path) -> bool {
    let inside = path.strip_prefix(root().join("src")).unwrap_or(path);
    let name = inside.file_stem().unwrap_or_default().to_string_lossy();
    let in_tests = inside.components().any(|part| part.as_os_str() == "tests");
    in_tests || ["tests", "properties", "fixture", "reference"].contains(&&*name)
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join("src")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("src is there") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// The top-level module that a source file belongs to.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).expect("it is a source");
    let first = inside.components().next().expect("it has a name").as_os_str();
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The crate modules that a text names as `crate::module` or `firedrill::module` outside of comments.
fn named(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            let name: String = rest
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect();
            if !name.is_empty() {
                found.push((number + 1, name));
            }
        }
    }
    found
}

#[test]
fn imports_run_downwards_only() {
    let mut broken = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path);
        if ABOVE_ALL.contains(&module.as_str()) || is_test(&path) {
            continue;
        }
        let (_, allowed) = MAY_SEE
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("`{module}` has no row in the import table"));
        // Tests may look anywhere below the commands.
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for (line, name) in named(code) {
            let known = MAY_SEE.iter().any(|(row, _)| *row == name) || ABOVE_ALL.contains(&&*name);
            if known && name != module && !allowed.contains(&name.as_str()) {
                broken.push(format!("{}:{line}: `{module}` may not see `{name}`", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_sdk_is_named_only_where_accounts_are_called() {
    let allowed = ["aws", "faults", "observe", "runner"];
    for (path, text) in sources() {
        let code: Vec<&str> = text.lines().filter(|line| !line.trim().starts_with("//")).collect();
        let names_it = code.iter().any(|line| line.contains("aws_sdk_"));
        assert!(
            !names_it || allowed.contains(&module_of(&path).as_str()),
            "{} names an SDK crate",
            path.display()
        );
    }
}

#[test]
fn every_source_opens_with_what_it_is_for() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!"), "{} has no opening words", path.display());
    }
}

#[test]
fn no_source_outgrows_one_subject() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines: split it by meaning", path.display());
    }
}

#[test]
fn nobody_but_the_clock_reads_the_system_time() {
    let forbidden = ["SystemTime::now(", "Timestamp::now(", "Zoned::now("];
    for (path, text) in sources() {
        if module_of(&path) == "clock" {
            continue;
        }
        for word in forbidden {
            assert!(!text.contains(word), "{} reads the system's time", path.display());
        }
    }
}

#[test]
fn the_pure_modules_do_no_input_no_output_and_no_waiting() {
    let pure =
        ["scenario", "plan", "timeline", "judge", "recovery", "report", "pattern", "diagnostic"];
    let forbidden = ["std::fs", "std::net", "tokio::", "async fn", ".await", "std::env::var"];
    for (path, text) in sources() {
        if !pure.contains(&module_of(&path).as_str()) || is_test(&path) {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for word in forbidden {
                let at = number + 1;
                assert!(!line.contains(word), "{}:{at} uses {word}", path.display());
            }
        }
    }
}
