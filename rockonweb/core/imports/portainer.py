"""Portainer's app templates (versions 1 to 3) to apps: a file has many, of which those of one container are taken."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.conversion import container_name
from rockonweb.core.imports.source import (
    ReportEntry,
    SourceApp,
    SourceContainer,
    SourceQuestion,
    changed,
)
from rockonweb.core.imports.store_files import Files, Section, StoreFolders, check_port, describe_choices, read_json
from rockonweb.core.text import join_texts, t

MAX_TEMPLATES = 2_000
_CONTAINER = ("1", "container")
_KNOWN = (
    *("type", "id", "title", "name", "description", "note", "categories", "platform", "logo", "maintainer", "image"),
    *("administrator_only", "administrator-only", "registry", "network", "ports", "volumes", "env", "labels"),
    *("privileged", "interactive", "restart_policy", "command", "hostname", "repository", "stackfile"),
)


@dataclass(frozen=True)
class PortainerTemplate:
    """A template of a list: its app, or why it can't be taken."""

    title: str
    app: SourceApp | None
    fault: str = ""


def recognise_portainer(files: Files) -> bool:
    """Whether there is a list of Portainer's templates among the files."""
    return any(_looks_like_templates(*item) for item in files.items())


def parse_portainer(files: Files) -> SourceApp:
    """Return the app of a list with one template. Raises BadInput for any other list."""
    name, text = next((item for item in files.items() if _looks_like_templates(*item)), ("", ""))
    templates = parse_templates(name, text)
    apps = [template.app for template in templates if template.app]
    if len(apps) > 1:
        raise BadInput(
            t("%(file)s has %(count)d apps.", file=name, count=len(apps)),
            t("Add its address as a metastore: then each of them is in the catalogue."),
        )
    if not apps:
        faults = [join_texts(": ", (template.title, template.fault)) for template in templates]
        raise BadInput(t("%(file)s has no app that can be imported.", file=name), faults=faults)
    return apps[0]


def parse_templates(name: str, text: str) -> list[PortainerTemplate]:
    """Return the templates of a list, in order. Raises BadInput for a text that is no list of templates."""
    data = read_json(name, text)
    root = Section.of({"templates": data} if isinstance(data, list) else data, "", name)
    templates = root.sections("templates")
    if not templates:
        raise BadInput(t("%(file)s has no templates.", file=name))
    if len(templates) > MAX_TEMPLATES:
        raise BadInput(t("%(file)s has more than %(most)s templates.", file=name, most=MAX_TEMPLATES))
    return [_parse_template(template) for template in templates]


def _looks_like_templates(name: str, text: str) -> bool:
    if text.removeprefix("\ufeff").lstrip()[:1] not in ("{", "["):
        return False
    try:
        data = read_json(name, text)
    except BadInput:
        return False
    if isinstance(data, dict):
        data = data.get("templates")
    first = data[0] if isinstance(data, list) and data else None
    return isinstance(first, dict) and "title" in first and ("type" in first or "image" in first)


def _parse_template(template: Section) -> PortainerTemplate:
    title = template.path
    try:
        title = template.text("title") or template.text("name") or title
        if fault := _template_fault(template):
            return PortainerTemplate(title, None, fault)
        return PortainerTemplate(title, _PortainerReader(template, title).app())
    except BadInput as error:
        return PortainerTemplate(title, None, error.message_with_hint)


def _template_fault(template: Section) -> str:
    """Return why a template is not that of one container."""
    if template.text("platform").lower() == "windows":
        return t("It is for Windows.")
    if template.text("type", "1") in _CONTAINER:
        return ""
    repository = template.section("repository")
    file = template.text("stackfile") or repository.text("stackfile")
    if url := repository.text("url"):
        file = t("%(file)s in %(repository)s", file=file, repository=url)
    return t("It is a stack: import its Compose file, %(file)s.", file=file or template.path)


@dataclass
class _PortainerReader:
    """Reads what a template says of its container."""

    template: Section
    title: str
    options: list[tuple[str, str]] = field(default_factory=list)
    questions: dict[tuple[str, str], SourceQuestion] = field(default_factory=dict)
    fixed: set[str] = field(default_factory=set)
    report: list[ReportEntry] = field(default_factory=list)
    folders: StoreFolders = field(default_factory=StoreFolders)

    def app(self) -> SourceApp:
        """Return the app. Raises BadInput."""
        template = self.template
        self.options += self._plain_options()
        for number, port in enumerate(template.texts("ports")):
            self._read_port(f"{template.path_of('ports')}[{number}]", port)
        for path, volume in template.items("volumes"):
            is_path = isinstance(volume, str)  # in version 1
            self._read_volume(Section.of({"container": volume} if is_path else volume, path, template.file))
        for variable in template.sections("env"):
            self._read_variable(variable)
        self.report += template.others(*_KNOWN)
        try:
            command = shlex.split(template.text("command"))
        except ValueError:
            raise BadInput(t("%(path)s: a quote is not closed.", path=template.path_of("command"))) from None
        image = posixpath.join(template.text("registry"), template.required("image"))
        name = container_name(template.text("name") or self.title)
        container = SourceContainer(
            name, image, tuple(self.options), tuple(command), self.questions, frozenset(self.fixed)
        )
        return SourceApp(
            self.title,
            (container,),
            tuple(self.report),
            description=template.text("description"),
            icon=template.text("logo"),
            more_info=template.text("note"),
        )

    def _plain_options(self) -> Iterator[tuple[str, str]]:
        template = self.template
        if (network := template.text("network")) not in ("", "bridge"):
            yield "--network", network
        if hostname := template.text("hostname"):
            yield "--hostname", hostname
        if restart := template.text("restart_policy"):
            yield "--restart", restart
        if template.flag("privileged"):
            yield "--privileged", ""
        if template.flag("interactive"):
            yield from (("--interactive", ""), ("--tty", ""))
        for label in template.sections("labels"):
            yield "--label", f"{label.required('name')}={label.text('value')}"

    def _read_port(self, path: str, port: str) -> None:
        number, _, protocol = port.partition("/")
        if ":" not in port:
            port = f"{number}:{number}/{protocol or 'tcp'}"
            self.report.append(changed(path, t("Portainer publishes it on any port; here it is asked.")))
        self.options.append(("--publish", check_port(port, path)))

    def _read_volume(self, volume: Section) -> None:
        source, _, modes = volume.text("bind").partition(":")
        target = volume.required("container")
        path = self.folders.path(source, target)
        if source and path.startswith("."):
            self.report.append(changed(volume.path, t("%(path)s is a folder of the template's author.", path=source)))
        read_only = volume.flag("readonly") or "ro" in modes.split(",")
        self.options.append(("--volume", f"{path}:{target}" + (":ro" if read_only else "")))

    def _read_variable(self, variable: Section) -> None:
        name = variable.required("name")
        choices = variable.sections("select")
        chosen = next((choice.text("value") for choice in choices if choice.flag("default")), "")
        value = variable.text("set") or variable.text("default") or chosen
        self.options.append(("--env", f"{name}={value}" if value else name))
        if value and (variable.flag("preset") or variable.text("set")):
            self.fixed.add(name)
        description = describe_choices(variable.text("description"), [choice.text("value") for choice in choices])
        if value:  # an entry of the catalogue has no answers
            description = join_texts(" ", (description, t("Suggested: %(value)s", value=value)))
        self.questions["environment", name] = SourceQuestion(variable.text("label"), description)
