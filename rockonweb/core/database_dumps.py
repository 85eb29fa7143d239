"""How the data of a database server is taken along to another major version: by a dump that the old one makes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from rockonweb.core.databases import MARIADB, POSTGRESQL
from rockonweb.core.packed import unpack_or
from rockonweb.core.text import TranslatableText, t

MARK = b"\n-- tables by database: "  # begins the last line of a complete dump; a comment in SQL
MAX_MARK_BYTES = 1_000_000

TableCounts = Mapping[str, int]  # how many tables each database has


@dataclass(frozen=True)
class DumpTools:
    """The commands of a server's own image, for `docker exec`.

    `is_ready` succeeds once the server takes connections for good; `count` prints a line NAME TAB TABLES for each
    database; `load` reads a dump. `harmless` matches what `load` says of what every new server has already, `error` any
    other line that tells of a failure.
    """

    is_ready: tuple[str, ...]
    dump: tuple[str, ...]
    load: tuple[str, ...]
    count: tuple[str, ...]
    error: re.Pattern[str]
    harmless: re.Pattern[str]

    def find_errors(self, output: str) -> list[str]:
        """Return the lines of what `load` printed that tell of a failure."""
        lines = [line for line in output.splitlines() if self.error.search(line)]
        return [line for line in lines if not self.harmless.search(line)]


def parse_counts(output: str) -> TableCounts:
    """Return what `count` printed."""
    pairs = (line.rpartition("\t")[::2] for line in output.splitlines())
    return {name: int(count) for name, count in pairs if name and count.isdigit()}


def completion_mark(counts: TableCounts) -> bytes:
    """Return the line that ends a complete dump."""
    return MARK + json.dumps(dict(counts)).encode() + b"\n"


def read_mark(end: bytes) -> TableCounts | None:
    """Return the counts at the end of a dump, None where it is not complete."""
    _, mark, counts = end.rpartition(MARK)
    if not mark or not counts.endswith(b"\n"):
        return None
    read_counts: TableCounts | None = unpack_or(dict[str, int], counts.decode("utf-8", "replace"), None)
    return read_counts


def compare_counts(before: TableCounts, after: TableCounts) -> TranslatableText | None:
    """Return what is missing after a dump was loaded; None where each database has all its tables."""
    for name, tables in before.items():
        if name not in after:
            return t('The database "%(name)s" is missing.', name=name)
        if after[name] != tables:
            return t('The database "%(name)s" has %(after)s tables instead of %(before)s.',
                     name=name, before=tables, after=after[name])  # fmt: skip
    return None


def _in_shell(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


# The variables are those of the official image and of its many relatives, as the container has them.
_PG = (
    'export LC_ALL=C PGOPTIONS="-c lc_messages=C" PGUSER="${POSTGRES_USER:-postgres}"'
    ' PGPASSWORD="${POSTGRES_PASSWORD:-$(cat "${POSTGRES_PASSWORD_FILE:-/dev/null}")}"; '
)
_PG_TABLES = (
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"
    " AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'"
    # The tables of an extension are its own, and may be others in a newer version.
    " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
)
# Programs have their older names in images before 10.5.
_MARIA = (
    'export LC_ALL=C MYSQL_PWD="${MARIADB_ROOT_PASSWORD:-${MYSQL_ROOT_PASSWORD:-$(cat'
    ' "${MARIADB_ROOT_PASSWORD_FILE:-${MYSQL_ROOT_PASSWORD_FILE:-/dev/null}}")}}"; '
    'run() { if command -v "$1" >/dev/null; then program=$1; else program=$2; fi; shift 2; "$program" -uroot "$@"; }; '
    'ask() { run mariadb mysql -N -B -r -e "$1"; }; '
)
_MARIA_DATABASES = (
    "information_schema.schemata s WHERE s.schema_name"
    " NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"
)
_MARIA_DUMP = (
    f'databases=$(ask "SELECT s.schema_name FROM {_MARIA_DATABASES}") || exit 1; '  # noqa: S608 - constants
    "versioned=$(ask \"SELECT count(*) FROM information_schema.tables WHERE table_type = 'SYSTEM VERSIONED'\")"
    " || exit 1; "
    'if [ "$versioned" = 0 ]; then set --; else set -- --dump-history; fi; '
    "set -- mariadb-dump mysqldump --single-transaction --hex-blob --routines --events --triggers"
    ' "$@" --databases; '
    'while IFS= read -r name; do set -- "$@" "$name"; done <<END\n$databases\nEND\n'
    'if [ "$databases" ]; then run "$@" || exit 1; fi; '
    # The privileges need the tables and routines, and those not the users that defined them. The image has made a user
    # of its own for its health check, with a password that is in the new folder.
    "users=$(run mariadb-dump mysqldump --system=users --insert-ignore) || exit 1; "
    "printf '%s\\n' \"$users\" | sed \"/[\\`']healthcheck[\\`']@/d\""
)
TOOLS_BY_WORD = {  # by the word of the server, with which steps are stored
    POSTGRESQL.word: DumpTools(
        # By TCP: while the image prepares a new server, that takes connections on its socket alone.
        is_ready=_in_shell(_PG + "exec pg_isready -q -h 127.0.0.1"),
        dump=_in_shell(_PG + "exec pg_dumpall"),
        load=_in_shell(_PG + "exec psql -X -q -o /dev/null -v VERBOSITY=verbose -d postgres"),
        count=_in_shell(
            _PG  # noqa: S608 - constants
            + 'databases=$(psql -X -A -t -d template1 -c "SELECT datname FROM pg_database'
            + " WHERE datallowconn AND datname <> 'template1'\")"
            + ' || exit 1; echo "$databases" | while IFS= read -r name; do'
            + ' tables=$(psql -X -A -t -d "$name" -c "'
            + _PG_TABLES
            + '" </dev/null) || exit 1; printf "%s\\t%s\\n" "$name" "$tables"; done'
        ),
        error=re.compile(r"(ERROR|FATAL|PANIC|\\connect)\b.*:"),
        harmless=re.compile(r"ERROR: +(42710|42P04): +(role|database) "),  # it exists already
    ),
    MARIADB.word: DumpTools(
        # By TCP: while the image prepares a new server, that takes connections on its socket alone.
        is_ready=_in_shell(_MARIA + "run mariadb-admin mysqladmin -h 127.0.0.1 --protocol=tcp --silent ping"),
        dump=_in_shell(_MARIA + _MARIA_DUMP),
        load=_in_shell(_MARIA + "run mariadb mysql"),
        count=_in_shell(
            _MARIA + 'ask "SELECT s.schema_name, (SELECT count(*) FROM information_schema.tables t'  # noqa: S608 - constants
            " WHERE t.table_schema ="
            f" s.schema_name AND t.table_type <> 'VIEW') FROM {_MARIA_DATABASES}\""
        ),
        error=re.compile(r"^ERROR \d+"),
        harmless=re.compile(r"(?!)"),  # it ends at the first error
    ),
}
