"""Data of a database in a share, and an image that brings another version of its server."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from rockonweb.core.answers.answers import Answers
from rockonweb.core.database_dumps import TOOLS_BY_WORD
from rockonweb.core.databases import MYSQL, DatabaseServer, StoredData, parse_version
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import TranslatableText, t


def check_stored_data(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    """Yield the findings about the data that containers with another image than before find in their shares."""
    mounts = [mount for mount in dict.fromkeys(answers.share_mounts) if mount[0] in facts.new_images]
    mounts = [(name, share_path) for name, share_path in mounts if name in definition.containers]
    known = {
        (share_path, data)
        for name, share_path in mounts
        for data in facts.databases.get(share_path, ())
        if find_new_version(data, facts.new_images[name])
    }
    for name, share_path in mounts:
        for data in facts.databases.get(share_path, ()):
            new_version = find_new_version(data, facts.new_images[name])
            if new_version or (share_path, data) not in known:
                yield from _compare_versions(
                    definition.name, name, f"{share_path}/{data.folder}".rstrip("/"), data, new_version
                )


def find_new_version(data: StoredData, image: Mapping[DatabaseServer, str]) -> tuple[DatabaseServer, str] | None:
    """Return the server of an image that is to read this data, and its version; None where that is not known."""
    family = [server for server in image if server.family and server.family == data.server.family]
    server = data.server if data.server in image else next(iter(family), None)
    return (server, image[server]) if server else None


def is_older_than(data: StoredData, server: DatabaseServer, version: str) -> bool:
    """Whether the data has an older format than that of this version of a server."""
    return bool(data.version) and server.generation(parse_version(version)) > _generation(data)


def _generation(data: StoredData) -> float:
    return data.server.generation(parse_version(data.version))


def _compare_versions(
    app: str, name: str, place: str, data: StoredData, new_version: tuple[DatabaseServer, str] | None
) -> Iterator[Finding]:
    if not data.version:
        yield Finding(
            "warn",
            t(
                "%(name)s has data of %(server)s in %(place)s, but which version wrote it can't be read.",
                name=name,
                server=data.server.name,
                place=place,
            ),
            t("Make sure that the new image starts with it, and make a backup first."),
            by_hand=True,
        )
        return
    old = data.server.label(data.version)
    if new_version is None:
        yield Finding(
            "note",
            t("%(name)s has data of %(old)s in %(place)s. Which version its image has is not known.",
              name=name, old=old, place=place),
            t("Make sure that it is the same one."),
        )  # fmt: skip
        return
    server, version = new_version
    numbers, stored_numbers = parse_version(version), parse_version(data.version)
    step = server.generation(numbers) - _generation(data)
    if step == 0 or numbers == stored_numbers[: len(numbers)]:
        return
    words = {"app": shlex.quote(app), "name": name, "old": old, "new": server.label(version), "place": place}
    if step < 0:
        yield Finding(
            "block",
            t("%(name)s has data of %(old)s in %(place)s, and its image has %(new)s, which can't read it.", **words),
            t("Use an image with %(old)s or newer, or restore a backup that %(new)s made.", **words),
            by_hand=True,
        )
    elif step > server.steps:
        yield Finding(
            "block",
            t("%(name)s has data of %(old)s in %(place)s, and its image has %(new)s, which does not start with it.",
              **words),
            t("An installed app can take its data along: the review of its update offers that, and so does the command "
              "rockonweb update %(app)s --move-data. Else use an image with %(old)s, or an empty folder.", **words)
            if server.word in TOOLS_BY_WORD
            else _explain_dump(name)
            if server is MYSQL
            else t("Go through each major version between them, one after another."),
            by_hand=True,
        )  # fmt: skip
    else:
        yield Finding(
            "warn",
            t("%(name)s has data of %(old)s in %(place)s. Its image has %(new)s, which converts it: afterwards there "
              "is no way back to %(old)s.", **words),
            t("Make a backup of it first, or let the app take its data along, which keeps the old: the review of its "
              "update offers that, and so does the command rockonweb update %(app)s --move-data.", **words)
            if server.word in TOOLS_BY_WORD
            else _explain_dump(name)
            if server is MYSQL
            else t("Make a backup of it first."),
            by_hand=True,
        )  # fmt: skip


def _explain_dump(name: str) -> TranslatableText:
    """Return by what commands a person takes the databases of MySQL along."""
    return t(
        "Take its databases along by hand, which keeps the old ones. While the old image runs: docker exec %(name)s "
        "mysqldump -uroot -pPASSWORD --routines --events --databases NAME… > dump.sql. Then give the container the new "
        "image and an empty folder, load the file: docker exec -i %(name)s mysql -uroot -pPASSWORD < dump.sql, and "
        "create its users again.",
        name=shlex.quote(name),
    )
