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
    """An input of a form: its kind, and the value that it holds."""

    kind: str
    value: str
    disabled: bool = False


@dataclass
class Form:
    """A form of a page: where it is sent, its fields by name, its buttons by their `name`."""

    action: str
    fields: dict[str, Field] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)

    def data(self, **pressed: str) -> dict[str, str]:
        """What a browser would send."""
        return {name: one.value for name, one in self.fields.items() if not one.disabled} | pressed


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
        elif not self.forms or not given.get("name"):
            return
        elif tag == "input" and given.get("type") not in ("checkbox", "radio", "submit"):
            one = Field(given.get("type", "text"), given.get("value", ""), "disabled" in given)
            self.forms[-1].fields[given["name"]] = one
        elif tag == "button" or (tag == "input" and given.get("type") == "submit"):
            self.forms[-1].buttons[given["name"]] = given.get("value", "")


def forms(html: str) -> list[Form]:
    """The forms of a page, in its order."""
    parser = _Forms()
    parser.feed(html)
    return parser.forms


def new_session() -> requests.Session:
    """A session of requests that opens another connection where the server has closed a kept one, as browsers do."""
    session = requests.Session()
    again = Retry(total=None, connect=0, read=1, status=0, redirect=0, allowed_methods=None)
    session.mount("http://", HTTPAdapter(max_retries=again))
    return session


class Person:
    """Someone who is logged in at `url`."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.session = new_session()
        form = forms(self.get("/login").text)[0]
        answer = self.session.post(f"{url}/login", {**form.data(), "name": user, "password": password}, timeout=30)
        assert answer.ok, answer.text
        assert "/login" not in answer.url, "the login was refused"

    def get(self, path: str) -> requests.Response:
        """Open a page, and follow where it leads."""
        return self.session.get(self.url + path, timeout=60)

    def press(self, path: str, action: str) -> requests.Response:
        """Press, on the page `path`, the button whose form is sent to `action`."""
        form = next(form for form in forms(self.get(path).text) if form.action.endswith(action))
        return self.session.post(self.url + form.action, form.data(), timeout=60)

    def walk_wizard(self, rockon_id: int, blank: str = "1000") -> requests.Response:
        """Go through the wizard, take what is suggested, fill in `blank` elsewhere, and submit.

        Devices stay blank. Returns the answer to the submit, or to the page that refused.
        """
        page = self.get(f"/rockons/{rockon_id}/install")
        while True:
            form = next(form for form in forms(page.text) if {"Next", "Submit"} & form.buttons.keys())
            here = page.url.rpartition("/")[2]
            for name, one in form.fields.items():
                if one.kind not in ("hidden",) and not one.value and not name.startswith("devices-"):
                    one.value = blank
            button = "Submit" if "Submit" in form.buttons else "Next"
            page = self.session.post(page.url, form.data(**{button: button}), timeout=60)
            if not page.ok or button == "Submit":
                return page
            assert page.url.rpartition("/")[2] != here, f"the wizard stays on {here}"

    def await_end(self, page: requests.Response) -> str:
        """Wait for the end of the operation whose page this is; returns its page."""
        assert re.search(r"/operations/\d+$", page.url), f"no operation began: {page.status_code} {page.url}"
        deadline = time.monotonic() + WAIT_SECONDS
        while 'hx-trigger="every 1s"' in (html := self.session.get(page.url, timeout=60).text):
            assert time.monotonic() < deadline, f"{page.url} does not end"
            time.sleep(0.1)
        return html
