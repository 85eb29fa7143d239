"""Two definitions of a rock-on compared, in people's terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rockonweb.core.definition.definition import ContainerSpec, Definition, PortSpec, Question, VolumeSpec
from rockonweb.core.text import Text, joined, t

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Difference:
    """One thing that differs: of which container (blank: of the whole rock-on), in words, before and after.

    `before` and `after` are short texts, blank where there is nothing to show.
    """

    kind: Kind
    container: str
    what: Text
    before: str = ""
    after: str = ""


def compare(old: Definition, new: Definition) -> list[Difference]:
    """Return what differs: containers first, then what they consist of, then what concerns the whole rock-on."""
    return [
        *_containers(old, new),
        *(one for name in new.containers if name in old.containers for one in _container(name, old, new)),
        *_networks(old, new),
        *_questions("", _SETTING, old.custom_config, new.custom_config),
        *_texts(old, new),
    ]


def _containers(old: Definition, new: Definition) -> Iterator[Difference]:
    for name, spec in new.launch_order:
        if name not in old.containers:
            yield Difference("added", name, t("a new container"), after=spec.reference)
    for name, spec in old.launch_order:
        if name not in new.containers:
            yield Difference("removed", name, t("the container is gone"), before=spec.reference)
    had = [name for name, _ in old.launch_order if name in new.containers]
    has = [name for name, _ in new.launch_order if name in old.containers]
    if had != has:
        yield Difference("changed", "", t("the order of starting"), ", ".join(had), ", ".join(has))


def _container(name: str, old: Definition, new: Definition) -> Iterator[Difference]:
    before, after = old.containers[name], new.containers[name]
    if before.reference != after.reference:
        same = before.reference.rpartition(":")[0] == after.reference.rpartition(":")[0]
        what = t("another version of the image") if same else t("another image")
        yield Difference("changed", name, what, before.reference, after.reference)
    if (before.uid, before.gid) != (after.uid, after.gid):
        yield Difference("changed", name, t("the user that it runs as"), _user(before), _user(after))
    yield from _questions(name, _VOLUME, before.volumes, after.volumes)
    yield from _questions(
        name, _PORT, {str(int(k)): v for k, v in before.ports.items()}, {str(int(k)): v for k, v in after.ports.items()}
    )
    yield from _questions(name, _VARIABLE, before.environment, after.environment)
    yield from _questions(name, _DEVICE, before.devices, after.devices)
    yield from _pairs(name, t("an option of Docker"), before.opts, after.opts)
    yield from _pairs(name, t("an argument of its command"), before.cmd_arguments, after.cmd_arguments)


def _user(spec: ContainerSpec) -> str:
    if spec.uid is None:
        return t("as its image says")
    owner = t("the owner of its first share")
    user = owner if spec.uid == -1 else str(spec.uid)
    return user if spec.gid is None else joined(" : ", (user, str(spec.gid)))


# What a question is called when it is new, gone, and changed.
_Words = tuple[Text, Text, Text]
_VOLUME: _Words = (t("a new folder of the app"), t("a folder of the app is gone"), t("a folder of the app"))
_PORT: _Words = (t("a new port"), t("a port is gone"), t("a port"))
_VARIABLE: _Words = (t("a new variable"), t("a variable is gone"), t("a variable"))
_DEVICE: _Words = (t("a new device"), t("a device is gone"), t("a device"))
_SETTING: _Words = (t("a new setting"), t("a setting is gone"), t("a setting"))


def _questions(
    container: str, words: _Words, before: Mapping[str, Question], after: Mapping[str, Question]
) -> Iterator[Difference]:
    new, gone, changed = words
    for key, question in after.items():
        if key not in before:
            yield Difference("added", container, new, after=_named(key, question))
    for key, question in before.items():
        if key not in after:
            yield Difference("removed", container, gone, before=_named(key, question))
    for key, question in after.items():
        if key in before and (was := _facts(before[key])) != (now := _facts(question)):
            told = [fact for fact in now if was[fact] != now[fact]]
            yield Difference("changed", container, changed, _telling(key, was, told), _telling(key, now, told))


def _named(key: str, question: Question) -> str:
    label = question.label.strip()
    return f"{key} ({label})" if label and label != key else key


def _facts(question: Question) -> dict[str, Any]:
    """Return what counts of a question, each under the word for it."""
    found: dict[str, Any] = {"label": question.label, "description": question.description}
    if isinstance(question, PortSpec):
        found |= {"suggested": question.host_default, "protocol": "+".join(question.protocols)}
        found["own page"] = question.ui
    if isinstance(question, VolumeSpec):
        found["size"] = question.min_size
    return found


def _telling(key: str, facts: Mapping[str, Any], told: list[str]) -> str:
    return joined(": ", (key, joined("; ", (joined(" ", (_FACTS[fact], _value(facts[fact]))) for fact in told))))


def _value(value: object) -> str:
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    return t("none") if value is None else str(value) or t("blank")


_FACTS = {
    "label": t("label"),
    "description": t("description"),
    "suggested": t("suggested port"),
    "protocol": t("protocol"),
    "own page": t("the app's own page"),
    "size": t("least size"),
}


def _pairs(
    container: str, what: Text, before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...]
) -> Iterator[Difference]:
    had, has = [" ".join(filter(None, pair)) for pair in before], [" ".join(filter(None, pair)) for pair in after]
    yield from (Difference("added", container, what, after=one) for one in (Counter(has) - Counter(had)).elements())
    yield from (Difference("removed", container, what, before=one) for one in (Counter(had) - Counter(has)).elements())
    if had != has and sorted(had) == sorted(has):
        yield Difference("changed", container, what, " ".join(had), " ".join(has))


def _networks(old: Definition, new: Definition) -> Iterator[Difference]:
    words = {link: f"{link.network}: {link.source}, {link.target}" for link in (*old.links, *new.links)}
    what = t("a network between containers")
    yield from (Difference("added", "", what, after=words[link]) for link in new.links if link not in old.links)
    yield from (Difference("removed", "", what, before=words[link]) for link in old.links if link not in new.links)


def _texts(old: Definition, new: Definition) -> Iterator[Difference]:
    """Yield what concerns no container: some with their values, some too long for that."""
    for words, before, after in (
        (t("the name"), old.name, new.name),
        (t("the version"), old.version, new.version),
        (t("the website"), old.website, new.website),
        (t("the address of the app's own page"), _page(old), _page(new)),
    ):
        if before != after:
            yield Difference("changed", "", words, before, after)
    for words, was, now in (
        (t("the description"), old.description, new.description),
        (t("the further information"), old.more_info, new.more_info),
        (t("the picture"), old.icon, new.icon),
    ):
        if was != now:
            yield Difference("changed", "", words)
    if old.volume_add_support != new.volume_add_support:
        what = t("storage may be added") if new.volume_add_support else t("the author does not expect added storage")
        yield Difference("changed", "", what)


def _page(definition: Definition) -> str:
    return f"{'https' if definition.ui.https else 'http'}://…/{definition.ui.slug}"
