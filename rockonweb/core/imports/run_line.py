"""Reads pasted `docker run` lines, as a shell would and as people write them.

Of a shell there are quotes, variables, comments and continued lines (also those of Windows shells), but no operators. A
value that only the author's shell knows, such as `$(pwd)`, stands between NUL characters until its option says what
becomes of it: a folder of `-v`, a value of `-e` and a port of `-p` are asked, elsewhere it is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from rockonweb.core.docker.option_faults import MAX_VALUE_LENGTH
from rockonweb.core.docker.run_options import SWITCHES, TRUE_VALUES, Flag, options_from_pairs, parse_command_line
from rockonweb.core.errors import BadInput
from rockonweb.core.imports.conversion import container_name
from rockonweb.core.imports.interpolation import interpolate
from rockonweb.core.imports.source import (
    MAX_SOURCE_BYTES,
    ReportEntry,
    SourceApp,
    SourceContainer,
    changed,
    join_project_path,
    left,
    taken,
)
from rockonweb.core.text import t

MAX_FAULTS = 5  # then it is another kind of text
MAX_COMMANDS = 200
MAX_WORDS = 2_000  # of a command
MAX_EXPRESSION = 500  # characters of ${…}
_PROGRAMS = ("docker", "podman", "nerdctl")
# Options of `docker` itself that have a value; all others are switches.
_GLOBAL_OPTIONS = frozenset(
    ("-c", "--context", "-H", "--host", "--config", "-l", "--log-level", "--tlscacert", "--tlscert", "--tlskey")
)
_WRAPPERS = ("sudo", "doas", "env", "exec", "nohup", "time", "export")  # words before a command or an assignment
_WRAPPER_VALUES = ("-u", "-g", "-h", "-p")  # options of sudo that have a value
# Commands that prepare a machine, and that stand beside the lines in many instructions.
_OTHER_COMMANDS = frozenset(
    (
        *("apt", "apt-get", "apk", "cat", "cd", "chmod", "chown", "cp", "curl", "dnf", "docker-compose", "echo", "git"),
        *("ip", "iptables", "ln", "ls", "mkdir", "modprobe", "mv", "openssl", "printf", "pwd", "rm", "set", "sysctl"),
        *("systemctl", "tee", "touch", "ufw", "unset", "wget", "yum"),
    )
)
_PROMPT = re.compile(
    r"[ \t]*(?:\[?[\w.-]+@[\w.-]+[^$#\n]{0,80}[$#]|PS [^>\n]{0,200}>|[A-Za-z]:\\[^>\n]{0,200}>|[$%>❯➜➸](?=[ \t]))"
    r"[ \t]*(?=\w)"
)
_FENCE = re.compile(r"[ \t]*(?:```|~~~)[ \t]*[\w-]*[ \t]*(?=\n|$)")
# A line that goes on, the comments after it, and the prompt of the next one.
_CONTINUATION = re.compile(r"[\\^`][ \t]*(?:[ \t]#[^\n]*)?\n(?:[ \t]*#[^\n]*\n)*(?:[ \t]*>[ \t])?")
_BLANK = " \t\xa0"
_OPERATOR = re.compile(r"&&|\|\||>>|<<|[;&|<>()]")
_OWN_VALUE = re.compile(r"<[A-Za-z/~.][^<>\n;&|]{0,80}>")  # <your password>
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_NAME = re.compile(r"\$(?:env:)?[A-Za-z_]\w*", re.IGNORECASE)
_WINDOWS_FOLDER = re.compile(r"%(?:cd|userprofile|homepath|appdata|localappdata|programdata)%", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_OPEN = re.compile("\0([^\0]*)\0")  # what only the author's shell knows
_KNOWN_FOLDERS = frozenset(("pwd", "home", "cd", "userprofile"))
# How authors write a folder of the reader's machine, in instructions: a path like any other to Docker.
_PLACEHOLDER = re.compile(
    r"/(?:path/(?:to|on/host)|(?:your|host|some|local)[/_-]?(?:path|folder|dir\w*))(?=/|$)", re.IGNORECASE
)

_PLACEHOLDER_HINT = t(
    "It is taken as it is, but looks like a placeholder. Put a folder of this machine there, or ./NAME, for which a "
    "share is asked."
)


def parse_run_lines(text: str) -> SourceApp:
    """Return the app whose containers the `docker run` lines of a text start, in their order.

    Raises BadInput with a sentence for each fault, with its line.
    """
    if len(text) > MAX_SOURCE_BYTES:
        raise BadInput(t("The text is longer than 1 MB."))
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    if unreadable := re.search(r"[^\n\t -\U0010ffff]|\x7f", text):
        raise _fault(text.count("\n", 0, unreadable.start()) + 1, t("There is an unreadable character."))
    reader = _LineReader()
    try:
        for number, command in enumerate(_Shell(text, reader.values).read_commands()):
            if number == MAX_COMMANDS:
                raise _fault(command.line, t("There are more than %(most)s commands.", most=MAX_COMMANDS))
            reader.read_command(command)
            if len(reader.faults) == MAX_FAULTS:
                break
    except BadInput as error:  # the rest can't be cut into commands
        reader.faults += error.faults
    if not (reader.containers or reader.faults):
        reader.faults.append(t("There is no docker run line in the text."))
    if reader.faults:
        raise BadInput(t("The lines can't be imported."), faults=reader.faults)
    main = next((c for c in reversed(reader.containers) if _publishes(c)), reader.containers[-1])
    return SourceApp(main.name, tuple(reader.containers), tuple(reader.report))


def _publishes(container: SourceContainer) -> bool:
    return any(flag == "--publish" for flag, _ in container.options)


def _fault(line: int, sentence: str) -> BadInput:
    return BadInput(t("Line %(line)s: %(fault)s", line=line, fault=sentence))


def _shown(word: str) -> str:
    return word.replace("\0", "")[:60]


# -- the shell ---------------------------------------------------------------------------------------------------------


@dataclass
class _Command:
    """The words of a command, its first line, and the first operator in it with its line."""

    line: int
    words: list[str] = field(default_factory=list)
    operator: str = ""
    operator_line: int = 0


class _Shell:
    """Cuts a text into commands and their words, with variables filled in from `values`, which may grow meanwhile."""

    def __init__(self, text: str, values: dict[str, str]) -> None:
        self.text = text
        self.values = values
        self.place = 0
        self._counted = (0, 1)  # a place, and its line

    @property
    def line(self) -> int:
        """The line of the current place."""
        place, line = self._counted
        start, end = sorted((place, self.place))
        line += self.text.count("\n", start, end) * (1 if place <= self.place else -1)
        self._counted = (self.place, line)
        return line

    def read_commands(self) -> Iterator[_Command]:
        """Yield each command. Raises BadInput for a quote or variable that is not closed."""
        while self.place < len(self.text):
            for prefix in (_FENCE, _PROMPT):
                self._skip(prefix)
            command = self._read_command()
            if command.words or command.operator:
                yield command

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.place)
        self.place = match.end() if match else self.place
        return match[0] if match else ""

    def _read_command(self) -> _Command:
        command = _Command(self.line)
        while self.place < len(self.text):
            letter = self.text[self.place]
            if letter == "\n":
                self.place += 1
                break
            if letter in _BLANK:
                self.place += 1
            elif letter == "#":
                self._skip(re.compile(r"[^\n]*"))
            elif self._skip(_CONTINUATION):
                pass
            elif not _OWN_VALUE.match(self.text, self.place) and (operator := self._skip(_OPERATOR)):
                if not command.operator:
                    command.operator, command.operator_line = operator, self.line
            elif (word := self._read_word()) is not None:
                command.words.append(word)
                if len(command.words) > MAX_WORDS:
                    raise _fault(command.line, t("It has more than %(most)s words.", most=MAX_WORDS))
        return command

    def _read_word(self) -> str | None:
        """Return the word here; None for a comment in backticks, which is no word."""
        parts: list[str] = []
        is_word, length = False, 0
        while self.place < len(self.text) and self.text[self.place] not in f"\n{_BLANK}":
            letter = self.text[self.place]
            if self._skip(_CONTINUATION):
                continue
            if letter not in "'\"`<" and _OPERATOR.match(self.text, self.place):
                break
            if letter == "<" and not _OWN_VALUE.match(self.text, self.place):
                break
            comment = letter == "`" and self.text.startswith("`#", self.place)
            parts.append(self._read_part(letter, "".join(parts[:3])))
            is_word, length = is_word or not comment, length + len(parts[-1])
            if length > MAX_VALUE_LENGTH:
                raise _fault(self.line, t("A word is longer than %(most)s characters.", most=MAX_VALUE_LENGTH))
        return "".join(parts) if is_word else None

    def _read_part(self, letter: str, before: str) -> str:
        """Return what begins with this letter in a word that begins with `before`."""
        if letter == "'":
            return self._until("'")
        if letter == '"':
            return self._read_quoted()
        if letter == "`":
            content = self._until("`").strip()
            return "" if content.startswith("#") else f"\0$({content})\0"
        if letter == "<":
            return f"\0{self._skip(_OWN_VALUE)}\0"
        if letter == "\\":
            is_windows_path = _DRIVE.match(f"{before}\\") is not None
            self.place += 1 if is_windows_path else 2
            return letter if is_windows_path else self.text[self.place - 1 : self.place]
        return self._read_variable(letter)

    def _read_quoted(self) -> str:
        start, parts = self.place, [""]
        self.place += 1
        while self.place < len(self.text):
            letter = self.text[self.place]
            if letter == '"':
                self.place += 1
                return "".join(parts)
            if letter == "\\" and self.text[self.place + 1 : self.place + 2] in ('"', "\\", "$", "`", "\n"):
                is_windows_path = _DRIVE.match("".join(parts[:4]) + "\\") is not None
                escaped = self.text[self.place + 1]
                parts.append("\\" if is_windows_path and escaped == "\\" else escaped.strip("\n"))
                self.place += 2
            elif letter == "`":
                parts.append(self._read_part(letter, ""))
            else:
                parts.append(self._read_variable(letter))
        self.place = start
        raise self._unclosed('"')

    def _read_variable(self, letter: str) -> str:
        if folder := self._skip(_WINDOWS_FOLDER):
            return f"\0{folder}\0"
        if letter == "$":
            if self.text.startswith("$(", self.place):
                return f"\0{self._read_nested('(', ')')}\0"
            if self.text.startswith("${", self.place):
                line, expression = self.line, self._read_nested("{", "}")
                if len(expression) > MAX_EXPRESSION:
                    raise _fault(line, t("%(quote)s is not closed.", quote="${"))
                try:
                    filled = interpolate(expression, self.values, escaped=False)
                except BadInput as error:
                    raise _fault(line, error.sentence) from None
                return f"\0{expression}\0" if filled.missing else filled.text
            if name := self._skip(_NAME):
                return self.values.get(name[1:], f"\0{name}\0")
        self.place += 1
        return letter

    def _until(self, quote: str) -> str:
        end = self.text.find(quote, self.place + 1)
        if end < 0:
            raise self._unclosed(quote)
        start, self.place = self.place + 1, end + 1
        return self.text[start:end]

    def _read_nested(self, opening: str, closing: str) -> str:
        depth = 0
        for index in range(self.place, len(self.text)):
            depth += (self.text[index] == opening) - (self.text[index] == closing)
            if depth == 0 and self.text[index] == closing:
                start, self.place = self.place, index + 1
                return self.text[start : self.place]
        raise self._unclosed(f"${opening}")

    def _unclosed(self, what: str) -> BadInput:
        return _fault(self.line, t("%(quote)s is not closed.", quote=what))


# -- the commands ------------------------------------------------------------------------------------------------------


class _LineReader:
    """Turns commands into containers and a report; `values` are the variables that the text sets itself."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.containers: list[SourceContainer] = []
        self.report: list[ReportEntry] = []
        self.faults: list[str] = []

    def read_command(self, command: _Command) -> None:
        """Read one command, or add its fault."""
        try:
            self._read_command(command)
        except BadInput as error:
            self.faults += error.faults

    def _read_command(self, command: _Command) -> None:
        assignments, words = _split_prefix(command.words)
        if not words and not command.operator:
            self.values |= assignments
            return
        program = re.split(r"[/\\]", words[0])[-1].removesuffix(".exe") if words else ""
        if command.operator and {"run", "create"} & {*command.words}:
            sentence = t(
                '"%(operator)s" is for a shell. Put a value with it in quotes; leave out other commands.',
                operator=command.operator,
            )
            raise _fault(command.operator_line, sentence)
        if program in _PROGRAMS:
            self._read_docker(command.line, program, words[1:])
        elif program in _OTHER_COMMANDS:
            self._leave(command.line, words[0])
        else:
            sentence = t('"%(word)s" is not a docker command.', word=_shown(program or command.operator))
            raise _fault(command.line, sentence)

    def _leave(self, line: int, what: str, message: str = "") -> None:
        name = t("Line %(line)s: %(fault)s", line=line, fault=_shown(what))
        self.report.append(left(name, message or t("This is not part of the app: run it yourself where it is needed.")))

    def _read_docker(self, line: int, program: str, words: list[str]) -> None:
        while words and words[0].startswith("-"):
            option, *words = words
            if option.partition("=")[0] in ("-c", "--context", "-H", "--host"):
                self._leave(line, option, t("The app is installed on this machine."))
            words = words[1:] if option in _GLOBAL_OPTIONS else words
        group = words[0] if words and words[0] in ("container", "image", "network", "volume") else ""
        action, arguments = (words[1 if group else 0 :] or [""])[0], words[2 if group else 1 :]
        if group in ("", "container") and action in ("run", "create"):
            self._read_container(line, arguments)
        elif group in ("", "image") and action == "pull":
            self.report.append(taken(f"{program} pull", t("The install pulls the images.")))
        elif group in ("network", "volume") and action == "create" and _is_plain(group, arguments):
            what = f"{program} {group} create {_shown(arguments[-1])}"
            self.report.append(taken(what, t("It is created with the containers that use it.")))
        elif group in ("network", "volume") and action == "create":
            self._leave(line, f"{program} {group} create", t("It has options: create it yourself before the install."))
        else:
            self._leave(line, " ".join(filter(None, (program, group, action))))

    def _read_container(self, line: int, arguments: Sequence[str]) -> None:
        argv = ("docker", "run", *arguments)
        parsed = parse_command_line(argv)
        if parsed.fault not in ("", "--"):
            word = _shown(parsed.fault.partition("=")[0])
            raise _fault(line, t('"%(word)s" is not an option of docker run.', word=word))
        if parsed.image == len(argv):
            raise _fault(line, t("It names no image, or an option before it lacks its value."))
        image, *command = argv[parsed.image :]
        name = parsed.last_value("name") or container_name(_shown(image))
        options, faults = [], []
        for flag in parsed.flags:
            if flag.name not in ("name", "detach"):
                value, is_open = self._settle(name, flag)
                faults += [value] if is_open else []
                options.append((f"--{flag.name}", value) if flag.name not in SWITCHES else (_switch(flag), ""))
        faults += [word for word in (parsed.last_value("name"), image, *command) if "\0" in word]
        if faults:
            names = dict.fromkeys(match for word in faults for match in _OPEN.findall(word))
            sentence = t("%(name)s has no value here: write the value in its place.", name=", ".join(names))
            raise _fault(line, sentence)
        for mount in options_from_pairs(tuple(options)).mounts:
            if _PLACEHOLDER.match(mount.host_path):
                self.report.append(changed(f"--{mount.flag} {mount.source}:{mount.target}", _PLACEHOLDER_HINT))
        self.containers.append(SourceContainer(name, image, tuple(options), tuple(command)))

    def _settle(self, container: str, flag: Flag) -> tuple[str, bool]:
        """Return the value of an option with what only the author knows turned into a question where one can be asked,
        and whether something of it is still open.
        """
        value = flag.value
        if flag.name == "volume":
            value = _settle_mount(value)
        elif flag.name == "mount" and re.search(r"type=bind", value, re.IGNORECASE):
            value = re.sub(
                r"(^|,)(source|src)=([^,]*)", lambda m: f"{m[1]}{m[2]}={_project_path(m[3])}", value, count=1
            )
        elif flag.name == "env" and "\0" in value.partition("=")[2]:
            value = value.partition("=")[0]
        elif flag.name == "publish" and "\0" in value:
            value = self._settle_port(container, value)
        return value, "\0" in value

    def _settle_port(self, container: str, value: str) -> str:
        *address, host, number = ("", *_split_colons(value))
        if "\0" not in host or "\0" in number:
            return value
        settled = ":".join((*filter(None, address), number.partition("/")[0], number))
        message = t("The port has no value here: %(port)s is suggested.", port=number.partition("/")[0])
        self.report.append(changed(f"{container}: --publish {_shown(value)}", message))
        return settled


def _split_prefix(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the assignments before a command, and the command without them and without `sudo` and its like."""
    assignments: dict[str, str] = {}
    rest = list(words)
    while rest:
        if match := _ASSIGNMENT.fullmatch(rest[0]):
            assignments[match[1]] = match[2]
            rest = rest[1:]
        elif rest[0] in _WRAPPERS:
            options = list(takewhile(lambda word: word.startswith("-"), rest[1:]))
            rest = rest[1 + len(options) + bool(options and options[-1] in _WRAPPER_VALUES) :]
        else:
            break
    return assignments, rest


def _is_plain(group: str, arguments: Sequence[str]) -> bool:
    """Whether `docker network create` or `docker volume create` makes what Docker makes by itself."""
    drivers = {"network": "bridge", "volume": "local"}
    plain = re.compile(rf"(?:(?:-d|--driver) {drivers[group]}|--attachable|\s)*")
    return plain.fullmatch(" ".join(arguments[:-1]).replace("=", " ")) is not None and bool(arguments)


def _split_colons(value: str) -> list[str]:
    """Return the parts between the colons outside of what only the author's shell knows."""
    masked = _OPEN.sub(lambda match: match[0].replace(":", "\1"), value)
    return [part.replace("\1", ":") for part in masked.split(":")]


def _switch(flag: Flag) -> str:
    return f"--{flag.name}" if flag.value in TRUE_VALUES else f"--{flag.name}={flag.value}"


def _settle_mount(value: str) -> str:
    """Return a `-v` whose host path only the author knows as one of the project."""
    drive = _DRIVE.match(value)
    source, *rest = _split_colons(value[2:] if drive else value)
    if not rest:
        return value
    path = join_project_path(source.replace("\\", "/")) if drive else _project_path(source)
    return ":".join((path, *rest))


def _project_path(path: str) -> str:
    """Return a host path that only the author knows as one of the project, any other as it is."""
    path = re.sub(r"^~[\w.-]*(?=/|$)", "./", path)
    if (place := path.find("\0")) >= 0:
        return join_project_path(_OPEN.sub(_folder_name, path[place:].replace("\\", "/")))
    return join_project_path(path) if re.match(r"\.{1,2}(/|$)", path) else path


def _folder_name(match: re.Match[str]) -> str:
    """Return the name of a folder for the variable or the words that stand for it."""
    name = re.sub(r"^env:", "", re.sub(r"[^\w:-]+", "-", match[1].lower()).strip("-:"))
    return "." if name in _KNOWN_FOLDERS else re.sub(r"[^a-z0-9_-]", "-", name)
