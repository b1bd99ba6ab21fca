"""The checks of one server: each seeds a region, runs the binary, and compares what came of it with the table.

A check's table entry says everything that is compared: the exit code, the outcome, each expectation's verdict,
words that must stand in what was said, and that the account stands as before.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import seeds
import served
import state
import yaml

HERE = Path(__file__).resolve().parent

# Longer than any drill here may take: whatever is not over by then hangs.
HANGS_AFTER = 240

# A region for each drill of a server, so that they can run side by side.
REGIONS = (
    "us-east-1 us-east-2 us-west-1 us-west-2 eu-west-1 eu-west-2 eu-west-3 eu-central-1 eu-north-1 ap-south-1 "
    "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-southeast-1 ap-southeast-2 ca-central-1 sa-east-1"
).split()

# moto has one account, the others that of the access key.
ACCOUNT = "123456789012"

running, lock, ending = set(), threading.Lock(), threading.Event()


def start(words, **more):
    """Starts the binary in a process group of its own, which `stop_all` knows."""
    with lock:
        if ending.is_set():
            raise RuntimeError("ended")
        process = subprocess.Popen(words, start_new_session=True, **more)
        running.add(process)
    return process


def stop_all():
    """Kills every process that still runs."""
    ending.set()
    with lock:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


class Tally:
    """What came of the checks so far."""

    def __init__(self):
        self.passed = self.failed = 0

    def tell(self, server, check, differences):
        if not differences:
            self.passed += 1
            print(f"  passed  {server.name} {check.name}", flush=True)
            return
        self.failed += 1
        print(f"  FAILED  {server.name} {check.name}", flush=True)
        for line in "\n".join(differences).splitlines():
            print(f"          {line}", flush=True)


@dataclass
class Said:
    code: int
    words: str


@dataclass
class Check:
    """One entry of the table, on its way."""

    name: str
    entry: dict
    server: object
    region: str
    binary: Path
    folder: Path

    def run(self):
        """What differs from the table; nothing if nothing does."""
        try:
            self.folder.mkdir(parents=True)
            return ACTS[self.entry.get("do", "drill")](self)
        except Exception as error:  # A check that breaks has failed; the others go on.
            return [f"{type(error).__name__}: {error}", f"server: {self.server.tail()}"]

    @property
    def account(self):
        return seeds.Account(self.server.url, ACCOUNT, self.region)

    def words(self, verb, *more):
        """The command line of the binary against this server, in this region."""
        return [self.binary, verb, *more, "--endpoint-url", self.server.url, "--region", self.region]

    def scenario(self):
        values = {"account": ACCOUNT, "region": self.region}
        if "--allow-commands" in self.entry.get("with", []):
            values |= {"python": sys.executable, "here": HERE, "url": self.server.url}
        words = [word for name, value in values.items() for word in ("--var", f"{name}={value}")]
        return (HERE / "scenarios" / self.entry["scenario"], *words)

    def drill_words(self, *more):
        reports = ("--reports", self.folder / "reports", "--run-id", "run")
        return self.words("run", *self.scenario(), "--yes", *reports, *self.entry.get("with", []), *more)

    def environment(self):
        """No credentials but dummies, and no configuration of whoever runs this."""
        keep = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return keep | {
            "HOME": str(self.folder),
            "NO_COLOR": "1",
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "dummy-secret-key",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def say(self, words):
        """Runs the binary to its end."""
        process = start(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment())
        try:
            out, _ = process.communicate(timeout=HANGS_AFTER)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
            return Said(-1, f"it hung for {HANGS_AFTER} s\n" + out.decode(errors="replace"))
        return Said(process.returncode, out.decode(errors="replace"))

    def report(self):
        """Outcome and verdicts of the drill, from its report."""
        with (self.folder / "reports" / "run" / "report.json").open() as file:
            drill = json.load(file)["drills"][0]
        verdicts = {one["verdict"]["expectation"]: one["verdict"]["verdict"] for one in drill["expectations"]}
        return {"outcome": drill["outcome"], "verdicts": verdicts}

    def seed(self):
        for name in self.entry.get("seed", []):
            getattr(seeds, name)(self.account)


def differences(expected, found, said):
    """Each thing that is not as the table says, and then what was said."""
    if "or" in expected:
        # What a defect of the server makes a matter of luck; the table says which.
        other = {name: value for name, value in expected.items() if name != "or"}
        if not differences(other | expected["or"], found, said):
            return []
    lines = [
        f"{key}: expected {expected.get(key)}, found {found.get(key)}"
        for key in ("exit", "outcome", "verdicts", "left")
        if expected.get(key) != found.get(key)
    ]
    lines += [f"not said: {words}" for words in expected.get("says", []) if words not in said.words]
    lines += [f"said: {words}" for words in expected.get("never_says", []) if words in said.words]
    if "dummy-secret-key" in said.words:
        lines.append("the secret key was said")
    return lines + [said.words] if lines else []


def as_before(before, after):
    return "as before" if before == after else f"{before} became {after}"


def drill(check):
    """A drill, and then the account as it was."""
    check.seed()
    before = state.of(check.account)
    said = check.say(check.drill_words())
    found = {"exit": said.code}
    if said.code != 2:
        found |= check.report()
    found["left"] = as_before(before, state.of(check.account))
    return differences({"left": "as before"} | check.entry, found, said)


def killed(check):
    """A drill whose process is killed once its fault is in the account; `firedrill revert` then mends all."""
    check.seed()
    before = state.of(check.account)
    out = (check.folder / "drill.log").open("wb")
    with out:
        process = start(check.drill_words(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=check.environment())
        injected = wait_for_fault(process, check.folder / "reports" / "run")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if not injected:
        return ["the drill was over before it could be killed", (check.folder / "drill.log").read_text(errors="replace")]
    between = state.of(check.account)
    said = check.say(check.words("revert", check.folder / "reports" / "run", "--yes"))
    found = {"exit": said.code, "left": as_before(before, state.of(check.account))}
    wrong = [] if between != before else ["the killed drill had left nothing to revert"]
    # A second one has nothing to do, and says so in the same way.
    again = check.say(check.words("revert", check.folder / "reports" / "run", "--yes"))
    if again.code != 0:
        wrong += [f"the second revert: exit {again.code}", again.words]
    return wrong + differences({"left": "as before"} | check.entry, found, said)


def wait_for_fault(process, folder):
    """Whether the timeline says that the fault has started, before the process is gone."""
    deadline = time.monotonic() + HANGS_AFTER
    while process.poll() is None and time.monotonic() < deadline:
        for timeline in folder.glob("*/timeline.jsonl"):
            if '"entry":"fault_started"' in timeline.read_text(errors="replace"):
                return process.poll() is None
        time.sleep(0.05)
    return False


ACTS = {
    "drill": drill,
    "killed": killed,
    "clients": lambda check: served.clients(check),
    "shipped": lambda check: served.shipped(check),
}


def of(server, binary, scratch):
    """The checks of a server, from its table."""
    table = yaml.safe_load((HERE / "expected" / f"{server.name}.yaml").read_text())
    if len(table) > len(REGIONS):
        raise SystemExit(f"third-party: {server.name} has more checks than there are regions")
    for region, (name, entry) in zip(REGIONS, table.items()):
        yield Check(name, entry, server, region, binary, scratch / server.name / name)
