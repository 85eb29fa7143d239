"""The shares page: the shares that are mounted on the app's volumes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from flask import request
from wtforms import Field, Form, ValidationError

from rockonweb.core import text
from rockonweb.core.answers.answers import share_fault, split_share_path
from rockonweb.core.definition.definition import Definition, VolumeSpec
from rockonweb.core.questions.wizard import (
    FieldValues,
    Question,
    find_shared_folders,
    page_questions,
    shared_folder_note,
)
from rockonweb.core.text import TranslatableText, t
from rockonweb.forms import PageForm, build_form, build_plain_fields

LIST_ID = "known-shares"  # of the datalist of existing shares
SAME_FOLDER = "same-place"  # the checkbox that confirms two volumes in one folder
MEBIBYTE = 2**20


@dataclass(frozen=True)
class ShareContext:
    """What the page needs to know of the host.

    `existing` are the names of all shares, `users` the other rock-ons that have data in each. `refusal` and `hint` say
    why no share can be created and what to do instead; `new_share_note` says what and where a new one will be, and
    `button` is the label of the button that creates it.
    """

    existing: Collection[str] = ()
    users: Mapping[str, Sequence[str]] = field(default_factory=dict)
    refusal: TranslatableText | None = None
    hint: str = ""
    new_share_note: str = ""
    button: str = "Install"


class SharesForm(PageForm):
    """The share of each volume, and a checkbox that must be ticked when two volumes get one folder."""

    share_context: ShareContext
    definition: Definition
    already_confirmed = False

    @property
    def shared_folders(self) -> list[TranslatableText]:
        """A sentence for each pair of volumes in one folder."""
        shared_paths = find_shared_folders(self.definition, self.typed_values)
        return [
            shared_folder_note(path, sharing[0], other)
            for path, sharing in shared_paths.items()
            for other in sharing[1:]
        ]

    @property
    def shared_folders_mark(self) -> str:
        """The value of the checkbox: a fingerprint, so that it confirms only these folders."""
        shared_paths = find_shared_folders(self.definition, self.typed_values)
        lines = sorted(f"{path}:{','.join(ask.name for ask in sharing)}" for path, sharing in shared_paths.items())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    @property
    def sharing_confirmed(self) -> bool:
        """Whether the checkbox is ticked for the folders that the form has now."""
        if self.is_submitted():
            return request.form.get(SAME_FOLDER) in ("y", self.shared_folders_mark)
        return self.already_confirmed


def build_shares_form(
    definition: Definition,
    values: FieldValues,
    share_context: ShareContext | None = None,
    *,
    already_confirmed: bool = False,
) -> SharesForm:
    """Return the form; `already_confirmed` says whether sharing folders was confirmed with these values before."""
    share_context = share_context or ShareContext()
    fields = build_plain_fields(
        page_questions(definition, "shares"), validators=[_validate_share], render_kw={"list": LIST_ID}
    )
    form = build_form(SharesForm, fields, values)
    form.share_context, form.definition, form.already_confirmed = share_context, definition, already_confirmed
    for answer_field in form.answer_fields:
        answer_field.notes = _share_notes(answer_field.ask, answer_field.data or "", share_context)
    return form


def shares_to_create(typed: FieldValues, existing: Collection[str]) -> frozenset[str]:
    """Return the named shares that do not exist: submitting creates them."""
    return frozenset(split_share_path(share_path)[0] for share_path in typed.values()) - frozenset(existing)


def min_size_note(size: int | None) -> str:
    """Return a sentence with a volume's minimum size. A number too small to be bytes is shown without a unit."""
    if size is None or size <= 0:
        return ""
    if size < MEBIBYTE:
        return t("Needs free space: its definition says %(size)s, without a unit.", size=size)
    return t("Needs at least %(size)s of free space.", size=text.format_size(size, binary=True))


def share_path_notes(share_path: str, share_context: ShareContext) -> list[TranslatableText]:
    """Return notes on the path SHARE or SHARE/FOLDER: whether the share is new, and who else uses it."""
    share, _ = split_share_path(share_path)
    notes = []
    if share and share not in share_context.existing and not share_fault(share_path) and not share_context.refusal:
        note = t(
            'The share "%(share)s" does not exist yet. It will be created when you press %(button)s.',
            share=share,
            button=share_context.button,
        )
        notes.append(note)
    if users := share_context.users.get(share):
        notes.append(t('The share "%(share)s" is also used by %(users)s.', share=share, users=", ".join(users)))
    return notes


def share_path_faults(share_path: str, share_context: ShareContext) -> list[str]:
    """Return what is wrong with the path SHARE or SHARE/FOLDER, and what to do instead."""
    if not share_path:
        return [t("Choose a share or enter a new name.")]
    if fault := share_fault(share_path, share_context.existing):
        return [fault]
    share, _ = split_share_path(share_path)
    if share not in share_context.existing and share_context.refusal:
        sentence = t('The share "%(share)s" does not exist and can\'t be created.', share=share)
        return [sentence, share_context.refusal, share_context.hint]
    return []


def _share_notes(ask: Question, share_path: str, share_context: ShareContext) -> list[str]:
    size = min_size_note(ask.spec.min_size) if isinstance(ask.spec, VolumeSpec) else ""
    return [*filter(None, [size]), *share_path_notes(share_path, share_context)]


def _validate_share(form: Form, field: Field) -> None:
    if faults := share_path_faults(field.data, form.share_context):
        field.errors.extend(faults[:-1])
        raise ValidationError(faults[-1])
    if not form.sharing_confirmed:
        for share_path, sharing in find_shared_folders(form.definition, form.typed_values).items():
            if field.ask in sharing[1:]:
                field.errors.append(shared_folder_note(share_path, sharing[0], field.ask))
                raise ValidationError(t("Choose another folder, or confirm it below."))
