"""The Nu HTML checker, which `script/test` brings: what is wrong with pages as HTML."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePath

from .process import ROOT

CHECKER_JAR = ROOT / ".venv" / "vnu.jar"
HTMX_ATTRIBUTE = re.compile(r"Attribute “hx-[a-z-]+” not allowed on element")


def find_html_faults(pages: Mapping[str, str], folder: Path) -> list[str]:
    """What is wrong with pages, given by name, in one run of the checker; the attributes of HTMX are no fault."""
    if not CHECKER_JAR.exists():
        raise RuntimeError("The HTML checker is not there: script/test brings it")
    names = {}
    for number, (name, text) in enumerate(pages.items()):
        file = folder / f"{number}.html"
        file.write_text(text)
        names[file.name] = name
    command = ["java", "-Xss1m", "-jar", str(CHECKER_JAR), "--format", "json", "--stdout", "--exit-zero-always"]
    completed = subprocess.run(
        [*command, *map(str, sorted(folder.glob("*.html")))], capture_output=True, text=True, check=True
    )
    messages = json.loads(completed.stdout)["messages"]
    return [
        f"{names[PurePath(message['url']).name]}:{message.get('lastLine', '?')}: {message['message']} "
        f"{message.get('extract', '')}"
        for message in messages
        if not HTMX_ATTRIBUTE.match(message["message"])
    ]
