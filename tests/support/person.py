"""A person without a browser: fetches pages, fills in their forms, presses their buttons."""

import re
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

WAIT_SECONDS = 120


@dataclass
class Field:
    """An input or text area of a form: its kind, and the value that it holds."""

    kind: str
    value: str
    disabled: bool = False


@dataclass
class Form:
    """A form of a page: where it is sent, its fields by name, its buttons by their `name`."""

    action: str
    fields: dict[str, Field] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)

    def form_data(self, **pressed: str) -> dict[str, str]:
        """What a browser would send."""
        return {name: form_field.value for name, form_field in self.fields.items() if not form_field.disabled} | pressed


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.area: Field | None = None  # the text area that is being read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {key: value or "" for key, value in attrs}
        if tag == "form":
            self.forms.append(Form(attributes.get("action", "")))
        elif not self.forms or not attributes.get("name"):
            return
        elif tag == "input" and attributes.get("type") not in ("checkbox", "radio", "submit"):
            form_field = Field(attributes.get("type", "text"), attributes.get("value", ""), "disabled" in attributes)
            self.forms[-1].fields[attributes["name"]] = form_field
        elif tag == "textarea":
            self.area = self.forms[-1].fields[attributes["name"]] = Field("textarea", "")
        elif tag == "button" or (tag == "input" and attributes.get("type") == "submit"):
            self.forms[-1].buttons[attributes["name"]] = attributes.get("value", "")

    def handle_data(self, data: str) -> None:
        if self.area:
            self.area.value += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.area:  # as browsers do: without the first line end, the others sent as CR LF
            lines = re.split("\r\n|\r|\n", self.area.value)
            self.area.value, self.area = "\r\n".join(lines[not lines[0] :]), None


def parse_forms(html: str) -> list[Form]:
    """The forms of a page, in its order."""
    parser = _FormParser()
    parser.feed(html)
    return parser.forms


def new_retrying_session() -> requests.Session:
    """A session of requests that opens another connection where the server has closed a kept one, as browsers do."""
    session = requests.Session()
    retries = Retry(total=None, connect=0, read=1, status=0, redirect=0, allowed_methods=None)
    session.mount("http://", HTTPAdapter(max_retries=retries))
    return session


class Person:
    """Someone who is logged in at `url`."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.session = new_retrying_session()
        form = parse_forms(self.get("/login").text)[0]
        answer = self.session.post(f"{url}/login", {**form.form_data(), "name": user, "password": password}, timeout=30)
        assert answer.ok, answer.text
        assert "/login" not in answer.url, "the login was refused"

    def get(self, path: str) -> requests.Response:
        """Open a page, and follow where it leads."""
        return self.session.get(self.url + path, timeout=60)

    def press_button(self, path: str, action: str) -> requests.Response:
        """Press, on the page `path`, the button whose form is sent to `action`."""
        form = next(form for form in parse_forms(self.get(path).text) if form.action.endswith(action))
        return self.session.post(self.url + form.action, form.form_data(), timeout=60)

    def walk_wizard(self, rockon_id: int, blank: str = "1000") -> requests.Response:
        """Go through the wizard, take what is suggested, fill in `blank` elsewhere, and submit.

        Devices stay blank. Returns the answer to the submit, or to the page that refused.
        """
        page = self.get(f"/rockons/{rockon_id}/install")
        while True:
            form = next(form for form in parse_forms(page.text) if {"Next", "Submit"} & form.buttons.keys())
            page_name = page.url.rpartition("/")[2]
            for name, form_field in form.fields.items():
                if form_field.kind not in ("hidden",) and not form_field.value and not name.startswith("devices-"):
                    form_field.value = blank
            button = "Submit" if "Submit" in form.buttons else "Next"
            page = self.session.post(page.url, form.form_data(**{button: button}), timeout=60)
            if not page.ok or button == "Submit":
                return page
            assert page.url.rpartition("/")[2] != page_name, f"the wizard stays on {page_name}"

    def await_end(self, page: requests.Response) -> str:
        """Wait for the end of the operation whose page this is; returns its page."""
        assert re.search(r"/operations/\d+$", page.url), f"no operation began: {page.status_code} {page.url}"
        deadline = time.monotonic() + WAIT_SECONDS
        while 'hx-trigger="every 1s"' in (html := self.session.get(page.url, timeout=60).text):
            assert time.monotonic() < deadline, f"{page.url} does not end"
            time.sleep(0.1)
        return html
