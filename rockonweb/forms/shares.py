"""The shares page: where the app's folders are kept."""

from __future__ import annotations

from collections.abc import Collection

import humanize
from wtforms import Field, Form, StringField, ValidationError

from rockonweb.core.answers import share_fault, split_share
from rockonweb.core.definition import Definition, VolumeSpec
from rockonweb.core.text import t
from rockonweb.core.wizard import Ask, Values, asks
from rockonweb.forms import Asked, PageForm, build, stripped

LIST_ID = "known-shares"  # of the datalist that offers the shares there are
A_MEBIBYTE = 2**20


class ShareField(Asked, StringField):  # type: ignore[misc]
    """SHARE or SHARE/FOLDER."""


def form(definition: Definition, values: Values, known: Collection[str]) -> PageForm:
    """Return the form; `known` are the names of the shares there are."""
    fields = {
        ask.name: ShareField(
            ask=ask,
            place=place,
            notes=_notes(ask, values.get(ask.name, ""), known),
            filters=[stripped],
            validators=[_check],
            render_kw={"list": LIST_ID, "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
        )
        for place, ask in enumerate(asks(definition, "shares"), 1)
    }
    return build("SharesForm", fields, values)


def new_shares(typed: Values, known: Collection[str]) -> frozenset[str]:
    """Return the shares that were named and do not exist: Submit makes them."""
    return frozenset(split_share(place)[0] for place in typed.values()) - frozenset(known)


def size_in_words(size: int | None) -> str:
    """Return a volume's least size for people. Small numbers are surely no bytes: shown as they are."""
    if size is None or size <= 0:
        return ""
    words = humanize.naturalsize(size, binary=True) if size >= A_MEBIBYTE else str(size)
    return t("Needs room for at least %(size)s.", size=words)


def _notes(ask: Ask, place: str, known: Collection[str]) -> list[str]:
    share, _ = split_share(place)
    notes = [size_in_words(ask.question.min_size)] if isinstance(ask.question, VolumeSpec) else []
    if share and share not in known and not share_fault(place):
        notes.append(t('The share "%(share)s" does not exist yet: it will be made on Submit.', share=share))
    return [note for note in notes if note]


def _check(_form: Form, field: Field) -> None:
    if not field.data:
        raise ValidationError(t("Choose a share, or name a new one."))
    if fault := share_fault(field.data):
        raise ValidationError(fault)
