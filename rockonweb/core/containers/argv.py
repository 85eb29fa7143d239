"""The `docker run` of a container: one small function per group of flags.

The groups come in the order of the framework's own command, because a later flag wins: what a definition's options
say beats the defaults before them, and a person's answers beat the options.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rockonweb.core.answers.answers import Answers, split_share
from rockonweb.core.definition.definition import ContainerSpec, Definition, in_question_order
from rockonweb.core.docker import run_options
from rockonweb.core.docker.run_options import OUR_LABEL, MountKind
from rockonweb.core.facts import HostFacts, ShareFacts
from rockonweb.core.secret import SecretWord

ROCKON_LABEL = "rockonweb.rockon"
INSTANCE_LABEL = "rockonweb.instance"
OPERATION_LABEL = "rockonweb.operation"
DETACHED = ("-d", "--restart=unless-stopped")

Argv = tuple[str, ...]


@dataclass(frozen=True)
class Additions:
    """What a handler adds to a container's command line; each goes into its own group.

    `mounts` are paths of the host and of the container, `links` containers and the names by which they are called.
    """

    mounts: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


NOTHING = Additions()


def docker_run(
    definition: Definition, container: str, answers: Answers, facts: HostFacts, added: Additions = NOTHING
) -> Argv:
    """Return the whole command line that makes and starts `container`."""
    spec = definition.containers[container]
    return (
        *("docker", "run", *DETACHED, "--name", container),
        *volumes(container, spec, answers, facts),
        *mounts(container, answers, added),
        *("-v", "/etc/localtime:/etc/localtime:ro"),
        *devices(container, spec, answers),
        *user(container, spec, answers, facts),
        *ports(container, spec, answers),
        *options(spec),
        *links(added),
        *environment(definition, container, answers, added),
        *labels(container, answers),
        *management_labels(definition, facts),
        facts.pinned.get(container, spec.reference),
        *arguments(spec),
    )


def share_facts(place: str, facts: HostFacts) -> ShareFacts:
    """Return path and owner of "SHARE" or "SHARE/FOLDER"; one that is yet to be made is root's unless it is given."""
    share, folder = split_share(place)
    new_owner = facts.new_owners.get(share, (0, 0))
    known = facts.shares.get(share) or ShareFacts(f"{facts.shares_root}/{share}", *new_owner)
    return ShareFacts(f"{known.path}/{folder}", known.uid, known.gid) if folder else known


def volumes(container: str, spec: ContainerSpec, answers: Answers, facts: HostFacts) -> Iterator[str]:
    """Shares on the definition's volumes, in its order, then storage that the user added, then kept volumes."""
    answered = answers.shares.get(container, {})
    added = answers.storage.get(container, {})
    mounts = [(destination, answered[destination]) for destination in spec.volumes if destination in answered]
    for destination, place in [*mounts, *added.items()]:
        yield from ("-v", f"{share_facts(place, facts).path}:{destination}")
    for kept in facts.kept_volumes.get(container, ()):
        if kept.destination not in {*answered, *added}:
            yield from ("-v", f"{kept.volume}:{kept.destination}")


def mounts(container: str, answers: Answers, added: Additions) -> Iterator[str]:
    """What the handler mounts, except where a share is mounted already."""
    taken = {*answers.shares.get(container, {}), *answers.storage.get(container, {})}
    for path, destination in added.mounts:
        if destination not in taken:
            yield from ("-v", f"{path}:{destination}")


def devices(container: str, spec: ContainerSpec, answers: Answers) -> Iterator[str]:
    """Answered devices only."""
    for device, _ in in_question_order(spec.devices):
        if value := answers.devices.get(container, {}).get(device):
            yield from ("--device", value)


def user(container: str, spec: ContainerSpec, answers: Answers, facts: HostFacts) -> Iterator[str]:
    """`-u UID[:GID]`, where the definition gives a uid; -1 is the owner of the first volume's share."""
    if spec.uid is None:
        return
    owner = first_share(container, spec, answers, facts)
    uid = spec.uid if spec.uid >= 0 else owner and owner.uid
    gid = {None: None, -1: owner and owner.gid, -2: facts.groups.get("docker")}.get(spec.gid, spec.gid)
    if uid is not None:
        yield from ("-u", str(uid) if gid is None else f"{uid}:{gid}")


def first_share(container: str, spec: ContainerSpec, answers: Answers, facts: HostFacts) -> ShareFacts | None:
    """Return the share of the container's first volume."""
    place = answers.shares.get(container, {}).get(next(iter(spec.volumes), ""))
    return share_facts(place, facts) if place else None


def host_port(definition: Definition, container: str, port: int, answers: Answers) -> int | None:
    """Return the port of the host that really reaches `port`; None for one that is not published.

    On the host's network a container's own port is the host's.
    """
    published = answers.ports.get(container, {}).get(port)
    fixed = published is not None and definition.containers[container].on_host_network
    return port if fixed else published


def fixed_ports(definition: Definition, answers: Answers) -> Answers:
    """Return the answers with the ports of host-network containers as they really are."""
    ports = {
        name: {port: host_port(definition, name, port, answers) for port in by_port}
        for name, by_port in answers.ports.items()
        if name in definition.containers
    }
    return replace(answers, ports=ports)


def ports(container: str, spec: ContainerSpec, answers: Answers) -> Iterator[str]:
    """Published ports only; without a protocol both tcp and udp. On the host's network Docker ignores them."""
    for port, port_spec in spec.port_specs.items():
        host = answers.ports.get(container, {}).get(port)
        for protocol in port_spec.protocols if host is not None else ():
            yield from ("-p", f"{host}:{port}/{protocol}")


def options(spec: ContainerSpec) -> Iterator[str]:
    """The definition's options as they are, repeated ones too; a blank value means the flag alone."""
    return _words(spec.opts)


def links(added: Additions) -> Iterator[str]:
    """The containers that the handler links to."""
    for container, alias in added.links:
        yield from ("--link", f"{container}:{alias}")


def environment(definition: Definition, container: str, answers: Answers, added: Additions = NOTHING) -> Iterator[str]:
    """The handler's variables, answered ones in the order of the questions, then the user's own; secrets masked.

    One without an answer is left out.
    """
    answered = answers.environment.get(container, {})
    asked = in_question_order(definition.containers[container].environment)
    labels = {key: question.label for key, question in asked if key in answered}
    own = answers.variables.get(container, {})
    for key, value in [*added.environment.items(), *((key, answered[key]) for key in labels), *own.items()]:
        secret = definition.hides(container, key, labels.get(key, ""))
        yield from ("-e", SecretWord(f"{key}=", value) if secret and value else f"{key}={value}")


def labels(container: str, answers: Answers) -> Iterator[str]:
    """The labels that the user added."""
    for label in answers.labels.get(container, ()):
        yield from ("--label", label)


def management_labels(definition: Definition, facts: HostFacts) -> Iterator[str]:
    """Labels by which a container is known to be ours, whatever its name."""
    yield from ("--label", f"{ROCKON_LABEL}={definition.name}")
    if facts.instance:
        yield from ("--label", f"{INSTANCE_LABEL}={facts.instance}")


def own_words(argv: Sequence[str]) -> list[str]:
    """Return a command line without our management labels."""
    return run_options.without(argv, lambda flag: flag.name == "label" and flag.value.startswith(OUR_LABEL))


def mounted_paths(argv: Sequence[str]) -> list[str]:
    """Return the paths of the host that a command line mounts, as they are written there."""
    return [mount.source for mount in run_options.read(argv).mounts if mount.kind is MountKind.BIND]


def arguments(spec: ContainerSpec) -> Iterator[str]:
    """What follows the image; a blank second word of a pair is left out."""
    return _words(spec.cmd_arguments)


def _words(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for first, second in pairs:
        yield first
        if second.strip():
            yield second
