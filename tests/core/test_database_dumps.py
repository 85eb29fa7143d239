"""What is read of a dump, of what loads it, and of the counts before and after."""

import pytest

from rockonweb.core.database_dumps import (
    TOOLS_BY_WORD,
    compare_counts,
    completion_mark,
    parse_counts,
    read_mark,
)
from rockonweb.core.databases import POSTGRESQL

TOOLS = TOOLS_BY_WORD[POSTGRESQL.word]


def test_the_end_of_a_dump_has_its_counts():
    counts = {"app": 12, 'odd "name"\n--': 0}
    assert read_mark(b"COPY ...\n" + completion_mark(counts)) == counts


@pytest.mark.parametrize("end", [b"", b"COPY note FROM stdin;\n1\t2", completion_mark({"app": 1})[:-3]])
def test_a_dump_that_broke_off_has_none(end: bytes):
    assert read_mark(end) is None


def test_each_database_is_to_have_its_tables_again():
    before = parse_counts("app\t12\nodd\tname\t0\nwhat else was printed\n")
    assert before == {"app": 12, "odd\tname": 0}
    assert compare_counts(before, {**before, "postgres": 0}) is None
    assert str(compare_counts(before, {"app": 12})) == 'The database "odd\tname" is missing.'
    assert str(compare_counts(before, {**before, "app": 11})) == 'The database "app" has 11 tables instead of 12.'


def test_only_what_every_new_server_has_may_exist_already():
    output = """\
psql:<stdin>:14: ERROR:  42710: role "postgres" already exists
LOCATION:  CreateRole, user.c:343
psql:<stdin>:20: ERROR:  42P04: database "app" already exists
psql:<stdin>:44: NOTICE:  00000: something
psql:<stdin>:50: ERROR:  42P07: relation "note" already exists
psql:<stdin>:60: \\connect: connection to server failed: FATAL:  database "b" does not exist
"""
    assert [line.split(":")[2] for line in TOOLS.find_errors(output)] == ["50", "60"]
