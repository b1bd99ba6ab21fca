//! The emulated accounts of one rehearsal, side by side in one time.
//!
//! Main type: [`Estate`]. A request goes to the account whose access key signed it, in the region that the
//! signature names. Two things cross from one account to another, and nothing else does: an event that is
//! sent to a bus there, as far as that bus's own policy lets it in, and a session of a role there, as far as
//! that role's trust policy allows it. Invariants: no account is ahead of another by more than the step
//! that is being made; what crosses arrives at the moment at which it left, in the order of the accounts;
//! an account by itself is driven as if there were no estate.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::Value;

use super::account::{Account, Identity};
use super::error::{Answer, ServiceError};
use super::policy;
use super::services::{Service, events, iam, sts};
use super::wire;
use crate::wakeup::Topic;

/// The most sessions across accounts that are remembered; the oldest are forgotten first.
const MOST_SESSIONS: usize = 1000;

/// The emulated accounts of one rehearsal; the first is home.
#[derive(Debug, Clone)]
pub struct Estate {
    accounts: Vec<Account>,
    /// Which account (by its id) a session of a role is for, by access key.
    sessions: IndexMap<String, String>,
}

impl From<Account> for Estate {
    fn from(home: Account) -> Self {
        Self { accounts: vec![home], sessions: IndexMap::new() }
    }
}

/// The access key that stands for an account's administrator where the estate has several accounts.
pub fn access_key(account: &str) -> String {
    format!("AKIA{account}FIRE")
}

impl Estate {
    /// These accounts side by side; each other one has an account id or a region of its own.
    pub fn new(home: Account, others: Vec<Account>) -> Self {
        let mut estate = Self::from(home);
        estate.accounts.extend(others);
        for index in 0..estate.accounts.len() {
            estate.show_buses(index);
        }
        estate
    }

    /// The home account.
    pub fn home(&self) -> &Account {
        &self.accounts[0]
    }

    /// The home account, to be changed.
    pub fn home_mut(&mut self) -> &mut Account {
        &mut self.accounts[0]
    }

    /// The account of this id and region, to be changed.
    pub fn account_mut(&mut self, account: &str, region: &str) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|one| {
            let identity = one.identity();
            identity.account == account && identity.region == region
        })
    }

    /// Every account, the home account first.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Who each of them is, in that order.
    pub fn identities(&self) -> Vec<Identity> {
        self.accounts.iter().map(|account| account.identity().clone()).collect()
    }

    /// The accounts' own clock.
    pub fn now(&self) -> Timestamp {
        self.home().now()
    }

    /// Gives each account's generator another seed, from here on.
    pub fn reseed(&mut self, seed: u64) {
        for (index, account) in self.accounts.iter_mut().enumerate() {
            // Told apart, so that two accounts do not draw the same ids.
            account.reseed(seed.wrapping_add((index as u64) << 32));
        }
    }

    /// When something next happens by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.accounts.iter().filter_map(Account::next_due).min()
    }

    /// Lets everything happen that is due until `to`, in order, and sets every clock to `to`.
    pub fn advance(&mut self, to: Timestamp) {
        if let [only] = self.accounts.as_mut_slice() {
            only.advance(to);
            return;
        }
        while let Some((at, index)) = self.earliest().filter(|(at, _)| *at <= to) {
            self.accounts[index].advance(at);
            self.carry(index);
        }
        for account in &mut self.accounts {
            account.advance(to);
        }
    }

    /// When something next happens by itself, and in which account.
    fn earliest(&self) -> Option<(Timestamp, usize)> {
        let due = self.accounts.iter().enumerate();
        due.filter_map(|(index, account)| Some((account.next_due()?, index))).min()
    }

    /// Takes what left an account to where it goes, and shows the others what its buses now let in.
    fn carry(&mut self, from: usize) {
        if self.accounts.len() == 1 {
            return;
        }
        let now = self.accounts[from].now();
        let mut waiting = vec![from];
        while let Some(from) = waiting.pop() {
            for (bus, event) in events::leaving(&mut self.accounts[from]) {
                let mut others = self.accounts.iter_mut().enumerate();
                let there = others.find(|(_, account)| events::owns(account, &bus));
                if let Some((index, there)) = there {
                    // What is due there at this very moment may send something on as well.
                    there.advance(now);
                    events::arrive(there, &bus, event);
                    waiting.push(index);
                }
            }
            self.show_buses(from);
        }
    }

    /// Shows the other accounts the buses of this one as they are now.
    fn show_buses(&mut self, of: usize) {
        let shown = events::shown_buses(&self.accounts[of]);
        for (index, account) in self.accounts.iter_mut().enumerate() {
            if index != of {
                events::see_buses(account, &shown);
            }
        }
    }

    /// What changed since this was last asked.
    pub(crate) fn take_changes(&mut self) -> Vec<Topic> {
        let mut all = Vec::new();
        for account in &mut self.accounts {
            for topic in account.take_changes() {
                if !all.contains(&topic) {
                    all.push(topic);
                }
            }
        }
        all
    }

    /// Answers one request out of the account that it is meant for.
    pub(crate) fn answer(&mut self, request: &wire::Request) -> wire::Response {
        if let [only] = self.accounts.as_mut_slice() {
            return wire::answer(only, request);
        }
        let index = self.index_of(request);
        let response = match self.role_elsewhere(request, index) {
            Some(there) => {
                let (account, visited) = two(&mut self.accounts, index, there);
                let sessions = &mut self.sessions;
                wire::answer_by(account, request, |account, key, _, _, input| {
                    assume(account, visited, sessions, key, &input)
                })
            }
            None => wire::answer(&mut self.accounts[index], request),
        };
        self.carry(index);
        response
    }

    /// The account that a request is meant for; the home account where nobody else is.
    fn index_of(&self, request: &wire::Request) -> usize {
        let (key, region) = request.signer();
        let home = &self.home().identity().account;
        let known = self.sessions.get(key);
        let known = known.map(String::as_str).or_else(|| {
            let id = key.strip_prefix("AKIA")?.strip_suffix("FIRE")?;
            self.accounts.iter().any(|account| account.identity().account == id).then_some(id)
        });
        let wanted = known.unwrap_or(home);
        let of_account = |account: &Account| account.identity().account == wanted;
        let here = |account: &Account| of_account(account) && account.identity().region == region;
        // A region that nobody emulates is refused by the account, which says where it is.
        let found = self.accounts.iter().position(here);
        found.or_else(|| self.accounts.iter().position(of_account)).unwrap_or(0)
    }

    /// The other account whose role a request wants to assume.
    fn role_elsewhere(&self, request: &wire::Request, from: usize) -> Option<usize> {
        let role = wire::role_to_assume(request)?;
        let owner = role.split(':').nth(4)?;
        let mut accounts = self.accounts.iter().enumerate();
        if self.accounts[from].identity().account == owner {
            return None;
        }
        let there = accounts.find(|(_, account)| account.identity().account == owner);
        there.map(|(index, _)| index)
    }
}

/// Two accounts of a list at once.
fn two(accounts: &mut [Account], one: usize, other: usize) -> (&mut Account, &mut Account) {
    let [one, other] = accounts
        .get_disjoint_mut([one, other])
        .expect("the role's account is another one than the caller's");
    (one, other)
}

/// `AssumeRole` of a role in another account: the caller's own policies have to allow it here, and the
/// role's trust policy there
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>).
fn assume(
    here: &mut Account,
    there: &mut Account,
    sessions: &mut IndexMap<String, String>,
    key: &str,
    input: &Value,
) -> Answer {
    let caller = policy::caller_of(here, key)?;
    policy::authorize(here, &caller, Service::Sts, "AssumeRole", input)?;
    let visitor = sts::arn_of(here, &caller);
    policy::trusts(there, &visitor, iam::organization(here), input)?;
    let answer = there.call(Service::Sts, "AssumeRole", input.clone())?;
    let Some(key) = answer["Credentials"]["AccessKeyId"].as_str() else {
        return Err(ServiceError::new("InternalFailure", "the session has no access key"));
    };
    while sessions.len() >= MOST_SESSIONS {
        sessions.shift_remove_index(0);
    }
    sessions.insert(key.to_owned(), there.identity().account.clone());
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;

    const HOME: &str = "111122223333";
    const OTHER: &str = "444455556666";

    fn account(id: &str, region: &str) -> Account {
        let identity = Identity {
            account: id.to_owned(),
            region: region.to_owned(),
            partition: "aws".to_owned(),
        };
        Account::new(identity, "2026-01-05T09:00:00Z".parse().unwrap(), 1)
    }

    /// A rule at home that forwards to a bus of the other account; that bus has a rule of its own.
    fn forwarding(let_in: bool) -> Estate {
        let (mut home, mut other) = (account(HOME, "eu-west-1"), account(OTHER, "eu-central-1"));
        let bus = "arn:aws:events:eu-central-1:444455556666:event-bus/central";
        let call = |account: &mut Account, service, operation: &str, input: Value| {
            account.call(service, operation, input).unwrap();
        };
        call(&mut other, Service::Events, "CreateEventBus", json!({"Name": "central"}));
        let pattern = json!({"source": ["shop"]}).to_string();
        let rule = json!({"Name": "seen", "EventBusName": "central", "EventPattern": pattern});
        call(&mut other, Service::Events, "PutRule", rule);
        let target = json!({"Rule": "seen", "EventBusName": "central",
            "Targets": [{"Id": "q", "Arn": "arn:aws:sqs:eu-central-1:444455556666:inbox"}]});
        call(&mut other, Service::Events, "PutTargets", target);
        let policy = json!({"Statement": {"Effect": "Allow", "Action": "sqs:SendMessage",
            "Principal": {"Service": "events.amazonaws.com"}, "Resource": "*"}});
        let queue = json!({"QueueName": "inbox", "Attributes": {"Policy": policy.to_string()}});
        call(&mut other, Service::Sqs, "CreateQueue", queue);
        if let_in {
            let may = json!({"EventBusName": "central", "Action": "events:PutEvents",
                "Principal": HOME, "StatementId": "home"});
            call(&mut other, Service::Events, "PutPermission", may);
        }
        call(&mut home, Service::Events, "PutRule", json!({"Name": "on", "EventPattern": pattern}));
        let target = json!({"Rule": "on", "Targets": [{"Id": "central", "Arn": bus}]});
        call(&mut home, Service::Events, "PutTargets", target);
        Estate::new(home, vec![other])
    }

    fn put(estate: &mut Estate, bus: &str) -> Answer {
        let entry = json!({"Source": "shop", "DetailType": "Order", "Detail": "{\"n\": 1}",
            "EventBusName": bus});
        let answer =
            estate.accounts[0].call(Service::Events, "PutEvents", json!({"Entries": [entry]}));
        estate.carry(0);
        answer
    }

    /// What arrived in the other account's queue within ten seconds.
    fn inbox(estate: &mut Estate) -> Vec<Value> {
        estate.advance(estate.now() + SignedDuration::from_secs(10));
        let url = json!({"QueueName": "inbox"});
        let other = &mut estate.accounts[1];
        let url = other.call(Service::Sqs, "GetQueueUrl", url).unwrap()["QueueUrl"].clone();
        let receive = json!({"QueueUrl": url, "MaxNumberOfMessages": 10});
        let found = other.call(Service::Sqs, "ReceiveMessage", receive).unwrap();
        let bodies = found["Messages"].as_array().cloned().unwrap_or_default();
        let read = |message: &Value| serde_json::from_str(message["Body"].as_str().unwrap());
        bodies.iter().map(|message| read(message).unwrap()).collect()
    }

    #[test]
    fn an_event_crosses_as_far_as_the_other_bus_lets_it_in() {
        let mut open = forwarding(true);
        put(&mut open, "default").unwrap();
        let arrived = inbox(&mut open);
        assert_eq!(arrived.len(), 1);
        // It is still the sender's event.
        assert_eq!(
            (&arrived[0]["account"], &arrived[0]["region"]),
            (&HOME.into(), &"eu-west-1".into())
        );
        let mut closed = forwarding(false);
        put(&mut closed, "default").unwrap();
        assert_eq!(inbox(&mut closed), Vec::<Value>::new());
    }

    #[test]
    fn a_bus_that_is_opened_or_closed_meanwhile_is_seen_as_it_is_now() {
        let mut estate = forwarding(true);
        let gone = json!({"EventBusName": "central", "StatementId": "home"});
        estate.accounts[1].call(Service::Events, "RemovePermission", gone).unwrap();
        estate.carry(1);
        put(&mut estate, "default").unwrap();
        assert_eq!(inbox(&mut estate), Vec::<Value>::new());
    }

    #[test]
    fn an_event_is_put_onto_another_accounts_bus_only_where_its_policy_says_so() {
        let bus = "arn:aws:events:eu-central-1:444455556666:event-bus/central";
        let mut open = forwarding(true);
        put(&mut open, bus).unwrap();
        assert_eq!(inbox(&mut open).len(), 1);
        let refused = put(&mut forwarding(false), bus).unwrap_err();
        assert!(refused.message.contains("no resource-based policy allows"), "{refused}");
    }

    fn signed(key: &str, region: &str, body: &str) -> wire::Request {
        let scope =
            format!("AWS4-HMAC-SHA256 Credential={key}/20260105/{region}/sts/aws4_request,");
        let form = "application/x-www-form-urlencoded".to_owned();
        wire::Request {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: vec![("authorization".to_owned(), scope), ("content-type".to_owned(), form)],
            body: body.as_bytes().to_vec(),
            ..wire::Request::default()
        }
    }

    fn said(estate: &mut Estate, request: &wire::Request) -> (u16, String) {
        let response = estate.answer(request);
        (response.status, String::from_utf8(response.body).unwrap())
    }

    fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
        text.split(from).nth(1).unwrap().split(to).next().unwrap()
    }

    #[test]
    fn a_role_of_another_account_is_assumed_as_its_trust_policy_allows() {
        let mut other = account(OTHER, "eu-central-1");
        let trust = json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"AWS": format!("arn:aws:iam::{HOME}:root")},
            "Condition": {"StringEquals": {"sts:ExternalId": "agreed"}}}});
        let role = json!({"RoleName": "drill", "AssumeRolePolicyDocument": trust.to_string()});
        other.call(Service::Iam, "CreateRole", role).unwrap();
        let mut estate = Estate::new(account(HOME, "eu-west-1"), vec![other]);
        let role = "Action=AssumeRole&Version=2011-06-15&RoleSessionName=one\
                    &RoleArn=arn%3Aaws%3Aiam%3A%3A444455556666%3Arole%2F";
        let ask = |rest: &str| signed("AKIAANYBODY", "eu-west-1", &format!("{role}{rest}"));
        let (status, text) = said(&mut estate, &ask("drill"));
        assert_eq!(status, 403, "{text}");
        let (status, text) = said(&mut estate, &ask("nobody&ExternalId=agreed"));
        assert_eq!(status, 403, "{text}");
        let (status, text) = said(&mut estate, &ask("drill&ExternalId=agreed"));
        assert_eq!(status, 200, "{text}");
        let key = between(&text, "<AccessKeyId>", "<").to_owned();
        let who = "Action=GetCallerIdentity&Version=2011-06-15";
        let (_, text) = said(&mut estate, &signed(&key, "eu-central-1", who));
        let session = "arn:aws:sts::444455556666:assumed-role/drill/one";
        assert_eq!(between(&text, "<Arn>", "<"), session);
        // In a region that is not emulated the session is nobody.
        let (status, _) = said(&mut estate, &signed(&key, "eu-north-1", who));
        assert_eq!(status, 403);
        // Each account's administrator has a key of its own; any other is home's.
        let key = access_key(OTHER);
        let (_, text) = said(&mut estate, &signed(&key, "eu-central-1", who));
        assert_eq!(between(&text, "<Account>", "<"), OTHER);
        let (_, text) = said(&mut estate, &signed("AKIAANYBODY", "eu-west-1", who));
        assert_eq!(between(&text, "<Account>", "<"), HOME);
    }
}
