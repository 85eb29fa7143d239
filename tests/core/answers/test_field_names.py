"""Names of form fields: no two questions have one, and each is read as the question that it was made for."""

from hypothesis import given
from hypothesis import strategies as st

from rockonweb.core.answers.answers import Answers
from rockonweb.core.answers.field_names import field_name, page_field_names, parse_field_names, plain_field_name
from rockonweb.core.definition.definition import CONTAINER_NAME
from rockonweb.core.questions.settings import SETTINGS_PAGES
from rockonweb.core.questions.wizard import all_questions, answers_from_values, values_from_answers
from tests.support.samples import build_definition, complete_answers, label_questions

Question = tuple[str, str, str]  # page, container, key
# Of few parts, so that one name often begins as another one does.
CONTAINERS = st.sets(
    st.lists(st.sampled_from(["ab", "c", "-", ".d"]), min_size=1, max_size=3)
    .map("-".join)
    .filter(lambda name: bool(CONTAINER_NAME.fullmatch(name))),
    min_size=1,
    max_size=5,
)
KEYS = st.lists(st.sampled_from(["ab", "c", "-", "/"]), min_size=1, max_size=3).map("-".join) | st.text(min_size=1)


@st.composite
def asked(draw: st.DrawFn) -> tuple[set[str], list[Question]]:
    """Containers, and questions to them, those whose glued names are the same among them."""
    containers = draw(CONTAINERS)
    questions = draw(
        st.lists(st.tuples(st.sampled_from(SETTINGS_PAGES), st.sampled_from(sorted(containers)), KEYS), max_size=9)
    )
    twins = [
        (page, other, f"{container.removeprefix(other + '-')}-{key}")
        for page, container, key in questions
        for other in containers
        if container.startswith(other + "-") and container != other + "-"
    ]
    return containers, list(dict.fromkeys(questions + twins))


@given(asked())
def test_different_questions_have_different_names_which_are_read_as_these_questions(
    given: tuple[set[str], list[Question]],
) -> None:
    containers, asks = given
    names = {ask: field_name(*ask, containers) for ask in asks}
    assert len(set(names.values())) == len(asks)
    for (page, container, key), name in names.items():
        assert parse_field_names(page, names.values(), containers)[name] == (container, key)
        assert [other for other in SETTINGS_PAGES if page_field_names(other, [name])] == [page]


@given(asked())
def test_a_name_that_can_mean_nothing_else_has_the_plain_form(
    given: tuple[set[str], list[Question]],
) -> None:
    containers, asks = given
    for page, container, key in asks:
        plain = plain_field_name(page, container, key)
        assert plain == f"{page}-{container}-{key}"
        others = [other for other in containers - {container} if plain.startswith(f"{page}-{other}-")]
        if not others:
            assert field_name(page, container, key, containers) == plain


def test_names_as_they_are_documented() -> None:
    apps = {"syncthing", "nextcloud-official", "nextcloud-official-db", "web", "web-db"}
    assert field_name("shares", "syncthing", "/config", apps) == "shares-syncthing-/config"
    assert field_name("ports", "nextcloud-official", "80", apps) == "ports-nextcloud-official-80"
    assert field_name("environment", "nextcloud-official-db", "KEY", apps) == "environment-nextcloud-official-db-KEY"
    assert field_name("environment", "web-db", "X", apps) == "environment-web-db-X"
    assert field_name("environment", "web", "db-X", apps) == "environment-/web/db-X"
    assert plain_field_name("custom-config", "", "KEY") == "custom-config-KEY"


def test_a_field_belongs_to_the_container_with_the_longest_name_that_fits() -> None:
    sent = ["storage-app-db-/x", "storage-app-/y-z", "storage-/app/db-/x", "storage-none-/x", "Save"]
    assert parse_field_names("storage", sent, ["app", "app-db"]) == {
        "storage-app-db-/x": ("app-db", "/x"),
        "storage-app-/y-z": ("app", "/y-z"),
        "storage-/app/db-/x": ("app", "db-/x"),
    }


def test_no_second_spelling_of_a_name_and_no_name_of_nothing_is_read() -> None:
    sent = ["storage-/app//x", "storage-/none//x", "storage-/app", "storage-/", "storage-", "storage-app-", "storage"]
    assert parse_field_names("storage", sent, ["app", "app-db"]) == {}


@given(asked())
def test_every_question_of_a_definition_keeps_its_own_answer(
    given: tuple[set[str], list[Question]],
) -> None:
    containers, asks = given
    keys = {name: [key for _, owner, key in asks if owner == name and key.isprintable() and key.strip()
                   and "=" not in key] for name in containers}  # fmt: skip
    definition = build_definition(
        {name: {"environment": label_questions(dict.fromkeys(keys[name], ""))} for name in sorted(containers)}
    )
    wanted = complete_answers(definition, environment={
        name: {key: f"{place} {name}" for place, key in enumerate(keys[name])} for name in containers
    })  # fmt: skip
    assert len({ask.name for ask in all_questions(definition)}) == sum(len(set(found)) for found in keys.values())
    assert answers_from_values(definition, values_from_answers(definition, wanted)) == Answers(
        environment=wanted.environment
    )
