"""What would go with a container: files that it has written into a folder which is in no share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from rockonweb.core.answers.answers import Answers, answer_faults
from rockonweb.core.definition.definition import Definition, is_mount_point
from rockonweb.core.errors import BadInput
from rockonweb.core.facts import LayerFacts, SharePathFacts, UnsavedFolder
from rockonweb.core.preflight.finding import Finding, FindingLevel
from rockonweb.core.text import format_size, join_texts, t

Choices = Mapping[str, str]  # by UnsavedFolder.key: the share path that it is copied to; blank: its files may be lost


def check_unsaved_files(
    definition: Definition,
    layers: Mapping[str, LayerFacts],
    choices: Choices,
    places: Mapping[str, SharePathFacts],
    level: FindingLevel = "block",
) -> Iterator[Finding]:
    """Yield what the removal of these containers would destroy; `level` is for what nobody has decided about yet.

    `places` are the share paths of the choices.
    """
    for container, layer in layers.items():
        name = definition.name if [*definition.containers] == [container] else container
        for folder in layer.folders:
            share_path = _find_choice(folder, choices)
            if share_path is None:
                hint = _undecided_hint(definition, folder, level)
                yield Finding(level, _describe_loss(name, folder), hint, unsaved=folder, by_hand=True)
            elif share_path:
                for fault in _check_copy(definition, folder, share_path, choices, places.get(share_path)):
                    yield replace(fault, unsaved=folder)
            else:
                yield Finding("warn", _describe_loss(name, folder), t("You agreed to lose them."), unsaved=folder)
        if layer.unknown:
            yield Finding(
                "warn",
                t("Docker can't tell whether %(name)s has files that are in no share.", name=name),
                join_texts(
                    " ",
                    (
                        layer.unknown,
                        t(
                            "They would be lost. See what it has changed: docker diff %(container)s",
                            container=container,
                        ),
                    ),
                ),
                by_hand=True,
            )


def _find_choice(folder: UnsavedFolder, choices: Choices) -> str | None:
    """Return what was chosen for a folder, or for one around it; None where nothing was."""
    chosen = (share_path for key, share_path in choices.items() if f"{folder.key}/".startswith(f"{key}/"))
    return next(chosen, None)


def can_be_saved(definition: Definition, folder: UnsavedFolder) -> bool:
    """Whether a share can take the place of a folder in a container of this definition."""
    return not folder.mixed and folder.container in definition.containers and is_mount_point(folder.folder)


def with_saved_folders(answers: Answers, choices: Choices) -> Answers:
    """Return the answers with the shares that take the place of folders."""
    storage = {container: {**share_paths} for container, share_paths in answers.storage.items()}
    for key, share_path in choices.items():
        container, _, folder = key.partition(":")
        if share_path:
            storage.setdefault(container, {})[folder] = share_path
    return replace(answers, storage=storage)


def check_choices(definition: Definition, choices: Choices) -> None:
    """Raise BadInput with a sentence for each choice that can't be followed, whatever the containers hold."""
    faults: list[str] = [
        t('"%(key)s" names no container of %(rockon)s and folder in it: CONTAINER:/FOLDER.',
          key=key, rockon=definition.name)
        for key, share_path in choices.items()
        if share_path
        and (key.partition(":")[0] not in definition.containers or not is_mount_point(key.partition(":")[2]))
    ]  # fmt: skip
    faults = faults or [*answer_faults(definition, with_saved_folders(Answers(), choices))]
    if faults:
        raise BadInput(t("The folders of %(name)s can't be saved like this.", name=definition.name), faults=faults)


def _describe_loss(name: str, folder: UnsavedFolder) -> str:
    if folder.files == 1:
        return t(
            "%(name)s has a file in %(folder)s, which is in no share; it would be lost.",
            name=name,
            folder=folder.folder,
        )
    files = t("%(count)s files", count=folder.files)
    if folder.size is not None:
        files = t("%(count)s files (%(size)s)", count=folder.files, size=format_size(folder.size))
    return t(
        "%(name)s has %(files)s in %(folder)s, which is in no share; they would be lost.",
        name=name,
        files=files,
        folder=folder.folder,
    )


def _undecided_hint(definition: Definition, folder: UnsavedFolder, level: FindingLevel) -> str:
    if level != "block" or not can_be_saved(definition, folder):
        hint = t("To keep them, copy them first: docker cp %(key)s .", key=folder.key)
        return (
            hint
            if level != "block"
            else t(
                "%(hint)s Then agree on the review page that they are lost (on the command line: --lose %(key)s).",
                hint=hint,
                key=folder.key,
            )
        )
    return t(
        "Choose a share for the folder on the review page, or agree there that they are lost (on the command line: "
        "--save %(key)s=SHARE/FOLDER or --lose %(key)s).",
        key=folder.key,
    )


def _check_copy(
    definition: Definition,
    folder: UnsavedFolder,
    share_path: str,
    choices: Choices,
    place: SharePathFacts | None,
) -> Iterator[Finding]:
    if not can_be_saved(definition, folder):
        yield Finding(
            "block",
            t("%(folder)s can't be put into a share.", folder=folder.folder),
            t("The image has files of its own there. Copy yours first: docker cp %(key)s .", key=folder.key),
        )
    elif (place and not place.empty) or _is_taken(folder, share_path, choices):
        yield Finding(
            "block",
            t("%(place)s can't take the files of %(folder)s: it is not an empty folder.",
              place=share_path, folder=folder.folder),
            t("Choose a new folder of a share (SHARE/FOLDER), or an empty share."),
        )  # fmt: skip
    elif place and place.free is not None and folder.size is not None and place.free < folder.size:
        yield Finding(
            "block",
            t("The files of %(folder)s need %(size)s, but the disk of %(place)s has only %(free)s free.",
              folder=folder.folder, size=format_size(folder.size), place=share_path, free=format_size(place.free)),
            t("Free up space there, or choose a share on another disk."),
        )  # fmt: skip
    else:
        yield Finding("note", t("The files in %(folder)s are copied to %(place)s first.",
                                folder=folder.folder, place=share_path))  # fmt: skip


def _is_taken(folder: UnsavedFolder, share_path: str, choices: Choices) -> bool:
    """Whether another folder is copied to the same place, or to one inside or around it."""
    others = [path for key, path in choices.items() if path and not f"{folder.key}/".startswith(f"{key}/")]
    return any(f"{share_path}/".startswith(f"{path}/") or f"{path}/".startswith(f"{share_path}/") for path in others)
