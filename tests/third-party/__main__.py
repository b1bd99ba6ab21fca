"""The real-account path against servers, and our served account against clients, that nobody here wrote.

`.ci/third-party` makes the virtual environments and runs this. Every server listens on 127.0.0.1 only, on a
port that the system chooses; every drill runs in real time, in a region of its own. What comes of it is
compared with `expected/SERVER.yaml`, exactly. Whatever was started is stopped, and whatever was written is
removed, however this ends.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import checks
import servers

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "target" / "third-party"


def raise_loopback():
    """Switches 127.0.0.1 on: a network of one's own begins with everything off. Elsewhere it is on already."""
    with socket.socket() as any_socket, contextlib.suppress(PermissionError):
        request = struct.pack("16sh", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


def end(number, _frame):
    raise KeyboardInterrupt(signal.Signals(number).name)


def main(names):
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    raise_loopback()
    binary = ROOT / "target" / "debug" / "firedrill"
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=HOME))
    tally = checks.Tally()
    began = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            running = [stack.enter_context(servers.start(name, HOME, scratch)) for name in names]
            stack.callback(checks.stop_all)
            run(running, binary, scratch, tally)
    except KeyboardInterrupt as signalled:
        print(f"third-party: ended by {signalled or 'SIGINT'}; everything is stopped and removed", flush=True)
        return 130
    finally:
        if os.environ.get("THIRD_PARTY_KEEP"):
            print(f"kept: {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    print(f"third-party: {tally.passed} passed, {tally.failed} failed in {time.monotonic() - began:.0f} s")
    # A run in which nothing was checked proves nothing.
    return 0 if tally.passed and not tally.failed else 1


def run(running, binary, scratch, tally):
    """Every check of every server side by side: they wait for deadlines most of the time."""
    pool = ThreadPoolExecutor(max_workers=24)
    try:
        futures = []
        for server in running:
            for check in checks.of(server, binary, scratch):
                futures.append((server, check, pool.submit(check.run)))
        for server, check, future in futures:
            tally.tell(server, check, future.result())
    finally:
        # Their processes are killed first, so that nobody is waited for.
        checks.stop_all()
        pool.shutdown(wait=True, cancel_futures=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
