"""Variables in Compose files and command lines."""

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.interpolation import interpolate

VALUES = {"TAG": "2", "EMPTY": "", "A_1": "x"}


@pytest.mark.parametrize(
    ("text", "filled", "missing"),
    [
        ("web:$TAG", "web:2", ()),
        ("web:${TAG}-b", "web:2-b", ()),
        ("${A_1}$A_1", "xx", ()),
        ("$$TAG costs $$5", "$TAG costs $5", ()),
        ("${NO}", "", ("NO",)),
        ("$NO/$ALSO/$NO", "//", ("NO", "ALSO")),
        ("${NO:-8080}", "8080", ()),
        ("${EMPTY:-8080}|${EMPTY-8080}", "8080|", ()),
        ("${NO:-${TAG}}", "2", ()),
        ("${NO:-${OTHER}}", "", ("OTHER",)),
        ("${TAG:-${OTHER}}", "2", ()),
        ("${NO:-a:b/c}", "a:b/c", ()),
        ("${TAG:+yes}|${NO+yes}|${EMPTY:+yes}|${EMPTY+yes}", "yes|||yes", ()),
        ("${TAG:?needed}", "2", ()),
        ("a}b", "a}b", ()),
    ],
)
def test_variables_are_filled_in_as_in_compose(text, filled, missing):
    result = interpolate(text, VALUES)
    assert (result.text, result.missing) == (filled, missing)


@pytest.mark.parametrize(
    "text", ["${", "${}", "${TAG", "${TAG:-x", "${TAG!}", "$(pwd)", "5$", "${NO:-" * 30 + "}" * 30]
)
def test_what_is_no_variable_is_refused_with_its_text(text):
    with pytest.raises(BadInput, match="is not a variable"):
        interpolate(text, VALUES)


def test_a_required_variable_says_why():
    with pytest.raises(BadInput, match='"NO" must have a value: set it'):
        interpolate("${NO:?set it}", VALUES)


def test_in_a_shell_other_dollar_signs_stay():
    assert interpolate("cost 5$, $(pwd) $$", VALUES, escaped=False).text == "cost 5$, $(pwd) $$"
