"""A server started for the tests, which ends with the test session in any case."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def start_process(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start `command` with its output appended to `log`.

    It has a session of its own, so that Ctrl-C reaches the tests first and they can clean up, and it gets
    SIGTERM when the test process dies without doing so.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
        )


def stop_process(process: subprocess.Popen[bytes], timeout: float) -> None:
    """End `process`: SIGTERM, and SIGKILL when it is still there after `timeout` seconds."""
    process.terminate()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, name: str, timeout: float
) -> None:
    """Return when `ready()` is true; otherwise fail with the end of the log."""
    deadline = time.monotonic() + timeout
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            outcome = "did not answer in time" if process.returncode is None else "ended"
            stop_process(process, 5)
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise RuntimeError(f"{name} {outcome}:\n{tail}")
        time.sleep(0.02)


def find_processes(text: str, source: str) -> list[int]:
    """Ids of the processes whose `source` (`cmdline` or `environ`) holds `text`; never our own."""
    process_ids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if text.encode() in (entry / source).read_bytes():
                    process_ids.append(int(entry.name))
            except OSError:
                continue  # it ended while we looked
    return process_ids
