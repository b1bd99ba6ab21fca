//! What substitutions are replaced with: the process's environment and the `--var` options.
//!
//! Main functions: [`parse_var`], [`values`]. Invariant: the environment is read here and nowhere below.

use indexmap::IndexMap;

use crate::scenario::Values;

/// Reads a `NAME=VALUE` of `--var`.
pub fn parse_var(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err(format!("`{text}` is not of the form NAME=VALUE")),
    }
}

/// The values for a run. Environment variables that are not UTF-8 count as not set.
pub fn values(vars: &[(String, String)], run_id: &str) -> Values {
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let vars: IndexMap<String, String> = vars.iter().cloned().collect();
    Values { env, vars, run_id: run_id.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_var_has_a_name_and_may_have_any_value() {
        assert_eq!(parse_var("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(parse_var("a="), Ok(("a".to_owned(), String::new())));
        assert!(parse_var("=b").is_err());
        assert!(parse_var("a").is_err());
    }
}
