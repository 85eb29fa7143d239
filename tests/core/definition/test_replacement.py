"""Which rock-on has become which."""

from rockonweb.core.definition.replacement import ReplacementCandidate, Replacements, match_replacements


def offered(**containers: str) -> list[ReplacementCandidate]:
    """Candidates by name, with their containers in a text."""
    return [
        ReplacementCandidate(place, name, frozenset(words.split()))
        for place, (name, words) in enumerate(containers.items(), 1)
    ]


def names(found: Replacements) -> list[str]:
    return [one.name for one in found.candidates]


def test_the_one_with_the_same_containers_is_it():
    found = match_replacements(["app", "db"], offered(Other="cache", Renamed="db app", Part="app", More="app db cache"))
    assert names(found) == ["Renamed"]
    assert found.replacement == found.candidates[0]
    assert not found.is_ambiguous


def test_one_that_has_all_and_more_is_it_where_none_has_the_same():
    found = match_replacements(["app"], offered(Other="cache", More="app db"))
    assert names(found) == ["More"]


def test_one_that_lacks_a_container_is_another_app():
    assert names(match_replacements(["app", "db"], offered(Part="app", Other="x"))) == []


def test_where_several_fit_a_person_must_choose():
    found = match_replacements(["app"], offered(Zwei="app", Eins="app"))
    assert (names(found), found.replacement, found.is_ambiguous) == (["Eins", "Zwei"], None, True)
    assert found.choose_candidate(1) == ReplacementCandidate(1, "Zwei", frozenset({"app"}))
    assert found.choose_candidate(None) is None
    assert found.choose_candidate(9) is None


def test_nothing_succeeds_what_had_no_container():
    assert match_replacements([], offered(Any="app")) == Replacements()
