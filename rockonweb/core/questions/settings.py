"""Settings of an installed rock-on: their pages, what typed fields come to, what changed, what to know before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rockonweb.core.answers.answers import (
    LISTS,
    NETWORK_NAME,
    NOT_TO_BE_JOINED,
    Answers,
    Leaf,
    label_fault,
    leaves,
    split_share,
    variable_fault,
)
from rockonweb.core.answers.field_names import field_name
from rockonweb.core.containers.argv import host_port
from rockonweb.core.containers.networks import join_refusal
from rockonweb.core.definition.definition import ContainerSpec, Definition, Question, is_mount_point
from rockonweb.core.preflight import Finding
from rockonweb.core.questions.wizard import Ask, all_asks, asks, values_of
from rockonweb.core.secret import MASK
from rockonweb.core.text import Text, t

PAGES = ("shares", "storage", "ports", "devices", "environment", "custom-config", "labels", "networks")
ONLY_ASKED = ("shares", "ports", "devices", "custom-config")  # nothing can be added on these
REVIEW = "review"
ALL = "*"  # in place of a container's name
MOUNTED_ALWAYS = "/etc/localtime"

Places = dict[str, dict[str, str]]
Ports = dict[str, dict[int, int | None]]


def pages(definition: Definition) -> list[str]:
    """Return the pages that apply: those on which something is asked or can be added."""
    return [page for page in PAGES if page not in ONLY_ASKED or asks(definition, page)]


def with_variables(definition: Definition, variables: Mapping[str, Iterable[str]]) -> Definition:
    """Return a definition that asks for these variables too, by container, after its own."""
    containers = dict(definition.containers)
    for name, keys in variables.items():
        spec = containers[name]
        added = {key: _added_question(key) for key in keys if key not in spec.environment}
        containers[name] = spec.model_copy(update={"environment": {**spec.environment, **added}})
    return definition.model_copy(update={"containers": containers})


def values(definition: Definition, answers: Answers) -> dict[str, str]:
    """Return what the fields of the questions hold, by name; added variables are questions of this `definition`.

    A port that is not published is blank. What was never answered is left out.
    """
    environment = {
        name: {**answers.environment.get(name, {}), **answers.variables.get(name, {})} for name in definition.containers
    }
    found = values_of(definition, replace(answers, environment=environment))
    for ask in asks(definition, "ports"):
        found[ask.name] = str(answers.ports.get(ask.container, {}).get(int(ask.key)) or "")
    return found


def with_fixed(definition: Definition, typed: Ports, given: Ports) -> Ports:
    """Return the ports that were typed, with those that nobody can choose as they were given."""
    fixed = {(ask.container, int(ask.key)) for ask in asks(definition, "ports") if ask.fixed}
    return {
        name: {
            port: given[name][port] if (name, port) in fixed and port in given.get(name, {}) else host
            for port, host in by_port.items()
        }
        for name, by_port in typed.items()
    }


def _added_question(key: str) -> Question:
    return Question.model_construct(label=key, description=t("Added here. It may be left blank."))


def storage_asks(definition: Definition, places: Mapping[str, Iterable[str]]) -> list[Ask]:
    """Return a question for each path that storage was added at, by container."""
    return [
        Ask(
            field_name("storage", container, path, definition.containers),
            "storage",
            container,
            path,
            Question.model_construct(label=path),
        )
        for container, paths in places.items()
        for path in paths
    ]


# -- what was typed ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Typed:
    """A row of a page: a path and a share, a variable and its value, a label, or a network.

    `container` may be ALL. `name` is the row's on the page.
    """

    name: str
    container: str
    key: str
    value: str = ""

    @property
    def blank(self) -> bool:
        """Whether nothing was typed into it."""
        return not self.key.strip() and not self.value


@dataclass(frozen=True)
class Fault:
    """What is wrong with a row; `part` is its field: container, key or value."""

    name: str
    part: str
    sentence: str


@dataclass
class Rows:
    """What the rows of a page come to, by container: keys with their values; and what is wrong."""

    found: Places = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def lists(self) -> dict[str, list[str]]:
        """The keys alone."""
        return {container: list(keys) for container, keys in self.found.items()}


Refuse = Callable[[str, ContainerSpec], str]  # a key and the container that it is for; blank when nothing is wrong


def storage(definition: Definition, typed: Iterable[Typed]) -> Rows:
    """Return the shares by the paths that they are mounted on, and what is wrong with the paths."""

    def refuse(path: str, spec: ContainerSpec) -> str:
        if not is_mount_point(path):
            return t("A path in the app begins with a slash and has no colon, such as /photos.")
        if path in map(_path, (*spec.volumes, MOUNTED_ALWAYS, *(one.target for one in spec.options.mounts))):
            return t("The definition mounts something at %(path)s itself. Choose another path.", path=path)
        return ""

    return _rows(definition, typed, _path, refuse, t("Type the path at which the app sees it, such as /photos."))


def variables(definition: Definition, typed: Iterable[Typed]) -> Rows:
    """Return the values of added variables, and what is wrong with their names."""

    def refuse(key: str, spec: ContainerSpec) -> str:
        if key in spec.environment:
            return t("The definition asks for %(key)s itself: change it above.", key=key)
        return variable_fault(key, None)

    return _rows(definition, typed, str.strip, refuse, t("Type the name of the variable."))


def labels(definition: Definition, typed: Iterable[Typed]) -> Rows:
    """Return the labels of each container, and what is wrong with them."""

    def refuse(label: str, _spec: ContainerSpec) -> str:
        return t("This must be a single line of text.") if set(label) & set("\0\r\n") else label_fault(label)

    made = _rows(definition, typed, str.strip, refuse, t("Type the label."))
    for container, found in made.found.items():
        keys: dict[str, str] = {}
        for label in found:
            first = keys.setdefault(label.partition("=")[0], label)
            if first != label:
                name = next(one.name for one in typed if one.key.strip() == label and one.container in (container, ALL))
                made.faults.append(
                    Fault(name, "key", t('%(container)s would have "%(first)s" too: a key can be there once.',
                                         container=container, first=first))
                )  # fmt: skip
    return made


def networks(definition: Definition, typed: Iterable[Typed]) -> Rows:
    """Return the networks that each container is on, and what is wrong with their names.

    For ALL containers means: for all that can join one.
    """

    def refuse(network: str, spec: ContainerSpec) -> str:
        if not NETWORK_NAME.fullmatch(network) or network in NOT_TO_BE_JOINED:
            return t(
                '"%(network)s" is not a network that a container can join: use letters, digits, dots, dashes and '
                "underscores, and begin with a letter or digit.",
                network=network,
            )
        return join_refusal(spec) or ""

    able = [name for name, spec in definition.launch_order if not join_refusal(spec)]
    return _rows(definition, typed, str.strip, refuse, t("Type the network's name."), able)


def _rows(
    definition: Definition,
    typed: Iterable[Typed],
    clean: Callable[[str], str],
    refuse: Refuse,
    needed: Text,
    everyone: Collection[str] = (),
) -> Rows:
    made = Rows()
    for one in typed:
        if one.blank:
            continue
        key = clean(one.key)
        if not key:
            made.faults.append(Fault(one.name, "key", needed))
            continue
        targets = list(everyone or definition.containers) if one.container == ALL else [one.container]
        for container in targets:
            if container not in definition.containers:
                sentence = t('%(name)s has no container "%(container)s".', name=definition.name, container=container)
                made.faults.append(Fault(one.name, "container", sentence))
            elif refusal := refuse(key, definition.containers[container]):
                made.faults.append(Fault(one.name, "key", refusal))
                break
            elif key in made.found.setdefault(container, {}):
                sentence = t("%(key)s is there twice for %(container)s.", key=key, container=container)
                made.faults.append(Fault(one.name, "key", sentence))
                break
            else:
                made.found[container][key] = one.value
    made.found = {container: keys for container, keys in made.found.items() if keys}
    return made


def _path(path: str) -> str:
    """Return a path without what means nothing in it; one that is not absolute as it is."""
    path = path.strip()
    return "/" + "/".join(part for part in path.split("/") if part not in ("", ".")) if path.startswith("/") else path


# -- what changed, and what to know -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """One setting before and after, secrets masked; None where it is not there."""

    page: str
    container: str
    key: str
    label: str
    before: str | None
    after: str | None


PAGE_OF = {"custom_config": "custom-config", "variables": "environment"}


def differences(definition: Definition, old: Answers, new: Answers) -> list[Difference]:
    """Return what differs, in the order of the pages."""
    before, after = leaves(old), leaves(new)
    questions = {(ask.page, ask.container, ask.key): ask for ask in all_asks(definition)}
    found = []
    for leaf in {**before, **after}:
        if before.get(leaf) == after.get(leaf) and (leaf in before) == (leaf in after):
            continue
        part, container, key = leaf
        page = PAGE_OF.get(part, part)
        ask = questions.get((page, container, key))
        secret = ask.secret if ask else part == "variables" and definition.hides(container, key)
        shown = [_shown(part, given[leaf], secret=secret) if leaf in given else None for given in (before, after)]
        found.append(Difference(page, container, key, ask.label if ask else "", *shown))
    return sorted(found, key=lambda one: PAGES.index(one.page))


def _shown(part: str, value: Any, *, secret: bool) -> str:
    if part in LISTS:
        return ""
    if part == "ports" and value is None:
        return t("not published")
    return MASK if secret and value else str(value)


def warnings(definition: Definition, old: Answers, new: Answers) -> Iterator[Finding]:
    """Yield what a person should know before settings are changed in this way."""
    before, after = leaves(old), leaves(new)
    yield from _moved(definition, before, after)
    yield from _own_page(definition, old, new)
    yield from _secrets(definition, old, new)
    if any(part == "storage" for part, _, _ in after.keys() - before.keys()) and not definition.volume_add_support:
        yield Finding("note", *no_support(definition))


def no_support(definition: Definition) -> tuple[Text, Text]:
    """Return what it means that the definition does not speak of more storage, and what to do."""
    return (
        t("The definition of %(name)s does not say that the app can use more storage.", name=definition.name),
        t("It will be there at its path all the same. Look in the app's own settings whether it can be told so."),
    )


def stays_behind(place: str, other: str) -> Text:
    """Return what it means that a volume is at `other` from now on and no longer at `place`."""
    return t(
        "The files that are in %(place)s stay there and are not copied: the app begins with what is in %(other)s. They "
        "are back as soon as you choose %(place)s again.",
        place=place,
        other=other,
    )


def _moved(definition: Definition, before: Mapping[Leaf, Any], after: Mapping[Leaf, Any]) -> Iterator[Finding]:
    for ask in asks(definition, "shares"):
        place, other = before.get(ask.leaf), after.get(ask.leaf)
        if place and other and place != other:
            yield Finding(
                "warn",
                t('"%(label)s" moves from %(place)s to %(other)s.', label=ask.label, place=place, other=other),
                stays_behind(place, other),
            )
    storage = [(leaf, place, after.get(leaf)) for leaf, place in before.items() if leaf[0] == "storage"]
    for (_, container, path), place, other in storage:
        if other and other != place:
            sentence = t("%(path)s in %(container)s will show %(other)s in place of %(place)s.",
                         path=path, container=container, other=other, place=place)  # fmt: skip
            yield Finding("warn", sentence, stays_behind(place, other))
    for (_, container, path), place, other in storage:
        if other is None:
            sentence = t("%(container)s will no longer see %(place)s at %(path)s.",
                         container=container, place=place, path=path)  # fmt: skip
            hint = t("The files in the share %(share)s stay where they are.", share=split_share(place)[0])
            yield Finding("note", sentence, hint)


def _own_page(definition: Definition, old: Answers, new: Answers) -> Iterator[Finding]:
    """The app's own page has another address, or none."""
    for container, port, asked in definition.ports:
        before, after = (host_port(definition, container, port, answers) for answers in (old, new))
        if not asked.ui or before == after:
            continue
        if after is None:
            yield Finding("warn", *page_is_gone(definition.name))
        elif before is not None:
            yield Finding("warn", *page_has_moved(before, after))


def page_is_gone(name: str) -> tuple[Text, Text]:
    """Return what it means that the port of the app's own page is not published."""
    return (
        t("The page of %(name)s will not be reachable at this server's address any more.", name=name),
        t("Only other containers on its networks will reach it. Publish the port again to open it in a browser."),
    )


def page_has_moved(before: int, after: int) -> tuple[Text, Text]:
    """Return what it means that the port of the app's own page is another one."""
    return (
        t("The app's own page moves from port %(before)s to port %(after)s.", before=before, after=after),
        t("Change bookmarks, apps on phones and a proxy that use the old one. Open UI here knows the new one."),
    )


def port_notes(definition: Definition, ask: Ask, typed: str, current: Answers, free: int) -> list[Text]:
    """Return what to know beside the field of a port in which this is typed; `free` is one that can be had."""
    if ask.fixed:
        return []
    if not typed:
        blank = t("Not published: nothing outside of Docker reaches it. Port %(free)s is free.", free=free)
        return [*(page_is_gone(definition.name) if ask.ui else ()), blank]
    before = current.ports.get(ask.container, {}).get(int(ask.key))
    if ask.ui and before and typed.isdecimal() and int(typed) != before:
        return list(page_has_moved(before, int(typed)))
    if ask.ui:
        return [t("With another port, the app's own page has another address: bookmarks would need it.")]
    return []


def downtime(rebuilt: Collection[str], containers: int, *, running: bool) -> Text:
    """Return how long the app does not answer, when these of its containers are rebuilt."""
    if not running:
        return t("The app is stopped now and stays stopped; the next start uses the new settings.")
    if not rebuilt:
        return t("Nothing is rebuilt: the app keeps running the whole time.")
    if len(rebuilt) == containers:
        return t(
            "The app is down from the moment its old containers stop until the new ones have started, usually a few "
            "seconds. Anything that must be downloaded is downloaded before that."
        )
    return t(
        "%(count)s of %(containers)s containers are replaced; the others keep running. What the replaced ones do is "
        "down in between, usually for a few seconds. Anything that must be downloaded is downloaded before that.",
        count=len(rebuilt),
        containers=containers,
    )


def _secrets(definition: Definition, old: Answers, new: Answers) -> Iterator[Finding]:
    for one in differences(definition, old, new):
        if one.before == MASK == one.after:
            yield Finding(
                "note",
                t('"%(label)s" gets another value.', label=one.label or one.key),
                t(
                    "Some apps take a password only at their first start and keep it in their data: if the old one "
                    "still counts afterwards, change it in the app itself too."
                ),
            )
