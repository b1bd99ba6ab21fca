//! Credentials of IAM Identity Center (`aws sso login`): what is said when nobody is signed in, and that the
//! role's credentials are fetched with the cached token when somebody is.
//!
//! The portal is a server of the test: the SDK takes its address from `AWS_ENDPOINT_URL_SSO`, and that of the
//! refresh of a token from `AWS_ENDPOINT_URL_SSO_OIDC`
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>).

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::real_account::server;
use crate::served::{Served, reaching, serve};
use crate::support::{Said, said, scratch, tree};

/// The cached token of the session `drills`: the file's name is the SHA-1 of the session's.
const CACHE: &str = ".aws/sso/cache/db99e1190d0e6250b58aba470dcfe58c9e840ec6.json";

const TOKEN: &str = "SECRETtokenOfTheSignIn";
const REFRESH: &str = "SECRETtokenOfTheRefresh";
const CLIENT: &str = "SECRETofTheClient";
const KEY: &str = "SECRETkeyOfTheRole/0123456789abcdefghijk";
const SESSION: &str = "SECRETtokenOfTheRole//////////wEaCXVzLWVhc3QtMSJ=";

const CONFIG: &str = "[profile drills]\nsso_session = drills\nsso_account_id = 111122223333\n\
                      sso_role_name = drill\nregion = eu-west-1\n\n[sso-session drills]\n\
                      sso_region = eu-west-1\nsso_start_url = https://example.awsapps.com/start\n";

const SCENARIO: &str = r#"
version: 1
name: looks
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
faults: [{id: by-hand, set_alarm_state: {alarm: errors}}]
expect: [{id: detected, alarm: {name: errors}, within: 20s}]
"#;

/// A machine on which somebody may have signed in, and the portal that it asks.
struct Machine {
    home: tempfile::TempDir,
    portal: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Machine {
    /// With this token in the cache, and a portal that answers so.
    fn new(
        token: Option<Value>,
        answer: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let home = scratch();
        fs::create_dir_all(home.path().join(".aws/sso/cache")).expect("there is room");
        fs::write(home.path().join(".aws/config"), CONFIG).expect("there is room");
        if let Some(token) = token {
            fs::write(home.path().join(CACHE), token.to_string()).expect("there is room");
        }
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&asked);
        let portal = server(move |request| {
            heard.lock().expect("nobody panics").push(request.to_owned());
            let (status, body) = answer(request);
            (status, body.to_string())
        });
        Self { home, portal, asked }
    }

    /// Nothing else gives credentials here.
    fn command(&self, arguments: &[&str], url: &str) -> Command {
        let mut command = reaching(&[arguments, &["--profile", "drills"]].concat(), url);
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SHARED_CREDENTIALS_FILE"] {
            command.env_remove(name);
        }
        command
            .env("HOME", self.home.path())
            .env("AWS_CONFIG_FILE", self.home.path().join(".aws/config"))
            .env("AWS_ENDPOINT_URL_SSO", &self.portal)
            .env("AWS_ENDPOINT_URL_SSO_OIDC", &self.portal)
            .env("AWS_MAX_ATTEMPTS", "1");
        command
    }

    /// Runs a scenario; whatever was said and written is free of secrets.
    fn run(&self, served: &Served, folder: &Path, more: &[&str]) -> Said {
        let file = folder.join("scenario.yaml");
        fs::write(&file, SCENARIO).expect("there is room");
        let (file, reports) = (file.display().to_string(), folder.join("reports"));
        let reports = reports.display().to_string();
        let arguments = [&["run", &file, "--reports", &reports, "--run-id", "r"], more].concat();
        let said = said(&self.command(&arguments, &served.url).output().expect("it starts"));
        let written = tree(folder);
        let texts = written.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
        for text in texts.chain([said.out.clone(), said.err.clone()]) {
            assert!(!text.contains("SECRET"), "{text}");
        }
        said
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics").clone()
    }
}

fn token(expires: &str) -> Value {
    json!({
        "startUrl": "https://example.awsapps.com/start",
        "region": "eu-west-1",
        "accessToken": TOKEN,
        "expiresAt": expires,
    })
}

/// A token that can be exchanged for a new one.
fn refreshable(expires: &str) -> Value {
    let mut token = token(expires);
    token["clientId"] = json!("client");
    token["clientSecret"] = json!(CLIENT);
    token["refreshToken"] = json!(REFRESH);
    token["registrationExpiresAt"] = json!("2099-01-01T00:00:00Z");
    token
}

/// The role's credentials, as <https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html>.
fn credentials() -> (u16, Value) {
    let role = json!({
        "accessKeyId": "ASIAROLE",
        "secretAccessKey": KEY,
        "sessionToken": SESSION,
        "expiration": 4_070_908_800_000_i64,
    });
    (200, json!({"roleCredentials": role}))
}

/// A refusal that repeats the request, as the worst portal might.
fn refusal(request: &str) -> (u16, Value) {
    (401, json!({"__type": "UnauthorizedException", "message": format!("no: {request}")}))
}

fn shop() -> Served {
    serve(&["tests/data/exits/environments/shop.yaml"])
}

/// One message with the way out, and nothing was done.
#[track_caller]
fn refused(machine: &Machine, words: &str) {
    let served = shop();
    let before = served.account()["belongings"].clone();
    let folder = scratch();
    let said = machine.run(&served, folder.path(), &["--yes"]);
    assert_eq!(said.code, 2, "{}", said.err);
    for words in [words, "aws sso login --profile", "nothing was touched"] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    assert_eq!(said.err.matches("aws sso login").count(), 1, "one message: {}", said.err);
    assert!(!folder.path().join("reports").exists(), "{}", said.err);
    assert_eq!(served.account()["belongings"], before);
}

#[test]
fn whoever_is_not_signed_in_is_told_how_before_anything_is_touched() {
    let nobody = Machine::new(None, |_| panic!("nobody is asked without a token"));
    refused(&nobody, "the credentials can't be had");
    assert_eq!(nobody.asked(), Vec::<String>::new());
    let late = Machine::new(Some(token("2020-01-01T00:00:00Z")), |_| panic!("nobody is asked"));
    refused(&late, "expired");
    assert_eq!(late.asked(), Vec::<String>::new());
    let garbled = Machine::new(Some(json!({"accessToken": TOKEN})), |_| panic!("nobody is asked"));
    refused(&garbled, "the credentials can't be had");
}

#[test]
fn a_portal_that_does_not_take_the_token_is_told_without_the_token() {
    let revoked = Machine::new(Some(token("2099-01-01T00:00:00Z")), refusal);
    refused(&revoked, "the credentials can't be had");
    assert!(revoked.asked()[0].contains(TOKEN), "it was asked with the token");
    // The refresh is refused, and so is the token that is over.
    let over = Machine::new(Some(refreshable("2020-01-01T00:00:00Z")), refusal);
    refused(&over, "the credentials can't be had");
    assert!(over.asked()[0].contains(REFRESH), "{:?}", over.asked());
}

#[test]
fn the_credentials_of_whoever_is_signed_in_are_fetched_and_used() {
    let served = shop();
    let signed_in = Machine::new(Some(token("2099-01-01T00:00:00Z")), |_| credentials());
    let folder = scratch();
    let said = signed_in.run(&served, folder.path(), &["--dry-run"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("account 111122223333 in eu-west-1, as "), "{}", said.err);
    let asked = signed_in.asked();
    let [request] = &asked[..] else { panic!("once for all calls: {asked:?}") };
    for words in [
        "GET /federation/credentials?",
        "role_name=drill",
        "account_id=111122223333",
        &format!("x-amz-sso_bearer_token: {TOKEN}"),
    ] {
        assert!(request.contains(words), "{words}: {request}");
    }
    let said = said_by_the_doctor(&signed_in, &served, folder.path());
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("ok       credentials"), "{}", said.out);
    assert!(said.out.contains("111122223333"), "{}", said.out);
}

fn said_by_the_doctor(machine: &Machine, served: &Served, folder: &Path) -> Said {
    let file = folder.join("scenario.yaml").display().to_string();
    said(&machine.command(&["doctor", &file], &served.url).output().expect("it starts"))
}

#[test]
fn a_token_that_is_over_is_refreshed_where_it_can_be() {
    let served = shop();
    let machine = Machine::new(Some(refreshable("2020-01-01T00:00:00Z")), |request| {
        if request.starts_with("POST /token ") {
            let fresh = json!({"accessToken": format!("{TOKEN}2"), "expiresIn": 3600, "tokenType": "Bearer"});
            return (200, fresh);
        }
        assert!(request.contains(&format!("{TOKEN}2")), "with the new one: {request}");
        credentials()
    });
    let folder = scratch();
    let said = machine.run(&served, folder.path(), &["--dry-run"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(machine.asked().len(), 2, "{:?}", machine.asked());
}
