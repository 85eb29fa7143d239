"""The shares page: where the app's folders are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from flask import request
from wtforms import Field, Form, ValidationError

from rockonweb.core import text
from rockonweb.core.answers.answers import share_fault, split_share
from rockonweb.core.definition.definition import Definition, VolumeSpec
from rockonweb.core.questions.wizard import Ask, Values, asks, same_place, same_places
from rockonweb.core.text import Text, t
from rockonweb.forms import PageForm, build, plain_fields

LIST_ID = "known-shares"  # of the datalist that offers the shares there are
SAME = "same-place"  # the box that confirms two volumes in one folder
A_MEBIBYTE = 2**20


@dataclass(frozen=True)
class Room:
    """What the page needs to know of the host.

    `known` are the names of the shares there are, `users` the other rock-ons that have data in them. `refusal` and
    `way_out` say why no share can be made and what to do instead; `new` says what and where a new one will be, and
    `button` is what makes it.
    """

    known: Collection[str] = ()
    users: Mapping[str, Sequence[str]] = field(default_factory=dict)
    refusal: Text | None = None
    way_out: str = ""
    new: str = ""
    button: str = "Submit"


class SharesForm(PageForm):
    """The shares, and a box that must be ticked when two volumes are given one folder."""

    room: Room
    definition: Definition
    agreed = False

    @property
    def same(self) -> list[Text]:
        """What has one folder together, in words."""
        places = same_places(self.definition, self.typed)
        return [same_place(place, sharing[0], other) for place, sharing in places.items() for other in sharing[1:]]

    @property
    def same_mark(self) -> str:
        """The value of the box: it confirms these folders and no others."""
        places = same_places(self.definition, self.typed)
        told = sorted(f"{place}:{','.join(ask.name for ask in sharing)}" for place, sharing in places.items())
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

    @property
    def confirmed(self) -> bool:
        """Whether the box is ticked for what the page says now."""
        if self.is_submitted():
            return request.form.get(SAME) in ("y", self.same_mark)
        return self.agreed


def form(definition: Definition, values: Values, room: Room | None = None, *, agreed: bool = False) -> SharesForm:
    """Return the form; `agreed` says whether two volumes in one folder were confirmed with these values."""
    room = room or Room()
    fields = plain_fields(asks(definition, "shares"), validators=[_check], render_kw={"list": LIST_ID})
    made = build(SharesForm, fields, values)
    made.room, made.definition, made.agreed = room, definition, agreed
    for one in made.answers:
        one.notes = _notes(one.ask, one.data or "", room)
    return made


def new_shares(typed: Values, known: Collection[str]) -> frozenset[str]:
    """Return the shares that were named and do not exist: Submit makes them."""
    return frozenset(split_share(place)[0] for place in typed.values()) - frozenset(known)


def size_in_words(size: int | None) -> str:
    """Return a volume's least size for people. Small numbers are surely no bytes: shown as they are."""
    if size is None or size <= 0:
        return ""
    if size < A_MEBIBYTE:
        return t("Needs room: its definition says %(size)s, without a unit.", size=size)
    return t("Needs room for at least %(size)s.", size=text.size(size, binary=True))


def place_notes(place: str, room: Room) -> list[Text]:
    """Return what to know about SHARE or SHARE/FOLDER."""
    share, _ = split_share(place)
    notes = []
    if share and share not in room.known and not share_fault(place) and not room.refusal:
        new = t(
            'The share "%(share)s" does not exist yet: it will be made on %(button)s.', share=share, button=room.button
        )
        notes.append(new)
    if users := room.users.get(share):
        notes.append(t('The share "%(share)s" is used by %(users)s too.', share=share, users=", ".join(users)))
    return notes


def place_faults(place: str, room: Room) -> list[str]:
    """Return what is wrong with SHARE or SHARE/FOLDER, and what to do instead."""
    if not place:
        return [t("Choose a share, or name a new one.")]
    if fault := share_fault(place):
        return [fault]
    share, _ = split_share(place)
    if share not in room.known and room.refusal:
        sentence = t('The share "%(share)s" does not exist, and can\'t be made.', share=share)
        return [sentence, room.refusal, room.way_out]
    return []


def _notes(ask: Ask, place: str, room: Room) -> list[str]:
    size = size_in_words(ask.question.min_size) if isinstance(ask.question, VolumeSpec) else ""
    return [*filter(None, [size]), *place_notes(place, room)]


def _check(form: Form, field: Field) -> None:
    if faults := place_faults(field.data, form.room):
        field.errors.extend(faults[:-1])
        raise ValidationError(faults[-1])
    if not form.confirmed:
        for place, sharing in same_places(form.definition, form.typed).items():
            if field.ask in sharing[1:]:
                field.errors.append(same_place(place, sharing[0], field.ask))
                raise ValidationError(t("Choose another folder, or confirm it below."))
