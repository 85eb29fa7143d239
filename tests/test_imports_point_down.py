"""The four floors: a module imports from its own floor or from those below it.

A new module is put on a floor here. Core decides and touches nothing, so what it may import at all is listed.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "rockonweb"

FLOORS = {
    "core": {"core"},
    "things": {
        *(
            "accounts",
            "audit",
            "backup",
            "catalog",
            "config",
            "database_copy",
            "host",
            "languages",
            "migrate",
            "private",
            "registry",
        ),
        *("migrations", "models", "rows", "second_step", "sessions", "strangers", "titles", "tokens"),
    },
    "work": {"jobs", "work"},
    "faces": {"__init__", "blueprints", "cli", "forms", "web"},
}
ORDER = list(FLOORS)
PURE = {
    *("__future__", "abc", "collections", "dataclasses", "enum", "functools", "hashlib", "html", "itertools", "json"),
    *("csv", "ipaddress", "math", "posixpath", "statistics", "unicodedata"),
    *("re", "shlex", "string", "typing", "urllib", "nh3", "pydantic", "rapidfuzz", "yaml"),
}  # fmt: skip
ONLY_IN = {"docker": {"host"}, "wtforms": {"forms"}, "rq_dashboard": {"blueprints"}}

MODULES = {str(path.relative_to(ROOT)): path for path in ROOT.rglob("*.py")}


def room(path: str) -> str:
    """Return the room of a file: its module, or the package below `rockonweb` that it belongs to."""
    return Path(path).parts[0].removesuffix(".py")


def floor(name: str) -> int:
    """Return how high a room lies."""
    return next((height for height, rooms in enumerate(FLOORS.values()) if name in rooms), -1)


def imports(source: str) -> Iterator[str]:
    """Yield every module that is imported, anywhere in the source, as dotted names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError("imports are absolute here")
            if node.module == "rockonweb":
                yield from (f"rockonweb.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def rooms_used(source: str) -> set[str]:
    """Return the rooms of ours that a source imports from; what stands in the package itself counts as `__init__`."""
    names = {name.split(".")[1] if "." in name else "__init__" for name in imports(source) if is_ours(name)}
    known = {room(path) for path in MODULES}
    return {name if name in known else "__init__" for name in names}


def is_ours(name: str) -> bool:
    """Whether a dotted name is of this package."""
    return name.split(".")[0] == "rockonweb"


def faults(path: str, source: str) -> list[str]:
    """Return a sentence for each import that is not allowed in a file."""
    here = room(path)
    found = [
        f"{path} ({ORDER[floor(here)]}) imports {other} ({ORDER[floor(other)]})"
        for other in sorted(rooms_used(source))
        if floor(other) > floor(here)
    ]
    others = {name.split(".")[0] for name in imports(source) if not is_ours(name)}
    if here in FLOORS["core"]:
        found += [f"{path} (core) imports {other}" for other in sorted(others - PURE)]
    if here != "host":
        behind = sorted({name for name in imports(source) if name.startswith("rockonweb.host.")})
        found += [f"{path} imports {name}, which lies behind the door to the machine" for name in behind]
    return found + [
        f"{path} imports {other}" for other, rooms in ONLY_IN.items() if other in others and here not in rooms
    ]


def test_imports_point_down():
    assert [fault for path, file in sorted(MODULES.items()) for fault in faults(path, file.read_text())] == []


def test_every_module_lies_on_one_floor():
    rooms = {room(path) for path in MODULES}
    assert sorted(name for name in rooms if floor(name) < 0) == []
    counted = [name for names in FLOORS.values() for name in names]
    assert len(counted) == len(set(counted))


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("core/plan.py", "from rockonweb.models import RockOn", "core/plan.py (core) imports models (things)"),
        ("core/plan.py", "def f():\n    from rockonweb import host", "core/plan.py (core) imports host (things)"),
        ("core/plan.py", "import time", "core/plan.py (core) imports time"),
        ("core/handlers/new.py", "from flask import g", "core/handlers/new.py (core) imports flask"),
        ("models/port.py", "import rockonweb.work.runner", "models/port.py (things) imports work (work)"),
        ("work/runner.py", "from rockonweb.forms.shares import x", "work/runner.py (work) imports forms (faces)"),
        ("work/runner.py", "from rockonweb import create_app", "work/runner.py (work) imports __init__ (faces)"),
        (
            "web/home.py",
            "from rockonweb.host.disks import room",
            "web/home.py imports rockonweb.host.disks, which lies behind the door to the machine",
        ),
        ("work/roles.py", "from docker.errors import APIError", "work/roles.py imports docker"),
    ],
)
def test_an_import_that_points_up_is_found(path: str, source: str, fault: str):
    assert faults(path, source) == [fault]
