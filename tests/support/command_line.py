"""`rockonweb COMMAND…` as a person types it, run in this process: without an interpreter that imports everything."""

import io
import logging
import os
import subprocess
import sys
from contextvars import Context
from pathlib import Path
from unittest.mock import patch

import pytest
from flask import Flask, appcontext_pushed

from rockonweb import cli, config
from tests.support.database import engine_of

from .app import lend_app

PROGRAM = Path(sys.executable).with_name("rockonweb")  # for what only a process of its own shows
# What the person who runs the tests may have set for a Rockonweb of their own.
_OWN_VARIABLES = ("ROCKONWEB_", "DOCKER_", "FLASK_", "DATABASE_URL", "REDIS_URL")


class CommandLine:
    """A terminal in `folder` beside an instance where nothing runs: no engine, no queue, no metastore.

    `environ` is what its programs get; a test may change it. Nothing is made before a command makes it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.instance = folder / "instance"
        self.database = self.instance / "rockonweb.db"
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith(_OWN_VARIABLES)} | {
            "ROCKONWEB_INSTANCE": str(self.instance),
            "ROCKONWEB_SHARES_ROOT": str(folder / "shares"),
            "ROCKONWEB_REMOTE_METASTORE": "",
            "DOCKER_HOST": f"unix://{folder}/nothing.sock",
        }

    def run(self, *arguments: str, stdin: str | bytes = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `rockonweb WORDS…`, with more variables if there are any; return what a process would end with.

        Everything that it changes of this process is put back. What a process would end with a traceback for is
        raised here, so that no test can take it for a refusal.
        """
        input_bytes = stdin.encode() if isinstance(stdin, str) else stdin
        streams = {"stdin": _make_stream(input_bytes), "stdout": _make_stream(), "stderr": _make_stream()}
        apps: set[Flask] = set()

        def remember_app(app: Flask, **_: object) -> None:
            apps.add(app)

        umask = os.umask(0o022)
        try:
            with (
                pytest.MonkeyPatch.context() as process,
                patch.dict(os.environ, {**self.environ, **environ}, clear=True),
                appcontext_pushed.connected_to(remember_app),
            ):
                process.chdir(self.folder)
                process.setattr(sys, "argv", ["rockonweb", *arguments])
                process.setattr(cli, "create_app", lambda pages: lend_app(config.load_config()))
                process.setattr(logging.getLogger(), "handlers", [])  # pytest's: what a log says goes to the terminal
                for name, stream in streams.items():
                    process.setattr(sys, name, stream)
                status = _run_main()
        finally:
            os.umask(umask)
            for app in apps:
                engine_of(app).dispose()
        for stream in streams.values():
            stream.seek(0)
        return subprocess.CompletedProcess(arguments, status, streams["stdout"].read(), streams["stderr"].read())


def _make_stream(content: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), "utf-8", write_through=True)


def _run_main() -> int:
    """Run the entry point, outside of the test's own application context, and return its exit status."""
    with pytest.raises(SystemExit) as exit_info:
        Context().run(cli.main)
    status = exit_info.value.code or 0
    assert isinstance(status, int), "anything else is printed and ends with 1"
    return status
