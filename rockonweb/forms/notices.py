"""The forms that say where notices go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from flask_babel import get_locale
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, IntegerField, PasswordField, SelectField, StringField, SubmitField
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError

from rockonweb.core.instance.notices import NoticeChannel, NoticeEvent, is_local_service
from rockonweb.forms import NO_AUTOFILL
from rockonweb.languages import LANGUAGES

MAILBOX_PATTERN = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")
SCHEME_PATTERN = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)
EVENT_LABELS = {
    NoticeEvent.FAILED: _l("Something failed"),
    NoticeEvent.ENDED: _l("Everything that has ended, well or not"),
    NoticeEvent.IMAGES: _l("Newer images were found"),
    NoticeEvent.TROUBLE: _l("Room is low, or Docker is away for longer than 5 minutes"),
}


class EventsForm(FlaskForm):  # type: ignore[misc]
    """What a target is told of."""

    failed = BooleanField(EVENT_LABELS[NoticeEvent.FAILED], default=True)
    ended = BooleanField(EVENT_LABELS[NoticeEvent.ENDED])
    images = BooleanField(EVENT_LABELS[NoticeEvent.IMAGES])
    trouble = BooleanField(EVENT_LABELS[NoticeEvent.TROUBLE], default=True)
    language = SelectField(
        _l("Language"),
        choices=[(language, name, {"lang": language}) for language, name in LANGUAGES.items()],
        default=lambda: str(get_locale()),
    )

    @property
    def event_boxes(self) -> list[Field]:
        """The boxes that are ticked."""
        return [self[event.value] for event in NoticeEvent]

    @property
    def ticked_events(self) -> list[str]:
        """What was ticked."""
        return [event.value for event in NoticeEvent if self[event.value].data]

    @property
    def address_fields(self) -> list[Field]:
        """The fields of the address: those that only this way has."""
        no_answers = ("submit", "csrf_token", *EventsForm(formdata=None).data)
        return [field for field in self if field.name not in no_answers]

    @property
    def address_parts(self) -> dict[str, str]:
        """The address, in its parts."""
        return {field.name: str("" if field.data is None else field.data).strip() for field in self.address_fields}


class WebHookForm(EventsForm):
    """A web hook."""

    url = StringField(
        _l("Address"),
        [InputRequired(_l("Type the address of the web hook.")), Length(max=2000)],
        description=_l(
            "Such as https://box.example/hook. It gets a POST with title, message and type as JSON; those of "
            "well-known services get what they expect."
        ),
        render_kw=NO_AUTOFILL,
    )
    submit = SubmitField(_l("Add the web hook"))

    def validate_url(self, field: Field) -> None:
        """An address of the web."""
        try:
            url = urlsplit(field.data or "")
            fits = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
        except ValueError:
            fits = False
        if not fits or not field.data.isprintable() or " " in field.data:
            raise ValidationError(_l("It must be an address that begins with https:// or http://."))


class AppriseForm(EventsForm):
    """Whatever Apprise knows."""

    url = StringField(
        _l("Apprise address"),
        [InputRequired(_l("Type an address of Apprise.")), Length(max=2000)],
        description=_l("Such as ntfy://box.example/apps. Apprise's own pages tell how that of each service is made."),
        render_kw=NO_AUTOFILL,
    )
    submit = SubmitField(_l("Add the address"))

    def validate_url(self, field: Field) -> None:
        """Anything with a scheme of the network; whether Apprise knows it shows when something is sent."""
        scheme, colon, rest = (field.data or "").partition("://")
        if not colon or not rest or not SCHEME_PATTERN.fullmatch(scheme) or not field.data.isprintable():
            raise ValidationError(_l("It must be an address such as ntfy://box.example/apps."))
        if is_local_service(field.data):
            raise ValidationError(_l("Such an address leads to this machine itself. Notices go into the network only."))


class MailForm(EventsForm):
    """A mailbox, and the server that takes mail for it."""

    server = StringField(
        _l("Mail server"),
        [InputRequired(_l("Type the name of the mail server.")), Length(max=250)],
        description=_l("Such as smtp.box.example."),
        render_kw=NO_AUTOFILL,
    )
    port = IntegerField(
        _l("Port"),
        [InputRequired(_l("Type a port.")), NumberRange(1, 65535, _l("It must be a number from 1 to 65535."))],
        default=587,
        description=_l("Usually 587 with STARTTLS and 465 with TLS."),
    )
    security = SelectField(
        _l("Encryption"),
        choices=[("starttls", "STARTTLS"), ("tls", "TLS"), ("none", _l("None: the password travels as it is"))],
    )
    user = StringField(_l("User"), [Optional(), Length(max=250)], render_kw=NO_AUTOFILL)
    password = PasswordField(
        _l("Password"), [Optional(), Length(max=500)], render_kw={**NO_AUTOFILL, "autocomplete": "new-password"}
    )
    sender = StringField(
        _l("From"),
        [InputRequired(_l("Type the address that mails come from."))],
        description=_l("Such as apps@box.example."),
        render_kw=NO_AUTOFILL,
    )
    to = StringField(
        _l("To"),
        [InputRequired(_l("Type the address that mails go to."))],
        description=_l("Several with commas between them."),
        render_kw=NO_AUTOFILL,
    )
    submit = SubmitField(_l("Add the mailbox"))

    @property
    def address_parts(self) -> dict[str, str]:
        """The address, in its parts."""
        address = super().address_parts
        return {**address, "password": self.password.data or "", "from": address.pop("sender")}

    def validate_server(self, field: Field) -> None:
        """A name, not an address of the web."""
        if not re.fullmatch(r"[A-Za-z0-9._:-]+", (field.data or "").strip()):
            raise ValidationError(_l("It must be the name of a server, such as smtp.box.example."))

    def validate_sender(self, field: Field) -> None:
        """One mailbox."""
        if not MAILBOX_PATTERN.fullmatch((field.data or "").strip()):
            raise ValidationError(_l("It must be an address such as apps@box.example."))

    def validate_to(self, field: Field) -> None:
        """One mailbox or several."""
        if not all(MAILBOX_PATTERN.fullmatch(mailbox.strip()) for mailbox in (field.data or "").split(",")):
            raise ValidationError(_l("It must be addresses such as ada@box.example, with commas between them."))


TARGET_FORMS: Mapping[NoticeChannel, type[EventsForm]] = {
    NoticeChannel.HOOK: WebHookForm,
    NoticeChannel.MAIL: MailForm,
    NoticeChannel.APPRISE: AppriseForm,
}
