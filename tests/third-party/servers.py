"""Starts the servers that others wrote, on 127.0.0.1, and stops them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

# From the start of a server until it answers; they take 0.5 to 5 s on an idle machine.
READY_WITHIN = 60


@dataclass
class Server:
    name: str
    url: str
    log: Path
    process: subprocess.Popen

    def tail(self):
        """The end of what the server said."""
        text = self.log.read_text(errors="replace")
        return "\n".join(text.splitlines()[-15:])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(name, bin_folder, port, folder):
    """How a server is started, and what is in its environment beside the usual."""
    if name == "moto":
        return [bin_folder / "moto_server", "-H", "127.0.0.1", "-p", str(port)], {}
    if name == "ministack":
        # Without the last three it listens on every interface, and on port 8883 as well.
        return [bin_folder / "ministack"], {
            "GATEWAY_PORT": str(port),
            "S3_DATA_DIR": str(folder / "s3"),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
    if name == "localemu":
        return [bin_folder / "python", "-m", "localemu.runtime.main"], {
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "LOCALEMU_VOLUME_DIR": str(folder / "volume"),
            "FILESYSTEM_ROOT": str(folder / "files"),
            "CONFIG_DIR": str(folder / "config"),
            # It would ask the outside for these.
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DISABLE_EVENTS": "1",
            "EAGER_SERVICE_LOADING": "0",
        }
    raise SystemExit(f"third-party: there is no server called {name}")


@contextlib.contextmanager
def start(name, home, scratch):
    """A server that is ready; it is gone when this is left."""
    if name == "served":
        # Each of its checks serves an account of its own.
        yield Server(name, "", Path(os.devnull), None)
        return
    folder = scratch / name
    folder.mkdir()
    port = free_port()
    words, more = command(name, home / name / "bin", port, folder)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"}
    environment |= {"AWS_ACCESS_KEY_ID": "dummy", "AWS_SECRET_ACCESS_KEY": "dummy", "AWS_EC2_METADATA_DISABLED": "true"}
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            words, env=environment | more, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    server = Server(name, f"http://127.0.0.1:{port}", log, process)
    try:
        wait_until_ready(server)
        prepare(server)
        yield server
    finally:
        stop(process)


def stop(process):
    """Ends a process and everything that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(3)
    # The group's others, where only its leader has heard the first signal.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_until_ready(server):
    """Any HTTP answer will do: what it is worth is seen by the drills."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise SystemExit(f"third-party: {server.name} ended at once\n{server.tail()}")
        try:
            urllib.request.urlopen(server.url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"third-party: {server.name} was not ready within {READY_WITHIN} s\n{server.tail()}")


def prepare(server):
    """moto runs no state machine, and moves an experiment only when somebody looks, unless it is told to."""
    if server.name != "moto":
        return
    post(server, "/moto-api/config", {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}})
    # Each state outlasts the cadence at which a drill looks, on a slow machine too.
    transition = {"progression": "time", "seconds": 15}
    post(server, "/moto-api/state-manager/set-transition", {"model_name": "fis::experiment", "transition": transition})


def post(server, path, body):
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()
