"""Settings of an installed rock-on: their pages, the parsing of typed rows, differences, and warnings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rockonweb.core.answers.answers import (
    BUILT_IN_NETWORK_NAMES,
    LIST_PARTS,
    NETWORK_NAME,
    AnswerKey,
    Answers,
    flatten_answers,
    label_fault,
    split_share_path,
    variable_fault,
    word_fault,
)
from rockonweb.core.answers.field_names import field_name
from rockonweb.core.command_size import word_size_fault
from rockonweb.core.containers.argv import host_port
from rockonweb.core.containers.networks import join_refusal
from rockonweb.core.definition.definition import ContainerSpec, Definition, QuestionSpec, is_mount_point
from rockonweb.core.preflight import Finding
from rockonweb.core.questions.wizard import Question, all_questions, page_questions, values_from_answers
from rockonweb.core.secret import MASK
from rockonweb.core.text import TranslatableText, t

SETTINGS_PAGES = ("shares", "storage", "ports", "devices", "environment", "custom-config", "labels", "networks")
QUESTION_ONLY_PAGES = ("shares", "ports", "devices", "custom-config")  # nothing can be added on these
REVIEW_PAGE = "review"
ALL_CONTAINERS = "*"  # in place of a container's name
ALWAYS_MOUNTED = "/etc/localtime"

ValuesByContainer = dict[str, dict[str, str]]
PortsByContainer = dict[str, dict[int, int | None]]


def settings_pages(definition: Definition) -> list[str]:
    """Return the pages that apply: those on which something is asked or can be added."""
    return [page for page in SETTINGS_PAGES if page not in QUESTION_ONLY_PAGES or page_questions(definition, page)]


def add_variable_questions(definition: Definition, variables: Mapping[str, Iterable[str]]) -> Definition:
    """Return a definition that asks for these variables too, by container, after its own."""
    containers = dict(definition.containers)
    for name, keys in variables.items():
        spec = containers[name]
        new_questions = {key: _variable_question(key) for key in keys if key not in spec.environment}
        containers[name] = spec.model_copy(update={"environment": {**spec.environment, **new_questions}})
    return definition.model_copy(update={"containers": containers})


def settings_values(definition: Definition, answers: Answers) -> dict[str, str]:
    """Return the values of the questions' fields, by name; added variables are questions of this `definition`.

    A port that is not published is blank. What was never answered is left out.
    """
    environment = {
        name: {**answers.environment.get(name, {}), **answers.variables.get(name, {})} for name in definition.containers
    }
    field_values = values_from_answers(definition, replace(answers, environment=environment))
    for question in page_questions(definition, "ports"):
        field_values[question.name] = str(answers.ports.get(question.container, {}).get(int(question.key)) or "")
    return field_values


def keep_fixed_ports(definition: Definition, typed: PortsByContainer, previous: PortsByContainer) -> PortsByContainer:
    """Return the typed ports, with those that can't be chosen (on the host's network) as they were before."""
    fixed = {
        (question.container, int(question.key)) for question in page_questions(definition, "ports") if question.fixed
    }
    return {
        name: {
            port: previous[name][port] if (name, port) in fixed and port in previous.get(name, {}) else host
            for port, host in by_port.items()
        }
        for name, by_port in typed.items()
    }


def _variable_question(key: str) -> QuestionSpec:
    return QuestionSpec.model_construct(label=key, description=t("Added here. Can be left blank."))


def added_storage_questions(definition: Definition, paths_by_container: Mapping[str, Iterable[str]]) -> list[Question]:
    """Return a question for each path that storage was added at, by container."""
    return [
        Question(
            field_name("storage", container, path, definition.containers),
            "storage",
            container,
            path,
            QuestionSpec.model_construct(label=path),
        )
        for container, paths in paths_by_container.items()
        for path in paths
    ]


# -- typed rows -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TypedRow:
    """A row of a page: a path and a share, a variable and its value, a label, or a network.

    `container` may be ALL_CONTAINERS. `name` identifies the row on its page.
    """

    name: str
    container: str
    key: str
    value: str = ""

    @property
    def is_blank(self) -> bool:
        """Whether nothing was typed into it."""
        return not self.key.strip() and not self.value


@dataclass(frozen=True)
class RowFault:
    """What is wrong with a row; `column` is its field: container, key or value."""

    name: str
    column: str
    sentence: str


@dataclass
class ParsedRows:
    """The parsed rows of a page, by container: keys with their values; and the faults."""

    values_by_container: ValuesByContainer = field(default_factory=dict)
    faults: list[RowFault] = field(default_factory=list)

    @property
    def keys_by_container(self) -> dict[str, list[str]]:
        """The keys without their values."""
        return {container: list(keys) for container, keys in self.values_by_container.items()}


KeyCheck = Callable[[str, ContainerSpec], str]  # takes a key and its container; returns a fault or a blank text


def parse_storage(definition: Definition, rows: Iterable[TypedRow]) -> ParsedRows:
    """Return the shares by the paths that they are mounted on, and what is wrong with the paths."""

    def refuse(path: str, spec: ContainerSpec) -> str:
        if not is_mount_point(path):
            return t("A path in the app must start with a slash and can't contain a colon, for example /photos.")
        if path in map(
            _clean_path, (*spec.volumes, ALWAYS_MOUNTED, *(mount.target for mount in spec.run_options.mounts))
        ):
            return t("The definition already mounts something at %(path)s. Choose another path.", path=path)
        return word_size_fault(path)

    return _parse_rows(
        definition, rows, _clean_path, refuse, t("Enter the path where the app sees it, such as /photos.")
    )


def parse_variables(definition: Definition, rows: Iterable[TypedRow]) -> ParsedRows:
    """Return the values of added variables, and what is wrong with their names."""

    def refuse(key: str, spec: ContainerSpec) -> str:
        if key in spec.environment:
            return t("The definition already asks for %(key)s: change it above.", key=key)
        return variable_fault(key, None)

    rows = list(rows)
    parsed = _parse_rows(definition, rows, str.strip, refuse, t("Enter the name of the variable."))
    faults = ((row, word_fault(f"{row.key.strip()}={row.value}")) for row in rows)
    parsed.faults += [RowFault(row.name, "value", fault) for row, fault in faults if fault]
    return parsed


def parse_labels(definition: Definition, rows: Iterable[TypedRow]) -> ParsedRows:
    """Return the labels of each container, and what is wrong with them."""

    def refuse(label: str, _spec: ContainerSpec) -> str:
        return label_fault(label)

    parsed = _parse_rows(definition, rows, lambda label: label if label.strip() else "", refuse, t("Enter the label."))
    for container, container_labels in parsed.values_by_container.items():
        keys: dict[str, str] = {}
        for label in container_labels:
            first = keys.setdefault(label.partition("=")[0], label)
            if first != label:
                name = next(
                    row.name for row in rows if row.key == label and row.container in (container, ALL_CONTAINERS)
                )
                parsed.faults.append(
                    RowFault(name, "key", t('%(container)s would also have "%(first)s": a key can be used only once.',
                                         container=container, first=first))
                )  # fmt: skip
    return parsed


def parse_networks(definition: Definition, rows: Iterable[TypedRow]) -> ParsedRows:
    """Return the networks that each container is on, and what is wrong with their names.

    ALL_CONTAINERS means all that can join one.
    """

    def refuse(network: str, spec: ContainerSpec) -> str:
        if not NETWORK_NAME.fullmatch(network) or network in BUILT_IN_NETWORK_NAMES:
            return t(
                '"%(network)s" is not a network that a container can join: use letters, digits, dots, dashes and '
                "underscores, and start with a letter or digit.",
                network=network,
            )
        return join_refusal(spec) or ""

    joinable = [name for name, spec in definition.launch_order if not join_refusal(spec)]
    return _parse_rows(definition, rows, str.strip, refuse, t("Enter the name of the network."), joinable)


def _parse_rows(
    definition: Definition,
    rows: Iterable[TypedRow],
    clean_key: Callable[[str], str],
    refuse: KeyCheck,
    missing_sentence: TranslatableText,
    all_targets: Collection[str] = (),
) -> ParsedRows:
    parsed = ParsedRows()
    for row in rows:
        if row.is_blank:
            continue
        key = clean_key(row.key)
        if not key:
            parsed.faults.append(RowFault(row.name, "key", missing_sentence))
            continue
        targets = list(all_targets or definition.containers) if row.container == ALL_CONTAINERS else [row.container]
        for container in targets:
            if container not in definition.containers:
                sentence = t('%(name)s has no container "%(container)s".', name=definition.name, container=container)
                parsed.faults.append(RowFault(row.name, "container", sentence))
            elif refusal := refuse(key, definition.containers[container]):
                parsed.faults.append(RowFault(row.name, "key", refusal))
                break
            elif key in parsed.values_by_container.setdefault(container, {}):
                sentence = t("%(key)s is listed twice for %(container)s.", key=key, container=container)
                parsed.faults.append(RowFault(row.name, "key", sentence))
                break
            else:
                parsed.values_by_container[container][key] = row.value
    parsed.values_by_container = {container: keys for container, keys in parsed.values_by_container.items() if keys}
    return parsed


def _clean_path(path: str) -> str:
    """Return a path without redundant slashes and dots; a relative one is not changed."""
    path = path.strip()
    return (
        "/" + "/".join(segment for segment in path.split("/") if segment not in ("", "."))
        if path.startswith("/")
        else path
    )


# -- differences and warnings -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SettingChange:
    """One setting before and after, secrets masked; None where it does not exist."""

    page: str
    container: str
    key: str
    label: str
    before: str | None
    after: str | None


PAGE_BY_PART = {"custom_config": "custom-config", "variables": "environment"}


def diff_settings(definition: Definition, old: Answers, new: Answers) -> list[SettingChange]:
    """Return what differs, in the order of the pages."""
    before, after = flatten_answers(old), flatten_answers(new)
    questions = {(question.page, question.container, question.key): question for question in all_questions(definition)}
    changes = []
    for answer_key in {**before, **after}:
        if before.get(answer_key) == after.get(answer_key) and (answer_key in before) == (answer_key in after):
            continue
        part, container, key = answer_key
        page = PAGE_BY_PART.get(part, part)
        question = questions.get((page, container, key))
        secret = question.secret if question else part == "variables" and definition.hides_answer(container, key)
        texts = [
            _masked_text(part, answered[answer_key], secret=secret) if answer_key in answered else None
            for answered in (before, after)
        ]
        changes.append(SettingChange(page, container, key, question.label if question else "", *texts))
    return sorted(changes, key=lambda change: SETTINGS_PAGES.index(change.page))


def _masked_text(part: str, value: Any, *, secret: bool) -> str:
    if part in LIST_PARTS:
        return ""
    if part == "ports" and value is None:
        return t("not published")
    return MASK if secret and value else str(value)


def change_warnings(definition: Definition, old: Answers, new: Answers) -> Iterator[Finding]:
    """Yield findings about a change of settings."""
    before, after = flatten_answers(old), flatten_answers(new)
    yield from _moved_share_warnings(definition, before, after)
    yield from _ui_address_warnings(definition, old, new)
    yield from _changed_secret_notes(definition, old, new)
    if any(part == "storage" for part, _, _ in after.keys() - before.keys()) and not definition.volume_add_support:
        yield Finding("note", *no_storage_support(definition))


def no_storage_support(definition: Definition) -> tuple[TranslatableText, TranslatableText]:
    """Return sentence and hint for storage added to a definition that does not support it."""
    return (
        t("The definition of %(name)s does not say that the app can use additional storage.", name=definition.name),
        t(
            "It will still be available at its path. Check in the app's own settings whether the app can be set up "
            "to use it."
        ),
    )


def files_left_behind(old_share: str, new_share: str) -> TranslatableText:
    """Return the sentence for a volume that moves from `old_share` to `new_share`."""
    return t(
        "The files in %(place)s stay there and are not copied: the app starts with what is in %(other)s. They are "
        "available again as soon as you choose %(place)s again.",
        place=old_share,
        other=new_share,
    )


def _moved_share_warnings(
    definition: Definition, before: Mapping[AnswerKey, Any], after: Mapping[AnswerKey, Any]
) -> Iterator[Finding]:
    for question in page_questions(definition, "shares"):
        old_share, new_share = before.get(question.answer_key), after.get(question.answer_key)
        if old_share and new_share and old_share != new_share:
            yield Finding(
                "warn",
                t(
                    '"%(label)s" moves from %(place)s to %(other)s.',
                    label=question.label,
                    place=old_share,
                    other=new_share,
                ),
                files_left_behind(old_share, new_share),
            )
    storage = [
        (answer_key, old_share, after.get(answer_key))
        for answer_key, old_share in before.items()
        if answer_key[0] == "storage"
    ]
    for (_, container, path), old_share, new_share in storage:
        if new_share and new_share != old_share:
            sentence = t("%(path)s in %(container)s will show %(other)s instead of %(place)s.",
                         path=path, container=container, other=new_share, place=old_share)  # fmt: skip
            yield Finding("warn", sentence, files_left_behind(old_share, new_share))
    for (_, container, path), old_share, new_share in storage:
        if new_share is None:
            sentence = t("%(container)s will no longer see %(place)s at %(path)s.",
                         container=container, place=old_share, path=path)  # fmt: skip
            hint = t("The files in the share %(share)s stay where they are.", share=split_share_path(old_share)[0])
            yield Finding("note", sentence, hint)


def _ui_address_warnings(definition: Definition, old: Answers, new: Answers) -> Iterator[Finding]:
    """Yield a warning where the app's own page gets another address, or none."""
    for container, port, port_spec in definition.container_ports:
        before, after = (host_port(definition, container, port, answers) for answers in (old, new))
        if not port_spec.ui or before == after:
            continue
        if after is None:
            yield Finding("warn", *ui_unreachable_note(definition.name))
        elif before is not None:
            yield Finding("warn", *ui_moved_note(before, after))


def ui_unreachable_note(name: str) -> tuple[TranslatableText, TranslatableText]:
    """Return sentence and hint for an app's own page whose port is not published."""
    return (
        t("The page of %(name)s will no longer be reachable at this server's address.", name=name),
        t("Only other containers on its networks will reach it. Publish the port again to open it in a browser."),
    )


def ui_moved_note(before: int, after: int) -> tuple[TranslatableText, TranslatableText]:
    """Return sentence and hint for an app's own page whose port changes."""
    return (
        t("The app's page moves from port %(before)s to port %(after)s.", before=before, after=after),
        t("Update bookmarks, mobile apps and proxies that use the old port. Open UI here uses the new one."),
    )


def port_notes(
    definition: Definition, question: Question, typed: str, current: Answers, suggested_port: int
) -> list[TranslatableText]:
    """Return the notes next to the field of a port with the `typed` value; `suggested_port` is a free one."""
    if question.fixed:
        return []
    if not typed:
        blank = t("Not published: not reachable from outside Docker. Port %(free)s is free.", free=suggested_port)
        return [*(ui_unreachable_note(definition.name) if question.ui else ()), blank]
    before = current.ports.get(question.container, {}).get(int(question.key))
    if question.ui and before and typed.isdecimal() and int(typed) != before:
        return list(ui_moved_note(before, int(typed)))
    if question.ui:
        return [t("Another port changes the address of the app's page: bookmarks would have to be updated.")]
    return []


def _changed_secret_notes(definition: Definition, old: Answers, new: Answers) -> Iterator[Finding]:
    for change in diff_settings(definition, old, new):
        if change.before == MASK == change.after:
            yield Finding(
                "note",
                t('"%(label)s" gets a new value.', label=change.label or change.key),
                t(
                    "Some apps read a password only at their first start and keep it in their data: if the old one "
                    "still works afterwards, change it in the app as well."
                ),
            )
