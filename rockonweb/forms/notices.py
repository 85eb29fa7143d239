"""The forms of notification targets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from flask_babel import get_locale
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, IntegerField, PasswordField, SelectField, StringField, SubmitField
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError

from rockonweb.core.instance.notifications import NoticeChannel, NoticeEvent, is_local_service
from rockonweb.forms import NO_AUTOFILL
from rockonweb.languages import LANGUAGES

MAILBOX_PATTERN = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")
SCHEME_PATTERN = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)
EVENT_LABELS = {
    NoticeEvent.FAILED: _l("An operation failed"),
    NoticeEvent.ENDED: _l("Every operation that has ended, failed or not"),
    NoticeEvent.IMAGES: _l("Updates are available"),
    NoticeEvent.DOWN: _l("An app is down, or well again"),
    NoticeEvent.TROUBLE: _l(
        "Free space is low, Docker has been unreachable for more than 5 minutes, apps did not start with it, or a "
        "registry refuses its login"
    ),
}


class EventsForm(FlaskForm):  # type: ignore[misc]
    """The events that a target is notified of."""

    failed = BooleanField(EVENT_LABELS[NoticeEvent.FAILED], default=True)
    ended = BooleanField(EVENT_LABELS[NoticeEvent.ENDED])
    images = BooleanField(EVENT_LABELS[NoticeEvent.IMAGES])
    down = BooleanField(EVENT_LABELS[NoticeEvent.DOWN], default=True)
    trouble = BooleanField(EVENT_LABELS[NoticeEvent.TROUBLE], default=True)
    language = SelectField(
        _l("Language"),
        choices=[(language, name, {"lang": language}) for language, name in LANGUAGES.items()],
        default=lambda: str(get_locale()),
    )

    @property
    def event_boxes(self) -> list[Field]:
        """The checkboxes of all events."""
        return [self[event.value] for event in NoticeEvent]

    @property
    def ticked_events(self) -> list[str]:
        """The values of the ticked events."""
        return [event.value for event in NoticeEvent if self[event.value].data]

    @property
    def address_fields(self) -> list[Field]:
        """The fields of the address: those that only this channel has."""
        no_answers = ("submit", "csrf_token", *EventsForm(formdata=None).data)
        return [field for field in self if field.name not in no_answers]

    @property
    def address_parts(self) -> dict[str, str]:
        """The parts of the address, by field name."""
        return {field.name: str("" if field.data is None else field.data).strip() for field in self.address_fields}


class WebHookForm(EventsForm):
    """A webhook."""

    url = StringField(
        _l("Address"),
        [InputRequired(_l("Enter the address of the webhook.")), Length(max=2000)],
        description=_l(
            "For example https://box.example/hook. It receives a POST request with title, message and type as JSON; "
            "webhooks of well-known services receive the format they expect."
        ),
        render_kw=NO_AUTOFILL,
    )
    submit = SubmitField(_l("Add webhook"))

    def validate_url(self, field: Field) -> None:
        """Require an http or https URL."""
        try:
            url = urlsplit(field.data or "")
            fits = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
        except ValueError:
            fits = False
        if not fits or not field.data.isprintable() or " " in field.data:
            raise ValidationError(_l("The address must start with https:// or http://."))


class AppriseForm(EventsForm):
    """An Apprise URL."""

    url = StringField(
        _l("Apprise URL"),
        [InputRequired(_l("Enter an Apprise URL.")), Length(max=2000)],
        description=_l(
            "For example ntfy://box.example/apps. The Apprise documentation shows the format for each service."
        ),
        render_kw=NO_AUTOFILL,
    )
    submit = SubmitField(_l("Add URL"))

    def validate_url(self, field: Field) -> None:
        """Require a URL that is not local; whether Apprise supports it shows when something is sent."""
        scheme, colon, rest = (field.data or "").partition("://")
        if not colon or not rest or not SCHEME_PATTERN.fullmatch(scheme) or not field.data.isprintable():
            raise ValidationError(_l("Enter a URL such as ntfy://box.example/apps."))
        if is_local_service(field.data):
            raise ValidationError(
                _l("Such an address points to this machine itself. Notifications are sent over the network only.")
            )


class MailForm(EventsForm):
    """A mailbox, and the mail server to send through."""

    server = StringField(
        _l("Mail server"),
        [InputRequired(_l("Enter the name of the mail server.")), Length(max=250)],
        description=_l("For example smtp.box.example."),
        render_kw=NO_AUTOFILL,
    )
    port = IntegerField(
        _l("Port"),
        [InputRequired(_l("Enter a port.")), NumberRange(1, 65535, _l("Enter a number from 1 to 65535."))],
        default=587,
        description=_l("Usually 587 with STARTTLS and 465 with TLS."),
    )
    security = SelectField(
        _l("Encryption"),
        choices=[("starttls", "STARTTLS"), ("tls", "TLS"), ("none", _l("None: the password is sent unencrypted"))],
    )
    user = StringField(_l("User name"), [Optional(), Length(max=250)], render_kw=NO_AUTOFILL)
    password = PasswordField(
        _l("Password"), [Optional(), Length(max=500)], render_kw={**NO_AUTOFILL, "autocomplete": "new-password"}
    )
    sender = StringField(
        _l("From"),
        [InputRequired(_l("Enter the sender's address."))],
        description=_l("For example apps@box.example."),
        render_kw=NO_AUTOFILL,
    )
    to = StringField(
        _l("To"),
        [InputRequired(_l("Enter the recipient's address."))],
        description=_l("Separate several addresses with commas."),
        render_kw=NO_AUTOFILL,
    )
    submit = SubmitField(_l("Add mailbox"))

    @property
    def address_parts(self) -> dict[str, str]:
        """The parts of the address, with `from` for the field `sender`."""
        address = super().address_parts
        return {**address, "password": self.password.data or "", "from": address.pop("sender")}

    def validate_server(self, field: Field) -> None:
        """Require a host name or address, not a URL."""
        if not re.fullmatch(r"[A-Za-z0-9._:-]+", (field.data or "").strip()):
            raise ValidationError(_l("Enter the name of a server, such as smtp.box.example."))

    def validate_sender(self, field: Field) -> None:
        """Require one mailbox."""
        if not MAILBOX_PATTERN.fullmatch((field.data or "").strip()):
            raise ValidationError(_l("Enter an address such as apps@box.example."))

    def validate_to(self, field: Field) -> None:
        """Require one or more mailboxes, separated by commas."""
        if not all(MAILBOX_PATTERN.fullmatch(mailbox.strip()) for mailbox in (field.data or "").split(",")):
            raise ValidationError(_l("Enter addresses such as ada@box.example, separated by commas."))


TARGET_FORMS: Mapping[NoticeChannel, type[EventsForm]] = {
    NoticeChannel.HOOK: WebHookForm,
    NoticeChannel.MAIL: MailForm,
    NoticeChannel.APPRISE: AppriseForm,
}
