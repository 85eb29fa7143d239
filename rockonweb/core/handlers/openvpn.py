"""OpenVPN: a data container holds the keys, a one-shot run writes the configuration, then the server starts.

What an owner does next are tasks: make the certificate authority, make a client's profile, revoke one. Each is a
one-shot run of the image's own commands with the server's options, so that it works on the volume with the keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers import argv
from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.facts import UP, HostFacts
from rockonweb.core.handlers import generic
from rockonweb.core.handlers.tasks import Files, Tasks
from rockonweb.core.operations.requests import TaskRequest
from rockonweb.core.operations.steps import AwaitEnd, Create, RunOnce, Start, Step, Stop
from rockonweb.core.text import Text, t

SERVER_NAME = "servername"
PORT = 1194  # in the container, whatever the host's is
KEYS = "/etc/openvpn/pki"
UNATTENDED = {"EASYRSA_BATCH": "1"}
AUTHORITY_SECONDS = 2 * 3600  # finding a safe prime takes a small machine that long
CLIENT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
LONGEST_COMMON_NAME = 64  # of a certificate


@dataclass(frozen=True)
class Client:
    """A client with a certificate: its name, until when it is valid (a date), and whether it was revoked."""

    name: str
    until: str
    revoked: bool


@dataclass(frozen=True)
class Authority:
    """The certificate authority as its files tell of it.

    `whole` is False for one whose making was cut off: it has signed nothing yet. `listed` is False where there is no
    list of what it signed.
    """

    exists: bool
    whole: bool
    listed: bool
    clients: tuple[Client, ...]

    @property
    def usable(self) -> bool:
        """Whether profiles can be made with it."""
        return self.exists and self.whole

    def client(self, name: str) -> Client | None:
        """Return the client of this name."""
        return next((client for client in self.clients if client.name == name), None)


def fits(definition: Definition) -> bool:
    """A data container, then a server, and the question for the server's name."""
    return len(definition.containers) == 2 and SERVER_NAME in definition.custom_config


def launch(definition: Definition, answers: Answers, facts: HostFacts) -> list[Step]:
    """Return the steps: data container, configuration, server."""
    (data, data_spec), (server, _) = definition.launch_order
    keep = [
        word for mount in facts.kept_volumes.get(data, ()) for word in ("-v", f"{mount.volume}:{mount.destination}")
    ]
    run_data = (
        *("docker", "run", "--name", data),
        *keep,
        *argv.options(data_spec),
        *argv.management_labels(definition, facts),
        data_spec.reference,
    )
    name = answers.custom_config.get(SERVER_NAME, "")
    configure = _one_shot(definition, facts, "ovpn_genconfig", "-u", f"udp://{name}")
    return [
        Create(container=data, argv=run_data, why=t("it holds the volume with the keys and certificates")),
        Start(container=data, why=t("it ends at once; its volume stays")),
        AwaitEnd(container=data, why=t("the configuration is written into its volume")),
        RunOnce(container=server, argv=configure, why=t("writes the server's configuration for this address")),
        *generic.launch_container(definition, server, answers, facts),
    ]


def files(definition: Definition) -> Mapping[str, tuple[str, str]]:
    """Return the files that tell of the authority and of what it signed."""
    data = definition.launch_order[0][0]
    return {"certificate": (data, f"{KEYS}/ca.crt"), "index": (data, f"{KEYS}/index.txt")}


def authority(known: Files, answers: Answers) -> Authority:
    """Return the authority from its files' text. The server's own certificate is no client."""
    index = known.get("index")
    signed = dict(_signed(index or ""))
    server = server_host(answers)
    return Authority(
        exists=known.get("certificate") is not None,
        whole=index is None or bool(signed),
        listed=index is not None,
        clients=tuple(sorted((one for one in signed.values() if one.name != server), key=lambda one: one.name.lower())),
    )


def server_host(answers: Answers) -> str:
    """Return the server's name without a port, as its certificate has it."""
    return answers.custom_config.get(SERVER_NAME, "").partition(":")[0]


def client_fault(name: str, answers: Answers) -> Text | None:
    """Return what is wrong with a client's name; None when nothing is."""
    if not CLIENT_NAME.fullmatch(name):
        return t(
            '"%(name)s" is not a name for a client: use up to 64 letters, digits, dots, dashes and underscores, and '
            "begin with a letter or digit.",
            name=name[:80],
        )
    if name.lower() in ("ca", server_host(answers).lower()):
        return t('"%(name)s" is taken: the server uses this name for keys of its own.', name=name)
    return None


def steps(definition: Definition, answers: Answers, facts: HostFacts, known: Files, order: TaskRequest) -> list[Step]:
    """Return the steps of a task. Raises BadInput for a name or a task that can't be, Conflict for a wrong moment."""
    found = authority(known, answers)
    if order.task == "authority":
        return _make_authority(definition, answers, facts, found)
    if order.task not in ("profile", "revoke"):
        raise BadInput(t('OpenVPN has no task "%(task)s".', task=order.task[:80]))
    if fault := client_fault(order.client, answers):
        raise BadInput(fault, t("For example: annas-phone"))
    if not found.usable:
        raise Conflict(t("There is no certificate authority yet."), t("Make it first: it signs what lets a client in."))
    if order.task == "profile":
        return _make_profile(definition, facts, found, order.client)
    return _revoke(definition, facts, found, order.client)


def show_profile(definition: Definition, facts: HostFacts, client: str) -> argv.Argv:
    """Return the command that prints a client's profile. Docker keeps no log of it: it contains a private key."""
    return _one_shot(definition, facts, "ovpn_getclient", client, flags=("--log-driver=none",))


def reachable(profile: str, definition: Definition, answers: Answers) -> str:
    """Return a profile that names the port of the host: the image knows only that of the container.

    A port that is part of the server's name (a router's, for example) is meant as it is.
    """
    server = definition.launch_order[1][0]
    port = answers.ports.get(server, {}).get(PORT)
    if port is None or ":" in answers.custom_config.get(SERVER_NAME, ""):
        return profile
    return re.sub(rf"^(remote \S+) {PORT}\b", rf"\1 {port}", profile, flags=re.MULTILINE)


def address(definition: Definition, answers: Answers) -> str:
    """Return where clients connect to, blank where the server's port is not published."""
    name = answers.custom_config.get(SERVER_NAME, "")
    port = answers.ports.get(_server(definition), {}).get(PORT)
    return "" if port is None else name if ":" in name else f"{name}:{port}"


tasks = Tasks("openvpn", files, steps)


def _make_authority(definition: Definition, answers: Answers, facts: HostFacts, found: Authority) -> list[Step]:
    if found.usable:
        raise Conflict(
            t("OpenVPN has a certificate authority already; a new one would lock out every client."),
            t("Make profiles with the one that is there."),
        )
    name = f"{server_host(answers)[: LONGEST_COMMON_NAME - 3]} CA"
    words = _one_shot(definition, facts, "ovpn_initpki", "nopass", environment={**UNATTENDED, "EASYRSA_REQ_CN": name})
    return [
        RunOnce(
            container=_server(definition),
            argv=words,
            seconds=AUTHORITY_SECONDS,
            why=t("makes the keys of the authority and of the server; this takes some minutes"),
        ),
        *_restart(definition, facts, t("the server can start now")),
    ]


def _make_profile(definition: Definition, facts: HostFacts, found: Authority, client: str) -> list[Step]:
    known = found.client(client)
    if known and not known.revoked:
        raise Conflict(
            t('The client "%(name)s" has a profile already.', name=client),
            t("Download that one, or revoke it first, or choose another name."),
        )
    words = _one_shot(definition, facts, "easyrsa", "build-client-full", client, "nopass", environment=UNATTENDED)
    return [RunOnce(container=_server(definition), argv=words, why=t("makes the client's key and certificate"))]


def _revoke(definition: Definition, facts: HostFacts, found: Authority, client: str) -> list[Step]:
    known = found.client(client)
    if found.listed and known is None:
        raise Conflict(t('There is no client "%(name)s".', name=client), t("Look at the list of clients again."))
    if known and known.revoked:
        raise Conflict(t('The profile of "%(name)s" is revoked already.', name=client))
    words = _one_shot(definition, facts, "ovpn_revokeclient", client, environment=UNATTENDED)
    return [
        RunOnce(
            container=_server(definition), argv=words, why=t("puts the certificate on the list of the revoked ones")
        ),
        *_restart(definition, facts, t("so that the client is cut off now; the others connect again by themselves")),
    ]


def _server(definition: Definition) -> str:
    return definition.launch_order[1][0]


def _restart(definition: Definition, facts: HostFacts, why: str) -> Iterator[Step]:
    """Yield the steps that stop and start the server, unless it is stopped."""
    server = _server(definition)
    known = (facts.containers or {}).get(server)
    if known and known.state in UP:
        yield Stop(container=server, why=why)
        yield Start(container=server, why=why)


def _one_shot(
    definition: Definition,
    facts: HostFacts,
    *words: str,
    environment: Mapping[str, str] | None = None,
    flags: tuple[str, ...] = (),
) -> argv.Argv:
    """Return the run of one of the image's commands, with the server's options."""
    spec: ContainerSpec = definition.launch_order[1][1]
    return (
        *("docker", "run", "--rm", *flags),
        *argv.options(spec),
        *(word for key, value in (environment or {}).items() for word in ("-e", f"{key}={value}")),
        *argv.management_labels(definition, facts),
        spec.reference,
        *words,
    )


def _signed(index: str) -> Iterator[tuple[str, Client]]:
    """Yield name and certificate of each line of an authority's list, the last of a name being the one that counts.

    A line has its state, the end of its validity, when it was revoked, a number, a file and the subject, by tabs.
    """
    for line in index.splitlines():
        words = line.split("\t")
        name = re.search(r"/CN=([^/]+)", words[-1])
        if len(words) >= 6 and name:
            yield name[1], Client(name[1], _date(words[1]), words[0] == "R")


def _date(moment: str) -> str:
    """Return the date of `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`."""
    digits = moment.removesuffix("Z")
    if not re.fullmatch(r"\d{12}|\d{14}", digits):
        return ""
    year, rest = (digits[:4], digits[4:]) if len(digits) == 14 else (f"20{digits[:2]}", digits[2:])
    return f"{year}-{rest[:2]}-{rest[2:4]}"
