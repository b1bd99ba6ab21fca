//! The last question before a real account is touched: what will be done, where, and is that meant?
//!
//! Main function: [`confirm`]. Invariants: the account, the region, the plan and its blast radius are
//! printed whatever is answered and however it is asked; without a terminal nobody can be asked, so
//! nothing but `--yes` is an answer.

use std::collections::BTreeSet;
use std::io::{self, BufRead, IsTerminal, Read, Write};

use super::{Account, Accounts, Refusal, RunArgs, say};
use crate::plan::{Plan, text};
use crate::timeline::Target;

/// The longest answer that is read, in bytes.
const LONGEST: u64 = 256;

/// What the plan does not say: it is the same wherever it is drilled.
const NO_LEVER: &str = "--no-safety-lever: experiments run even if this server has no safety lever of FIS; \
                        one that it has is respected\n";

/// Prints what will be done, and has it confirmed.
pub(in crate::commands) fn confirm<'a>(
    arguments: &RunArgs,
    accounts: &Accounts,
    plans: impl Iterator<Item = &'a Plan>,
) -> Result<(), Refusal> {
    let plans: Vec<&Plan> = plans.collect();
    say(&announcement(accounts, plans.iter().copied()));
    if arguments.no_safety_lever && plans.iter().any(|plan| plan.has_experiments()) {
        say(NO_LEVER);
    }
    // A dry run injects nothing, so there is nothing to confirm.
    if arguments.real.yes || arguments.dry_run {
        return Ok(());
    }
    let (id, region) = (&accounts.home.target.account, &accounts.home.target.region);
    let mut more = String::new();
    for (target, _) in &accounts.others {
        more.extend([" and account ", &target.account, " in ", &target.region]);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Refusal(format!(
            "this would inject faults into account {id} in {region}{more}: add --yes if that is \
             meant\n  `firedrill plan` shows what each scenario would do; nothing was touched"
        )));
    }
    let mut err = anstream::stderr();
    let asked = ask(id, &more, &mut io::stdin().lock(), &mut err);
    if asked.is_ok_and(|meant| meant) {
        return Ok(());
    }
    Err(Refusal("not confirmed: nothing was run and nothing was touched".to_owned()))
}

/// Where, as whom, and what: each scenario once, however often it is repeated.
fn announcement<'a>(accounts: &Accounts, plans: impl Iterator<Item = &'a Plan>) -> String {
    let told_of = |account: &Account| {
        let Target { account: id, region, .. } = &account.target;
        format!("account {id} in {region}, as {}\n", account.caller)
    };
    let mut words = told_of(&accounts.home);
    let mut told = BTreeSet::new();
    for plan in plans {
        if told.insert(plan.scenario.name.as_str()) {
            words.push('\n');
            for (name, target) in &plan.targets {
                if let Some(account) = accounts.of(target) {
                    words.extend([name.as_str(), " is ", &told_of(account)]);
                }
            }
            words.push_str(&text::brief(plan));
        }
    }
    words
}

/// Asks; true where the account id or `yes` is answered.
fn ask(
    account: &str,
    more: &str,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> io::Result<bool> {
    write!(output, "Type the account id or `yes` to inject this into {account}{more}: ")?;
    output.flush()?;
    let mut answer = String::new();
    input.take(LONGEST).read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(answer == account || answer.eq_ignore_ascii_case("yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_account_id_or_yes_confirms() {
        for (answer, meant) in [
            ("111122223333\n", true),
            ("yes\n", true),
            ("  YES \r\n", true),
            ("y\n", false),
            ("no\n", false),
            ("\n", false),
            ("", false),
            ("999999999999\n", false),
            ("yes please\n", false),
        ] {
            let mut output = Vec::new();
            let said = ask("111122223333", "", &mut answer.as_bytes(), &mut output);
            assert_eq!(said.unwrap(), meant, "{answer:?}");
            assert!(String::from_utf8(output).unwrap().contains("111122223333"));
        }
    }

    #[test]
    fn an_endless_answer_is_not_read_to_its_end() {
        let mut input = io::BufReader::new(io::repeat(b'x'));
        assert!(!ask("111122223333", "", &mut input, &mut Vec::new()).unwrap());
    }
}
