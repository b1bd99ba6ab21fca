//! The committed example reports are what the real binary writes today, to the byte.
//!
//! `FIREDRILL_WRITE_GOLDENS=1 cargo test --test suite goldens` writes them anew; look at the difference
//! before you commit it.

use std::fs;

use crate::support::{firedrill, root, scenarios, scratch, tree};

fn examples(folder: &str, kind: &str) {
    for file in scenarios(folder) {
        let name = file.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let place = scratch();
        let reports = place.path().display().to_string();
        let scenario = format!("{folder}/{name}.yaml");
        let said = firedrill(&["run", &scenario, "--reports", &reports, "--run-id", "example"]);
        let written = place.path().join("example");
        assert!(written.is_dir(), "{}", said.err);
        let golden = root().join("reports/examples").join(kind).join(&name);
        if std::env::var_os("FIREDRILL_WRITE_GOLDENS").is_some() {
            replace(&golden, &tree(&written));
            continue;
        }
        assert!(golden.is_dir(), "{name} has no golden: see the top of this file");
        let (now, then) = (tree(&written), tree(&golden));
        let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
            files.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(&now), names(&then), "{name}");
        for ((path, now), (_, then)) in now.iter().zip(&then) {
            let (now, then) = (String::from_utf8_lossy(now), String::from_utf8_lossy(then));
            assert_eq!(now, then, "reports/examples/{kind}/{name}/{path} is out of date");
        }
    }
}

fn replace(golden: &std::path::Path, files: &[(String, Vec<u8>)]) {
    if golden.is_dir() {
        fs::remove_dir_all(golden).expect("the old golden can go");
    }
    for (name, content) in files {
        let path = golden.join(name);
        fs::create_dir_all(path.parent().expect("it is inside")).expect("it can be made");
        fs::write(path, content).expect("it can be written");
    }
}

#[test]
fn the_example_reports_are_what_the_program_writes() {
    examples("scenarios", "");
}

#[test]
fn the_example_reports_of_the_broken_scenarios_are_what_the_program_writes() {
    examples("scenarios/broken", "broken");
}
