"""The Docker Engine. Only this module and its base classes (connection, images, layers, networks, leases) talk to it.

Reads, pulls, logs, events and networks go through the Docker SDK. Definitions may pass any option of `docker run`:
containers whose options `create_request` does not know are created by the docker command line, others without it. Only
containers of the rock-on that the connection is for are changed; for any other, methods raise EngineError, as they do
(EngineUnreachable) where Docker does not answer.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import parse_repository_tag
from requests.exceptions import RequestException

from rockonweb.core.containers.argv import (
    INSTANCE_LABEL,
    NAME_LABEL,
    OPERATION_LABEL,
    ROCKON_LABEL,
    Argv,
    mounted_paths,
)
from rockonweb.core.containers.networks import parse_endpoint
from rockonweb.core.docker import run_options
from rockonweb.core.docker.cli_env import affects_docker_cli, docker_cli_env
from rockonweb.core.docker.create_request import create_request
from rockonweb.core.docker.daemon_settings import DockerSettings, LogOptions, parse_log_options, parse_settings
from rockonweb.core.docker.disk_usage import DockerUsage, parse_usage
from rockonweb.core.docker.error_messages import explain_pull, is_client_failure
from rockonweb.core.docker.pull_layers import Layer, PullProgress, PullSilence, apply_pull_line
from rockonweb.core.docker.run_options import Relation
from rockonweb.core.errors import EngineError, EngineUnreachable, PortTaken
from rockonweb.core.facts import UP_STATES, ContainerEvent, ContainerFacts, VolumeMount
from rockonweb.core.operations.steps import RENAMED_SUFFIX
from rockonweb.core.plan.adoption import KeptState
from rockonweb.core.secret import redact_secrets
from rockonweb.core.text import AppOutput, join_texts, t
from rockonweb.host import disks, host_root
from rockonweb.host.connection import container_name, create_docker_client
from rockonweb.host.docker_errors import command_error, translate_errors, unmanaged_error
from rockonweb.host.docker_socket import DEFAULT_HOST, engine_unreachable
from rockonweb.host.images import Images
from rockonweb.host.layers import Layers
from rockonweb.host.leases import Leases
from rockonweb.host.networks import Networks
from rockonweb.host.waiting import Waiter
from rockonweb.remote.registry import Credentials

STOP_GRACE = 30  # seconds between SIGTERM and SIGKILL; databases need more than Docker's ten
COMMAND_TIMEOUT = 10 * 60  # seconds
FILE_TIMEOUT = 24 * 60 * 60  # seconds; a dump of a large database takes hours, and can be cancelled
READ_ONCE_TIMEOUT = 30  # seconds; a page waits for it
MAX_FILE_BYTES = 4_000_000  # of a file (as tar) that is read from a container
MAX_LOG_BYTES = 1_000_000
PORT_ATTEMPTS, PORT_PAUSE = 3, 1.0  # seconds between attempts
READY_PAUSE = 1.0  # seconds between two checks whether a container is ready, at most
EVENTS_TIMEOUT = 10 * 365 * 24 * 3600  # seconds; there may be no event for months
ANONYMOUS_NAME = re.compile(r"[0-9a-f]{64}")  # how Docker names anonymous volumes

CLI_SETTINGS = {
    "DOCKER_CONTENT_TRUST",
    "DOCKER_DEFAULT_PLATFORM",
}  # variables that change what `docker create` asks for

_RUN_ONLY_OPTIONS = ("detach", "detach-keys", "sig-proxy")


class Engine(Networks, Images, Layers, Leases):
    """A connection to the Docker Engine."""

    _pull_news_at = 0.0  # when a pull has last brought something new, by the monotonic clock

    def system_time(self) -> int:
        """Return the engine's clock in Unix seconds; this machine's where the engine does not say."""
        with translate_errors():
            timestamp = str(self._api.info().get("SystemTime") or "")
        try:
            return int(datetime.fromisoformat(timestamp).timestamp())
        except ValueError:
            return int(time.time())

    def daemon_settings(self) -> DockerSettings:
        """Return the engine's version and configuration, with the disk of its images."""
        with translate_errors():
            info = self._api.info()
        settings = parse_settings(info, self._api_version)
        return replace(settings, disk=disks.disk_of(settings.images_folder))

    def log_options(self) -> LogOptions | None:
        """Return the log driver and options of the newest container; None where there is no container."""
        with translate_errors():
            newest = self._api.containers(all=True, limit=1)
        details = self.inspect_by_id(newest[0]["Id"]) if newest else None
        return parse_log_options((details.get("HostConfig") or {}).get("LogConfig") or {}) if details else None

    def disk_usage(self) -> DockerUsage:
        """Return the disk usage of images, containers and volumes (`docker system df`), which may take minutes."""
        with translate_errors():
            return parse_usage(self._api.df())

    # -- reading ------------------------------------------------------------------------------------------------

    def operation_containers(self, operation: str) -> list[str]:
        """Return the names of this instance's containers that the operation of this random id created."""
        with translate_errors():
            containers = self._api.containers(all=True, filters={"label": f"{OPERATION_LABEL}={operation}"})
        return [
            name for item in containers if self._is_managed(item.get("Labels") or {}) and (name := container_name(item))
        ]

    def anonymous_volumes(self, name: str) -> list[VolumeMount]:
        """Return the anonymous volumes that Docker created for a container, without those from `--volumes-from`."""
        details = self._inspect_raw(name) or {}
        sources = (details.get("HostConfig") or {}).get("VolumesFrom") or ()
        borrowed = {mount.volume for source in sources for mount in self.anonymous_volumes(source.split(":")[0])}
        return [
            VolumeMount(mount["Name"], mount["Destination"])
            for mount in details.get("Mounts") or ()
            if mount.get("Type") == "volume"
            and ANONYMOUS_NAME.fullmatch(mount.get("Name") or "")
            and mount["Name"] not in borrowed
        ]

    def volume_folders(self, name: str) -> list[str]:
        """Return the folders of a container that are in volumes of Docker, whoever named these."""
        mounts = (self._inspect_raw(name) or {}).get("Mounts") or ()
        return [mount["Destination"] for mount in mounts if mount.get("Type") == "volume"]

    def bind_mount_paths(self, name: str) -> list[str]:
        """Return the host paths that a container bind-mounts; none where there is no container."""
        mounts = (self._inspect_raw(name) or {}).get("Mounts") or ()
        return [mount["Source"] for mount in mounts if mount.get("Type") == "bind" and mount.get("Source")]

    def mounts_present_folder(self, name: str, path: str) -> bool | None:
        """Whether what a running container has mounted from a path of the host is what is there now: it keeps what was
        there when it was started. None where that can't be seen, as by another user than root.
        """
        details = self._inspect_raw(name) or {}
        process = Path("/proc", str((details.get("State") or {}).get("Pid") or 0), "mountinfo")
        mount_points = disks.list_mounts(process)
        if not mount_points or host_root.read_container_id(process) != details.get("Id"):  # one of another machine
            return None
        inside = {mount["Destination"] for mount in details["Mounts"] if mount.get("Source") == path}
        mounted = {(mount.device, mount.root) for mount in mount_points if str(mount.path) in inside}
        origin = disks.find_origin(Path(path), disks.list_mounts())
        return mounted == {(origin.device, origin.folder)} if mounted and origin else None

    def restart_policy(self, name: str) -> str:
        """Return the restart policy of a container, NAME or NAME:RETRIES; `no` where there is none."""
        return _restart_policy(self._inspect_raw(name) or {})

    def paths_to_mount(self, argv: Argv) -> list[str]:
        """Return the host paths that a `docker run` line would mount, those from `--volumes-from` too."""
        lenders = run_options.parse_command_line(argv).references
        lent_paths = [
            self.bind_mount_paths(reference.container)
            for reference in lenders
            if reference.relation is Relation.VOLUMES
        ]
        return [*mounted_paths(argv), *(path for paths in lent_paths for path in paths)]

    def volume_names(self) -> set[str]:
        """Return the names of all volumes."""
        with translate_errors():
            return {item["Name"] for item in self._api.volumes().get("Volumes") or ()}

    def image_id(self, image: str) -> str | None:
        """Return the id of the image of this name; None where the host does not have it."""
        inspected = self.inspect_image(image)
        return inspected.image.id if inspected else None

    def has_image(self, image: str) -> bool:
        """Whether the host has an image of this name."""
        return self.image_id(image) is not None

    def image_history(self, image: str, name: str) -> tuple[str, str]:
        """Return an image's digest as REPOSITORY@DIGEST, for the repository of the reference `name`, and when the image
        was created (ISO 8601); each blank where not known.
        """
        inspected = self.inspect_image(image)
        if inspected is None:
            return "", ""
        prefix = f"{parse_repository_tag(name)[0]}@"
        digest = next((digest for digest in inspected.image.digests if digest.startswith(prefix)), "")
        return digest, str(inspected.details.get("Created") or "")

    def containers_mounting(self, path: str) -> list[str]:
        """Return the names of the running containers that mount a host folder, or one inside it."""
        with translate_errors():
            containers = self._api.containers()
        return [
            name
            for item in containers
            if any(f"{mount.get('Source') or ''}/".startswith(f"{path}/") for mount in item.get("Mounts") or ())
            and (name := container_name(item))
        ]

    def read_logs(self, name: str, tail: int = 200, *, timestamps: bool = False, most: int = MAX_LOG_BYTES) -> str:
        """Return the last `tail` lines of the log of a container of the rock-on, running or not; at most `most` bytes.

        With `timestamps`, each line starts with its time.
        """
        return self.read_logs_by_id(self._require_own_container(name).id, tail, timestamps=timestamps, most=most)

    def read_logs_by_id(
        self, container_id: str, tail: int = 200, *, timestamps: bool = False, most: int = MAX_LOG_BYTES
    ) -> str:
        """Return the last lines of the log of any container, as `read_logs`."""
        with translate_errors():
            chunks = self._api.logs(container_id, tail=tail, timestamps=timestamps, stream=True, follow=False)
            raw, cut = bytearray(), False
            for chunk in chunks:
                raw += chunk
                if len(raw) > 2 * most:
                    del raw[:-most]
                    cut = True
        if cut or len(raw) > most:
            raw = raw[-most:].partition(b"\n")[2]  # part of a secret would not be masked
        text: str = raw.decode("utf-8", "replace")
        return text

    def container_stats(self, container_id: str) -> dict[str, Any] | None:
        """Return Docker's raw stats of a container as one sample (no CPU rates); None where the container is gone."""
        with translate_errors():
            try:
                stats: dict[str, Any] = self._api.stats(container_id, stream=False, one_shot=True)
            except NotFound:
                return None
        return stats

    def stream_events(self, since: int) -> Iterator[ContainerEvent]:
        """Yield each event of a container of this instance, from `since` on (Unix seconds of the engine's clock).

        Blocks; ends with the connection.
        """
        stream = docker.from_env(timeout=EVENTS_TIMEOUT).api.events(
            since=since, decode=True, filters={"type": "container", "label": [f"{INSTANCE_LABEL}={self.instance}"]}
        )
        for event in stream:
            attributes = (event.get("Actor") or {}).get("Attributes") or {}
            action, signal = str(event.get("Action", "")), str(attributes.get("signal", ""))
            if not action.startswith("exec_"):
                yield ContainerEvent(
                    attributes.get(ROCKON_LABEL, ""),
                    attributes.get(NAME_LABEL) or attributes.get("name", ""),
                    action,
                    int(signal) if signal.isdecimal() else 0,
                )

    def read_file(self, name: str, path: str) -> str | None:
        """Return a text file of a container of the rock-on, running or not; None where there is none.

        Raises EngineError also for one larger than MAX_FILE_BYTES.
        """
        container = self._require_own_container(name)
        with translate_errors(name):
            try:
                chunks, _ = self._api.get_archive(container.id, path)
            except NotFound:
                return None
            archive = b"".join(_limit_chunks(MAX_FILE_BYTES, chunks, path))
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            file = next((tar.extractfile(member) for member in tar if member.isfile()), None)
            return file.read().decode("utf-8", "replace") if file else None

    # -- changing -----------------------------------------------------------------------------------------------

    def pull_image(
        self, image: str, *, required: bool = False, silent_seconds: float = 300, login: Credentials | None = None
    ) -> Iterator[PullProgress]:
        """Pull an image, and yield the progress each time that a layer's has changed, and every minute without news.

        `login` is for its registry; without it, one that Docker's own client has stored is used. After `silent_seconds`
        without news it fails. Where it fails and the host has an older one, that one is used unless `required`; the
        last `outcome` says so.
        """
        try:
            yield from self._pull_layers(image, silent_seconds, login)
        except EngineUnreachable:
            raise
        except EngineError as error:
            if required or not self.has_image(image):
                raise
            fallback_note = t("The image that is on this host is used instead.")
            yield PullProgress(
                outcome=join_texts("\n", (error.output or error.sentence, fallback_note)), is_pulled=False
            )

    def _pull_layers(self, image: str, silent_seconds: float, login: Credentials | None) -> Iterator[PullProgress]:
        repository, tag = parse_repository_tag(image)
        auth = {"username": login.user, "password": login.password} if login else None
        layers: dict[str, Layer] = {}
        status, silent_minutes, ids_before = "", 0, self.image_ids()
        silence = PullSilence(time.monotonic(), silent_seconds)
        with translate_errors(image):
            # The SDK takes its timeout away while it reads, so it is `silence` that ends this.
            client = docker.from_env(version=self._api.api_version)
        try:
            with translate_errors(image, explain_pull):
                # A waiter of its own, which asks nobody: several pulls may go on in threads.
                for line in Waiter().iterate(
                    lambda: client.api.pull(repository, tag=tag or "latest", stream=True, decode=True, auth_config=auth)
                ):
                    if line and "error" in line:
                        raise explain_pull(image, str(line["error"]))
                    if line:
                        silence.note_line(line, time.monotonic())
                        self._pull_news_at = max(self._pull_news_at, silence.news_at)
                        status = str(line.get("status", ""))
                    silence.note_others(self._pull_news_at)
                    if silence.is_over_limit(layers.values(), time.monotonic()):
                        raise explain_pull(image, f"i/o timeout: nothing new for {silent_seconds:.0f} seconds")
                    minutes = silence.minutes(time.monotonic())
                    if (line and apply_pull_line(layers, line)) or minutes != silent_minutes:
                        silent_minutes = minutes
                        yield PullProgress(tuple(layers.values()), silent_minutes=minutes)
        finally:
            client.close()
        image_id = self.image_id(image) or ""
        yield PullProgress(
            tuple(layers.values()),
            status.removeprefix("Status: "),
            new_image_id="" if image_id in ids_before else image_id,
        )

    def create_container(self, argv: Argv, operation: str) -> None:
        """Create a container from its `docker run` line without starting it, labelled with the operation's id."""
        name, create_argv = _container_name(argv), docker_create_argv(argv, operation)
        if self._create_by_request(create_argv, name):
            return
        if container := self.inspect_container(name):
            self._require_own(container)
            return  # created already by this operation or an earlier one of this rock-on: safe to repeat
        # Docker before version 25 creates a container on one network only.
        further = run_options.parse_command_line(argv).flag_values("network")[1:]
        create_argv = tuple(
            run_options.remove_flags(create_argv, lambda flag: flag.name == "network" and flag.value.strip() in further)
        )
        self._run_docker_command(create_argv, argv)
        for value in further:
            self.connect_network(run_options.network_name(value), name, parse_endpoint(value))

    def _create_by_request(self, create_argv: Argv, name: str) -> bool:
        """Create a container as the docker command would, without starting its process. Returns False where it is left
        to that: for its options, its own settings, or because the engine refuses, which the command tells in its words.
        """
        body = create_request(create_argv)
        api: Any = self._api
        if body is None or CLI_SETTINGS & os.environ.keys() or api._general_configs.get("proxies"):
            return False
        send = partial(api._post_json, api._url("/containers/create"), body, params={"name": name})
        with translate_errors(name):
            try:
                api._raise_for_status(self.waiter.call(partial(send, timeout=COMMAND_TIMEOUT)))
            except APIError:
                return False
        return True

    def run_once(self, argv: Argv, seconds: int = COMMAND_TIMEOUT) -> str:
        """Run a container to its end; return its stdout and stderr, secrets masked."""
        with tempfile.TemporaryDirectory() as folder:
            id_file = Path(folder) / "id"
            try:
                command = (*argv[:2], "--cidfile", str(id_file), *argv[2:])
                return AppOutput(self._run_docker_command(command, argv, seconds))
            except BaseException:  # the client has ended, the container perhaps not
                if id_file.exists():
                    with suppress(Exception):
                        self._api.remove_container(id_file.read_text(), force=True)
                raise

    def read_once(self, argv: Argv) -> str:
        """Run a container to its end; return its stdout alone, secrets unmasked: the caller must not store it."""
        result = self._run_process(argv, READ_ONCE_TIMEOUT)
        if result.returncode:
            raise _command_error(result.stderr.strip(), result.returncode, argv, runs=True)
        return result.stdout

    def set_restart_policy(self, name: str, policy: str) -> None:
        """Set the restart policy of a container of the rock-on, NAME or NAME:RETRIES."""
        container = self._require_own_container(name)
        with translate_errors(name):
            self._set_restart_policy(container.id, policy)

    def start_container(self, name: str) -> bool:
        """Start a container of the rock-on. Returns False where it was running already. Raises PortTaken.

        A port may be in use briefly by an outgoing connection, or by what was stopped just before: hence the attempts.
        """
        container = self._require_own_container(name)
        self._start_by_id(container.id, name)
        return container.state != "running"

    def _start_by_id(self, container_id: str, name: str) -> None:
        for attempt in range(PORT_ATTEMPTS):
            try:
                with translate_errors(name):
                    self.waiter.call(lambda: self._api.start(container_id))
                break
            except PortTaken:
                if attempt == PORT_ATTEMPTS - 1:
                    raise
            time.sleep(PORT_PAUSE)
            self.waiter.poll()

    def stop_container(self, name: str) -> bool:
        """Stop a container of the rock-on. Returns False where it does not exist or did not run."""
        container = self.inspect_container(name)
        if container is None:
            return False
        self._require_own(container)
        with translate_errors(name):
            container_id = container.id
            self.waiter.call(lambda: self._api.stop(container_id, timeout=STOP_GRACE))
        return container.state in UP_STATES

    def remove_container(self, name: str) -> None:
        """Remove a container of the rock-on, if it exists, running or not, but never its volumes."""
        if container := self.inspect_container(name):
            self._require_own(container)
            with translate_errors(name), suppress(NotFound):
                self._api.remove_container(container.id, v=False, force=True)

    def create_volume(self, name: str, operation: str) -> None:
        """Create a volume, labelled with the operation's id, unless it exists."""
        with translate_errors(name):
            self._api.create_volume(name, labels={INSTANCE_LABEL: self.instance, OPERATION_LABEL: operation})

    def remove_operation(self, operation: str) -> None:
        """Remove all that an operation has created: containers with their anonymous volumes, volumes and networks."""
        label: dict[str, Any] = {"label": [f"{INSTANCE_LABEL}={self.instance}", f"{OPERATION_LABEL}={operation}"]}
        with translate_errors():
            for container in self._api.containers(all=True, filters=label):
                with suppress(NotFound):
                    self._api.remove_container(container["Id"], v=True, force=True)
            for volume in self._api.volumes(filters=label).get("Volumes") or ():
                with suppress(NotFound):
                    self._api.remove_volume(volume["Name"])
            for network in self._api.networks(filters=label):
                with suppress(NotFound):
                    self._api.remove_network(network["Id"])

    def rename_container(self, name: str, new: str) -> None:
        """Rename a container of the rock-on."""
        container = self._require_own_container(name)
        with translate_errors(name):
            self._api.rename(container.id, new)

    def restore_name(self, name: str) -> None:
        """Rename a container back that was renamed manually, if it was."""
        container = self._require_own_container(name)
        if container.docker_name:
            self.rename_container(name, name)

    def rename_old(self, name: str) -> bool:
        """Append RENAMED_SUFFIX to a container's name, for its replacement. Returns False where there is none."""
        if self.inspect_container(name) is None:
            return False
        self.rename_container(name, name + RENAMED_SUFFIX)
        return True

    def rename_back(self, name: str) -> None:
        """Undo `rename_old`, if it was done. Raises EngineError where an unmanaged container has taken the name."""
        if self.inspect_container(name + RENAMED_SUFFIX) is None:
            return
        if container := self.inspect_container(name):
            self._require_own(container)
        self.rename_container(name + RENAMED_SUFFIX, name)

    # -- containers of others that an operation takes over --------------------------------------------------------

    def kept_state(self, container_id: str) -> KeptState | None:
        """Return how a container is now, so that `give_back` can put it back; None where it is gone."""
        details = self.inspect_by_id(container_id)
        if details is None:
            return None
        name = str(details["Name"]).lstrip("/")
        return KeptState(name, details["Id"], _restart_policy(details), details["State"].get("Status") in UP_STATES)

    def take_over(self, container_id: str, kept: str) -> None:
        """Stop a container that is adopted, keep Docker from starting it, and rename it."""
        state = self._require_adopted(container_id)
        with translate_errors(state.name):
            self._set_restart_policy(state.id, "no")
            self.waiter.call(lambda: self._api.stop(state.id, timeout=STOP_GRACE))
            if state.name != kept:
                self._api.rename(state.id, kept)

    def give_back(self, state: KeptState) -> None:
        """Undo `take_over`: the container has its name and its restart policy again, and runs if it ran."""
        present = self._require_adopted(state.id)
        with translate_errors(state.name):
            if present.name != state.name:
                self._api.rename(state.id, state.name)
            self._set_restart_policy(state.id, state.restart_policy)
        if state.running and not present.running:
            self._start_by_id(state.id, state.name)

    def remove_kept(self, container_id: str) -> None:
        """Remove a container that was taken over, if it is still there and stopped, but never its volumes."""
        state = self.kept_state(container_id)
        if state is None:
            return
        self._require_adopted(container_id)
        if state.running:
            raise EngineError(t("%(name)s runs: somebody has started it, so it is not removed.", name=state.name))
        with translate_errors(state.name), suppress(NotFound):
            self._api.remove_container(container_id, v=False)

    def _require_adopted(self, container_id: str) -> KeptState:
        state = self.kept_state(container_id)
        if state is None:
            raise EngineError(t("The container %(name)s is gone.", name=container_id[:12]))
        if container_id not in self.adopted_ids or container_id == self._own_id:
            raise unmanaged_error(state.name)
        return state

    def _set_restart_policy(self, container_id: str, policy: str) -> None:
        kind, _, retries = policy.partition(":")
        restart_policy: Any = {"Name": kind, "MaximumRetryCount": int(retries or 0)}
        self._api.update_container(container_id, restart_policy=restart_policy)

    def renamed_containers(self) -> dict[str, ContainerFacts]:
        """Return the rock-on's containers that `rename_old` has renamed, by their original names."""
        return {
            name.removesuffix(RENAMED_SUFFIX): container
            for name, container in self.list_containers().items()
            if name.endswith(RENAMED_SUFFIX) and self.acts_on(container)
        }

    def is_container_up(self, name: str) -> bool:
        """Whether a container runs, or Docker is restarting it (UP_STATES)."""
        container = self.inspect_container(name)
        return container is not None and container.state in UP_STATES

    def exec_command(self, name: str, command: tuple[str, ...]) -> tuple[int, str]:
        """Run a command inside a running container of the rock-on; return its exit status (-1: unknown) and output."""
        container = self._require_own_container(name)
        with translate_errors(name):
            run = self._api.exec_create(container.id, list(command))
            output = self._api.exec_start(run["Id"])
            status = self._api.exec_inspect(run["Id"]).get("ExitCode")
        return (-1 if status is None else int(status)), output.decode("utf-8", "replace")

    def exec_with_files(
        self, name: str, command: tuple[str, ...], *, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
    ) -> str:
        """Run a command inside a running container of the rock-on, with a file as its input or its output; return what
        else it printed. Raises EngineError where it fails.
        """
        container = self._require_own_container(name)
        options = ("--interactive",) if stdin else ()
        result = self._run_process(
            ("docker", "exec", *options, container.id, *command), FILE_TIMEOUT, stdin=stdin, stdout=stdout
        )
        output = f"{result.stdout or ''}{result.stderr}".strip()
        if result.returncode:
            raise EngineError(
                t("A command in %(name)s broke off with exit code %(code)s.", name=name, code=result.returncode),
                output=AppOutput(output),
            )
        return output

    def remove_image(self, image: str) -> bool:
        """Remove an image, unless a container uses it. Returns whether it no longer exists."""
        if self.image_id(image) in {container.image_id for container in self.list_containers().values()}:
            return False
        return self.untag_image(image)

    def untag_image(self, image: str) -> bool:
        """Remove a name of an image, and the image with its last name, which Docker refuses while it is in use.

        Returns whether the name no longer exists.
        """
        with translate_errors(image):
            try:
                self._api.remove_image(image)
            except ImageNotFound:
                return True
            except APIError as error:
                if error.status_code == 409:
                    return False
                raise
        return True

    def tag_image(self, image: str, repository: str, tag: str) -> None:
        """Tag an image, if it exists, so that `docker image prune` does not remove it."""
        with translate_errors(image), suppress(ImageNotFound):
            self._api.tag(image, repository, tag)

    def repository_tags(self, repository: str) -> list[str]:
        """Return the tags that local images have in a repository."""
        with translate_errors():
            images = self._api.images(repository)
        names = [name for image in images for name in image.get("RepoTags") or ()]
        return [name.rpartition(":")[2] for name in names if name.startswith(f"{repository}:")]

    def await_answer(self, name: str, command: tuple[str, ...], seconds: int) -> None:
        """Wait until a command inside a container of the rock-on succeeds. Raises EngineError after `seconds`."""
        deadline = time.monotonic() + seconds
        pause = READY_PAUSE / 16
        while True:
            container = self._require_own_container(name)
            output = ""
            if container.state == "running":
                with suppress(EngineError):  # the container may end between the two requests
                    status, output = self.exec_command(name, command)
                    if status == 0:
                        return
            ended = container.state in ("exited", "dead")
            if ended or time.monotonic() > deadline:
                sentence = (
                    t("%(name)s ended before it was ready.", name=name)
                    if ended
                    else t("%(name)s was not ready after %(seconds)s seconds.", name=name, seconds=seconds)
                )
                raise EngineError(
                    sentence, t("Its log is below."), output=AppOutput(f"{output}\n{self.read_logs(name, 20)}".strip())
                )
            time.sleep(pause)
            pause = min(pause * 2, READY_PAUSE)
            self.waiter.poll()

    def await_end(self, name: str, seconds: int) -> None:
        """Wait until a container of the rock-on has ended with status 0. Raises EngineError after `seconds`."""
        deadline = time.monotonic() + seconds
        while (container := self.inspect_container(name)) and container.state in ("running", "created", "restarting"):
            if time.monotonic() > deadline:
                raise EngineError(t("%(name)s did not finish within %(seconds)s seconds.", name=name, seconds=seconds))
            time.sleep(0.1)
            self.waiter.poll()
        if container is None or container.exit_code != 0:
            raise EngineError(
                t("%(name)s ended with exit code %(code)s.", name=name, code=container.exit_code if container else "?"),
                output=AppOutput(self.read_logs(name, 20)) if container else "",
            )

    # -- helpers ------------------------------------------------------------------------------------------------

    def _run_docker_command(self, command: Argv, original: Argv, seconds: int = COMMAND_TIMEOUT) -> str:
        """Return a command's output, without the secrets in `original`."""
        result = self._run_process(command, seconds)
        output = redact_secrets(f"{result.stdout}\n{result.stderr}".strip(), original)
        if result.returncode:
            raise _command_error(output, result.returncode, original, runs=command[1] == "run")
        return output

    def _run_process(
        self, command: Argv, seconds: int, *, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
    ) -> subprocess.CompletedProcess[str]:
        cli_env = docker_cli_env(command)
        # Only the variables that the docker command needs: `-e NAME` in a definition would pass on any other of ours.
        # DOCKER_HOST is always set, as it overrides a `docker context`, which the SDK ignores.
        inherited = {name: value for name, value in os.environ.items() if affects_docker_cli(name)}
        environment = {"DOCKER_HOST": DEFAULT_HOST, **inherited, **cli_env.environment}
        try:
            process = subprocess.Popen(  # noqa: S603 - an argv list, never a shell string
                cli_env.argv,
                env=environment,
                stdin=stdin or subprocess.PIPE,
                stdout=stdout or subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            )
            printed, errors = self.waiter.communicate(process, cli_env.env_file, seconds)
            return subprocess.CompletedProcess(cli_env.argv, process.returncode, printed, errors)
        except FileNotFoundError:
            raise EngineError(
                t("The docker command is not installed."), t("Install the package docker.io or docker-ce-cli.")
            ) from None
        except OSError as error:
            raise EngineError(
                t("The docker command can't be started: %(why)s.", why=error.strerror or str(error))
            ) from None
        except subprocess.TimeoutExpired:
            raise EngineError(t("Docker did not finish within %(seconds)s seconds.", seconds=seconds)) from None


def connect_engine(instance: str = "", *rockons: str, seconds: float | None = None) -> Engine:
    """Connect to the engine that DOCKER_HOST names (else Docker's default); `rockons` are those that may be changed,
    `seconds` the time for each answer, see `create_docker_client`.

    Raises EngineUnreachable.
    """
    try:
        return Engine(create_docker_client(seconds), instance, *rockons)
    except (DockerException, RequestException, OSError, ValueError) as error:
        raise engine_unreachable(error) from None


def _container_name(argv: Argv) -> str:
    return str(argv[argv.index("--name") + 1]) if "--name" in argv else str(t("the container"))


def _command_error(output: str, status: int, argv: Argv, *, runs: bool) -> EngineError:
    """Return the error for what a `docker run` line printed, without the secrets in the line; `runs`: the container was
    run by it and not only created, so that it may have printed this itself.
    """
    image = "".join(argv[run_options.parse_command_line(argv).image :][:1])
    name, output = _container_name(argv), redact_secrets(output, argv)
    if runs and not is_client_failure(output, status):
        return EngineError(
            t("%(name)s ended with exit code %(code)s.", name=name, code=status), output=AppOutput(output)
        )
    return command_error(output, status, name, image)


def docker_create_argv(argv: Argv, operation: str) -> Argv:
    """Return the `docker create` line for a `docker run` line, with the operation's id and the container's name as
    labels. Raises EngineError.
    """
    if fault := run_options.parse_command_line(argv).fault:
        raise EngineError(t('"%(word)s" is not an option of docker run.', word=fault[:60]))
    remaining = run_options.remove_flags(argv, lambda flag: flag.name in _RUN_ONLY_OPTIONS)
    image = run_options.parse_command_line(remaining).image
    name = ("--label", f"{NAME_LABEL}={_container_name(argv)}") if "--name" in argv else ()
    labels = (*name, "--label", f"{OPERATION_LABEL}={operation}")
    return ("docker", "create", *remaining[2:image], *labels, *remaining[image:])


def _restart_policy(details: Mapping[str, Any]) -> str:
    policy = (details.get("HostConfig") or {}).get("RestartPolicy") or {}
    return ":".join(str(part) for part in (policy.get("Name") or "no", policy.get("MaximumRetryCount")) if part)


def _limit_chunks(limit: int, chunks: Iterable[bytes], path: str) -> Iterator[bytes]:
    """Yield the chunks of a file. Raises EngineError where they exceed `limit` bytes."""
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise EngineError(t("The file %(path)s of the container is too large to be read.", path=path))
        yield chunk
