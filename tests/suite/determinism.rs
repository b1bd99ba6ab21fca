//! Two runs of the same scenarios are equal to the byte, on one core or on many, and a report that is made
//! again from the timelines is the report of the run.

use std::fs;

use crate::support::{firedrill, scratch, tree};

fn run(folder: &std::path::Path, extra: &[&str]) -> Vec<(String, Vec<u8>)> {
    let reports = folder.display().to_string();
    let mut arguments = vec!["run", "scenarios/", "--reports", &reports, "--run-id", "same"];
    arguments.extend(extra);
    let said = firedrill(&arguments);
    assert_eq!(said.code, 0, "{}", said.err);
    tree(&folder.join("same"))
}

fn assert_same(one: &[(String, Vec<u8>)], other: &[(String, Vec<u8>)]) {
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(one), names(other));
    for ((name, left), (_, right)) in one.iter().zip(other) {
        assert_eq!(String::from_utf8_lossy(left), String::from_utf8_lossy(right), "{name} differs");
    }
}

#[test]
fn two_runs_are_equal_to_the_byte() {
    let (first, second) = (scratch(), scratch());
    assert_same(&run(first.path(), &[]), &run(second.path(), &[]));
}

#[test]
fn one_job_and_eight_jobs_are_equal_to_the_byte() {
    let (first, second) = (scratch(), scratch());
    let repeated = ["--repeat", "3", "--jobs"];
    let one = run(first.path(), &[&repeated[..], &["1"]].concat());
    let eight = run(second.path(), &[&repeated[..], &["8"]].concat());
    assert_same(&one, &eight);
}

#[test]
fn a_report_made_again_from_the_timelines_is_the_report_of_the_run() {
    let folder = scratch();
    let before = run(folder.path(), &[]);
    let of_run = folder.path().join("same");
    for name in ["report.json", "report.md", "junit.xml", "mttr.md"] {
        fs::remove_file(of_run.join(name)).expect("the run wrote it");
    }
    let said = firedrill(&["report", &of_run.display().to_string()]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_same(&before, &tree(&of_run));
}
