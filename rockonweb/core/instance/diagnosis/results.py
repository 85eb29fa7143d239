"""The result of a check of the doctor, and the report of all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rockonweb.core.text import join_texts, t

Level = Literal["ok", "warn", "fail"]
LEVEL_MARKS: dict[Level, str] = {"ok": "[ok]  ", "warn": "[warn]", "fail": "[FAIL]"}
MAX_LISTED = 5  # of a list


@dataclass(frozen=True)
class CheckResult:
    """The result of a check: its subject, level, a sentence, and what to do. `facts` has the JSON data behind it."""

    about: str
    level: Level
    sentence: str
    hint: str = ""
    facts: dict[str, Any] | None = None

    def __str__(self) -> str:
        text = f"{LEVEL_MARKS[self.level]} {self.about}: {self.sentence}"
        return f"{text}\n       {self.hint}" if self.hint else text


def has_failure(results: Iterable[CheckResult]) -> bool:
    """Whether something is broken; warnings are not."""
    return any(result.level == "fail" for result in results)


def format_report(results: Sequence[CheckResult], *, as_json: bool = False) -> str:
    """Return results as text or JSON, to be printed, downloaded and sent to support."""
    if not as_json:
        return "\n".join(map(str, results))
    entries = [{**vars(result), "facts": result.facts or {}} for result in results]
    return json.dumps({"ok": not has_failure(results), "findings": entries}, indent=2)


def list_first(names: Iterable[str]) -> str:
    """Return the first MAX_LISTED names with commas, and how many more there are."""
    listed = list(names)
    rest = [t("%(count)s more", count=len(listed) - MAX_LISTED)] if len(listed) > MAX_LISTED else []
    return join_texts(", ", [*listed[:MAX_LISTED], *rest])
