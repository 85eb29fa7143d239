"""What a container has written beside its volumes: which changes in its own layer look like data.

All that is neither in a share nor in a volume goes with the container. Left aside is what its image writes again:
caches, logs, temporary files, and what the first start brought, before anybody could have used the app.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from posixpath import commonpath, dirname

from rockonweb.core.facts import UnsavedFolder

ASIDE_FOLDERS = (
    *("/dev", "/proc", "/run", "/sys", "/tmp"),  # noqa: S108 - names in a container
    *("/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/lock", "/var/log", "/var/run", "/var/tmp"),  # noqa: S108
    *("/etc/ssl/certs", "/usr/share/mime", "/usr/local/share/ca-certificates"),
)
ASIDE_NAMES = (".cache", ".npm", "__pycache__", "cache", "caches", "log", "logs", "temp", "tmp")  # of folders
ASIDE_FILES = (
    *("/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf"),
    *("/etc/group", "/etc/gshadow", "/etc/passwd", "/etc/shadow"),
    *("/etc/group-", "/etc/gshadow-", "/etc/passwd-", "/etc/shadow-", "/etc/subgid", "/etc/subuid"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/machine-id", "/etc/timezone"),
)
ASIDE_ENDINGS = (".lock", ".log", ".pid", ".pyc", ".sock", ".swp", ".tmp", "_history")
SYSTEM_FOLDERS = ("/bin/", "/boot/", "/etc/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/sbin/", "/usr/")
APP_FOLDERS = ("/usr/src/",)  # of an app, though below a folder of the system
START_SECONDS = 60  # in which a start may write what every start writes
MAX_SINGLE_WALKS = 20  # each takes Docker a twentieth of a second
MAX_FOLDERS = 12  # that are told one by one


@dataclass(frozen=True)
class WrittenFile:
    """A regular file in a container: its bytes, and when (Unix seconds) its content was written."""

    size: int
    modified: float


@dataclass(frozen=True)
class ContainerLayer:
    """A container's own layer: the paths that its image does not have (`added`) and those that were `changed`.

    `mounts` are the paths that lie elsewhere, `created` and `started` the times (Unix seconds) of the container's
    creation and of its last start.
    """

    container: str
    added: frozenset[str]
    changed: frozenset[str]
    mounts: tuple[str, ...] = ()
    created: float = 0
    started: float = 0

    @cached_property
    def folders(self) -> set[str]:
        """The paths that are surely folders: others lie in them."""
        return {dirname(path) for path in (*self.added, *self.changed)}

    @cached_property
    def above_mounts(self) -> set[str]:
        """The mounts, and all folders that have one of them inside."""
        paths = set(self.mounts)
        for mount in self.mounts:
            while (mount := dirname(mount)) not in paths:
                paths.add(mount)
        return paths

    @cached_property
    def files(self) -> list[str]:
        """The paths that may be data, sorted. An empty folder may be among them."""
        mounted = tuple(f"{mount.rstrip('/')}/" for mount in self.mounts)
        apart = self.folders | self.above_mounts
        return sorted(
            path
            for path in self.added | self.changed
            if path not in apart and not path.startswith(mounted) and not is_left_aside(path)
        )

    def root_of(self, path: str) -> str:
        """Return the outermost added folder around a path that has no mount in it; the path itself without one."""
        while (parent := dirname(path)) in self.added and parent not in self.above_mounts:
            path = parent
        return path


def is_left_aside(path: str) -> bool:
    """Whether a path is a cache, a log, a temporary file, or one that every start writes."""
    return (
        path in ASIDE_FILES
        or path.endswith(ASIDE_ENDINGS)
        or f"{path}/".startswith(tuple(f"{folder}/" for folder in ASIDE_FOLDERS))
        or not {*path.lower().split("/")}.isdisjoint(ASIDE_NAMES)
    )


def describe_left_aside() -> list[str]:
    """Return what is left aside, as patterns for people."""
    endings, names = (f"*{ending}" for ending in ASIDE_ENDINGS), (f"{name}/" for name in ASIDE_NAMES)
    return [*(f"{folder}/" for folder in ASIDE_FOLDERS), *names, *endings, *ASIDE_FILES]


def plan_walks(layer: ContainerLayer) -> list[str]:
    """Return the folders and files of a layer to look at, so that all that may be data is seen with few calls."""
    roots = dict.fromkeys(layer.root_of(path) for path in layer.files)
    single = [root for root in roots if root not in layer.folders]
    if len(single) > MAX_SINGLE_WALKS:
        parents = {dirname(path) for path in single}
        walkable = {path for path in parents if path != "/" and path not in layer.above_mounts}
        single = [*_outermost(walkable), *(path for path in single if dirname(path) not in walkable)]
    return [*(root for root in roots if root in layer.folders), *single]


def _outermost(folders: Collection[str]) -> Iterator[str]:
    for folder in folders:
        if not any(outer in folders for outer in _folders_around(folder)):
            yield folder


def _folders_around(path: str) -> Iterator[str]:
    while (parent := dirname(path)) != path:
        yield parent
        path = parent


def group_files(layer: ContainerLayer, seen: Mapping[str, WrittenFile | None]) -> tuple[dict[str, list[str]], int]:
    """Return the files that look like data by the folder around them, and how many others could not be told.

    `seen` are the paths that were looked at; None is for what is no regular file.
    """
    by_root: dict[str, list[str]] = {}
    untold = 0
    for path in layer.files:
        if path in seen and seen[path] is None:
            continue
        came_with_start = _came_with_start(layer, path, seen.get(path))
        if came_with_start is None:
            untold += 1
        elif not came_with_start:
            root = layer.root_of(path)
            by_root.setdefault(root if root != path else dirname(path), []).append(path)
    return {commonpath(map(dirname, paths)): paths for paths in by_root.values()}, untold


def _came_with_start(layer: ContainerLayer, path: str, file: WrittenFile | None) -> bool | None:
    """Return whether the image's start wrote a file, so that the next container has it too; None: unknown.

    What the app added outside of the system's folders is data whenever it was written. What the image has is data only
    if it was written after the first start; the system's files are written by any start (settings, certificates).
    """
    is_system = path.startswith(SYSTEM_FOLDERS) and not path.startswith(APP_FOLDERS)
    if path in layer.added and not is_system:
        return False
    if file is None:
        return None
    in_last_start = layer.started - 1 <= file.modified <= layer.started + START_SECONDS
    return file.modified <= layer.created + START_SECONDS or (is_system and in_last_start)


def list_unsaved(
    layer: ContainerLayer,
    by_folder: Mapping[str, Iterable[str]],
    seen: Mapping[str, WrittenFile | None],
    mixed: Collection[str],
) -> tuple[UnsavedFolder, ...]:
    """Return the folders with data; in the `mixed` ones the image has files of its own.

    A folder inside another one is told with it, unless that is mixed; many are told by the folder at the top.
    """
    merged: dict[str, list[str]] = {}
    mixed = {*mixed, *(folder for folder in by_folder if folder == "/" or folder in layer.above_mounts)}
    for folder, paths in by_folder.items():
        around = [outer for outer in _folders_around(folder) if outer in by_folder and outer not in mixed]
        merged.setdefault(around[-1] if around else folder, []).extend(paths)
    if len(merged) > MAX_FOLDERS:
        paths_by_top: dict[str, list[str]] = {}
        for folder, paths in merged.items():
            paths_by_top.setdefault("/" + folder.split("/")[1], []).extend(paths)
        merged, mixed = paths_by_top, {*paths_by_top}
    return tuple(
        UnsavedFolder(layer.container, folder, len(paths), _sum_sizes(paths, seen), folder in mixed)
        for folder, paths in sorted(merged.items())
    )


def _sum_sizes(paths: Iterable[str], seen: Mapping[str, WrittenFile | None]) -> int | None:
    files = [seen.get(path) for path in paths]
    return None if None in files else sum(file.size for file in files if file)
