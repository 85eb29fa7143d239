"""The Docker Engine: the only module that talks to it.

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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import parse_repository_tag
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from rockonweb.core.argv import INSTANCE_LABEL, OPERATION_LABEL, ROCKON_LABEL, Argv
from rockonweb.core.errors import EngineError, EngineUnreachable, PortTaken
from rockonweb.core.facts import UP, ContainerFacts, Listener, Mount, NetworkFacts
from rockonweb.core.secret import redact, reveal
from rockonweb.core.steps import ASIDE
from rockonweb.core.text import t
from rockonweb.host.docker_settings import (
    DockerSettings,
    DockerUsage,
    LogOptions,
    parse_log_options,
    parse_settings,
    parse_usage,
)
from rockonweb.host.layers import Layer, advance

READ_TIMEOUT = 60  # seconds
PULL_SILENCE = 15 * 60  # seconds without a word from the engine, for example while a registry stalls
STOP_GRACE = 30  # seconds between SIGTERM and SIGKILL; databases need more than Docker's ten
COMMAND_TIMEOUT = 10 * 60
LARGEST_FILE = 4_000_000  # bytes that are read out of a container
DEFAULT_HOST = "unix:///var/run/docker.sock"  # the SDK's own
PORT_ATTEMPTS = 3  # a second apart
NEVER = 10 * 365 * 24 * 3600  # of the events, which may be silent for months
ANONYMOUS = re.compile(r"[0-9a-f]{64}")  # the name that Docker gives a volume without one

# Flags of `docker run` without a value: what follows them is another flag, or the image.
_SWITCHES = frozenset(
    (
        *("--detach", "--disable-content-trust", "--help", "--init", "--interactive", "--no-healthcheck"),
        *("--oom-kill-disable", "--privileged", "--publish-all", "--quiet", "--read-only", "--rm", "--sig-proxy"),
        *("--tty", "--use-api-socket"),
    )
)
_SHORT_SWITCHES = "ditPq"
_OF_RUN_ALONE = ("--detach", "--detach-keys", "--sig-proxy")

OnProgress = Callable[[list[Layer]], None]  # called with all layers whenever one has moved


class Engine:
    """A connection to the Docker Engine; `instance` tells our containers from another Rockonweb's.

    It looks at all containers, but acts only on those of `rockons`, a rock-on's present name and its former ones;
    without any it acts on none.
    """

    def __init__(self, client: docker.DockerClient, instance: str, *rockons: str) -> None:
        self._api = client.api
        self.instance = instance
        self.rockons = rockons

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def clock(self) -> int:
        """Return the engine's own time, in whole seconds since 1970."""
        with _translated():
            told = str(self._api.info().get("SystemTime") or "")
        try:
            return int(datetime.fromisoformat(told).timestamp())
        except ValueError:
            return int(time.time())

    def settings(self) -> DockerSettings:
        """Return how the engine is set up."""
        with _translated():
            info, version = self._api.info(), self._api.version()
        return parse_settings(info, version, local=self._api.base_url.startswith("http+docker://"))

    def log_options(self) -> LogOptions | None:
        """Return how the log of the newest container is kept, None where there is no container."""
        with _translated():
            newest = self._api.containers(all=True, limit=1)
        found = self._inspect(newest[0]["Id"], by_id=True) if newest else None
        return parse_log_options((found.get("HostConfig") or {}).get("LogConfig") or {}) if found else None

    def usage(self) -> DockerUsage:
        """Return how much room images, containers and volumes take. Docker may count for a while."""
        with _translated():
            return parse_usage(self._api.df())

    # -- looking ------------------------------------------------------------------------------------------------

    def containers(self) -> dict[str, ContainerFacts]:
        """Return all containers of the host by name, ours and others; without exit codes."""
        with _translated():
            found = self._api.containers(all=True)
        facts = [
            ContainerFacts(
                name=name,
                id=item["Id"],
                image=item.get("Image", ""),
                image_id=item.get("ImageID", ""),
                state=item.get("State", ""),
                rockon=self._rockon(item.get("Labels") or {}),
                networks=tuple((item.get("NetworkSettings") or {}).get("Networks") or {}),
            )
            for item in found
            if (name := _name(item))
        ]
        return {one.name: one for one in facts}

    def published(self) -> list[Listener]:
        """Return the host ports that running containers publish."""
        with _translated():
            found = self._api.containers()
        return [
            Listener(
                port=port["PublicPort"],
                protocol=port.get("Type", "tcp"),
                address=port.get("IP", ""),
                holder=str(t("the container %(name)s", name=_name(item) or "?")),
                rockon=self._rockon(item.get("Labels") or {}),
            )
            for item in found
            for port in item.get("Ports") or ()
            if port.get("PublicPort")
        ]

    def container(self, name: str) -> ContainerFacts | None:
        """Return one container with its exit code, None when there is none of exactly this name."""
        found = self._inspect(name)
        if found is None:
            return None
        state = found["State"]
        return ContainerFacts(
            name=name,
            id=found["Id"],
            image=found["Config"].get("Image", ""),
            state=state.get("Status", ""),
            exit_code=int(state.get("ExitCode") or 0),
            error=state.get("Error") or "",
            rockon=self._rockon(found["Config"].get("Labels") or {}),
            restart_policy=(found["HostConfig"].get("RestartPolicy") or {}).get("Name") or "",
            networks=tuple(found["NetworkSettings"].get("Networks") or {}),
        )

    def made_by(self, operation: int) -> list[str]:
        """Return the names of our containers that an operation made."""
        with _translated():
            found = self._api.containers(all=True, filters={"label": f"{OPERATION_LABEL}={operation}"})
        return [name for item in found if self._is_ours(item.get("Labels") or {}) and (name := _name(item))]

    def networks_made_by(self, operation: int) -> list[str]:
        """Return the names of our networks that an operation made."""
        with _translated():
            found = self._api.networks(filters={"label": f"{OPERATION_LABEL}={operation}"})
        return [item["Name"] for item in found if self._is_ours(item.get("Labels") or {})]

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

    def networks(self) -> dict[str, NetworkFacts]:
        """Return all networks by name."""
        with _translated():
            found = self._api.networks()
        return {
            item["Name"]: NetworkFacts(item["Name"], ours=self._is_ours(item.get("Labels") or {})) for item in found
        }

    def image_id(self, image: str) -> str | None:
        """Return the id of the image of this name, None where there is none on the host."""
        with _translated():
            try:
                found: str = self._api.inspect_image(image)["Id"]  # type: ignore[no-untyped-call]
            except ImageNotFound:
                return None
        return found

    def has_image(self, image: str) -> bool:
        """Whether an image of this name is on the host."""
        return self.image_id(image) is not None

    def logs(self, name: str, tail: int = 200) -> str:
        """Return the last lines of a container of the rock-on."""
        with _translated():
            raw = self._api.logs(self._own(name).id, tail=tail, timestamps=False)
        text: str = raw.decode("utf-8", "replace")
        return text

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
        with _translated(name):
            try:
                chunks, _ = self._api.get_archive(known.id, path)
            except NotFound:
                return None
            archive = b"".join(_at_most(LARGEST_FILE, chunks, path))
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            file = next((tar.extractfile(one) for one in tar if one.isfile()), None)
            return file.read().decode("utf-8", "replace") if file else None

    # -- acting -------------------------------------------------------------------------------------------------

    def pull(self, image: str, on_progress: OnProgress) -> str:
        """Get the newest image of this name and return a sentence on it.

        When that fails and an older one is on the host, that one is used, and the sentence says so.
        """
        try:
            return self._pull(image, on_progress)
        except EngineUnreachable:
            raise
        except EngineError as error:
            if not self.has_image(image):
                raise
            return f"{error.output or error.sentence}\nThe image that is on this host is used instead."

    def _pull(self, image: str, on_progress: OnProgress) -> str:
        repository, tag = parse_repository_tag(image)
        layers: dict[str, Layer] = {}
        status = ""
        with _translated(image):
            client = docker.from_env(timeout=PULL_SILENCE, version=self._api.api_version)
        try:
            with _translated(image, _pull_error):
                for line in client.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
                    if "error" in line:
                        raise _pull_error(image, str(line["error"]))
                    status = str(line.get("status", ""))
                    if advance(layers, line):
                        on_progress(list(layers.values()))
        finally:
            client.close()
        return status.removeprefix("Status: ")

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
            raise _command_error(redact(done.stderr.strip(), argv), done.returncode)
        return done.stdout

    def start(self, name: str) -> None:
        """Start a container of the rock-on.

        A port may be held for a moment by an outgoing connection, or by what was stopped just now: that is waited for.
        """
        container = self._own(name).id
        for attempt in range(PORT_ATTEMPTS):
            try:
                with _translated(name):
                    self._api.start(container)
                return
            except PortTaken:
                if attempt == PORT_ATTEMPTS - 1:
                    raise
            time.sleep(1)

    def stop(self, name: str) -> None:
        """Stop a container of the rock-on; one that does not run or does not exist is fine."""
        if known := self.container(name):
            self._refuse_others(known)
            with _translated(name):
                self._api.stop(known.id, timeout=STOP_GRACE)

    def remove(self, name: str) -> None:
        """Remove a container of the rock-on, running or not, but never its volumes; one that does not exist is fine."""
        if known := self.container(name):
            self._refuse_others(known)
            with _translated(name), suppress(NotFound):
                self._api.remove_container(known.id, v=False, force=True)

    def rename(self, name: str, new: str) -> None:
        """Give a container of the rock-on another name."""
        known = self._own(name)
        with _translated(name):
            self._api.rename(known.id, new)

    def set_aside(self, name: str) -> bool:
        """Rename a container so that its replacement can have its name. Returns False where there is none."""
        if self.container(name) is None:
            return False
        self.rename(name, name + ASIDE)
        return True

    def put_back(self, name: str) -> None:
        """Give a container that was set aside its name back, unless it has it."""
        if self.container(name + ASIDE) is not None:
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

    def acts_on(self, known: ContainerFacts) -> bool:
        """Whether a container is one that this connection may act on."""
        return bool(known.rockon) and known.rockon in self.rockons

    def execute(self, name: str, command: tuple[str, ...]) -> tuple[int, str]:
        """Run a command inside a running container of the rock-on; return its status and what it printed."""
        known = self._own(name)
        with _translated(name):
            run = self._api.exec_create(known.id, list(command))
            printed = self._api.exec_start(run["Id"])
            status = self._api.exec_inspect(run["Id"]).get("ExitCode")
        return (-1 if status is None else int(status)), printed.decode("utf-8", "replace")

    def remove_image(self, image: str) -> bool:
        """Remove an image, unless a container uses it or it is gone. Returns whether it is gone."""
        with _translated(image):
            try:
                self._api.remove_image(image)
            except ImageNotFound:
                return True
            except APIError as error:
                if error.status_code == 409:
                    return False
                raise
        return True

    def await_answer(self, name: str, command: tuple[str, ...], seconds: int) -> None:
        """Wait until a command inside a container of the rock-on ends with status 0."""
        deadline = time.monotonic() + seconds
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
            time.sleep(1)

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

    def make_network(self, name: str, operation: int) -> bool:
        """Make a network unless one of this name exists. Returns whether it was made."""
        if name in self.networks():
            return False
        labels = {INSTANCE_LABEL: self.instance, OPERATION_LABEL: str(operation)}
        with _translated(name):
            self._api.create_network(name, check_duplicate=True, labels=labels)
        return True

    def join(self, network: str, name: str) -> bool:
        """Connect a container of the rock-on to a network. Returns False where it is there already."""
        known = self._own(name)
        if network in known.networks:
            return False
        with _translated(name):
            self._api.connect_container_to_network(known.id, network)
        return True

    def leave(self, network: str, name: str) -> bool:
        """Disconnect a container of the rock-on from a network. Returns False where it is not there."""
        known = self._own(name)
        if network not in known.networks:
            return False
        with _translated(name), suppress(NotFound):
            self._api.disconnect_container_from_network(known.id, network)
        return True

    def remove_network(self, name: str) -> bool:
        """Remove a network of ours that nothing is connected to. Returns whether it is gone."""
        known = self.networks().get(name)
        if known is None or not known.ours:
            return known is None
        if any(name in facts.networks for facts in self.containers().values()):  # stopped ones would not start again
            return False
        with _translated(name):
            try:
                self._api.remove_network(name)
            except APIError as error:
                if error.status_code == 403:  # a stopped container of somebody else holds it
                    return False
                raise
        return True

    # -- below --------------------------------------------------------------------------------------------------

    def _rockon(self, labels: dict[str, str]) -> str:
        return labels.get(ROCKON_LABEL, "") if self._is_ours(labels) else ""

    def _is_ours(self, labels: dict[str, str]) -> bool:
        return bool(self.instance) and labels.get(INSTANCE_LABEL) == self.instance

    def _inspect(self, name: str, *, by_id: bool = False) -> dict[str, Any] | None:
        with _translated(name):
            try:
                found: dict[str, Any] = self._api.inspect_container(name)
            except NotFound:
                return None
        # Docker takes the beginning of an id for a name as well.
        return found if by_id or found.get("Name") == f"/{name}" else None

    def _own(self, name: str) -> ContainerFacts:
        """Return a container that may be acted on. Raises EngineError for any other."""
        known = self.container(name)
        if known is None:
            raise EngineError(
                t('The container "%(name)s" does not exist.', name=name),
                t("It was removed by hand. Start the rock-on again: that makes it anew."),
            )
        self._refuse_others(known)
        return known

    def _refuse_others(self, known: ContainerFacts) -> None:
        if not known.rockon:
            raise _stranger(known.name)
        if not self.acts_on(known):
            raise EngineError(
                t(
                    'The container "%(name)s" belongs to the rock-on %(rockon)s; it is left alone.',
                    name=known.name,
                    rockon=known.rockon,
                ),
                t("Uninstall that rock-on first; two with a container of the same name can't be installed together."),
            )

    def _command(self, command: Argv, shown: Argv, seconds: int = COMMAND_TIMEOUT) -> str:
        """Run a command line and return all that it printed, without the secrets in it."""
        done = self._run(command, seconds)
        output = redact(f"{done.stdout}\n{done.stderr}".strip(), shown)
        if done.returncode:
            raise _command_error(output, done.returncode)
        return output

    def _run(self, command: Argv, seconds: int) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603 - an argv list, never a shell string
                reveal(command),
                env={
                    "DOCKER_HOST": DEFAULT_HOST,
                    **os.environ,
                },  # and no `docker context`, which the SDK knows nothing of
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
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
        return Engine(docker.from_env(timeout=READ_TIMEOUT), instance, *rockons)
    except (DockerException, RequestException, OSError) as error:
        raise _unreachable(error) from None


def create_form(argv: Argv, operation: int) -> Argv:
    """Return the `docker create` of a `docker run`: without the flags that only run takes, and with the operation."""
    kept: list[str] = []
    words = list(argv[2:])
    while words and words[0].startswith("-"):
        flag, *value = words[: 1 + _takes_next(words[0])]
        del words[: 1 + len(value)]
        if short := re.match(f"-[{_SHORT_SWITCHES}]+", flag):
            flag = short[0].replace("d", "") + flag[short.end() :]
        if flag.partition("=")[0] not in ("-", *_OF_RUN_ALONE):
            kept += [flag, *value]
    return ("docker", "create", "--label", f"{OPERATION_LABEL}={operation}", *kept, *words)


def _at_most(limit: int, chunks: Iterable[bytes], path: str) -> Iterator[bytes]:
    """Yield the chunks of a file; raise EngineError where they are more than `limit` bytes."""
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise EngineError(t("The file %(path)s of the container is too large to be read.", path=path))
        yield chunk


def _takes_next(flag: str) -> bool:
    """Whether the word after a flag of `docker run` is its value."""
    if flag.startswith("--"):
        return "=" not in flag and flag not in _SWITCHES
    return len(flag.lstrip("-").lstrip(_SHORT_SWITCHES)) == 1


def _name(item: Mapping[str, Any]) -> str:
    """Return the name of a container in a list; those of a link of the old kind are not names but paths."""
    return next((name.lstrip("/") for name in item.get("Names") or () if name.count("/") == 1), "")


@contextmanager
def _translated(name: str = "", refusal: Callable[[str, str], EngineError] | None = None) -> Iterator[None]:
    """Turn the SDK's exceptions into sentences; `name` is the thing that was asked about."""
    try:
        yield
    except APIError as error:
        raise (refusal or _refusal)(name, str(error.explanation or error)) from None
    except (DockerException, RequestException, HTTPError, OSError) as error:
        raise _unreachable(error) from None


def _refusal(name: str, words: str) -> EngineError:
    if "port is already allocated" in words or "address already in use" in words:
        port = re.search(r":(\d+)(?: failed)?: (?:port is|bind)", words)
        return PortTaken(
            t(
                "Host port %(port)s, which %(name)s needs, was taken meanwhile.",
                port=port[1] if port else "?",
                name=name,
            ),
            t("Choose another port, or stop what holds it."),
            output=words,
        )
    if "no such file or directory" in words and "/dev/" in words:
        return EngineError(
            t("A device that %(name)s needs does not exist on this host.", name=name),
            t("Plug it in, or leave the device blank."),
            output=words,
        )
    if "no space left" in words:
        return EngineError(t("Docker's disk is full."), t("Make room where images live, then try again."), output=words)
    return EngineError(
        t("Docker refused: %(words)s", words=words.splitlines()[0] if words else "?"),
        t("Docker's own words are below."),
        output=words,
    )


def _pull_error(image: str, words: str) -> EngineError:
    lowered = words.lower()
    if "no space left" in lowered:
        sentence = t("Docker's disk is full: %(image)s does not fit.", image=image)
        hint = t("Make room where images live, then try again.")
    elif any(part in lowered for part in ("manifest unknown", "not found", "does not exist", "repository name")):
        sentence = t('The image "%(image)s" was not found in its registry.', image=image)
        hint = t("Its name or tag has changed, or it needs a login. Refresh the catalogue, or tell its maintainer.")
    elif any(part in lowered for part in ("denied", "unauthorized", "authentication")):
        sentence = t('The registry refused the image "%(image)s".', image=image)
        hint = t("It may need a login: docker login.")
    elif "no matching manifest" in lowered:
        sentence = t('The image "%(image)s" does not exist for this machine\'s processor.', image=image)
        hint = t("Choose another rock-on.")
    elif "toomanyrequests" in lowered or "rate limit" in lowered:
        sentence = t('The registry limits downloads; "%(image)s" was refused for now.', image=image)
        hint = t("Try again in some hours, or log in: docker login.")
    else:
        sentence = t('The image "%(image)s" could not be pulled.', image=image)
        hint = t("Check that this machine reaches the internet, then try again.")
    return EngineError(sentence, hint, output=words)


def _command_error(output: str, status: int) -> EngineError:
    words = output.removeprefix("docker: ").strip()
    if "Cannot connect to the Docker daemon" in words or "error during connect" in words:
        return _unreachable(words)
    found = re.search(r"(unknown (?:shorthand )?flag: .+)", words)
    if found:
        return EngineError(
            t("An option of the definition is not one of Docker's: %(words)s", words=found[1]),
            t("Tell the definition's maintainer."),
            output=words,
        )
    first = next((line for line in words.splitlines() if line.strip()), f"status {status}")
    first = first.removeprefix("Error response from daemon: ")
    return EngineError(
        t("Docker refused: %(words)s", words=first), t("Mend what it names, then try again."), output=words
    )


def _stranger(name: str) -> EngineError:
    return EngineError(
        t('A container named "%(name)s" exists and was not made by this Rockonweb; it is left alone.', name=name),
        t("Rename or remove it, for example: docker rename %(name)s %(name)s-old", name=name),
    )


def _unreachable(error: object) -> EngineUnreachable:
    return EngineUnreachable(
        t("Docker does not answer."),
        t("Start it (systemctl start docker), and check that this user may use its socket."),
        output=str(error),
    )
