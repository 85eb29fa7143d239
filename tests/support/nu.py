"""The Nu HTML checker, which `script/test` brings: what is wrong with pages as HTML."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePath

from .process import ROOT

JAR = ROOT / ".venv" / "vnu.jar"
OF_HTMX = re.compile(r"Attribute “hx-[a-z-]+” not allowed on element")


def html_faults(pages: Mapping[str, str], folder: Path) -> list[str]:
    """What is wrong with pages, given by name, in one run of the checker; the attributes of HTMX are no fault."""
    if not JAR.exists():
        raise RuntimeError("The HTML checker is not there: script/test brings it")
    names = {}
    for place, (name, text) in enumerate(pages.items()):
        file = folder / f"{place}.html"
        file.write_text(text)
        names[file.name] = name
    words = ["java", "-Xss1m", "-jar", str(JAR), "--format", "json", "--stdout", "--exit-zero-always"]
    done = subprocess.run(
        [*words, *map(str, sorted(folder.glob("*.html")))], capture_output=True, text=True, check=True
    )
    messages = json.loads(done.stdout)["messages"]
    return [
        f"{names[PurePath(one['url']).name]}:{one.get('lastLine', '?')}: {one['message']} {one.get('extract', '')}"
        for one in messages
        if not OF_HTMX.match(one["message"])
    ]
