//! What the suite shares: the real binary, folders of its own, and the input that others wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The project's own folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Templates, documents and vectors that others wrote; nothing where the folder is not there.
///
/// With `FIREDRILL_REQUIRE_SHARED` set (as the gate does) its absence is a failure, not a skip.
pub(crate) fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("FIREDRILL_SHARED")
        .map_or_else(|| root().join("../shared"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("FIREDRILL_REQUIRE_SHARED").is_none(),
        "{} is not there, and FIREDRILL_REQUIRE_SHARED asks for it",
        folder.display()
    );
    eprintln!("skipped: {} is not there", folder.display());
    None
}

/// What the binary said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the real binary in the project's folder, without colour and with a plain environment.
pub(crate) fn firedrill(arguments: &[&str]) -> Said {
    said(&command(arguments).output().expect("the binary starts"))
}

/// The real binary, ready to run.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command.args(arguments).current_dir(root()).env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE");
    command
}

pub(crate) fn said(output: &Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A folder that goes away with the test.
pub(crate) fn scratch() -> TempDir {
    tempfile::tempdir().expect("the machine has room for a folder")
}

/// Every file below a folder with its content, by relative path.
pub(crate) fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).expect("the folder is there") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it is below").display().to_string();
                found.push((name, fs::read(&path).expect("it can be read")));
            }
        }
    }
    found.sort();
    found
}

/// The shipped scenario files in a folder of the project, by name.
pub(crate) fn scenarios(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is shipped");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} holds no scenarios");
    files
}
