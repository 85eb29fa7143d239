"""A step of the wizard against a bare Flask view that asks the same.

    python -m bench.wizard [--rounds 60]

Both are whole requests in this process, on one application, through every layer but the socket: a page of three
questions is got and its answers are posted, which ends in a commit and a redirect. The bare view has the same login,
CSRF token and commit, and nothing else: three fields, a template of a few lines, one row that is written.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable

from flask import Flask, redirect, render_template_string
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField

from bench.figures import Row, show
from bench.instance import instance, visitor
from rockonweb.core.questions import wizard
from rockonweb.models import RockOn, Role, repository, transaction
from rockonweb.web import drafts
from rockonweb.web.permissions import require_role

STEP, BARE = "/rockons/1/install/environment", "/bare"
PAGE = """<!doctype html><title>Bare</title><form method="post">{{ form.hidden_tag() }}
{% for field in (form.a, form.b, form.c) %}<p>{{ field.label }} {{ field() }}</p>{% endfor %}
<button>Next</button></form>"""
TOKEN = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')


class Bare(FlaskForm):  # type: ignore[misc]
    """Three questions."""

    a = StringField()
    b = StringField()
    c = StringField()


@require_role(Role.OWNER)
def bare() -> ResponseReturnValue:
    """Ask, or write the answers down."""
    form = Bare()
    if form.validate_on_submit():
        with transaction() as session:
            session.get_one(RockOn, 2).website = f"{form.a.data}{form.b.data}{form.c.data}"[:32]
        return redirect(BARE, code=303)
    return render_template_string(PAGE, form=form)


def go_to(app: Flask) -> list[str]:
    """Answer the pages before the one that is measured; return the names of its questions."""
    with app.app_context():
        rockon = repository.find_installation(1)
        assert rockon
        definition = drafts.catalogue_definition(rockon)
        for page in wizard.wizard_pages(definition):
            asks = wizard.page_questions(definition, page)
            if page == "environment":
                return [ask.name for ask in asks]
            given = {ask.name: str(21000 + n) if page == "ports" else f"share-{n}" for n, ask in enumerate(asks)}
            drafts.save_draft(rockon, definition, 1, page, given, accepted=True)
    raise SystemExit("the rock-on has no variables")


def step(client: FlaskClient, path: str, names: list[str]) -> None:
    """Get a page and post its answers, which must be taken."""
    text = client.get(path).text
    token = TOKEN.search(text)
    if not token:
        raise SystemExit(f"{path} has no form")
    answer = client.post(path, data={"csrf_token": token[1], **dict.fromkeys(names, "1000")})
    if answer.status_code != 303:
        raise SystemExit(f"{path}: {answer.status}")


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(rounds: int) -> Row:
    """Return the row."""
    with instance(2) as app:
        app.add_url_rule(BARE, view_func=bare, methods=["GET", "POST"])
        names = go_to(app)
        client = visitor(app)

        def ours() -> None:
            step(client, STEP, names)

        def theirs() -> None:
            step(client, BARE, ["a", "b", "c"])

        ours(), theirs()
        pairs = [(seconds(ours) * 1000, seconds(theirs) * 1000) for _ in range(rounds)]
    return Row("a wizard step, GET and POST", "a bare view with the same login, CSRF and commit", pairs, 2, "ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    show([measure(parser.parse_args().rounds)])


if __name__ == "__main__":
    main()
