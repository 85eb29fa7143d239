"""The `docker run` command line of a container: one small function per group of options.

The groups come in the order of Rockstor's own command, because a later option wins: a definition's options override the
defaults before them, and a user's answers override those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rockonweb.core.answers.answers import Answers, split_share_path
from rockonweb.core.definition.definition import ContainerSpec, Definition, sort_questions
from rockonweb.core.docker import run_options
from rockonweb.core.docker.run_options import LABEL_PREFIX, MountKind
from rockonweb.core.facts import HostFacts, ShareFacts
from rockonweb.core.secret import SecretWord

ROCKON_LABEL = "rockonweb.rockon"
INSTANCE_LABEL = "rockonweb.instance"
OPERATION_LABEL = "rockonweb.operation"
NAME_LABEL = "rockonweb.container"  # by which a container that was renamed manually is known
REHEARSAL_SUFFIX = ".rehearsal"  # of the instance label of what belongs to rehearsals: it is no app's
DETACH_OPTIONS = ("-d", "--restart=unless-stopped")

Argv = tuple[str, ...]


@dataclass(frozen=True)
class HandlerAdditions:
    """What a handler adds to a container's command line; each goes into its own group.

    `mounts` are pairs of a path on the host and one in the container, `links` pairs of a container and its alias,
    `environment` variables by name.
    """

    mounts: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


NO_ADDITIONS = HandlerAdditions()


def docker_run_argv(
    definition: Definition,
    container: str,
    answers: Answers,
    facts: HostFacts,
    additions: HandlerAdditions = NO_ADDITIONS,
) -> Argv:
    """Return the whole command line that creates and starts `container`."""
    spec = definition.containers[container]
    return (
        *("docker", "run", *DETACH_OPTIONS, "--name", container),
        *volume_options(container, spec, answers, facts),
        *handler_mount_options(container, answers, additions),
        *("-v", "/etc/localtime:/etc/localtime:ro"),
        *device_options(container, spec, answers),
        *user_option(container, spec, answers, facts),
        *publish_options(container, spec, answers),
        *definition_options(spec),
        *link_options(additions),
        *environment_options(definition, container, answers, additions),
        *label_options(container, answers),
        *management_label_options(definition, facts),
        facts.pinned.get(container, spec.image_reference),
        *command_arguments(spec),
    )


def share_facts(share_path: str, facts: HostFacts) -> ShareFacts:
    """Return path and owner of "SHARE" or "SHARE/FOLDER"; a share yet to be created is root's by default."""
    share, folder = split_share_path(share_path)
    new_owner = facts.new_owners.get(share, (0, 0))
    base = facts.shares.get(share) or ShareFacts(f"{facts.shares_root}/{share}", *new_owner)
    return ShareFacts(f"{base.path}/{folder}", base.uid, base.gid) if folder else base


def volume_options(container: str, spec: ContainerSpec, answers: Answers, facts: HostFacts) -> Iterator[str]:
    """Shares on the definition's volumes, in its order, then added storage, then the old container's volumes."""
    answered = answers.shares.get(container, {})
    storage = answers.storage.get(container, {})
    mounts = [(destination, answered[destination]) for destination in spec.volumes if destination in answered]
    for destination, share_path in [*mounts, *storage.items()]:
        yield from ("-v", f"{share_facts(share_path, facts).path}:{destination}")
    for kept_volume in facts.kept_volumes.get(container, ()):
        if kept_volume.destination not in {*answered, *storage}:
            yield from ("-v", f"{kept_volume.volume}:{kept_volume.destination}")


def handler_mount_options(container: str, answers: Answers, additions: HandlerAdditions) -> Iterator[str]:
    """What the handler mounts, except where a share is mounted already."""
    taken = {*answers.shares.get(container, {}), *answers.storage.get(container, {})}
    for path, destination in additions.mounts:
        if destination not in taken:
            yield from ("-v", f"{path}:{destination}")


def device_options(container: str, spec: ContainerSpec, answers: Answers) -> Iterator[str]:
    """Answered devices only."""
    for device, _ in sort_questions(spec.devices):
        if value := answers.devices.get(container, {}).get(device):
            yield from ("--device", value)


def user_option(container: str, spec: ContainerSpec, answers: Answers, facts: HostFacts) -> Iterator[str]:
    """`-u UID[:GID]`, where the definition has a uid; -1 is the owner of the first volume's share."""
    if spec.uid is None:
        return
    owner = first_share(container, spec, answers, facts)
    uid = spec.uid if spec.uid >= 0 else owner and owner.uid
    gid = {None: None, -1: owner and owner.gid, -2: facts.groups.get("docker")}.get(spec.gid, spec.gid)
    if uid is not None:
        yield from ("-u", str(uid) if gid is None else f"{uid}:{gid}")


def first_share(container: str, spec: ContainerSpec, answers: Answers, facts: HostFacts) -> ShareFacts | None:
    """Return the share of the container's first volume, None without one."""
    share_path = answers.shares.get(container, {}).get(next(iter(spec.volumes), ""))
    return share_facts(share_path, facts) if share_path else None


def host_port(definition: Definition, container: str, port: int, answers: Answers) -> int | None:
    """Return the host port that reaches `port` of a container; None for one that is not published.

    On the host's network a container's own port is the host's.
    """
    published = answers.ports.get(container, {}).get(port)
    fixed = published is not None and definition.containers[container].on_host_network
    return port if fixed else published


def resolve_host_ports(definition: Definition, answers: Answers) -> Answers:
    """Return the answers with the actual host ports of containers on the host network."""
    ports = {
        name: {port: host_port(definition, name, port, answers) for port in by_port}
        for name, by_port in answers.ports.items()
        if name in definition.containers
    }
    return replace(answers, ports=ports)


def publish_options(container: str, spec: ContainerSpec, answers: Answers) -> Iterator[str]:
    """Published ports only; without a protocol both tcp and udp. On the host's network Docker ignores them."""
    for port, port_spec in spec.port_specs.items():
        host = answers.ports.get(container, {}).get(port)
        for protocol in port_spec.published_protocols if host is not None else ():
            yield from ("-p", f"{host}:{port}/{protocol}")


def definition_options(spec: ContainerSpec) -> Iterator[str]:
    """The definition's options unchanged, repeated ones too; a blank value means the option alone."""
    return _flatten_pairs(spec.opts)


def link_options(additions: HandlerAdditions) -> Iterator[str]:
    """The containers that the handler links to."""
    for container, alias in additions.links:
        yield from ("--link", f"{container}:{alias}")


def environment_options(
    definition: Definition, container: str, answers: Answers, additions: HandlerAdditions = NO_ADDITIONS
) -> Iterator[str]:
    """The handler's variables, answered ones in the order of the questions, then the user's own; secrets masked.

    One without an answer is left out.
    """
    answered = answers.environment.get(container, {})
    questions = sort_questions(definition.containers[container].environment)
    labels = {key: question.label for key, question in questions if key in answered}
    user_variables = answers.variables.get(container, {})
    for key, value in [
        *additions.environment.items(),
        *((key, answered[key]) for key in labels),
        *user_variables.items(),
    ]:
        secret = definition.hides_answer(container, key, labels.get(key, ""))
        yield from ("-e", SecretWord(f"{key}=", value) if secret and value else f"{key}={value}")


def label_options(container: str, answers: Answers) -> Iterator[str]:
    """The labels that the user added."""
    for label in answers.labels.get(container, ()):
        yield from ("--label", label)


def management_label_options(definition: Definition, facts: HostFacts) -> Iterator[str]:
    """Labels that mark a container as managed by this instance, whatever its name."""
    yield from ("--label", f"{ROCKON_LABEL}={definition.name}")
    if facts.instance:
        yield from ("--label", f"{INSTANCE_LABEL}={facts.instance}")


def without_management_labels(argv: Sequence[str]) -> list[str]:
    """Return a command line without the labels of Rockonweb."""
    return run_options.remove_flags(argv, lambda flag: flag.name == "label" and flag.value.startswith(LABEL_PREFIX))


def mounted_paths(argv: Sequence[str]) -> list[str]:
    """Return the paths of the host that a command line mounts, as they are written there."""
    return [mount.source for mount in run_options.parse_command_line(argv).mounts if mount.kind is MountKind.BIND]


def command_arguments(spec: ContainerSpec) -> Iterator[str]:
    """What follows the image; a blank second part of a pair is left out."""
    return _flatten_pairs(spec.cmd_arguments)


def _flatten_pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for first, second in pairs:
        yield first
        if second.strip():
            yield second
