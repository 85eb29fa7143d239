"""Whose a share is, whose it should be, and how much room it has."""

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers import owners
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import ContainerFacts, ShareAbsence, ShareIdentity, SharePathFacts
from rockonweb.core.preflight.mounts import check_shares
from tests.support.samples import build_definition, make_host_facts

GIBIBYTE = 2**30


def app(**more: object) -> Definition:
    return build_definition({"app": {"volumes": {"/data": {}}, "environment": {"PUID": {}, "PGID": {}}, **more}})


def as_user(uid: str, gid: str = "100", place: str = "films") -> Answers:
    return Answers(shares={"app": {"/data": place}}, environment={"app": {"PUID": uid, "PGID": gid}})


def found(sample: Definition, answers: Answers, now: SharePathFacts, place: str = "films") -> list[str]:
    facts = make_host_facts(answers, places={place: now})
    return [f"{one.level}: {one}" for one in check_shares(sample, answers, facts, frozenset())]


def test_a_share_that_the_app_may_not_write_to_is_named_with_the_way_out():
    assert found(app(), as_user("1000"), SharePathFacts(True, 0, 0, 0o755)) == [
        "warn: app runs as user 1000, who can't write to films: it is owned by user 0 and group 0, with the"
        " permissions 755. Tick the box for its owner in the browser, or change it yourself:"
        " chown 1000:100 /shares/films"
    ]


@pytest.mark.parametrize(
    ("uid", "now"),
    [
        ("1000", SharePathFacts(True, 1000, 0, 0o755)),
        ("1000", SharePathFacts(True, 0, 100, 0o775)),
        ("1000", SharePathFacts(True, 0, 0, 0o777)),
        ("0", SharePathFacts(True, 5, 5, 0o700)),
        ("1000", SharePathFacts(False)),
        ("someone", SharePathFacts(True, 0, 0, 0o755)),
    ],
)
def test_a_share_that_it_may_write_to_or_that_is_not_there_is_no_finding(uid: str, now: SharePathFacts):
    assert found(app(), as_user(uid), now) == []


@pytest.mark.parametrize(
    "now",
    [
        SharePathFacts(True, 1000, 100, 0o555),  # its own, and closed to itself
        SharePathFacts(True, 0, 100, 0o757),  # the group's rights count, not those of the others
        SharePathFacts(True, 0, 0, 0o775),
    ],
)
def test_the_rights_of_the_owner_then_of_the_group_then_of_others_count(now: SharePathFacts):
    assert len(found(app(), as_user("1000"), now)) == 1


def test_the_user_of_the_definition_counts_before_an_answer():
    sample = app(uid=33, gid=34)
    assert found(sample, as_user("1000"), SharePathFacts(True, 33, 0)) == []
    assert "chown 33:34 /shares/films" in found(sample, as_user("1000"), SharePathFacts(True, 1000, 0))[0]
    assert "chown 33:7 " in found(app(uid=33, gid=-1), as_user("1000"), SharePathFacts(True, 1000, 7))[0]


def test_who_works_as_the_owner_of_its_share_or_as_nobody_in_particular_is_never_wrong():
    assert found(app(uid=-1), as_user("1000"), SharePathFacts(True, 0, 0)) == []
    nobody = build_definition({"app": {"volumes": {"/data": {}}}})
    assert found(nobody, Answers(shares={"app": {"/data": "films"}}), SharePathFacts(True, 0, 0, 0o700)) == []


def test_added_storage_and_added_variables_count_too():
    sample = build_definition({"app": {}})
    answers = Answers(storage={"app": {"/more": "films/old"}}, variables={"app": {"PUID": "1000"}})
    lines = found(sample, answers, SharePathFacts(True, 0, 7), "films/old")
    assert lines[0].endswith("chown 1000:7 /shares/films/old")


def test_each_place_is_offered_once_to_the_first_who_works_there():
    body = {"volumes": {"/data": {}}, "environment": {"PUID": {}}}
    sample = build_definition({"one": body, "two": body})
    answers = Answers(
        shares={"one": {"/data": "films"}, "two": {"/data": "films"}},
        environment={"one": {"PUID": "7"}, "two": {"PUID": "8"}},
    )
    facts = make_host_facts(answers, places={"films": SharePathFacts(True, 0, 0)})
    assert {place: one.owner for place, one in owners.ownership_offers(sample, answers, facts).items()} == {
        "films": (7, 0)
    }
    assert owners.new_path_owners(sample, answers, {"films", "other"}) == {"films": (7, 0)}


def test_a_folder_that_is_made_for_someone_is_noted_so():
    answers = as_user("1000", place="films/new")
    facts = make_host_facts(answers, missing_folders=frozenset({"films/new"}))
    assert [str(one) for one in check_shares(app(), answers, facts, frozenset())] == [
        'The folder "new" of share "films" is new. It will be created for user 1000.'
    ]


def sized(size: object) -> Definition:
    return build_definition({"app": {"volumes": {"/data": {"min_size": size}}}})


def test_too_little_room_is_a_warning():
    answers = Answers(shares={"app": {"/data": "films"}})
    assert found(sized(10 * GIBIBYTE), answers, SharePathFacts(True, free=2 * GIBIBYTE)) == [
        "warn: app should have 10.0 GiB for /data, but the disk of films has only 2.0 GiB free."
        " Free up space there, or choose a share on another disk."
    ]


@pytest.mark.parametrize("size", [None, 1, 1024, 2**60])
def test_a_size_that_is_surely_not_meant_in_bytes_is_no_warning(size: object):
    assert found(sized(size), Answers(shares={"app": {"/data": "films"}}), SharePathFacts(True, free=0)) == []


def test_a_share_with_files_is_not_asked_for_the_room_once_more():
    full = SharePathFacts(True, empty=False, free=0)
    assert found(sized(10 * GIBIBYTE), Answers(shares={"app": {"/data": "films"}}), full) == []


@pytest.mark.parametrize(
    ("present", "same"),
    [
        (ShareIdentity("a1", "UUID=1", "/srv/films"), True),
        (ShareIdentity("a1", "UUID=1", "/elsewhere"), True),
        (ShareIdentity("", "UUID=1", "/srv/films"), False),  # a folder that was made anew
        (ShareIdentity("b2", "UUID=1", "/srv/films"), False),
        (ShareIdentity("a1", "UUID=2", "/"), False),  # a copy of it, below its mount point
        (ShareIdentity("a1", "fuse.mergerfs 1:2:3", "/srv/films"), True),
        (ShareIdentity(None, "UUID=1", "/srv/films"), True),  # of another user
        (ShareIdentity(None, "UUID=1", "/"), False),
    ],
)
def test_a_share_is_known_by_its_mark_and_its_file_system(present: ShareIdentity, same: bool):
    assert ShareIdentity("a1", "UUID=1", "/srv/films").is_same(present) is same


@pytest.mark.parametrize(
    ("present", "same"),
    [
        (ShareIdentity("", "nfs nas:/films", "/srv/films"), True),
        (ShareIdentity("", "UUID=1", "/"), False),
        (ShareIdentity("", "nfs other:/films", "/srv/films"), False),
        (ShareIdentity("", "nfs nas:/films", "/srv"), False),
    ],
)
def test_a_share_that_could_not_be_marked_is_known_by_its_mount(present: ShareIdentity, same: bool):
    assert ShareIdentity("", "nfs nas:/films", "/srv/films").is_same(present) is same


@pytest.mark.parametrize(
    ("absence", "sentence"),
    [
        (ShareAbsence.MISSING, 'The share "films" is missing.'),
        (ShareAbsence.LINK, 'The share "films" was replaced by a link.'),
        (ShareAbsence.OTHER, 'The folder of the share "films" is not the one that apps have used until now.'),
    ],
)
def test_an_absent_share_blocks_once(absence: ShareAbsence, sentence: str):
    answers = as_user("0")
    facts = make_host_facts(answers, absent_shares={"films": absence})
    [finding] = check_shares(app(), answers, facts, frozenset())
    assert (finding.level, finding.sentence) == ("block", sentence)
    mounted = ContainerFacts("app", rockon=app().name, bind_mounts=("/shares/films",))
    facts = make_host_facts(answers, absent_shares={"films": absence}, containers={"app": mounted})
    assert [*check_shares(app(), answers, facts, frozenset())] == [], "it is told of the container"
