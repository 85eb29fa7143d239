"""OpenVPN: a data container has the keys, a one-shot run writes the configuration, then the server starts.

What follows are tasks of the user: create the certificate authority, create a client's profile, revoke one. Each is a
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
from rockonweb.core.facts import UP_STATES, HostFacts
from rockonweb.core.handlers import generic
from rockonweb.core.handlers.tasks import FileTexts, HandlerTasks
from rockonweb.core.operations.requests import TaskRequest
from rockonweb.core.operations.steps import AwaitEnd, CreateContainer, RunOnce, StartContainer, Step, StopContainer
from rockonweb.core.text import TranslatableText, t

SERVER_NAME = "servername"
VPN_PORT = 1194  # in the container, whatever the host's is
PKI_FOLDER = "/etc/openvpn/pki"
BATCH_ENVIRONMENT = {"EASYRSA_BATCH": "1"}
AUTHORITY_SECONDS = 2 * 3600  # finding a safe prime takes a small machine that long
CLIENT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
MAX_COMMON_NAME = 64  # of a certificate


@dataclass(frozen=True)
class VpnClient:
    """A client with a certificate: its name, the last day of its validity (YYYY-MM-DD), and whether it was revoked."""

    name: str
    until: str
    revoked: bool


@dataclass(frozen=True)
class CertificateAuthority:
    """The certificate authority as read from its files.

    `complete` is False for one whose creation was interrupted: it has signed nothing yet. `listed` is False where there
    is no index of what it signed.
    """

    exists: bool
    complete: bool
    listed: bool
    clients: tuple[VpnClient, ...]

    @property
    def usable(self) -> bool:
        """Whether profiles can be created with it."""
        return self.exists and self.complete

    def find_client(self, name: str) -> VpnClient | None:
        """Return the client of this name, None where there is none."""
        return next((client for client in self.clients if client.name == name), None)


def matches_openvpn(definition: Definition) -> bool:
    """Whether it has a data container, then a server, and the question for the server's name."""
    return len(definition.containers) == 2 and SERVER_NAME in definition.custom_config


def plan_openvpn_launch(definition: Definition, answers: Answers, facts: HostFacts) -> list[Step]:
    """Return the steps: data container, configuration, server."""
    (data, data_spec), (server, _) = definition.launch_order
    volume_options = [
        argument
        for mount in facts.kept_volumes.get(data, ())
        for argument in ("-v", f"{mount.volume}:{mount.destination}")
    ]
    run_data = (
        *("docker", "run", "--name", data),
        *volume_options,
        *argv.definition_options(data_spec),
        *argv.management_label_options(definition, facts),
        data_spec.image_reference,
    )
    name = answers.custom_config.get(SERVER_NAME, "")
    configure = _one_shot_argv(definition, facts, "ovpn_genconfig", "-u", f"udp://{name}")
    return [
        CreateContainer(container=data, argv=run_data, why=t("it contains the volume with the keys and certificates")),
        StartContainer(container=data, why=t("it exits immediately; its volume remains")),
        AwaitEnd(container=data, why=t("the configuration is written to its volume")),
        RunOnce(container=server, argv=configure, why=t("writes the server's configuration for this address")),
        *generic.plan_container_launch(definition, server, answers, facts),
    ]


def authority_files(definition: Definition) -> Mapping[str, tuple[str, str]]:
    """Return container and path of the files that `read_authority` reads, by key."""
    data = definition.launch_order[0][0]
    return {"certificate": (data, f"{PKI_FOLDER}/ca.crt"), "index": (data, f"{PKI_FOLDER}/index.txt")}


def read_authority(file_texts: FileTexts, answers: Answers) -> CertificateAuthority:
    """Return the authority from its files' text. The server's own certificate is no client."""
    index = file_texts.get("index")
    signed = dict(_parse_index(index or ""))
    server = server_host(answers)
    return CertificateAuthority(
        exists=file_texts.get("certificate") is not None,
        complete=index is None or bool(signed),
        listed=index is not None,
        clients=tuple(
            sorted(
                (client for client in signed.values() if client.name != server), key=lambda client: client.name.lower()
            )
        ),
    )


def server_host(answers: Answers) -> str:
    """Return the server's name without a port, as its certificate has it."""
    return answers.custom_config.get(SERVER_NAME, "").partition(":")[0]


def client_fault(name: str, answers: Answers) -> TranslatableText | None:
    """Return what is wrong with a client's name; None when nothing is."""
    if not CLIENT_NAME.fullmatch(name):
        return t(
            '"%(name)s" is not a valid client name: use up to 64 letters, digits, dots, dashes and underscores, and '
            "start with a letter or digit.",
            name=name[:80],
        )
    if name.lower() in ("ca", server_host(answers).lower()):
        return t('"%(name)s" is already in use: the server uses this name for its own keys.', name=name)
    return None


def plan_vpn_task(
    definition: Definition, answers: Answers, facts: HostFacts, file_texts: FileTexts, request: TaskRequest
) -> list[Step]:
    """Return the steps of a task. Raises BadInput for an invalid name or task, Conflict for a wrong state."""
    current_authority = read_authority(file_texts, answers)
    if request.task == "authority":
        return _make_authority(definition, answers, facts, current_authority)
    if request.task not in ("profile", "revoke"):
        raise BadInput(t('OpenVPN has no task "%(task)s".', task=request.task[:80]))
    if fault := client_fault(request.client, answers):
        raise BadInput(fault, t("For example: annas-phone"))
    if not current_authority.usable:
        raise Conflict(
            t("There is no certificate authority yet."),
            t("Create it first: it signs the certificates that let clients in."),
        )
    if request.task == "profile":
        return _make_profile(definition, facts, current_authority, request.client)
    return _revoke_client(definition, facts, current_authority, request.client)


def show_profile(definition: Definition, facts: HostFacts, client: str) -> argv.Argv:
    """Return the command that prints a client's profile. Docker keeps no log of it: it contains a private key."""
    return _one_shot_argv(definition, facts, "ovpn_getclient", client, docker_options=("--log-driver=none",))


def with_host_port(profile: str, definition: Definition, answers: Answers) -> str:
    """Return a profile with the port of the host: the image knows only that of the container.

    A port that is part of the server's name (a router's, for example) is not changed.
    """
    server = definition.launch_order[1][0]
    port = answers.ports.get(server, {}).get(VPN_PORT)
    if port is None or ":" in answers.custom_config.get(SERVER_NAME, ""):
        return profile
    return re.sub(rf"^(remote \S+) {VPN_PORT}\b", rf"\1 {port}", profile, flags=re.MULTILINE)


def vpn_address(definition: Definition, answers: Answers) -> str:
    """Return where clients connect to, blank where the server's port is not published."""
    name = answers.custom_config.get(SERVER_NAME, "")
    port = answers.ports.get(_server_container(definition), {}).get(VPN_PORT)
    return "" if port is None else name if ":" in name else f"{name}:{port}"


OPENVPN_TASKS = HandlerTasks("openvpn", authority_files, plan_vpn_task)


def _make_authority(
    definition: Definition, answers: Answers, facts: HostFacts, authority: CertificateAuthority
) -> list[Step]:
    if authority.usable:
        raise Conflict(
            t("OpenVPN already has a certificate authority; a new one would lock out every client."),
            t("Create profiles with the existing one."),
        )
    name = f"{server_host(answers)[: MAX_COMMON_NAME - 3]} CA"
    command = _one_shot_argv(
        definition, facts, "ovpn_initpki", "nopass", environment={**BATCH_ENVIRONMENT, "EASYRSA_REQ_CN": name}
    )
    return [
        RunOnce(
            container=_server_container(definition),
            argv=command,
            seconds=AUTHORITY_SECONDS,
            why=t("creates the keys of the authority and the server; this takes a few minutes"),
        ),
        *_restart_server(definition, facts, t("the server can start now")),
    ]


def _make_profile(definition: Definition, facts: HostFacts, authority: CertificateAuthority, client: str) -> list[Step]:
    existing = authority.find_client(client)
    if existing and not existing.revoked:
        raise Conflict(
            t('The client "%(name)s" already has a profile.', name=client),
            t("Download that one, or revoke it first, or choose another name."),
        )
    command = _one_shot_argv(
        definition, facts, "easyrsa", "build-client-full", client, "nopass", environment=BATCH_ENVIRONMENT
    )
    return [
        RunOnce(
            container=_server_container(definition), argv=command, why=t("creates the client's key and certificate")
        )
    ]


def _revoke_client(
    definition: Definition, facts: HostFacts, authority: CertificateAuthority, client: str
) -> list[Step]:
    existing = authority.find_client(client)
    if authority.listed and existing is None:
        raise Conflict(t('There is no client "%(name)s".', name=client), t("Check the list of clients again."))
    if existing and existing.revoked:
        raise Conflict(t('The profile of "%(name)s" is already revoked.', name=client))
    command = _one_shot_argv(definition, facts, "ovpn_revokeclient", client, environment=BATCH_ENVIRONMENT)
    return [
        RunOnce(
            container=_server_container(definition),
            argv=command,
            why=t("adds the certificate to the revocation list"),
        ),
        *_restart_server(definition, facts, t("disconnects the client now; the others reconnect automatically")),
    ]


def _server_container(definition: Definition) -> str:
    return definition.launch_order[1][0]


def _restart_server(definition: Definition, facts: HostFacts, why: str) -> Iterator[Step]:
    """Yield the steps that stop and start the server, unless it is stopped."""
    server = _server_container(definition)
    container = (facts.containers or {}).get(server)
    if container and container.state in UP_STATES:
        yield StopContainer(container=server, why=why)
        yield StartContainer(container=server, why=why)


def _one_shot_argv(
    definition: Definition,
    facts: HostFacts,
    *command: str,
    environment: Mapping[str, str] | None = None,
    docker_options: tuple[str, ...] = (),
) -> argv.Argv:
    """Return the one-shot `docker run` of one of the image's commands, with the server's options."""
    spec: ContainerSpec = definition.launch_order[1][1]
    return (
        *("docker", "run", "--rm", *docker_options),
        *argv.definition_options(spec),
        *(argument for key, value in (environment or {}).items() for argument in ("-e", f"{key}={value}")),
        *argv.management_label_options(definition, facts),
        spec.image_reference,
        *command,
    )


def _parse_index(index: str) -> Iterator[tuple[str, VpnClient]]:
    """Yield name and client of each line of an authority's index.txt; the last line of a name counts.

    A line has state, expiry, revocation time, serial number, file and subject, separated by tabs.
    """
    for line in index.splitlines():
        columns = line.split("\t")
        name = re.search(r"/CN=([^/]+)", columns[-1])
        if len(columns) >= 6 and name:
            yield name[1], VpnClient(name[1], _parse_date(columns[1]), columns[0] == "R")


def _parse_date(moment: str) -> str:
    """Return the date (YYYY-MM-DD) of `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`; blank for anything else."""
    digits = moment.removesuffix("Z")
    if not re.fullmatch(r"\d{12}|\d{14}", digits):
        return ""
    year, rest = (digits[:4], digits[4:]) if len(digits) == 14 else (f"20{digits[:2]}", digits[2:])
    return f"{year}-{rest[:2]}-{rest[2:4]}"
