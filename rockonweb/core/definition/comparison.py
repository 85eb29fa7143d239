"""Two definitions of a rock-on compared, in people's terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rockonweb.core.definition.definition import ContainerSpec, Definition, PortSpec, QuestionSpec, VolumeSpec
from rockonweb.core.text import TranslatableText, join_texts, t

DifferenceKind = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class DefinitionDifference:
    """One thing that differs: of which container (blank: of the whole rock-on), in words, before and after.

    `before` and `after` are short texts, blank where there is nothing to show.
    """

    kind: DifferenceKind
    container: str
    what: TranslatableText
    before: str = ""
    after: str = ""


def compare_definitions(old: Definition, new: Definition) -> list[DefinitionDifference]:
    """Return what differs: containers first, then what they consist of, then what concerns the whole rock-on."""
    return [
        *_compare_containers(old, new),
        *(
            difference
            for name in new.containers
            if name in old.containers
            for difference in _compare_container(name, old, new)
        ),
        *_compare_links(old, new),
        *_compare_questions("", _SETTING_LABELS, old.custom_config, new.custom_config),
        *_compare_metadata(old, new),
    ]


def _compare_containers(old: Definition, new: Definition) -> Iterator[DefinitionDifference]:
    for name, spec in new.launch_order:
        if name not in old.containers:
            yield DefinitionDifference("added", name, t("a new container"), after=spec.image_reference)
    for name, spec in old.launch_order:
        if name not in new.containers:
            yield DefinitionDifference("removed", name, t("the container is gone"), before=spec.image_reference)
    old_order = [name for name, _ in old.launch_order if name in new.containers]
    new_order = [name for name, _ in new.launch_order if name in old.containers]
    if old_order != new_order:
        yield DefinitionDifference(
            "changed", "", t("the order of starting"), ", ".join(old_order), ", ".join(new_order)
        )


def _compare_container(name: str, old: Definition, new: Definition) -> Iterator[DefinitionDifference]:
    before, after = old.containers[name], new.containers[name]
    if before.image_reference != after.image_reference:
        same_image = before.image_reference.rpartition(":")[0] == after.image_reference.rpartition(":")[0]
        what = t("another version of the image") if same_image else t("another image")
        yield DefinitionDifference("changed", name, what, before.image_reference, after.image_reference)
    if (before.uid, before.gid) != (after.uid, after.gid):
        yield DefinitionDifference(
            "changed", name, t("the user that it runs as"), _user_text(before), _user_text(after)
        )
    yield from _compare_questions(name, _VOLUME_LABELS, before.volumes, after.volumes)
    yield from _compare_questions(
        name,
        _PORT_LABELS,
        {str(int(port)): port_spec for port, port_spec in before.ports.items()},
        {str(int(port)): port_spec for port, port_spec in after.ports.items()},
    )
    yield from _compare_questions(name, _VARIABLE_LABELS, before.environment, after.environment)
    yield from _compare_questions(name, _DEVICE_LABELS, before.devices, after.devices)
    yield from _compare_pairs(name, t("an option of Docker"), before.opts, after.opts)
    yield from _compare_pairs(name, t("an argument of its command"), before.cmd_arguments, after.cmd_arguments)


def _user_text(spec: ContainerSpec) -> str:
    if spec.uid is None:
        return t("as its image says")
    owner = t("the owner of its first share")
    user = owner if spec.uid == -1 else str(spec.uid)
    return user if spec.gid is None else join_texts(" : ", (user, str(spec.gid)))


# What a question is called when it is new, gone, and changed.
_QuestionLabels = tuple[TranslatableText, TranslatableText, TranslatableText]
_VOLUME_LABELS: _QuestionLabels = (
    t("a new folder of the app"),
    t("a folder of the app is gone"),
    t("a folder of the app"),
)
_PORT_LABELS: _QuestionLabels = (t("a new port"), t("a port is gone"), t("a port"))
_VARIABLE_LABELS: _QuestionLabels = (t("a new variable"), t("a variable is gone"), t("a variable"))
_DEVICE_LABELS: _QuestionLabels = (t("a new device"), t("a device is gone"), t("a device"))
_SETTING_LABELS: _QuestionLabels = (t("a new setting"), t("a setting is gone"), t("a setting"))


def _compare_questions(
    container: str, labels: _QuestionLabels, before: Mapping[str, QuestionSpec], after: Mapping[str, QuestionSpec]
) -> Iterator[DefinitionDifference]:
    new, gone, changed = labels
    for key, question in after.items():
        if key not in before:
            yield DefinitionDifference("added", container, new, after=_question_title(key, question))
    for key, question in before.items():
        if key not in after:
            yield DefinitionDifference("removed", container, gone, before=_question_title(key, question))
    for key, question in after.items():
        if key in before and (old_facts := _question_facts(before[key])) != (new_facts := _question_facts(question)):
            changed_facts = [fact for fact in new_facts if old_facts[fact] != new_facts[fact]]
            yield DefinitionDifference(
                "changed",
                container,
                changed,
                _describe_question(key, old_facts, changed_facts),
                _describe_question(key, new_facts, changed_facts),
            )


def _question_title(key: str, question: QuestionSpec) -> str:
    label = question.label.strip()
    return f"{key} ({label})" if label and label != key else key


def _question_facts(question: QuestionSpec) -> dict[str, Any]:
    """Return what counts of a question, each under the word for it."""
    facts: dict[str, Any] = {"label": question.label, "description": question.description}
    if isinstance(question, PortSpec):
        facts |= {"suggested": question.host_default, "protocol": "+".join(question.published_protocols)}
        facts["own page"] = question.ui
    if isinstance(question, VolumeSpec):
        facts["size"] = question.min_size
    return facts


def _describe_question(key: str, facts: Mapping[str, Any], names: list[str]) -> str:
    return join_texts(
        ": ",
        (key, join_texts("; ", (join_texts(" ", (_FACT_LABELS[fact], _value_text(facts[fact]))) for fact in names))),
    )


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    return t("none") if value is None else str(value) or t("blank")


_FACT_LABELS = {
    "label": t("label"),
    "description": t("description"),
    "suggested": t("suggested port"),
    "protocol": t("protocol"),
    "own page": t("the app's own page"),
    "size": t("least size"),
}


def _compare_pairs(
    container: str, what: TranslatableText, before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...]
) -> Iterator[DefinitionDifference]:
    old_pairs, new_pairs = (
        [" ".join(filter(None, pair)) for pair in before],
        [" ".join(filter(None, pair)) for pair in after],
    )
    yield from (
        DefinitionDifference("added", container, what, after=option)
        for option in (Counter(new_pairs) - Counter(old_pairs)).elements()
    )
    yield from (
        DefinitionDifference("removed", container, what, before=option)
        for option in (Counter(old_pairs) - Counter(new_pairs)).elements()
    )
    if old_pairs != new_pairs and sorted(old_pairs) == sorted(new_pairs):
        yield DefinitionDifference("changed", container, what, " ".join(old_pairs), " ".join(new_pairs))


def _compare_links(old: Definition, new: Definition) -> Iterator[DefinitionDifference]:
    descriptions = {
        link: f"{link.network}: {link.source}, {link.target}" for link in (*old.network_links, *new.network_links)
    }
    what = t("a network between containers")
    yield from (
        DefinitionDifference("added", "", what, after=descriptions[link])
        for link in new.network_links
        if link not in old.network_links
    )
    yield from (
        DefinitionDifference("removed", "", what, before=descriptions[link])
        for link in old.network_links
        if link not in new.network_links
    )


def _compare_metadata(old: Definition, new: Definition) -> Iterator[DefinitionDifference]:
    """Yield what concerns no container: some with their values, some too long for that."""
    for subject, before, after in (
        (t("the name"), old.name, new.name),
        (t("the version"), old.version, new.version),
        (t("the website"), old.website, new.website),
        (t("the address of the app's own page"), _ui_address(old), _ui_address(new)),
    ):
        if before != after:
            yield DefinitionDifference("changed", "", subject, before, after)
    for subject, old_text, new_text in (
        (t("the description"), old.description, new.description),
        (t("the further information"), old.more_info, new.more_info),
        (t("the picture"), old.icon, new.icon),
    ):
        if old_text != new_text:
            yield DefinitionDifference("changed", "", subject)
    if old.volume_add_support != new.volume_add_support:
        what = t("storage may be added") if new.volume_add_support else t("the author does not expect added storage")
        yield DefinitionDifference("changed", "", what)


def _ui_address(definition: Definition) -> str:
    return f"{'https' if definition.ui.https else 'http'}://…/{definition.ui.slug}"
