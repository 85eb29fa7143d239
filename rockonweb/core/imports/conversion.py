"""Turns an app as its source describes it into a definition, answers and a loss report.

What the wizard asks of every app becomes a question with its answer: shares, ports, variables, devices. All other
options stay options, as they are.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from rockonweb.core.answers.answers import SHARE_NAME, VARIABLE_NAME, Answers, share_fault
from rockonweb.core.definition.definition import CONTAINER_NAME, is_mount_point
from rockonweb.core.definition.parser import InvalidDefinition, parse_definitions
from rockonweb.core.docker import run_options
from rockonweb.core.docker.option_faults import FORBIDDEN_FLAGS
from rockonweb.core.docker.run_options import LABEL_PREFIX, TRUE_VALUES, Flag, MountKind, PublishedPort
from rockonweb.core.errors import BadInput
from rockonweb.core.imports.source import (
    PROJECT_FOLDER,
    ImportedApp,
    ReportEntry,
    SourceApp,
    SourceContainer,
    SourceQuestion,
    changed,
    left,
    taken,
)
from rockonweb.core.text import t

MAX_CONTAINERS = 100
DEFAULT_RESTART = "unless-stopped"
TIME_ZONE_FILE = "/etc/localtime"  # every command mounts it
# Options of the client that starts a container, not of the container.
CLIENT_FLAGS = frozenset(("attach", "detach", "detach-keys", "disable-content-trust", "pull", "quiet", "sig-proxy"))
_FILE = re.compile(r"\.(?!d$)[A-Za-z0-9]{1,8}$")  # how the name of a file ends, and that of a folder rarely


@dataclass(frozen=True)
class ImportFacts:
    """What an import needs to know of the host: where shares are, and which exist."""

    shares_root: str
    shares: Collection[str] = ()


def convert_app(app: SourceApp, facts: ImportFacts, name: str = "") -> ImportedApp:
    """Return the definition, the answers and the loss report of an app, which is to be called `name` (blank: as in its
    source).

    Raises BadInput with every fault where the result is no valid definition.
    """
    name = name or app.name
    if len(app.containers) > MAX_CONTAINERS:
        raise BadInput(t("It has more than %(most)s containers.", most=MAX_CONTAINERS))
    converters = [
        _ContainerConverter(container, facts, share_base(name), many=len(app.containers) > 1)
        for container in app.containers
    ]
    for converter in converters:
        converter.convert()
        if app.page and app.page.container == converter.container.name:
            converter.mark_page(app.page.port)
    body: dict[str, Any] = {
        "description": app.description or t("Imported."),
        "version": app.version or "1.0",
        "website": app.website,
        "icon": app.icon,
        "more_info": app.more_info,
        "volume_add_support": True,
        "containers": {c.container.name: {**c.body, "launch_order": n} for n, c in enumerate(converters, 1)},
    }
    if app.page and (app.page.slug or app.page.https):
        body["ui"] = {"slug": app.page.slug, "https": app.page.https}
    source = json.dumps({name: body}, ensure_ascii=False, indent=2)
    faults = [*_repeated_names(app), *(fault for converter in converters for fault in converter.faults)]
    try:
        parse_definitions(source)
    except InvalidDefinition as error:
        faults += [str(fault) for fault in error.faults]
    if faults:
        raise BadInput(t("%(name)s can't be imported.", name=name), faults=faults)
    answers = Answers(
        **{part: {c.container.name: getattr(c, part) for c in converters if getattr(c, part)}
           for part in ("shares", "ports", "devices", "environment")},
        networks={container.name: [*container.joins] for container in app.containers if container.joins},
    )  # fmt: skip
    report = (*app.report, *(entry for converter in converters for entry in converter.report))
    return ImportedApp(name, source, answers, report, frozenset(answers.used_shares()) - {*facts.shares})


def share_base(name: str) -> str:
    """Return the name of the share that an app's own folders are put into."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name.lower()).strip("-_.")[:100] or "app"


def container_name(text: str) -> str:
    """Return a text, such as an image or a title, as a container's name."""
    base = text.partition("@")[0].rpartition("/")[2].partition(":")[0]
    name = re.sub(r"[^a-zA-Z0-9_.-]+", "-", base).strip("-_.")
    return name if CONTAINER_NAME.fullmatch(name) else f"{name}-app".lstrip("-")


def _repeated_names(app: SourceApp) -> list[str]:
    names = [container.name for container in app.containers]
    return [
        t('Two containers are called "%(name)s".', name=name)
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]  # fmt: skip


@dataclass
class _ContainerConverter:
    """Sorts the options of one container into questions with answers, and options."""

    container: SourceContainer
    facts: ImportFacts
    share_base: str
    many: bool
    body: dict[str, Any] = field(default_factory=dict)
    shares: dict[str, str] = field(default_factory=dict)
    ports: dict[int, int | None] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    report: list[ReportEntry] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def convert(self) -> None:
        """Fill all fields."""
        self.body = {"image": self.container.image, "opts": []}
        options = run_options.options_from_pairs(self.container.options)
        network = next(reversed(options.networks), "")
        self.publishes = network != "host" and not run_options.container_of(network)
        for flag in options.flags:
            if flag.name in run_options.REPEATABLE or flag is _last(options.flags, flag.name):
                _CONVERTERS.get(flag.name, _ContainerConverter._keep)(self, flag)
        if not options.last_value("restart"):
            self._note(changed, "--restart", t("It is started again when it ends: %(policy)s.", policy=DEFAULT_RESTART))
        if self.container.command:
            self.body["cmd_arguments"] = [[word, ""] for word in self.container.command]

    def mark_page(self, port: int) -> None:
        """Mark a port as that of the app's own page."""
        if spec := self.body.get("ports", {}).get(str(port)):
            spec["ui"] = True

    def _note(self, outcome: Callable[[str, str], ReportEntry], what: str, message: str) -> None:
        self.report.append(outcome(f"{self.container.name}: {what}" if self.many else what, message))

    def _question(self, part: str, key: str, label: str) -> dict[str, Any]:
        asked = self.container.questions.get((part, key), SourceQuestion())
        return {"label": asked.label or label, "description": asked.description}

    def _ask(self, part: str, key: str, label: str, **more: Any) -> dict[str, Any]:
        """Add a question to the definition and return it."""
        question = {**self._question(part, key, label), **more}
        self.body.setdefault(part, {})[key] = question
        return question

    def _keep(self, flag: Flag) -> None:
        """Keep an option as it is."""
        if flag.name in run_options.SWITCHES:
            word = f"--{flag.name}" if flag.value in TRUE_VALUES else f"--{flag.name}={flag.value}"
            self.body["opts"].append([word, ""])
            self._note(taken, word, t("It stays an option."))
        elif flag.value.strip():
            self.body["opts"].append([f"--{flag.name}", flag.value])
            self._note(taken, f"--{flag.name} {_shown(flag)}", t("It stays an option."))
        else:
            self.body["opts"].append([f"--{flag.name}={flag.value}", ""])
            self._note(taken, f"--{flag.name}", t("It stays an option."))

    def _leave(self, flag: Flag) -> None:
        why = FORBIDDEN_FLAGS.get(flag.name)
        message = t("It %(why)s.", why=why) if why else t("It is of the command, not of the container.")
        self._note(left, f"--{flag.name}", message)

    def _drop(self, flag: Flag) -> None:
        """Leave out what every command has."""

    def _restart(self, flag: Flag) -> None:
        if flag.value != DEFAULT_RESTART:
            self._keep(flag)

    def _label(self, flag: Flag) -> None:
        if flag.value.startswith(LABEL_PREFIX):
            self._note(left, "--label", t("Rockonweb's own labels are set anew."))
        else:
            self._keep(flag)

    def _user(self, flag: Flag) -> None:
        numbers = re.fullmatch(r"([0-9]{1,9})(?::([0-9]{1,9}))?", flag.value)
        if not numbers:
            return self._keep(flag)
        self.body["uid"] = int(numbers[1])
        if numbers[2]:
            self.body["gid"] = int(numbers[2])
        self._note(taken, f"--user {flag.value}", t("It is the user of the container."))
        return None

    def _device(self, flag: Flag) -> None:
        path = flag.value.partition(":")[0]
        if not path.startswith("/dev/") or path in self.devices or not re.fullmatch(r"/\S+", flag.value):
            return self._keep(flag)
        self._ask("devices", path, path)
        self.devices[path] = flag.value
        self._note(taken, f"--device {flag.value}", t("It is asked; the answer is filled in."))
        return None

    def _env(self, flag: Flag) -> None:
        key, equals, value = flag.value.partition("=")
        if not VARIABLE_NAME.fullmatch(key) or not key.isprintable() or key in self.container.fixed:
            return self._keep(flag)
        question = self._ask("environment", key, key)
        if equals:
            self.environment[key] = value
        if equals and not value:  # else the wizard wants an answer
            question["description"] = f"{question['description']} (optional)".lstrip()
        self._note(*(
            (taken, f"--env {key}", t("It is asked; the answer is filled in.")) if equals
            else (changed, f"--env {key}", t("It has no value here: it is asked."))
        ))  # fmt: skip
        return None

    def _publish(self, flag: Flag) -> None:
        if not self.publishes:
            return self._note(left, f"--publish {flag.value}", t("It has no effect on this network."))
        if not run_options.is_published_port(flag.value):
            return self.faults.append(t('"%(port)s" is no port', port=flag.value[:60]))
        port = _single_port(flag.value)
        if any(port.host == 0 for port in run_options.parse_published_ports(flag.value)):
            self.body["opts"].append(["--publish", flag.value])
            return self._note(changed, f"--publish {flag.value}", t("Docker picks a free port at each start."))
        if port is None or not self._ask_port(port):
            return self._keep(flag)
        return self._note(taken, f"--publish {flag.value}", t("It is asked; the answer is filled in."))

    def _ask_port(self, port: PublishedPort) -> bool:
        """Make a port a question; return False where the question of its number has another answer already."""
        key, asked = str(port.number), self.body.get("ports", {}).get(str(port.number))
        if asked is None:
            self._ask("ports", key, t("Port %(number)s", number=key), host_default=port.host, protocol=port.protocol)
        elif self.ports[port.number] == port.host and asked.get("protocol") not in (None, port.protocol):
            if {asked["protocol"], port.protocol} != {"tcp", "udp"}:
                return False
            del asked["protocol"]  # both
        else:
            return False
        self.ports[port.number] = port.host
        return True

    def _mount(self, flag: Flag) -> None:
        mount = run_options.options_from_pairs(((f"--{flag.name}", flag.value),)).mounts[0]
        is_path = mount.kind is MountKind.BIND
        if mount.target == TIME_ZONE_FILE and is_path:
            return self._note(taken, f"--{flag.name} {flag.value}", t("Every container has this file."))
        if not is_path:
            return self._keep(flag)
        is_plain = flag.name == "volume" and flag.value.count(":") <= 1 + flag.value.endswith(":rw")
        path = mount.source
        if path.startswith("."):
            return self._mount_project_path(flag, path.removeprefix(PROJECT_FOLDER).strip("/"), plain=is_plain)
        share_path = share_path_of(path, self.facts.shares_root)
        if share_path and is_plain and self._ask_share(mount.target, share_path):
            message = t('It is the share "%(share)s".', share=share_path)
            return self._note(taken, f"--{flag.name} {flag.value}", message)
        self.body["opts"].append([f"--{flag.name}", flag.value])
        return self._note(taken, f"--{flag.name} {flag.value}", t("It stays a path of the host."))

    def _mount_project_path(self, flag: Flag, folder: str, *, plain: bool) -> None:
        mount = run_options.options_from_pairs(((f"--{flag.name}", flag.value),)).mounts[0]
        folder = folder.removeprefix(f"{self.share_base}/")
        share_path = f"{self.share_base}/{folder}".rstrip("/.")
        is_file = bool(_FILE.search(folder)) and bool(_FILE.search(mount.target))
        what = f"--{flag.name} {flag.value}"
        if plain and not is_file and self._ask_share(mount.target, share_path):
            message = t('Its folder on this machine is asked; the share "%(share)s" is suggested.', share=share_path)
            return self._note(changed, what, message)
        path = posixpath.join(self.facts.shares_root, share_path)
        value = flag.value.replace(mount.source, path, 1)
        if is_file and flag.name == "volume":  # a mount of this kind refuses a missing file, instead of making a folder
            value = f"type=bind,source={path},target={mount.target}" + (",readonly" if mount.read_only else "")
        self.body["opts"].append([f"--{'mount' if is_file else flag.name}", value])
        return self._note(
            changed, what, t("Put this file at %(path)s before the install.", path=path)
            if is_file else t("Its folder on this machine is %(path)s.", path=path),
        )  # fmt: skip

    def _ask_share(self, target: str, share_path: str) -> bool:
        """Make a mount a question; return False where it can't be one."""
        target = posixpath.normpath(target)
        if not is_mount_point(target) or target in self.shares or share_fault(share_path, None):
            return False
        label = posixpath.basename(target) or target
        self._ask("volumes", target, label)
        self.shares[target] = share_path
        return True


def _last(flags: tuple[Flag, ...], name: str) -> Flag:
    return next(flag for flag in reversed(flags) if flag.name == name)


def _shown(flag: Flag) -> str:
    """Return the value of an option for the report, without what may be a secret."""
    return flag.value.partition("=")[0] if flag.name in ("env", "label", "annotation") else flag.value


def _single_port(value: str) -> PublishedPort | None:
    """Return a port that is published on one port of all addresses, None for any other form."""
    ports = run_options.parse_published_ports(value)
    is_single = len(ports) == 1 and not ports[0].address and ports[0].host and ports[0].number
    is_all = not re.match(r"0\.0\.0\.0:|\[", value)
    return ports[0] if is_single and is_all else None


def share_path_of(path: str, root: str) -> str:
    """Return a path of the host as SHARE or SHARE/FOLDER; blank for one that is not below the shares' root."""
    path, root = posixpath.normpath(path), root.rstrip("/")
    share_path = path.removeprefix(f"{root}/") if path.startswith(f"{root}/") else ""
    return share_path if SHARE_NAME.fullmatch(share_path.partition("/")[0]) else ""


_CONVERTERS: dict[str, Callable[[_ContainerConverter, Flag], None]] = {
    **dict.fromkeys(CLIENT_FLAGS | FORBIDDEN_FLAGS.keys(), _ContainerConverter._leave),
    **dict.fromkeys(("detach", "name"), _ContainerConverter._drop),
    "restart": _ContainerConverter._restart,
    "label": _ContainerConverter._label,
    "user": _ContainerConverter._user,
    "device": _ContainerConverter._device,
    "env": _ContainerConverter._env,
    "publish": _ContainerConverter._publish,
    "volume": _ContainerConverter._mount,
    "mount": _ContainerConverter._mount,
}
