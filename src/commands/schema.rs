//! `firedrill schema`: the JSON Schema of the scenario language on standard output.
//!
//! Main function: [`run`]. Invariant: it prints exactly what `scenarios/schema.json` holds.

use std::io::{self, Write};

use clap::Args;

use crate::cli::Exit;
use crate::scenario;

/// Prints the JSON Schema of the scenario language.
///
/// Editors complete and check scenarios with it: put this line at the top of a scenario for the YAML
/// language server, or map the schema to your scenario folder in the editor's settings.
///
///   # yaml-language-server: $schema=schema.json
#[derive(Debug, Clone, Default, Args)]
pub struct SchemaArgs {}

/// Prints the schema.
pub fn run(_arguments: &SchemaArgs) -> Exit {
    super::ended(print(&mut anstream::stdout().lock()))
}

/// Writes the schema, pretty, with a newline at the end.
pub fn print(out: &mut dyn Write) -> io::Result<Exit> {
    let text = serde_json::to_string_pretty(&scenario::schema()).map_err(io::Error::from)?;
    writeln!(out, "{text}")?;
    Ok(Exit::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_prints_what_is_checked_in() {
        let mut out = Vec::new();
        assert_eq!(print(&mut out).unwrap(), Exit::Passed);
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/schema.json");
        assert_eq!(String::from_utf8(out).unwrap(), std::fs::read_to_string(path).unwrap());
    }
}
