//! Checks of FIS experiments: what stops them, besides the deadline.

use super::{BASE, inventory, told};
use crate::scenario::inventory::Inventory;

#[test]
fn a_fis_fault_wants_a_stop_condition_somewhere() {
    let free = BASE.replace("stop_conditions: [{alarm: cpu}]\n", "");
    let with = |fis: &str| free.replace("set_alarm_state: {alarm: cpu}", fis);
    let codes = |text: &str, inventory: Option<&Inventory>| -> Vec<String> {
        told(text, inventory).into_iter().map(|(code, _)| code).collect()
    };
    assert_eq!(codes(&with("fis: {template: stress}"), None), ["no-stop-condition"]);
    assert_eq!(codes(&with("fis: {template: stress}"), Some(&inventory())), Vec::<String>::new());
    let inline = |stop: &str| {
        with(&format!(
            "fis: {{inline: {{description: d, roleArn: r, actions: {{a: {{actionId: \"aws:fis:wait\"}}}}, \
             stopConditions: [{{source: \"{stop}\"}}]}}}}"
        ))
    };
    assert_eq!(codes(&inline("none"), None), ["no-stop-condition"]);
    assert_eq!(codes(&inline("aws:cloudwatch:alarm"), None), Vec::<String>::new());
    let guarded = inline("none").replace("faults:", "stop_conditions: [{alarm: cpu}]\nfaults:");
    assert_eq!(codes(&guarded, None), ["unwatched-stop"]);
    let guarded = guarded.replace("source: \"none\"", "source: \"aws:cloudwatch:alarm\"");
    assert_eq!(codes(&guarded, None), Vec::<String>::new());
}
