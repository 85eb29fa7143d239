"""Unraid's application templates (XML, the forms with `<Config>` and with `<Networking>`) to an app."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from rockonweb.core.docker.run_options import SWITCHES, parse_command_line
from rockonweb.core.errors import BadInput
from rockonweb.core.imports.conversion import container_name
from rockonweb.core.imports.source import (
    ReportEntry,
    SourceApp,
    SourceContainer,
    SourcePage,
    SourceQuestion,
    changed,
    left,
)
from rockonweb.core.imports.store_files import Files, StoreFolders, check_port, check_size, describe_choices
from rockonweb.core.text import join_texts, t

MAX_ELEMENTS = 10_000
MAX_DEPTH = 20
# What a template says of itself, of its place in the store and of money: nothing of the container.
_ABOUT = frozenset(
    (
        *("Name", "Repository", "Overview", "Description", "Icon", "Project", "Requires", "Support", "WebUI"),
        *("Registry", "Category", "TemplateURL", "Date", "DateInstalled", "Changes", "Beta", "Branch", "Shell"),
        *("GitHub", "ReadMe", "Readme", "DonateText", "DonateLink", "DonateImg", "Screenshot", "Photo", "Video"),
        *("ExtraSearchTerms", "Forum", "Profile", "WebPage", "Discord", "Facebook", "Reddit", "Twitter", "License"),
        *("Maintainer", "MinVer", "MaxVer", "PrivilegedReq", "BindTime", "Plugin", "PluginURL", "Deprecated"),
        *("RemoveFromCA", "BaseImage", "Blacklist", "TailscaleStateDir", "CAComment", "ModeratorComment", "Language"),
        *("Downloads", "Stars", "IconFA"),
    )
)  # fmt: skip
_RUN = frozenset(("Network", "Privileged", "ExtraParams", "PostArgs", "MyIP", "CPUset", "Config"))
_FIRST_FORM = frozenset(("Networking", "Data", "Environment", "Labels"))
_OWN_NETWORK = re.compile(r"(br|eth|bond)[0-9]+(\.[0-9]+)?")
_OWN_IDS = {"PUID": "99", "UID": "99", "USER_ID": "99", "PGID": "100", "GID": "100", "GROUP_ID": "100"}  # nobody:users
_WEB_UI = re.compile(r"(https?)://\[IP\](?::(?:\[PORT:(\d{1,5})\]|(\d{1,5})))?(?![^/?#])/?([^\[\]]*)(.*)", re.DOTALL)
_MARKUP = re.compile(r"\[/?(?:b|i|u|br|span|a|li|ul|h\d|font)\b[^\]]{0,200}\]", re.IGNORECASE)
_TEMPLATE = re.compile(r"\ufeff?\s*<(?:[?!].*<)?Container[\s>]", re.DOTALL)
_SHELL_SIGNS = ";&|<>"


def recognise_unraid(files: Files) -> bool:
    """Whether there is a template of Unraid's store among the files."""
    return any(_TEMPLATE.match(text[:5_000]) for text in files.values())


def parse_unraid(files: Files) -> SourceApp:
    """Return the app of a template. Raises BadInput."""
    name, text = next((item for item in files.items() if recognise_unraid(dict([item]))), ("", ""))
    check_size(name, text)
    template = _read_xml(text.lstrip("\ufeff"))
    image = template.value("Repository")
    if not image:
        raise BadInput(t("%(path)s is missing.", path="Repository"))
    title = template.value("Name") or container_name(image)
    reader = _UnraidReader(template)
    reader.read()
    page, slug_rest = _page(template.value("WebUI"), container_name(title))
    if slug_rest:
        reader.report.append(left("WebUI", t('The address of the page is without "%(rest)s".', rest=slug_rest)))
    container = SourceContainer(
        container_name(title), image, tuple(reader.options), tuple(reader.command), reader.questions
    )
    return SourceApp(
        title,
        (container,),
        tuple(reader.report),
        description=_MARKUP.sub("", template.value("Overview") or template.value("Description")),
        website=template.value("Project"),
        icon=template.value("Icon"),
        more_info=_MARKUP.sub("", template.value("Requires")),
        page=page,
    )


@dataclass
class _Element:
    """An element of XML: its attributes, its text, and the elements in it."""

    name: str
    line: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    children: list[_Element] = field(default_factory=list)

    def all(self, *path: str) -> Iterator[_Element]:
        """Yield the elements at a path of names."""
        for child in self.children:
            if child.name == path[0]:
                yield from child.all(*path[1:]) if path[1:] else (child,)

    def value(self, *path: str) -> str:
        """Return the text of the first element at a path, blank where there is none."""
        return next((element.text.strip() for element in self.all(*path)), "")


def _read_xml(text: str) -> _Element:
    """Return the root of an XML text. Raises BadInput, also for a document type, which could define entities."""
    parser = expat.ParserCreate("UTF-8")
    top = _Element("", 0)
    stack = [top]
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MAX_ELEMENTS or len(stack) > MAX_DEPTH:
            raise _invalid(parser.CurrentLineNumber, t("it has too many elements"))
        element = _Element(name, parser.CurrentLineNumber, attributes)
        stack[-1].children.append(element)
        stack.append(element)

    def add_text(data: str) -> None:
        stack[-1].text += data

    def refuse(*_declaration: object) -> None:
        raise _invalid(parser.CurrentLineNumber, t("a document type is not allowed"))

    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: stack.pop()
    parser.CharacterDataHandler = add_text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text.encode(errors="replace"), True)
    except expat.ExpatError as error:
        raise _invalid(error.lineno, expat.ErrorString(error.code)) from None
    return top.children[0]


def _invalid(line: int, why: str) -> BadInput:
    return BadInput(t("The template can't be read: line %(line)s: %(why)s.", line=line, why=why))


class _UnraidReader:
    """Reads what a template says of its container: options, command, questions, and what was changed or left."""

    def __init__(self, template: _Element) -> None:
        self.template = template
        self.options: list[tuple[str, str]] = []
        self.command: list[str] = []
        self.questions: dict[tuple[str, str], SourceQuestion] = {}
        self.report: list[ReportEntry] = []
        self.folders = StoreFolders()

    def read(self) -> None:
        """Fill all fields."""
        self._read_network()
        if _is_true(self.template.value("Privileged")):
            self.options.append(("--privileged", ""))
        for tag, flag in (("MyIP", "--ip"), ("CPUset", "--cpuset-cpus")):
            if value := self.template.value(tag):
                self.options.append((flag, value))
        configs = [*self.template.all("Config")]
        for config in configs or _first_form(self.template):
            self._read_config(config)
        self._read_extra_parameters()
        self.command = self._split("PostArgs")
        known = _ABOUT | _RUN | _FIRST_FORM
        self.report += [left(self._what(child)) for child in self.template.children if child.name not in known]

    @staticmethod
    def _what(element: _Element) -> str:
        name = element.attributes.get("Name", "")
        return join_texts(": ", (t("line %(line)s", line=element.line), element.name + (f' "{name}"' if name else "")))

    def _read_network(self) -> None:
        network = self.template.value("Network") or self.template.value("Networking", "Mode")
        if _OWN_NETWORK.fullmatch(network):
            self.report.append(left("Network", t("%(network)s is a network of Unraid.", network=network)))
        elif network not in ("", "bridge"):
            self.options.append(("--network", network))

    def _read_config(self, config: _Element) -> None:
        attributes = config.attributes
        kind, target = attributes.get("Type", "").lower(), attributes.get("Target", "").strip()
        first, *others = (
            attributes.get("Default", "").split("|") if kind == "variable" else (attributes.get("Default", ""),)
        )
        value = config.text.strip() or first.strip()
        read = {
            "path": self._path, "port": self._port, "variable": self._variable, "label": self._label,
            "device": self._device,
        }.get(kind)  # fmt: skip
        if read is None:
            return self.report.append(left(self._what(config)))
        if not (target or (kind == "device" and value)):
            return self.report.append(left(self._what(config), t("It says no target.")))
        description = describe_choices(attributes.get("Description", ""), [first, *others] if others else [])
        question = SourceQuestion(attributes.get("Name", ""), _MARKUP.sub("", description))
        return read(config, target, value, question)

    def _path(self, config: _Element, target: str, value: str, question: SourceQuestion) -> None:
        path = self.folders.path(value, target)
        if value and path.startswith("."):
            self.report.append(changed(self._what(config), t("%(path)s is a folder of Unraid.", path=value)))
        mode = config.attributes.get("Mode", "rw")
        self.options.append(("--volume", f"{path}:{target}" + ("" if mode in ("", "rw") else f":{mode}")))
        self.questions["volumes", target.rstrip("/")] = question

    def _port(self, config: _Element, target: str, value: str, question: SourceQuestion) -> None:
        port = f"{value or target}:{target}/{config.attributes.get('Mode') or 'tcp'}"
        self.options.append(("--publish", check_port(port, self._what(config))))
        self.questions["ports", target] = question

    def _variable(self, config: _Element, target: str, value: str, question: SourceQuestion) -> None:
        if value and _OWN_IDS.get(target) == value:
            self.report.append(changed(self._what(config), t("%(value)s is an account of Unraid.", value=value)))
            value = ""
        is_asked = not value and (_is_true(config.attributes.get("Required")) or target in _OWN_IDS)
        self.options.append(("--env", target if is_asked else f"{target}={value}"))
        self.questions["environment", target] = question

    def _label(self, config: _Element, target: str, value: str, question: SourceQuestion) -> None:
        self.options.append(("--label", f"{target}={value}"))

    def _device(self, config: _Element, target: str, value: str, question: SourceQuestion) -> None:
        path = value or target
        self.options.append(("--device", path))
        self.questions["devices", path.partition(":")[0]] = question

    def _read_extra_parameters(self) -> None:
        words = self._split("ExtraParams")
        parsed = parse_command_line(["docker", "run", *words])
        for flag in parsed.flags:
            if flag.name in SWITCHES:
                self.options.append((f"--{flag.name}={flag.value}", ""))
            elif flag.is_known:
                self.options.append((f"--{flag.name}", flag.value))
            else:
                self.report.append(left(f"ExtraParams: {flag.spelling}", t("docker run has no such option.")))
        if rest := words[parsed.image - 2 :]:
            self.report.append(left(f"ExtraParams: {shlex.join(rest)}", t("It is no option.")))

    def _split(self, tag: str) -> list[str]:
        """Return the words of a text that Unraid gives to a shell, without what only a shell understands."""
        lexer = shlex.shlex(self.template.value(tag), posix=True, punctuation_chars=_SHELL_SIGNS)
        lexer.whitespace_split, lexer.commenters = True, ""
        try:
            words = list(lexer)
        except ValueError:
            self.report.append(left(tag, t("A quote is not closed.")))
            return []
        end = next((n for n, word in enumerate(words) if word and not word.strip(_SHELL_SIGNS)), len(words))
        if words[end:]:
            self.report.append(left(f"{tag}: {' '.join(words[end:])}", t("Only a shell understands this.")))
        return words[:end]


def _is_true(text: str | None) -> bool:
    return (text or "").strip().lower() == "true"


def _first_form(template: _Element) -> Iterator[_Element]:
    """Yield what the first form of templates says, as elements of the second one."""
    forms = (
        (("Data", "Volume"), "Path", "ContainerDir", "HostDir", "Mode"),
        (("Networking", "Publish", "Port"), "Port", "ContainerPort", "HostPort", "Protocol"),
        (("Environment", "Variable"), "Variable", "Name", "Value", ""),
        (("Labels", "Label"), "Label", "Name", "Value", ""),
    )
    for path, kind, target, value, mode in forms:
        for element in template.all(*path):
            attributes = {"Type": kind, "Target": element.value(target), "Mode": element.value(mode) if mode else ""}
            yield _Element(path[-1], element.line, attributes, element.value(value))


def _page(address: str, container: str) -> tuple[SourcePage | None, str]:
    """Return the page that a template names, and the rest of its address that only Unraid could fill in."""
    match = _WEB_UI.fullmatch(address)
    if match is None:
        return None, address
    scheme, by_container, by_host, slug, rest = match.groups()
    port = int(by_container or by_host or (443 if scheme == "https" else 80))
    return SourcePage(container, port, "" if rest else slug, https=scheme == "https"), slug + rest if rest else ""
