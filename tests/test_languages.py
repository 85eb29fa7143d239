"""Sentences of the core in a language that people can read."""

from pathlib import Path

import pytest

from rockonweb import config, create_app
from rockonweb.core.text import format_size, join_texts, t
from rockonweb.languages import translate, translate_markup, use_language
from tests.support.app import make_app


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Needs at least 1.5 GB of free space. – Cancelled. 8080"),
        ("de", "Braucht mindestens 1,5 GB freien Speicherplatz. – Abgebrochen. 8080"),
    ],
)
def test_sentences_and_numbers_in_them_are_in_the_language(tmp_path: Path, language: str, words: str) -> None:
    said = join_texts(
        " ",
        (t("Needs at least %(size)s of free space.", size=format_size(1_500_000_000)), "–", t("Cancelled."), "8080"),
    )
    with make_app(tmp_path).app_context(), use_language(language):
        assert translate(said) == words
        assert translate("1.5 GB of somebody else") == "1.5 GB of somebody else"


def test_commands_translate_too(tmp_path: Path) -> None:
    app = create_app(config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path)}), pages=False)
    with app.app_context(), use_language("de"):
        assert translate(t("Cancelled.")) == "Abgebrochen."


def test_what_is_inserted_into_the_text_of_a_template_is_escaped(tmp_path: Path) -> None:
    with make_app(tmp_path).app_context(), use_language("de"):
        assert translate_markup("Stop: %(name)s", name="<b>") == "Stoppen: &lt;b&gt;"
        assert translate_markup("100 %% of %(what)s", what="it") == "100 % of it"
        assert translate_markup("Stop") == "Stoppen"
