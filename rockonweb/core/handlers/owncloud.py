"""ownCloud: its PostgreSQL has a private share and is ready before the app, which links to it and serves HTTPS.

The answers to the rock-on's own two questions are the account that both containers use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.argv import HandlerAdditions
from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.docker.run_options import ContainerReference, Relation
from rockonweb.core.facts import HostFacts
from rockonweb.core.handlers import generic
from rockonweb.core.operations.steps import AwaitAnswer, CreateCertificate, SetShareMode, Step
from rockonweb.core.preflight import Finding
from rockonweb.core.text import t

USER_QUESTION, PASSWORD_QUESTION = "db_user", "db_pw"
KEY_IN_APP = "/etc/ssl/private/owncloud.key"
CERTIFICATE_IN_APP = "/etc/ssl/certs/owncloud.crt"
DATABASE_TIMEOUT = 300
# Over TCP: while its first start sets it up, the database answers on its Unix socket only. Where the image lacks
# PostgreSQL's client programs, an open port is enough, or ten seconds of waiting.
READY_SCRIPT = """
if command -v pg_isready >/dev/null; then exec pg_isready -q -h 127.0.0.1; fi
if command -v psql >/dev/null; then PGPASSWORD=$POSTGRES_PASSWORD exec psql -h 127.0.0.1 -U "$POSTGRES_USER" -l; fi
for second in 1 2 3 4 5 6 7 8 9 10; do
    grep -qs ':1538 [0-9A-F:]* 0A ' /proc/net/tcp /proc/net/tcp6 && break
    sleep 1
done
""".strip()


class OwncloudParts(NamedTuple):
    """The two containers, and the host name that the app uses for its database."""

    database: str
    app: str
    alias: str


def matches_owncloud(definition: Definition) -> bool:
    """Whether it has the questions for an account, a PostgreSQL with a volume, and an ownCloud that links to it."""
    return _identify_parts(definition) is not None


def plan_owncloud_launch(definition: Definition, answers: Answers, facts: HostFacts) -> list[Step]:
    """Return the steps: private share, database, wait for it, certificate, app; other containers in launch order."""
    parts = _identify_parts(definition)
    steps: list[Step] = []
    for name, spec in definition.launch_order:
        if parts and name == parts.database:
            steps += _database_steps(definition, name, spec, answers, facts)
        elif parts and name == parts.app:
            steps += _app_steps(definition, parts, answers, facts)
        else:
            steps += generic.plan_container_launch(definition, name, answers, facts)
    return steps


def certificate_findings(definition: Definition, facts: HostFacts) -> Iterator[Finding]:
    """Yield findings about the certificate for HTTPS."""
    parts = _identify_parts(definition)
    app = parts.app if parts else ""
    if spot := facts.blind_spots.get("certificate"):
        yield Finding("block", spot.sentence, spot.hint)
    if facts.certificate.missing:
        yield Finding(
            "block",
            t("The file %(path)s, which %(name)s needs for HTTPS, does not exist.",
              path=facts.certificate.missing, name=app),
            t("Correct ROCKONWEB_TLS_KEY and ROCKONWEB_TLS_CERT, or unset both to have a certificate created."),
        )  # fmt: skip
    elif facts.certificate.self_signed:
        yield Finding(
            "note",
            t("%(name)s uses the certificate %(path)s of this host, which is self-signed: browsers will show a "
              "warning.",
              name=app, path=facts.certificate.certificate),
            t("If you have your own, set it with ROCKONWEB_TLS_KEY and ROCKONWEB_TLS_CERT."),
        )  # fmt: skip


def owncloud_references(definition: Definition) -> Iterator[tuple[str, str]]:
    """Yield that the app refers to its database."""
    if parts := _identify_parts(definition):
        yield parts.app, parts.database


def _database_steps(
    definition: Definition, name: str, spec: ContainerSpec, answers: Answers, facts: HostFacts
) -> Iterator[Step]:
    share_path = answers.shares.get(name, {}).get(next(iter(spec.volumes)))
    if share_path:
        yield SetShareMode(
            share=share_path, mode=0o700, container=name, why=t("the database needs exclusive access to its files")
        )
    account = HandlerAdditions(
        environment={
            "POSTGRES_USER": answers.custom_config.get(USER_QUESTION, ""),
            "POSTGRES_PASSWORD": answers.custom_config.get(PASSWORD_QUESTION, ""),
        }
    )
    yield from generic.plan_container_launch(definition, name, answers, facts, account)
    yield AwaitAnswer(
        container=name,
        command=("sh", "-c", READY_SCRIPT),
        seconds=DATABASE_TIMEOUT,
        why=t("the app fails without its database"),
    )


def _app_steps(definition: Definition, parts: OwncloudParts, answers: Answers, facts: HostFacts) -> Iterator[Step]:
    certificate = facts.certificate
    if certificate.self_signed:
        why = t("the app encrypts its page with it; it is self-signed, so browsers will show a warning")
        yield CreateCertificate(path=certificate.certificate, container=parts.app, why=why)
    linked = any(
        reference.container == parts.database for reference in _link_references(definition.containers[parts.app])
    )
    additions = HandlerAdditions(
        mounts=((certificate.key, KEY_IN_APP), (certificate.certificate, CERTIFICATE_IN_APP)),
        links=() if linked else ((parts.database, parts.alias),),
        environment={
            "HTTPS_ENABLED": "true",
            "DB_USER": answers.custom_config.get(USER_QUESTION, ""),
            "DB_PASS": answers.custom_config.get(PASSWORD_QUESTION, ""),
        },
    )
    yield from generic.plan_container_launch(definition, parts.app, answers, facts, additions)


def _identify_parts(definition: Definition) -> OwncloudParts | None:
    """Return which container is which; None where the definition does not have the expected shape."""
    if not {USER_QUESTION, PASSWORD_QUESTION} <= definition.custom_config.keys():
        return None
    launch_order = definition.launch_order
    databases = [
        index for index, (_, spec) in enumerate(launch_order) if _image_program(spec) == "postgres" and spec.volumes
    ]
    if len(databases) != 1:
        return None
    database = launch_order[databases[0]][0]
    for name, spec in launch_order[databases[0] + 1 :]:
        if "owncloud" in name.lower() or "owncloud" in _image_program(spec):
            links = [
                link.network for link in definition.network_links if (link.source, link.target) == (database, name)
            ]
            links += [reference.alias for reference in _link_references(spec) if reference.container == database]
            if links:
                return OwncloudParts(database, name, links[0])
    return None


def _image_program(spec: ContainerSpec) -> str:
    """Return the last part of an image's name, without its tag."""
    return spec.image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0].lower()


def _link_references(spec: ContainerSpec) -> list[ContainerReference]:
    """Return the containers that the options link to."""
    return [reference for reference in spec.run_options.references if reference.relation is Relation.LINK]
