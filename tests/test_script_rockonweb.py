"""`script/rockonweb` is this checkout's command line, wherever it is called from."""

import shutil
import subprocess
from pathlib import Path

from tests.support.process import ROOT


def test_it_runs_the_checkouts_command_from_any_folder_and_through_a_link(tmp_path: Path) -> None:
    checkout = tmp_path / "the checkout"
    shutil.copytree(ROOT / "script", checkout / "script")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (link := tmp_path / "rockonweb").symlink_to(checkout / "script/rockonweb")
    uninstalled = subprocess.run([link, "doctor"], capture_output=True, text=True, cwd=elsewhere)
    assert (uninstalled.returncode, f"Run {checkout}/script/run first." in uninstalled.stderr) == (1, True)

    (program := checkout / ".venv/bin/rockonweb").parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$0|$PWD|$1|$2"\n')
    program.chmod(0o755)
    called = subprocess.run([link, "export", "Block World"], capture_output=True, text=True, cwd=elsewhere)
    assert called.stdout == f"{program}|{elsewhere}|export|Block World\n"
