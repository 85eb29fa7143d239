"""Which rock-on has become which."""

from rockonweb.core.definition.replacement import Candidate, Succession, find


def offered(**containers: str) -> list[Candidate]:
    """Candidates by name, with their containers in a text."""
    return [
        Candidate(place, name, frozenset(words.split())) for place, (name, words) in enumerate(containers.items(), 1)
    ]


def names(found: Succession) -> list[str]:
    return [one.name for one in found.candidates]


def test_the_one_with_the_same_containers_is_it():
    found = find(["app", "db"], offered(Other="cache", Renamed="db app", Part="app", More="app db cache"))
    assert names(found) == ["Renamed"]
    assert found.successor == found.candidates[0]
    assert not found.ambiguous


def test_one_that_has_all_and_more_is_it_where_none_has_the_same():
    found = find(["app"], offered(Other="cache", More="app db"))
    assert names(found) == ["More"]


def test_one_that_lacks_a_container_is_another_app():
    assert names(find(["app", "db"], offered(Part="app", Other="x"))) == []


def test_where_several_fit_a_person_must_choose():
    found = find(["app"], offered(Zwei="app", Eins="app"))
    assert (names(found), found.successor, found.ambiguous) == (["Eins", "Zwei"], None, True)
    assert found.chosen(1) == Candidate(1, "Zwei", frozenset({"app"}))
    assert found.chosen(None) is None
    assert found.chosen(9) is None


def test_nothing_succeeds_what_had_no_container():
    assert find([], offered(Any="app")) == Succession()
