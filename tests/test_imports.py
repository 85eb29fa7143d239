"""The folders of the package, and the arrows between them: what imports what, without a circle.

`ARROWS` lists every folder from the bottom to the top with all that it may import from; CONTRIBUTING draws the same
picture. A new folder is entered here. The core decides and touches nothing, so what it may import at all is listed.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "rockonweb"

DOMAIN = "core core/docker core/definition core/answers core/containers core/status core/operations core/preflight"
INSTANCE = "core/instance core/instance/diagnosis"
CORE = f"{DOMAIN} core/handlers core/plan core/questions core/formats core/imports {INSTANCE} core/data_backup"
INFRASTRUCTURE = f"{CORE} program config languages models remote"
LOWER = f"{INFRASTRUCTURE} accounts catalog host migrations"
WORK = f"{LOWER} work"
ARROWS = {
    # what decides, and touches nothing
    "core": "",
    "core/docker": "core",
    "core/definition": "core core/docker",
    "core/answers": "core core/docker core/definition",
    "core/containers": "core core/docker core/definition core/answers",
    "core/status": "core",
    "core/operations": "core core/definition core/answers core/containers core/status",
    "core/preflight": "core core/docker core/definition core/answers core/containers",
    "core/handlers": DOMAIN,
    "core/plan": f"{DOMAIN} core/handlers",
    "core/questions": DOMAIN,
    "core/formats": f"{DOMAIN} core/plan core/questions",
    "core/imports": f"{DOMAIN} core/plan core/questions",
    "core/instance": "core",
    "core/instance/diagnosis": "core core/docker core/instance",
    "core/data_backup": "core",
    # what keeps, asks and touches
    "program": "core",
    "config": "core core/status program",
    "languages": "core",
    "models": f"{CORE} languages",
    "remote": "core",
    "accounts": "core config models",
    "catalog": INFRASTRUCTURE,
    "host": INFRASTRUCTURE,
    "migrations": "core config models",
    # what does it
    "work": LOWER,
    "jobs": "core/data_backup catalog work",
    # what people and programs see
    "forms": WORK,
    "web": f"{WORK} forms",
    "blueprints": f"{WORK} forms web",
    "app": f"{WORK} web blueprints",
    "rockonweb": "program config models accounts web app",
    "cli": f"{WORK} rockonweb",
}  # fmt: skip
PURE = {
    *("__future__", "abc", "collections", "dataclasses", "enum", "functools", "hashlib", "html", "itertools", "json"),
    "datetime",  # its types: what time it is comes in as an argument
    *("contextlib", "csv", "errno", "io", "ipaddress", "math", "posixpath", "statistics", "unicodedata"),
    *("re", "shlex", "string", "typing", "urllib", "nh3", "pydantic", "rapidfuzz", "xml", "yaml", "zipfile", "zlib"),
}  # fmt: skip
ONLY_IN = {"docker": {"host"}, "wtforms": {"forms"}, "rq_dashboard": {"blueprints"}}

FILES = {str(path.relative_to(ROOT)): path for path in ROOT.rglob("*.py")}


def folder_of(path: str) -> str:
    """Return the folder of a file; that of a page counts as `blueprints`, a module at the top as itself."""
    *folders, name = Path(path).parts
    if not folders:
        return "rockonweb" if name == "__init__.py" else name.removesuffix(".py")
    return "/".join(folders) if folders[0] == "core" else folders[0]


def imported_names(source: str) -> Iterator[str]:
    """Yield every module, or name of a module, that is imported anywhere in the source, as dotted names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_files(source: str) -> set[str]:
    """Return the files of the package that a source imports."""
    files = set()
    for name in imported_names(source):
        package, *parts = name.split(".")
        if package == "rockonweb":
            files.add(next(file for end in range(len(parts), -1, -1) for file in _files("/".join(parts[:end]))))
    return files


def _files(stem: str) -> list[str]:
    return [file for file in (f"{stem}.py", f"{stem}/__init__.py".lstrip("/")) if file in FILES]


def faults(path: str, source: str) -> list[str]:
    """Return a sentence for each import that is not allowed in a file."""
    folder, files = folder_of(path), imported_files(source)
    allowed = {folder, *ARROWS[folder].split()}
    sentences = [
        f"{path} imports {other}: there is no arrow from {folder} to {folder_of(other)}"
        for other in sorted(files)
        if folder_of(other) not in allowed
    ]
    if folder != "host":
        behind = [file for file in sorted(files) if folder_of(file) == "host" and file != "host/__init__.py"]
        sentences += [f"{path} imports {file}, which lies behind the door to the machine" for file in behind]
    libraries = {name.split(".")[0] for name in imported_names(source)} - {"rockonweb"}
    if folder.startswith("core"):
        sentences += [f"{path} imports {library}, and the core touches nothing" for library in sorted(libraries - PURE)]
    return sentences + [
        f"{path} imports {library}, as {' and '.join(folders)} alone may"
        for library, folders in ONLY_IN.items()
        if library in libraries and folder not in folders
    ]


def test_every_import_follows_an_arrow():
    assert [fault for path, file in sorted(FILES.items()) for fault in faults(path, file.read_text())] == []


def test_every_folder_is_listed():
    assert {folder_of(path) for path in FILES} == ARROWS.keys()


def test_no_arrow_points_up():
    """What a folder imports from stands above it in the list, so there is no circle."""
    listed = list(ARROWS)
    assert [(a, b) for a, arrows in ARROWS.items() for b in arrows.split() if listed.index(b) >= listed.index(a)] == []


def test_modules_import_each_other_in_no_circle_but_models():
    arrows = {path: imported_files(file.read_text()) - {path} for path, file in FILES.items()}
    while leaves := [path for path, others in arrows.items() if not others & arrows.keys()]:
        for path in leaves:
            del arrows[path]
    assert [path for path in arrows if folder_of(path) != "models" and _in_circle(path, arrows)] == []


def _in_circle(path: str, arrows: dict[str, set[str]]) -> bool:
    reached, to_visit = set(), [path]
    while to_visit:
        for other in arrows.get(to_visit.pop(), set()) - reached:
            reached.add(other)
            to_visit.append(other)
    return path in reached


def test_no_class_name_stands_in_two_modules():
    modules: dict[str, list[str]] = {}
    for path, file in FILES.items():
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                modules.setdefault(node.name, []).append(path)
    assert {name: paths for name, paths in modules.items() if len(paths) > 1} == {}


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        (
            "core/plan/plan.py",
            "from rockonweb.models import RockOn",
            "core/plan/plan.py imports models/__init__.py: there is no arrow from core/plan to models",
        ),
        (
            "core/plan/plan.py",
            "def f():\n    from rockonweb import host",
            "core/plan/plan.py imports host/__init__.py: there is no arrow from core/plan to host",
        ),
        (
            "core/docker/options.py",
            "from rockonweb.core.plan import plan",
            "core/docker/options.py imports core/plan/plan.py: there is no arrow from core/docker to core/plan",
        ),
        ("core/plan/plan.py", "import time", "core/plan/plan.py imports time, and the core touches nothing"),
        (
            "core/handlers/new.py",
            "from flask import g",
            "core/handlers/new.py imports flask, and the core touches nothing",
        ),
        (
            "models/port.py",
            "import rockonweb.work.runner",
            "models/port.py imports work/runner.py: there is no arrow from models to work",
        ),
        (
            "work/runner.py",
            "from rockonweb import create_app",
            "work/runner.py imports __init__.py: there is no arrow from work to rockonweb",
        ),
        (
            "blueprints/dashboard/overview.py",
            "from rockonweb.host.disks import room",
            "blueprints/dashboard/overview.py imports host/disks.py, which lies behind the door to the machine",
        ),
        ("work/roles.py", "from docker.errors import APIError", "work/roles.py imports docker, as host alone may"),
    ],
)
def test_an_import_without_an_arrow_is_found(path: str, source: str, fault: str):
    assert faults(path, source) == [fault]
