//! `${env.NAME}` in a request or a program's environment, put in at the last moment.
//!
//! Main function: [`resolve`]. The scenario keeps such a substitution as it is written, so that the plan,
//! the timeline and the reports show its name and never its value; the value is remembered as a secret, so
//! that no answer and no error shows it either. `$${` stands for `${`.

use crate::aws::secrets;

/// The text with the values of the environment in it; the error names the variable that is not set.
pub(crate) fn resolve(
    text: &str,
    value: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            resolved.push_str(before);
            resolved.push_str("${");
            rest = &from[2..];
            continue;
        }
        resolved.push_str(before);
        let inside = from.find('}').map(|end| (&from[2..end], &from[end + 1..]));
        let Some((name, after)) =
            inside.and_then(|(token, after)| Some((token.strip_prefix("env.")?, after)))
        else {
            resolved.push_str("${");
            rest = &from[2..];
            continue;
        };
        let found = value(name).ok_or_else(|| {
            format!("the environment variable `{name}` is not set: set it and run again")
        })?;
        secrets::remember(&found);
        resolved.push_str(&found);
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

/// The process's own environment.
pub(super) fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_from_the_environment_and_escapes_stay_text() {
        let value = |name: &str| (name == "TOKEN").then(|| "s3cr3t-token".to_owned());
        assert_eq!(resolve("Bearer ${env.TOKEN}!", value), Ok("Bearer s3cr3t-token!".to_owned()));
        assert_eq!(
            resolve("$${env.TOKEN} costs $5", value),
            Ok("${env.TOKEN} costs $5".to_owned())
        );
        assert_eq!(resolve("${other} ${", value), Ok("${other} ${".to_owned()));
        assert!(resolve("${env.NONE}", value).unwrap_err().contains("`NONE` is not set"));
        assert!(!secrets::scrub("the token is s3cr3t-token.").contains("s3cr3t-token"));
    }
}
