"""A data repository, asked and changed by the program restic.

Its passphrase is given in a file without a name, its address and keys in the environment: no command line has them.
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from rockonweb.core.data_backup import restic_argv, restic_output
from rockonweb.core.data_backup.repository import RepositoryAccess, Retention, shown_url
from rockonweb.core.data_backup.restic_argv import Argv
from rockonweb.core.data_backup.restic_output import (
    BackupSummary,
    DataProgress,
    DataSnapshot,
    RepositoryFailed,
    ResticMissing,
    SavedFile,
)
from rockonweb.core.secret import SecretWord, redact_secrets
from rockonweb.core.text import t
from rockonweb.host.waiting import POLL_SECONDS, Waiter

BRIEF_SECONDS = 60  # for what a page waits
MAX_ERRORS = 2000  # lines of what restic wrote to stderr that are kept
CHUNK = 65_536
# Of this process's own environment: how ssh and proxies are reached.
INHERITED = ("PATH", "HOME", "SSH_AUTH_SOCK", "TZ", "http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY")

Report = Callable[[DataProgress], None]


def restic_version() -> tuple[int, ...]:
    """Return the version of the program restic. Raises ResticMissing where there is none, or one that is too old."""
    try:
        result = subprocess.run(["restic", "version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S607
    except (OSError, subprocess.TimeoutExpired):
        raise ResticMissing(
            t("The program restic is not installed."), t("Install the package restic: apt-get install restic")
        ) from None
    version = restic_output.parse_version(result.stdout)
    if version < restic_output.OLDEST:
        raise ResticMissing(
            t("restic is too old: %(version)s.", version=result.stdout[:60].strip()),
            t("Install version %(oldest)s or a newer one.", oldest=".".join(map(str, restic_output.OLDEST))),
        )
    return version


class ResticRepository:
    """A repository. `cache` is a folder for restic's cache; `waiter` is asked while restic works: what that raises
    ends restic.
    """

    def __init__(self, access: RepositoryAccess, cache: Path, waiter: Waiter | None = None) -> None:
        self._access, self._cache, self._waiter = access, cache, waiter or Waiter()

    def create(self) -> None:
        """Create it at its address. Raises RepositoryFailed, also where there is one."""
        self._read("init", "--json")

    def read_id(self) -> str:
        """Return its id, which no other has. Raises RepositoryFailed, such as NoRepository and WrongPassphrase."""
        config = restic_output.read_json(self._read("cat", "config", "--no-lock", seconds=BRIEF_SECONDS))
        return str(config.get("id", ""))

    def save(
        self, folder: Path, targets: Iterable[str], tags: Sequence[str], host: str, report: Report
    ) -> BackupSummary:
        """Save paths relative to a folder as one snapshot; `..` at their beginning is left out in it.

        Files that can't be read are in the summary. Raises RepositoryFailed, DiskFull.
        """
        argv = restic_argv.backup_argv(targets, tags, host, self._access.upload_limit)
        summaries: list[str] = []

        def read_line(line: str) -> None:
            message = restic_output.read_json(line)
            if progress := restic_output.read_progress(message):
                report(progress)
            elif message.get("message_type") == "summary":
                summaries.append(line)

        status, errors = self._run(argv, read_line, folder=folder)
        message = restic_output.read_json(summaries[-1]) if summaries else {}
        summary = restic_output.read_summary(message, restic_output.find_unread(errors))
        if status not in (0, restic_output.INCOMPLETE) or summary is None:
            raise restic_output.explain_failure(status, "\n".join(errors))
        return summary

    def restore(self, snapshot: str, paths: Iterable[str], target: Path, report: Report) -> None:
        """Restore paths of a snapshot below a folder, and compare what was written. Raises RepositoryFailed."""

        def read_line(line: str) -> None:
            if progress := restic_output.read_progress(restic_output.read_json(line)):
                report(progress)

        status, errors = self._run(restic_argv.restore_argv(snapshot, paths, str(target)), read_line)
        if status:
            raise restic_output.explain_failure(status, "\n".join(errors))

    def snapshots(self, tags: Sequence[str]) -> list[DataSnapshot]:
        """Return the snapshots with all of these tags, the newest first. Raises RepositoryFailed."""
        return restic_output.parse_snapshots(self._read(*restic_argv.snapshots_argv(tags), seconds=BRIEF_SECONDS))

    def list_folder(self, snapshot: str, folder: str, limit: int) -> list[SavedFile]:
        """Return the first `limit` files of a folder of a snapshot, without those below. Raises RepositoryFailed."""
        lines: list[SavedFile] = []
        parents = folder.strip("/").count("/") + 1 if folder.strip("/") else 0

        def read_line(line: str) -> None:
            file = restic_output.read_file(restic_output.read_json(line))
            if file and file.path != folder and file.path.count("/") == parents and len(lines) < limit:
                lines.append(file)

        status, errors = self._run(restic_argv.list_argv(snapshot, folder), read_line, seconds=BRIEF_SECONDS)
        if status:
            raise restic_output.explain_failure(status, "\n".join(errors))
        return lines

    def read_file(self, snapshot: str, path: str) -> str:
        """Return the text of a file of a snapshot. Raises RepositoryFailed."""
        return self._read("dump", "--no-lock", "--", snapshot, f"/{path}", seconds=BRIEF_SECONDS)

    def restored_size(self, snapshot: str) -> int:
        """Return how many bytes a snapshot has when it is restored. Raises RepositoryFailed."""
        size = restic_output.read_json(self._read(*restic_argv.size_argv(snapshot))).get("total_size", 0)
        return int(size)

    def forget(self, tags: Sequence[str], retention: Retention) -> None:
        """Forget what is not to be kept of the snapshots with all of these tags. Raises RepositoryFailed."""
        self._read(*restic_argv.forget_argv(tags, retention))

    def forget_snapshot(self, snapshot: str) -> None:
        """Forget one snapshot. Raises RepositoryFailed."""
        self._read("forget", "--", snapshot)

    def prune(self) -> None:
        """Delete what no snapshot has any more. Raises RepositoryFailed."""
        self._read("prune")

    def check(self, *, read_data: bool) -> str:
        """Check the whole repository, and return what restic printed; with `read_data`, each byte. Raises
        RepositoryFailed where it is damaged.
        """
        return self._read(*restic_argv.check_argv(read_data=read_data))

    def unlock(self) -> None:
        """Remove the locks of restics that have ended, or that are half an hour old. Raises RepositoryFailed."""
        self._read("unlock")

    # -- the program ------------------------------------------------------------------------------------------------

    def _read(self, *arguments: str, seconds: float | None = None) -> str:
        """Return what restic prints. Raises RepositoryFailed."""
        printed: list[str] = []
        status, errors = self._run(arguments, printed.append, seconds=seconds)
        if status:
            output = (*map(self._mask, printed[-MAX_ERRORS:]), *errors)
            raise restic_output.explain_failure(status, "\n".join(output))
        return "\n".join(printed)

    def _run(
        self,
        arguments: Argv,
        on_line: Callable[[str], None],
        *,
        folder: Path | None = None,
        seconds: float | None = None,
    ) -> tuple[int, list[str]]:
        """Run restic, give each line of its output to `on_line`, and return its exit status and its error output.

        Raises ResticMissing, RepositoryFailed after `seconds`, and what the waiter raises; restic is killed then.
        """
        wrappers = [wrapper for wrapper in restic_argv.WRAPPERS if shutil.which(wrapper[0])]
        with self._passphrase_file() as descriptor:
            try:
                process = subprocess.Popen(  # noqa: S603 - an argv list, never a shell string
                    [*(word for wrapper in wrappers for word in wrapper), "restic", *arguments],
                    cwd=folder,
                    env=self._environment(descriptor),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    pass_fds=(descriptor,),
                )
            except OSError:
                restic_version()  # tells that it is missing
                raise
            with process:
                try:
                    errors = self._follow(process, on_line, None if seconds is None else time.monotonic() + seconds)
                except BaseException:
                    process.kill()
                    raise
        if process.returncode and not shutil.which("restic"):
            restic_version()
        return process.returncode, [self._mask(line) for line in errors]

    def _follow(
        self, process: subprocess.Popen[bytes], on_line: Callable[[str], None], deadline: float | None
    ) -> list[str]:
        """Read what a process prints until it ends; return its error output."""
        errors: list[str] = []
        with selectors.DefaultSelector() as selector:
            for stream, take in ((process.stdout, on_line), (process.stderr, _bounded(errors))):
                if stream is None:
                    raise RuntimeError("both are pipes")
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ, _split_lines(stream, take))
            while selector.get_map():
                for key, _ in selector.select(POLL_SECONDS):
                    if not key.data():
                        selector.unregister(key.fileobj)
                self._waiter.poll()
                if deadline and time.monotonic() > deadline:
                    raise RepositoryFailed(
                        t("The repository does not answer."), t("Check its disk or server, then try again.")
                    )
        return errors

    @contextmanager
    def _passphrase_file(self) -> Iterator[int]:
        """Yield the descriptor of a file in memory that has the passphrase; it has no name, and ends with its users."""
        descriptor = os.memfd_create("rockonweb")
        try:
            os.write(descriptor, self._access.passphrase.encode())
            yield descriptor
        finally:
            os.close(descriptor)

    def _mask(self, text: str) -> str:
        """Return what restic printed without what opens the repository."""
        text = text.replace(self._access.url, shown_url(self._access.url))
        password = urlsplit(self._access.url.partition(":")[2]).password or ""
        return redact_secrets(
            text,
            [
                SecretWord("", value)
                for value in (password, self._access.passphrase, *self._access.environment.values())
            ],
        )

    def _environment(self, descriptor: int) -> dict[str, str]:
        return {
            **{name: value for name in INHERITED if (value := os.environ.get(name))},
            **self._access.environment,
            "LC_ALL": "C",
            "RESTIC_REPOSITORY": self._access.url,
            "RESTIC_PASSWORD_FILE": f"/dev/fd/{descriptor}",
            "RESTIC_CACHE_DIR": str(self._cache),
            "RESTIC_PROGRESS_FPS": "2",
        }


def _bounded(lines: list[str]) -> Callable[[str], None]:
    def take(line: str) -> None:
        if len(lines) < MAX_ERRORS:
            lines.append(line)

    return take


def _split_lines(stream: IO[bytes], on_line: Callable[[str], None]) -> Callable[[], bool]:
    """Return a function that reads what is there, gives each whole line on, and says whether more may come."""
    rest = b""

    def read() -> bool:
        nonlocal rest
        chunk = os.read(stream.fileno(), CHUNK)
        *lines, rest = (rest + chunk).split(b"\n")
        if not chunk and rest:
            lines.append(rest)
        for line in lines:
            on_line(line.decode("utf-8", "replace"))
        return bool(chunk)

    return read
