//! Every diagnostic that a scenario can get: its code, one line, and the long explanation.
//!
//! Main item: [`RULES`], which `firedrill help diagnostics` prints. Invariant: the codes that the loader
//! and the check use are the constants of [`code`], and those are made from the same table, so no
//! diagnostic is without an explanation.

/// One kind of diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The stable name, in kebab case.
    pub code: &'static str,
    /// One line: what is wrong.
    pub summary: &'static str,
    /// Why it matters and what to do about it.
    pub explanation: &'static str,
}

/// The rule with this code.
pub fn find(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}

/// The page that `firedrill help diagnostics` prints: every code with its explanation.
pub fn page() -> String {
    let mut page = String::from("Diagnostics\n\n");
    for rule in RULES {
        for part in [rule.code, "\n    ", rule.summary, "\n"] {
            page.push_str(part);
        }
        let mut line = String::from("   ");
        for word in rule.explanation.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > 96 {
                page.push_str(&line);
                page.push('\n');
                line = String::from("   ");
            }
            line.push(' ');
            line.push_str(word);
        }
        page.push_str(&line);
        page.push_str("\n\n");
    }
    page
}

macro_rules! rules {
    ($($name:ident = $code:literal: $summary:literal, $explanation:literal;)*) => {
        /// The codes, as constants.
        pub mod code {
            $(#[doc = $summary] pub const $name: &str = $code;)*
        }

        /// Every kind of diagnostic, in the order in which a reader meets them.
        pub const RULES: &[Rule] = &[
            $(Rule { code: code::$name, summary: $summary, explanation: $explanation },)*
        ];
    };
}

rules! {
    // The file and its YAML.
    UNREADABLE_FILE = "unreadable-file": "The file can't be read.",
        "It is missing, is not a file, or its permissions forbid reading. Nothing in it was looked at.";
    NO_SCENARIOS = "no-scenarios": "A folder holds no scenario.",
        "The *.yaml and *.yml files directly in a folder are its scenarios; folders inside it are not searched.";
    NO_ENVIRONMENT = "no-environment": "The scenario names no environment.",
        "A rehearsal needs an emulated account, and an environment file says what stands in it. A real account \
         needs none.";
    FILE_TOO_LARGE = "file-too-large": "The file is larger than 1 MB.",
        "A scenario is a page of text. A larger file is refused before it is parsed, so that no input can exhaust memory.";
    NOT_UTF8 = "not-utf8": "The file is not UTF-8.",
        "YAML 1.2 is written in UTF-8. Save the file in that encoding.";
    EMPTY_FILE = "empty-file": "The file holds no scenario.",
        "It is empty, or has comments only. The shortest scenario has version, name, faults and expect.";
    NOT_A_SCENARIO = "not-a-scenario": "The file is something else: an environment or a template.",
        "It has the sections of an environment or of a CloudFormation template and none of a scenario. A scenario \
         names its environment (environment: FILE), and that names its templates.";
    YAML_SYNTAX = "yaml-syntax": "The text is not YAML.",
        "The parser could not go on from the place that is marked; the slip is there or just before it. \
         Nothing after it could be looked at.";
    TAB_INDENTATION = "tab-indentation": "A line is indented with a tab.",
        "YAML forbids tabs in indentation. Use spaces.";
    TOO_DEEP = "too-deep": "The nesting is deeper than 64 levels.",
        "No scenario needs it, and a limit on depth keeps hostile input from exhausting the stack.";
    TOO_MANY_NODES = "too-many-nodes": "The document has more than 50,000 values once aliases are expanded.",
        "Aliases may be used, but what they expand to is bounded (the \"billion laughs\" attack).";
    BAD_ALIAS = "bad-alias": "An alias refers to an anchor that contains it.",
        "Such a document has no end. Anchors are expanded where they are used.";
    SEVERAL_DOCUMENTS = "several-documents": "The file holds more than one YAML document.",
        "One file is one scenario: reports, ids and exit codes are per file. Split it at the `---`.";
    DUPLICATE_KEY = "duplicate-key": "A key stands twice in one mapping.",
        "Only one of the two could count, and readers would disagree on which.";
    UNKNOWN_KEY = "unknown-key": "A key is not part of the language.",
        "Unknown keys are errors: a misspelt `within` would otherwise be a deadline that nobody holds.";
    MISSING_KEY = "missing-key": "A required key is missing.",
        "The message names the key and what it is for.";
    WRONG_TYPE = "wrong-type": "A value is of the wrong type.",
        "Text that looks like a number (an account id) must be quoted; lists are written [a, b] or with dashes.";
    BAD_DURATION = "bad-duration": "A value is not a duration.",
        "Durations are numbers with units, such as 90s, 5m or 1h 30m, and at most 24 hours where they delay a drill.";
    UNKNOWN_WORD = "unknown-word": "A value is not one of the words that are known there.",
        "The hint names the nearest known word, or all of them.";
    BAD_SUBSTITUTION = "bad-substitution": "A ${…} is not one of the three that exist.",
        "${env.NAME}, ${var.NAME} and ${run.id} are the only substitutions. Write $${ for a literal ${.";
    UNDEFINED_VARIABLE = "undefined-variable": "A substitution has no value.",
        "An environment variable must be set, a variable must stand under `vars:` or be given with --var. \
         An empty default would hide a typing error, so there is none.";
    UNUSED_VARIABLE = "unused-variable": "A variable under `vars:` is never used.",
        "Either its ${var.NAME} is misspelt somewhere, or it can go.";

    MORE_PROBLEMS = "more-problems": "The file has more than 1,000 problems.",
        "The first thousand are shown, in the order of the file; this one counts the rest and is as severe as the worst of them.";

    // The scenario as a whole.
    DUPLICATE_NAME = "duplicate-name": "Two files have scenarios of the same name.",
        "Report folders, JUnit suites and MTTR rows go by name; two of one name would be taken for one.";
    UNSUPPORTED_VERSION = "unsupported-version": "The version of the language is not 1.",
        "This firedrill reads version 1. A later version may give words another meaning, so it is not guessed at.";
    BAD_NAME = "bad-name": "The scenario's name is not of the right form.",
        "Lower-case letters, digits and single dashes, at most 64 characters, starting with a letter: it names \
         report folders and JUnit suites.";
    BAD_ID = "bad-id": "An id is not of the right form.",
        "Letters, digits, dashes, dots and underscores, at most 64 characters: ids name JUnit cases and are referred to by `after`.";
    BAD_SEVERITY = "bad-severity": "The severity is outside 1 to 5.",
        "1 is critical, 5 is the least, as in incident management.";
    BAD_TAG = "bad-tag": "A tag is not of the right form, or stands twice.",
        "Lower-case letters, digits, dashes and underscores, at most 32 characters; --tag selects by them.";
    NO_FAULTS = "no-faults": "The scenario injects nothing.",
        "Without a fault there is nothing that deadlines could count from, and nothing is proved.";
    NO_EXPECTATIONS = "no-expectations": "The scenario expects nothing.",
        "A drill without an expectation would always pass, which is an error. A recovery alone is a warning: it does not show \
         that anybody noticed.";
    TOO_MANY = "too-many": "The scenario has more than 500 faults and expectations.",
        "A drill answers one question. Split the scenario.";
    NO_GUARDRAILS = "no-guardrails": "The scenario names no accounts or no regions.",
        "It can be rehearsed on the emulator, but a real account is refused until guardrails name its id and region.";
    BAD_ACCOUNT = "bad-account": "An account id is not twelve digits.",
        "Guardrails compare it with the id that sts:GetCallerIdentity returns; it could never match.";
    BAD_REGION = "bad-region": "A region does not look like one.",
        "Guardrails compare it with the client's region, such as eu-west-1; it could never match.";
    BAD_WINDOW = "bad-window": "A window can never be open, or no drill fits into it.",
        "It opens at `from` and closes at `to`, on the next day where that is earlier; a drill must be over before it \
         closes, so it is at least as long as max_duration.";
    UNKNOWN_TIME_ZONE = "unknown-time-zone": "A time zone is not known.",
        "Names are those of the IANA database, such as Europe/Berlin or America/New_York; the program carries them all.";
    BAD_CALENDAR = "bad-calendar": "A change calendar's name can't be one.",
        "It is the name or the ARN of an SSM document of the type ChangeCalendar, as ssm:GetCalendarState takes it.";
    BAD_MAX_TARGETS = "bad-max-targets": "No target at all is allowed.",
        "max_targets limits how many resources the experiments of a drill may touch; with 0 every experiment is refused.";
    GUARDS_NOTHING = "guards-nothing": "A guardrail for FIS targets stands in a scenario without an experiment.",
        "target_tags and max_targets look at the targets of FIS experiments; no other fault has any.";
    UNTAGGED_TARGET = "untagged-target": "A target of an inline experiment is not selected by the required tags.",
        "guardrails.target_tags is a promise that only resources with these tags are touched. FIS keeps it where the \
         target's resourceTags name them; a target by ARN or by parameters alone could be anything.";
    ZERO_DURATION = "zero-duration": "A duration that must be positive is zero.",
        "A deadline of zero can't be met, since nothing happens in no time; a window of zero looks at nothing.";
    DURATION_TOO_LONG = "duration-too-long": "A duration is longer than 24 hours.",
        "A FIS experiment lasts 12 hours at most, credentials expire sooner, and a drill is attended by people.";
    ACTION_PAST_MAX_DURATION = "action-past-max-duration": "An action of an inline experiment outlasts `guardrails.max_duration`.",
        "The drill is stopped, and the experiment with it, when `guardrails.max_duration` is over. An action whose \
         `duration` is longer never ends by itself. Raise the limit, or shorten the action.";
    DEADLINE_PAST_MAX_DURATION = "deadline-past-max-duration": "A deadline lies past `guardrails.max_duration`.",
        "The drill would be stopped and reverted before the expectation could be judged.";

    // Ids and references.
    DUPLICATE_ID = "duplicate-id": "Two things have the same id.",
        "Faults and expectations share one namespace, since `after` may name either.";
    UNKNOWN_REFERENCE = "unknown-reference": "An id is referred to that nothing has.",
        "`after` names a fault or an expectation, `effect` an expectation, `experiment.fault` a FIS fault. \
         Things without an id are called fault-N, expect-N and recovery-N.";
    REFERENCE_CYCLE = "reference-cycle": "Things wait for one another in a circle.",
        "None of them could ever start. The message shows the circle.";
    WRONG_REFERENCE = "wrong-reference": "An id refers to something of the wrong kind.",
        "A fault starts after a fault, an effect is an expectation, and an experiment belongs to a FIS fault.";

    // Targets.
    UNKNOWN_TARGET = "unknown-target": "A target is named that the scenario does not have, or that does not fit.",
        "`target:` is one of the names under `targets:`; without it, something is at the home target, that of the \
         command line. An experiment is where its fault is.";
    UNUSED_TARGET = "unused-target": "Nothing of the scenario is at this target.",
        "It would be connected to for nothing. A misspelt `target:` elsewhere is an error of its own.";
    BAD_TARGET = "bad-target": "A target can't be reached or told apart.",
        "It has an account and a region of its own, and at most one way in: a role that the home target's credentials \
         assume, or a profile. With neither, the home target's credentials are used as they are.";
    UNGUARDED_TARGET = "unguarded-target": "The guardrails do not name a target's account or region.",
        "It can be rehearsed on the emulator, but a real run touches no account and no region that the guardrails do not name.";
    SECRET_IN_FILE = "secret-in-file": "An external id is written out in the file.",
        "Whoever can read the repository could use it. `${env.NAME}` takes it from the environment of the process.";
    TARGET_ENVIRONMENT = "target-environment": "A target's environment is missing, or is that of another account or region.",
        "In a rehearsal each target is an emulated account of its own, made from the environment that the target names; \
         what that says of account and region must be what the target says.";

    // Faults.
    NOT_ONE_KIND = "not-one-kind": "Something has no kind, or several.",
        "A fault, an expectation and a never each carry exactly one kind.";
    NO_STOP_CONDITION = "no-stop-condition": "A FIS fault runs without a stop condition.",
        "Neither the scenario nor the experiment template names an alarm that ends the experiment. On a real account \
         nothing but the deadline would stop it: add stop_conditions, or stopConditions in the template.";
    UNWATCHED_STOP = "unwatched-stop": "An inline FIS template names no alarm, though the scenario has stop conditions.",
        "firedrill stops the experiment on them as long as it runs. Should it be gone, nobody does: add the alarms to \
         the template's stopConditions, so that FIS stops by itself, and let its role describe alarms. \
         https://docs.aws.amazon.com/fis/latest/userguide/stop-conditions.html";
    AWS_SOURCE = "aws-source": "`put_events` may not use a source that begins with `aws.`.",
        "EventBridge refuses such entries (NotAuthorizedForSourceException), so a rule on `source: aws.cloudwatch` \
         can't be reached by a synthetic event. Use set_alarm_state to make AWS send the event itself, or give the rule a \
         second pattern source for drills, such as `[\"aws.guardduty\", \"drill.guardduty\"]`. \
         https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html";
    EMPTY_ENTRIES = "empty-entries": "`put_events` has no entries.",
        "PutEvents needs at least one.";
    EVENT_TOO_LARGE = "event-too-large": "An event is larger than 256 KB.",
        "PutEvents refuses larger entries. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html";
    BAD_DETAIL = "bad-detail": "An event's detail is not an object.",
        "EventBridge needs a JSON object as detail (MalformedDetail otherwise).";
    AWS_NAMESPACE = "aws-namespace": "`put_metric_data` may not use a namespace that begins with `AWS/`.",
        "Those belong to AWS services. Publish to the application's own namespace, or break the thing itself with FIS. \
         https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html";
    BAD_METRIC = "bad-metric": "A metric's value, unit, dimensions or spacing are out of range.",
        "CloudWatch takes finite values, at most 30 dimensions with values, and its own units; one datapoint a second at the most.";
    BAD_TEMPLATE = "bad-template": "An inline FIS template is not one that `CreateExperimentTemplate` takes.",
        "It is an object with description, roleArn, actions and stopConditions, and targets where actions name some. \
         https://docs.aws.amazon.com/fis/latest/APIReference/API_CreateExperimentTemplate.html";
    BAD_PARAMETER = "bad-parameter": "A parameter of a document is neither text nor a list of text.",
        "SSM documents take text and lists of text; numbers and flags are written as their text. \
         https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html";
    BAD_COMMAND = "bad-command": "A command is not one that `SendCommand` takes.",
        "It goes either to instances (at most 50) or to targets, each with a key and values, and its delivery timeout is \
         at least 30s. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html";
    BAD_MESSAGE = "bad-message": "A message, its subject or its attributes are not what SNS or SQS take.",
        "A message is text or a mapping and not empty, at most 256 KB with its attributes; a subject has at most 100 \
         characters in one line; nine attributes fit beside the run's own, with names of letters, digits, dots, dashes and \
         underscores; a FIFO topic or queue (its name ends in .fifo) needs `group`. \
         https://docs.aws.amazon.com/sns/latest/api/API_Publish.html";
    BAD_REQUEST = "bad-request": "A request of an `http` fault or expectation is not one that can be sent.",
        "Its URL begins with http:// or https:// and holds no user and no password, its method is a word, its answer may \
         take a minute at most, and an expectation looks every 1s to 1m.";
    PLAIN_SECRET = "plain-secret": "A header that carries a secret has it as plain text.",
        "The scenario is a file that people share. Write ${env.NAME}: below `http` it stays as it is written in plans, \
         timelines and reports, and its value is put in when the request is sent.";
    BAD_PREDICATE = "bad-predicate": "What is looked for in JSON can't be read, or is asked in several ways.",
        "A JSONPath (RFC 9535) with one of equals, matches (a regular expression) and exists; the path alone asks whether \
         it finds anything.";

    // Expectations.
    WITHIN_MISSING = "within-missing": "An expectation has no deadline.",
        "Without `within` there is no moment at which it would be missed.";
    NEVER_NEEDS_FOR = "never-needs-for": "A never has no `for`.",
        "`for` says how long to watch, counted like `within`. Without it a never could not be met.";
    NEVER_WITH_WITHIN = "never-with-within": "A never has a key that only makes sense for something that happens.",
        "What must not happen has no deadline, count or sustain: it is watched for the length of `for`, and `more_than` says \
         how many occurrences are still fine.";
    FOR_WITHOUT_NEVER = "for-without-never": "`for` stands on an expectation that is not a never.",
        "`for` is the window of a never. A state that must hold is `sustain`, a deadline is `within`.";
    SUSTAIN_MISUSE = "sustain-misuse": "`sustain` stands on something that has no state.",
        "Alarms and experiments are in a state that can hold; an event, a message, a rule match or a finished runbook happens once.";
    COUNT_MISUSE = "count-misuse": "`count` is zero, or stands on something that happens once.",
        "Alarms, events, messages, rules and runbooks can happen several times. For nothing at all, use a never.";
    STATE_NEVER_CHANGES = "state-never-changes": "An expectation waits for a state that the fault itself sets.",
        "set_alarm_state puts the alarm there, so observing it proves nothing about the system; expect what follows from it.";
    CORRELATION_NEVER_HAD = "correlation-never-had": "A correlation is demanded that an alarm never has.",
        "An alarm that follows a metric says nothing of the drill in its history: only the time shows that it was ours (window). \
         An alarm that set_alarm_state sets carries the run id in its reason. Demand more of what follows from the alarm: a \
         notification, an event, a runbook.";
    UNKNOWN_STATUS = "unknown-status": "A runbook status is not one of SSM Automation's.",
        "The API spells them with capitals: Success, Failed, TimedOut, Waiting. \
         https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AutomationExecution.html";
    UNKNOWN_STATE = "unknown-state": "An experiment state is not one of FIS's.",
        "pending, initiating, running, completed, stopping, stopped, failed or cancelled. \
         https://docs.aws.amazon.com/fis/latest/APIReference/API_ExperimentState.html";
    BAD_FINDINGS = "bad-findings": "Findings are not ones that AWS takes.",
        "CreateSampleFindings takes 1 to 50 types. BatchImportFindings takes 1 to 100 findings, each with a title of at most 256 \
         characters, a description of at most 1024, at most 50 types and 32 resources. \
         https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html";
    WORKFLOW_OF_GUARDDUTY = "workflow-of-guardduty": "A finding of GuardDuty has no workflow.",
        "Only Security Hub keeps a workflow. Where GuardDuty's findings go to Security Hub, expect the finding there: \
         source: securityhub.";
    UNKNOWN_LEVEL = "unknown-level": "A severity or an impact is a number that AWS does not have.",
        "An OpsItem has a severity from 1 (critical) to 4 (low), an incident an impact from 1 (critical) to 5 (none). \
         https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateOpsItem.html";
    BAD_EVALUATION = "bad-evaluation": "An annotation of a `config_evaluation` says nothing, or does not fit.",
        "An annotation goes with what a process check is told (`compliance`); a rule that is only evaluated now has none. AWS Config keeps 256 characters of it, of which the run's id and what the check said before take some.";
    BAD_REPLAY = "bad-replay": "A replay has no span of time, or two, or one that ends before it begins.",
        "It replays the `last` while before the fault, or from a moment to another one. An archive holds an event about \
         ten minutes after it arrived. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html";
    BAD_LOG = "bad-log": "A log line or a search for log events can't be what is meant.",
        "A search has a `group` or `groups`, and a `pattern` of at most 1024 characters or a `query` whose rows have \
         @timestamp, since every occurrence has a moment; a fault puts 1 to 1000 lines. \
         https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html";
    BAD_API_CALL = "bad-api-call": "What stands as the name of an API call is none.",
        "CloudTrail is asked for calls by the whole name of the operation, such as TerminateInstances; it knows no \
         wildcards there, and the service stands in `source`.";
    GLOBAL_API_CALL = "global-api-call": "An API call is looked for where CloudTrail may not show it.",
        "The calls of IAM, CloudFront, Route 53 and Organizations are in the event history of us-east-1 alone; those of STS and \
         of the sign-in are there where they were made at the global endpoint. In another region, a call without \
         `source` that is not seen may be one of those: it is inconclusive. Name its `source`, or look at a target in \
         us-east-1. https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html";
    BAD_METRIC_QUERY = "bad-metric-query": "A metric expectation asks what CloudWatch can't be asked.",
        "It is one metric (namespace, name, statistic) or an expression over `metrics`; its period is 10s, 30s or whole \
         minutes, its threshold a comparison and a number, such as `>= 5`. An expression gives one series, so that \
         METRICS(), SEARCH() and queries are not taken.";
    BAD_LEVEL = "bad-level": "A queue is asked for a number of messages that says nothing, or for two.",
        "`at_least` and `at_most` exclude one another, and every queue holds at least 0 messages.";
    BAD_PATTERN = "bad-pattern": "An event pattern is not one that EventBridge takes.",
        "Leaves are arrays, operators are objects inside them. \
         https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html";

    // Against the environment.
    UNKNOWN_RESOURCE = "unknown-resource": "The environment has no such resource.",
        "The alarm, rule, bus, document, topic, deployment group or experiment template is in none of the templates that \
         the environment loads. The rehearsal could only end in `missed`.";
    DEADLINE_NEVER_MET = "deadline-never-met": "The alarm can't fire before its deadline.",
        "It needs its datapoints first: period x datapoints to alarm, until the next evaluation, after the metric has been \
         published. The message shows the sum. Shorten the period, or give it more time.";
    DEADLINE_TIGHT = "deadline-tight": "The alarm may fire after its deadline, by bad luck alone.",
        "When the fault strikes early in a period, the alarm waits for the rest of it. The deadline can be met, but not \
         always: the drill would be flaky. The message shows the longest it takes when all goes well.";
    UNMATCHED_EVENT = "unmatched-event": "No rule of the environment matches an event that is put.",
        "It would arrive on the bus and start nothing. The hint shows the rule that comes nearest and what keeps it from matching. \
         In a scenario with a never this is a note: that nothing follows may be the point.";
    RULE_DISABLED = "rule-disabled": "A rule that is expected to act is disabled.",
        "A disabled rule matches nothing. That is often the finding that a drill is for; the check shows it without one.";
    RULE_WITHOUT_TARGETS = "rule-without-targets": "A rule that is expected to act has no targets.",
        "It would match, and nothing would follow.";
    ACTIONS_DISABLED = "actions-disabled": "The alarm's actions are disabled.",
        "It would change its state and tell nobody through its actions. Events on the bus are still sent.";
    NO_SUCH_ACTION = "no-such-action": "The alarm has no such action for that state.",
        "`action` demands that an alarm action ran; the alarm has none, or not this one, for the state.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_kebab_case_unique_and_explained() {
        let mut seen = std::collections::BTreeSet::new();
        for rule in RULES {
            assert!(seen.insert(rule.code), "{} stands twice", rule.code);
            assert!(
                rule.code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{}",
                rule.code
            );
            assert!(rule.summary.ends_with('.') && rule.explanation.len() > 20, "{}", rule.code);
        }
        let page = page();
        assert!(RULES.iter().all(|rule| page.contains(rule.code)));
        assert!(page.lines().all(|line| line.chars().count() <= 100 || line.contains("https://")));
        assert_eq!(find("unknown-key").map(|rule| rule.code), Some(code::UNKNOWN_KEY));
    }
}
