"""The Docker Engine: this module and those that it is made of (connection, images, networks…) alone talk to it.

Reads, pulls, logs, events and networks go through the Docker SDK; containers are made by the docker command line from
the argv, because definitions pass any flag of `docker run`. Whatever acts on a container acts only on one of the
rock-on that the connection is for.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import parse_repository_tag
from requests.exceptions import RequestException

from rockonweb.core.containers.argv import INSTANCE_LABEL, OPERATION_LABEL, ROCKON_LABEL, Argv, mounted_paths
from rockonweb.core.docker import run_options
from rockonweb.core.docker.cli_env import for_client, steers
from rockonweb.core.docker.daemon_settings import (
    DockerSettings,
    DockerUsage,
    LogOptions,
    parse_log_options,
    parse_settings,
    parse_usage,
)
from rockonweb.core.docker.pull_layers import Layer, PullProgress, advance
from rockonweb.core.docker.run_options import Relation
from rockonweb.core.errors import EngineError, EngineUnreachable, PortTaken
from rockonweb.core.facts import UP, Listener, Mount
from rockonweb.core.operations.steps import ASIDE
from rockonweb.core.secret import redact
from rockonweb.core.text import joined, t
from rockonweb.host import disks
from rockonweb.host.connection import client, name_of
from rockonweb.host.docker_errors import command_error, pull_error, translated, unreachable
from rockonweb.host.images import Images
from rockonweb.host.networks import Networks

READ_TIMEOUT = 60  # seconds
PULL_SILENCE = 15 * 60  # seconds without a word from the engine, for example while a registry stalls
STOP_GRACE = 30  # seconds between SIGTERM and SIGKILL; databases need more than Docker's ten
COMMAND_TIMEOUT = 10 * 60
LARGEST_FILE = 4_000_000  # bytes that are read out of a container
LARGEST_LOG = 1_000_000
DEFAULT_HOST = "unix:///var/run/docker.sock"  # the SDK's own
PORT_ATTEMPTS, PORT_PAUSE = 3, 1.0  # seconds from one to the next
READY_PAUSE = 1.0  # between two questions whether a container is ready, at most
NEVER = 10 * 365 * 24 * 3600  # of the events, which may be silent for months
ANONYMOUS = re.compile(r"[0-9a-f]{64}")  # the name that Docker gives a volume without one

_OF_RUN_ALONE = ("detach", "detach-keys", "sig-proxy")


class Engine(Networks, Images):
    """A connection to the Docker Engine."""

    def clock(self) -> int:
        """Return the engine's own time, in whole seconds since 1970."""
        with translated():
            told = str(self._api.info().get("SystemTime") or "")
        try:
            return int(datetime.fromisoformat(told).timestamp())
        except ValueError:
            return int(time.time())

    def settings(self) -> DockerSettings:
        """Return how the engine is set up."""
        with translated():
            info, version = self._api.info(), self._api.version()
        found = parse_settings(info, version)
        return replace(found, disk=disks.disk_of(found.images_folder))

    def log_options(self) -> LogOptions | None:
        """Return how the log of the newest container is kept, None where there is no container."""
        with translated():
            newest = self._api.containers(all=True, limit=1)
        found = self._inspect(newest[0]["Id"], by_id=True) if newest else None
        return parse_log_options((found.get("HostConfig") or {}).get("LogConfig") or {}) if found else None

    def usage(self) -> DockerUsage:
        """Return how much room images, containers and volumes take. Docker may count for a while."""
        with translated():
            return parse_usage(self._api.df())

    # -- looking ------------------------------------------------------------------------------------------------

    def published(self) -> list[Listener]:
        """Return the host ports that running containers publish."""
        with translated():
            found = self._api.containers()
        return [
            Listener(
                port=port["PublicPort"],
                protocol=port.get("Type", "tcp"),
                address=port.get("IP", ""),
                holder=t("the container %(name)s", name=name_of(item) or "?"),
                rockon=self._rockon(item.get("Labels") or {}),
            )
            for item in found
            for port in item.get("Ports") or ()
            if port.get("PublicPort")
        ]

    def made_by(self, operation: int) -> list[str]:
        """Return the names of our containers that an operation made."""
        with translated():
            found = self._api.containers(all=True, filters={"label": f"{OPERATION_LABEL}={operation}"})
        return [name for item in found if self._is_ours(item.get("Labels") or {}) and (name := name_of(item))]

    def anonymous_volumes(self, name: str) -> list[Mount]:
        """Return the volumes that Docker itself made for a container, without those that it has from another one."""
        found = self._inspect(name) or {}
        sources = (found.get("HostConfig") or {}).get("VolumesFrom") or ()
        borrowed = {mount.volume for source in sources for mount in self.anonymous_volumes(source.split(":")[0])}
        return [
            Mount(mount["Name"], mount["Destination"])
            for mount in found.get("Mounts") or ()
            if mount.get("Type") == "volume"
            and ANONYMOUS.fullmatch(mount.get("Name") or "")
            and mount["Name"] not in borrowed
        ]

    def mounted_paths(self, name: str) -> list[str]:
        """Return the paths of the host that a container mounts; none where there is no container."""
        mounts = (self._inspect(name) or {}).get("Mounts") or ()
        return [mount["Source"] for mount in mounts if mount.get("Type") == "bind" and mount.get("Source")]

    def would_mount(self, argv: Argv) -> list[str]:
        """Return the paths of the host that a command line would mount, those of other containers too."""
        lenders = run_options.read(argv).references
        lent = [self.mounted_paths(one.container) for one in lenders if one.relation is Relation.VOLUMES]
        return [*mounted_paths(argv), *(path for paths in lent for path in paths)]

    def volumes(self) -> set[str]:
        """Return the names of all volumes."""
        with translated():
            return {item["Name"] for item in self._api.volumes().get("Volumes") or ()}

    def image_id(self, image: str) -> str | None:
        """Return the id of the image of this name, None where there is none on the host."""
        found = self.inspect_image(image)
        return found.image.id if found else None

    def has_image(self, image: str) -> bool:
        """Whether an image of this name is on the host."""
        return self.image_id(image) is not None

    def image_history(self, image: str, name: str) -> tuple[str, str]:
        """Return the digest by which a registry knows an image of this name, with the name, and when it was made;
        blank where that is not known.
        """
        found = self.inspect_image(image)
        if found is None:
            return "", ""
        named = f"{parse_repository_tag(name)[0]}@"
        digest = next((digest for digest in found.image.digests if digest.startswith(named)), "")
        return digest, str(found.body.get("Created") or "")

    def mounting(self, path: str) -> list[str]:
        """Return the names of the containers that are up and have a folder of the host, or one inside it."""
        with translated():
            found = self._api.containers()
        return [
            name
            for item in found
            if any(f"{mount.get('Source') or ''}/".startswith(f"{path}/") for mount in item.get("Mounts") or ())
            and (name := name_of(item))
        ]

    def logs(self, name: str, tail: int = 200, *, timestamps: bool = False, most: int = LARGEST_LOG) -> str:
        """Return the last lines of a container of the rock-on, running or not; of very long ones the last `most` bytes.

        With `timestamps` each line begins with the moment when it was written.
        """
        with translated():
            chunks = self._api.logs(self._own(name).id, tail=tail, timestamps=timestamps, stream=True, follow=False)
            raw, cut = bytearray(), False
            for chunk in chunks:
                raw += chunk
                if len(raw) > 2 * most:
                    del raw[:-most]
                    cut = True
        if cut or len(raw) > most:
            raw = raw[-most:].partition(b"\n")[2]  # a line that was cut could show a part of a secret
        text: str = raw.decode("utf-8", "replace")
        return text

    def stats(self, container_id: str) -> dict[str, Any] | None:
        """Return what Docker counts for a container, as it says it and without waiting for a second look; None where
        the container has gone.
        """
        with translated():
            try:
                found: dict[str, Any] = self._api.stats(container_id, stream=False, one_shot=True)
            except NotFound:
                return None
        return found

    def events(self, since: int) -> Iterator[str]:
        """Yield the name of a rock-on of ours each time that one of its containers changes, from a moment of the
        engine's clock on. Blocks; ends with the connection.
        """
        stream = docker.from_env(timeout=NEVER).api.events(
            since=since, decode=True, filters={"type": "container", "label": [f"{INSTANCE_LABEL}={self.instance}"]}
        )
        for event in stream:
            attributes = (event.get("Actor") or {}).get("Attributes") or {}
            if not str(event.get("Action", "")).startswith("exec_"):
                yield attributes.get(ROCKON_LABEL, "")

    def read_file(self, name: str, path: str) -> str | None:
        """Return a text file of a container of the rock-on, running or not; None when there is none. Changes nothing.

        Raises EngineError also for one that is too large.
        """
        known = self._own(name)
        with translated(name):
            try:
                chunks, _ = self._api.get_archive(known.id, path)
            except NotFound:
                return None
            archive = b"".join(_at_most(LARGEST_FILE, chunks, path))
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            file = next((tar.extractfile(one) for one in tar if one.isfile()), None)
            return file.read().decode("utf-8", "replace") if file else None

    # -- acting -------------------------------------------------------------------------------------------------

    def pull(self, image: str, *, required: bool = False) -> Iterator[PullProgress]:
        """Get the newest image of this name, and yield how far that is whenever a layer has moved.

        When that fails and an older one is on the host, that one is used unless the newest is `required`, and the
        sentence at the end says so.
        """
        try:
            yield from self._pull(image)
        except EngineUnreachable:
            raise
        except EngineError as error:
            if required or not self.has_image(image):
                raise
            instead = t("The image that is on this host is used instead.")
            yield PullProgress(words=joined("\n", (error.output or error.sentence, instead)))

    def _pull(self, image: str) -> Iterator[PullProgress]:
        repository, tag = parse_repository_tag(image)
        layers: dict[str, Layer] = {}
        status = ""
        with translated(image):
            client = docker.from_env(timeout=PULL_SILENCE, version=self._api.api_version)
        try:
            with translated(image, pull_error):
                for line in client.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
                    if "error" in line:
                        raise pull_error(image, str(line["error"]))
                    status = str(line.get("status", ""))
                    if advance(layers, line):
                        yield PullProgress(tuple(layers.values()))
        finally:
            client.close()
        yield PullProgress(tuple(layers.values()), status.removeprefix("Status: "))

    def create(self, argv: Argv, operation: int) -> None:
        """Make a container from its `docker run` line, not started yet."""
        name = argv[argv.index("--name") + 1]
        known = self.container(name)
        if known:
            self._refuse_others(known)
            return  # made before by this operation or an earlier one of this rock-on: safe to repeat
        self._command(create_form(argv, operation), argv)

    def run_once(self, argv: Argv, seconds: int = COMMAND_TIMEOUT) -> str:
        """Run a container to its end and return what it printed."""
        return self._command(argv, argv, seconds)

    def read_once(self, argv: Argv) -> str:
        """Run a container to its end and return its standard output alone, which is kept nowhere."""
        done = self._run(argv, COMMAND_TIMEOUT)
        if done.returncode:
            raise command_error(redact(done.stderr.strip(), argv), done.returncode)
        return done.stdout

    def start(self, name: str) -> None:
        """Start a container of the rock-on.

        A port may be held for a moment by an outgoing connection, or by what was stopped just now: that is waited for.
        """
        container = self._own(name).id
        for attempt in range(PORT_ATTEMPTS):
            try:
                with translated(name):
                    self._api.start(container)
                return
            except PortTaken:
                if attempt == PORT_ATTEMPTS - 1:
                    raise
            time.sleep(PORT_PAUSE)

    def stop(self, name: str) -> None:
        """Stop a container of the rock-on; one that does not run or does not exist is fine."""
        if known := self.container(name):
            self._refuse_others(known)
            with translated(name):
                self._api.stop(known.id, timeout=STOP_GRACE)

    def remove(self, name: str) -> None:
        """Remove a container of the rock-on, running or not, but never its volumes; one that does not exist is fine."""
        if known := self.container(name):
            self._refuse_others(known)
            with translated(name), suppress(NotFound):
                self._api.remove_container(known.id, v=False, force=True)

    def rename(self, name: str, new: str) -> None:
        """Give a container of the rock-on another name."""
        known = self._own(name)
        with translated(name):
            self._api.rename(known.id, new)

    def set_aside(self, name: str) -> bool:
        """Rename a container so that its replacement can have its name. Returns False where there is none."""
        if self.container(name) is None:
            return False
        self.rename(name, name + ASIDE)
        return True

    def put_back(self, name: str) -> None:
        """Give a container that was set aside its name back, unless it has it; a stranger's may have taken that."""
        if self.container(name + ASIDE) is None:
            return
        if other := self.container(name):
            self._refuse_others(other)
        self.rename(name + ASIDE, name)

    def aside(self) -> list[str]:
        """Return the names of the rock-on's containers that are set aside, without what marks them."""
        return [
            name.removesuffix(ASIDE)
            for name, known in self.containers().items()
            if name.endswith(ASIDE) and self.acts_on(known)
        ]

    def runs(self, name: str) -> bool:
        """Whether a container is up, or Docker tries to bring it up."""
        known = self.container(name)
        return known is not None and known.state in UP

    def execute(self, name: str, command: tuple[str, ...]) -> tuple[int, str]:
        """Run a command inside a running container of the rock-on; return its status and what it printed."""
        known = self._own(name)
        with translated(name):
            run = self._api.exec_create(known.id, list(command))
            printed = self._api.exec_start(run["Id"])
            status = self._api.exec_inspect(run["Id"]).get("ExitCode")
        return (-1 if status is None else int(status)), printed.decode("utf-8", "replace")

    def remove_image(self, image: str) -> bool:
        """Remove an image, unless a container uses it or it is gone. Returns whether it is gone."""
        if self.image_id(image) in {known.image_id for known in self.containers().values()}:
            return False
        return self.remove_image_name(image)

    def remove_image_name(self, image: str) -> bool:
        """Take a name from an image, and remove the image with its last one; one that is used keeps its last name.

        Returns whether the name is gone.
        """
        with translated(image):
            try:
                self._api.remove_image(image)
            except ImageNotFound:
                return True
            except APIError as error:
                if error.status_code == 409:
                    return False
                raise
        return True

    def hold_image(self, image: str, repository: str, tag: str) -> None:
        """Give an image a name of ours, so that nobody removes it as unused; one that is gone is fine."""
        with translated(image), suppress(ImageNotFound):
            self._api.tag(image, repository, tag)

    def held_images(self, repository: str) -> list[str]:
        """Return the tags of a repository of ours that images have."""
        with translated():
            found = self._api.images(repository)
        names = [name for image in found for name in image.get("RepoTags") or ()]
        return [name.rpartition(":")[2] for name in names if name.startswith(f"{repository}:")]

    def await_answer(self, name: str, command: tuple[str, ...], seconds: int) -> None:
        """Wait until a command inside a container of the rock-on ends with status 0."""
        deadline = time.monotonic() + seconds
        pause = READY_PAUSE / 16
        while True:
            known = self._own(name)
            printed = ""
            if known.state == "running":
                with suppress(EngineError):  # it may end between the two questions
                    status, printed = self.execute(name, command)
                    if status == 0:
                        return
            ended = known.state in ("exited", "dead")
            if ended or time.monotonic() > deadline:
                sentence = (
                    t("%(name)s ended before it was ready.", name=name)
                    if ended
                    else t("%(name)s was not ready after %(seconds)s seconds.", name=name, seconds=seconds)
                )
                raise EngineError(sentence, t("Its log is below."), output=f"{printed}\n{self.logs(name, 20)}".strip())
            time.sleep(pause)
            pause = min(pause * 2, READY_PAUSE)

    def await_end(self, name: str, seconds: int) -> None:
        """Wait until a container of the rock-on has ended with status 0."""
        deadline = time.monotonic() + seconds
        while (known := self.container(name)) and known.state in ("running", "created", "restarting"):
            if time.monotonic() > deadline:
                raise EngineError(t("%(name)s has not ended after %(seconds)s seconds.", name=name, seconds=seconds))
            time.sleep(0.1)
        if known is None or known.exit_code != 0:
            raise EngineError(
                t("%(name)s ended with status %(code)s.", name=name, code=known.exit_code if known else "?"),
                output=self.logs(name, 20) if known else "",
            )

    # -- below --------------------------------------------------------------------------------------------------

    def _command(self, command: Argv, shown: Argv, seconds: int = COMMAND_TIMEOUT) -> str:
        """Run a command line and return all that it printed, without the secrets in it."""
        done = self._run(command, seconds)
        output = redact(f"{done.stdout}\n{done.stderr}".strip(), shown)
        if done.returncode:
            raise command_error(output, done.returncode)
        return output

    def _run(self, command: Argv, seconds: int) -> subprocess.CompletedProcess[str]:
        given = for_client(command)
        # Of our own environment what the client needs: `-e NAME` in a definition's options would hand on any of it.
        # And no `docker context`, which the SDK knows nothing of.
        needed = {name: value for name, value in os.environ.items() if steers(name)}
        environment = {"DOCKER_HOST": DEFAULT_HOST, **needed, **given.environment}
        try:
            return subprocess.run(  # noqa: S603 - an argv list, never a shell string
                given.words,
                env=environment,
                input=given.env_file,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError:
            raise EngineError(
                t("The docker command is not installed."), t("Install the package docker.io or docker-ce-cli.")
            ) from None
        except subprocess.TimeoutExpired:
            raise EngineError(t("Docker did not finish within %(seconds)s seconds.", seconds=seconds)) from None


def connect(instance: str = "", *rockons: str) -> Engine:
    """Connect to the engine that DOCKER_HOST or Docker's default names; `rockons` are those that may be acted on.

    Raises EngineUnreachable.
    """
    try:
        return Engine(client(READ_TIMEOUT), instance, *rockons)
    except (DockerException, RequestException, OSError, ValueError) as error:
        raise unreachable(error) from None


def create_form(argv: Argv, operation: int) -> Argv:
    """Return the `docker create` of a `docker run`: without the flags that only run takes, and with the operation."""
    if fault := run_options.read(argv).fault:
        raise EngineError(t('"%(word)s" is no option of docker run.', word=fault[:60]))
    kept = run_options.without(argv, lambda flag: flag.name in _OF_RUN_ALONE)
    image = run_options.read(kept).image
    return ("docker", "create", *kept[2:image], "--label", f"{OPERATION_LABEL}={operation}", *kept[image:])


def _at_most(limit: int, chunks: Iterable[bytes], path: str) -> Iterator[bytes]:
    """Yield the chunks of a file; raise EngineError where they are more than `limit` bytes."""
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise EngineError(t("The file %(path)s of the container is too large to be read.", path=path))
        yield chunk
