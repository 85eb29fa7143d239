"""Comparison of two definitions of a rock-on, as texts for users."""

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
    """One difference: its container (blank: the whole rock-on), what differs, and the values before and after.

    `before` and `after` are short texts, blank where there is nothing to show.
    """

    kind: DifferenceKind
    container: str
    what: TranslatableText
    before: str = ""
    after: str = ""

    @property
    def sentence(self) -> str:
        """The difference in one line, for where there is no page to show it."""
        values = " -> ".join(filter(None, (self.before, self.after)))
        return join_texts(" ", filter(None, (self.container and f"{self.container}:", self.what, values)))


def compare_definitions(old: Definition, new: Definition) -> list[DefinitionDifference]:
    """Return the differences: containers first, then their contents, then what concerns the whole rock-on."""
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
            yield DefinitionDifference("added", name, t("container added"), after=spec.image_reference)
    for name, spec in old.launch_order:
        if name not in new.containers:
            yield DefinitionDifference("removed", name, t("container removed"), before=spec.image_reference)
    old_order = [name for name, _ in old.launch_order if name in new.containers]
    new_order = [name for name, _ in new.launch_order if name in old.containers]
    if old_order != new_order:
        yield DefinitionDifference("changed", "", t("start order changed"), ", ".join(old_order), ", ".join(new_order))


def _compare_container(name: str, old: Definition, new: Definition) -> Iterator[DefinitionDifference]:
    before, after = old.containers[name], new.containers[name]
    if before.image_reference != after.image_reference:
        same_image = before.image_reference.rpartition(":")[0] == after.image_reference.rpartition(":")[0]
        what = t("image version changed") if same_image else t("image changed")
        yield DefinitionDifference("changed", name, what, before.image_reference, after.image_reference)
    if (before.uid, before.gid) != (after.uid, after.gid):
        yield DefinitionDifference("changed", name, t("run-as user changed"), _user_text(before), _user_text(after))
    yield from _compare_questions(name, _VOLUME_LABELS, before.volumes, after.volumes)
    yield from _compare_questions(
        name,
        _PORT_LABELS,
        {str(int(port)): port_spec for port, port_spec in before.ports.items()},
        {str(int(port)): port_spec for port, port_spec in after.ports.items()},
    )
    yield from _compare_questions(name, _VARIABLE_LABELS, before.environment, after.environment)
    yield from _compare_questions(name, _DEVICE_LABELS, before.devices, after.devices)
    yield from _compare_pairs(name, t("Docker option"), before.opts, after.opts)
    yield from _compare_pairs(name, t("command argument"), before.cmd_arguments, after.cmd_arguments)


def _user_text(spec: ContainerSpec) -> str:
    if spec.uid is None:
        return t("as set in the image")
    owner = t("the owner of its first share")
    user = owner if spec.uid == -1 else str(spec.uid)
    return user if spec.gid is None else join_texts(" : ", (user, str(spec.gid)))


# The labels of a question that was added, removed, or changed.
_QuestionLabels = tuple[TranslatableText, TranslatableText, TranslatableText]
_VOLUME_LABELS: _QuestionLabels = (
    t("app folder added"),
    t("app folder removed"),
    t("app folder changed"),
)
_PORT_LABELS: _QuestionLabels = (t("port added"), t("port removed"), t("port changed"))
_VARIABLE_LABELS: _QuestionLabels = (t("variable added"), t("variable removed"), t("variable changed"))
_DEVICE_LABELS: _QuestionLabels = (t("device added"), t("device removed"), t("device changed"))
_SETTING_LABELS: _QuestionLabels = (t("setting added"), t("setting removed"), t("setting changed"))


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
    """Return the compared properties of a question, by the keys of _FACT_LABELS."""
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
    "own page": t("the app's page"),
    "size": t("minimum size"),
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
    what = t("network between containers")
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
    """Yield differences that concern no container; long texts are without their values."""
    for subject, before, after in (
        (t("name changed"), old.name, new.name),
        (t("version changed"), old.version, new.version),
        (t("website changed"), old.website, new.website),
        (t("address of the app's page changed"), _ui_address(old), _ui_address(new)),
    ):
        if before != after:
            yield DefinitionDifference("changed", "", subject, before, after)
    for subject, old_text, new_text in (
        (t("description changed"), old.description, new.description),
        (t("further information changed"), old.more_info, new.more_info),
        (t("icon changed"), old.icon, new.icon),
    ):
        if old_text != new_text:
            yield DefinitionDifference("changed", "", subject)
    if old.volume_add_support != new.volume_add_support:
        what = (
            t("additional storage allowed")
            if new.volume_add_support
            else t("additional storage not intended by the author")
        )
        yield DefinitionDifference("changed", "", what)


def _ui_address(definition: Definition) -> str:
    return f"{'https' if definition.ui.https else 'http'}://…/{definition.ui.slug}"
