"""What a message of Docker means: a sentence for people, with what to do.

Docker has no error codes for causes, only texts, which change with its versions. `CAUSES` has a pattern for each cause
with the words of Docker 20 to 29 and of both image stores (moby's `daemon/`, containerd's `core/remotes/docker`); the
first that matches counts, so what is more specific is listed first. Unknown messages are shown as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rockonweb.core.errors import EngineError, PortTaken
from rockonweb.core.text import TranslatableText, fill_template, t

_DAEMON_PREFIX = "Error response from daemon: "
_HOST_PORT = re.compile(
    r"(?:Bind for|host port(?: for)?|listen (?:tcp|udp|sctp)[46]?|exposing (?:privileged )?port(?: \w+)?)\s+"
    r"(?:\[[^\]]*\]|[\d.]+|[\da-f:]*?)?:?(\d+)(?=\D|$)"
)
CLIENT_FAILURE, START_FAILURES = 125, (126, 127)  # statuses of `docker run`; a container may have the latter too
# The time to wait as Go writes it, 345s or 1h2m0s; a part of a second means nothing.
_WAIT = re.compile(r"retry[- ]after:?\s*((?:[\d.]+\s*[hms](?![a-z]))+)", re.IGNORECASE)
_WAIT_UNITS = {"h": 3600, "m": 60, "s": 1}  # seconds
_CONTACT = t("Contact the definition's maintainer.")
_DENIED = t(
    "This user may not use Docker. As root: usermod -aG docker %(user)s (that makes %(user)s as powerful as root), "
    "then log in again or restart the service."
)
_NOT_INSTALLED = t(
    "Install it. On Debian or Ubuntu, as root: apt-get install docker.io (where there is a package docker-cli, that "
    "one too)."
)
_NOT_STARTED = t("Start it (systemctl start docker), and check that this user may use its socket.")


@dataclass(frozen=True)
class Cause:
    """A reason for which Docker fails.

    `sentence` and `hint` may have the placeholders `name` (of the container, network or image), `port`, `words` (the
    matching part of the message) and `minutes` (that a registry asks to wait). A cause `about_image` concerns the image
    whoever is created from it.
    """

    pattern: str
    sentence: TranslatableText
    hint: TranslatableText
    about_image: bool = False
    error_type: type[EngineError] = EngineError

    def search(self, message: str) -> re.Match[str] | None:
        """Return where a message has the words of this cause, if it does."""
        return re.search(self.pattern, message, re.IGNORECASE)


def _about_image(pattern: str, sentence: TranslatableText, hint: TranslatableText) -> Cause:
    return Cause(pattern, sentence, hint, about_image=True)


CAUSES = (
    Cause(
        r"unknown (?:shorthand )?flag: .+",
        t("The definition uses an option that Docker does not have: %(words)s"),
        _CONTACT,
    ),
    Cause(
        r'(?<=invalid argument )".*" for ".*" flag: .+',
        t("The definition gives an option a value that Docker can't read: %(words)s"),
        _CONTACT,
    ),
    # 20: "Bind for 0.0.0.0:80 failed"; 28: "failed to bind host port for 0.0.0.0:53:172.18.0.11:53/tcp"
    Cause(
        r"port is already allocated|bind.*address already in use|ports are not available.*in use",
        t("Host port %(port)s, which %(name)s needs, is now in use."),
        t("Choose another port, or stop what is using it."),
        error_type=PortTaken,
    ),
    Cause(
        r"bind: permission denied|cannot expose privileged port",
        t("Docker may not open host port %(port)s for %(name)s."),
        t("Choose a port above 1023; a Docker without root rights can't use lower ones."),
    ),
    Cause(
        r"cannot assign requested address",
        t("%(name)s is to listen on an address that this host does not have."),
        t("Fix the address in its port options, or add it to the host."),
    ),
    # 20: "could not find an available, non-overlapping IPv4 address pool"; 27: "all predefined address pools …"
    Cause(
        r"non-overlapping IPv[46] address pool|predefined address pools have been fully subnetted",
        t("Docker has no free subnet left for another network."),
        t(
            "Remove unused networks (docker network prune), disconnect a VPN that covers all private addresses, or "
            'enlarge "default-address-pools" in /etc/docker/daemon.json.'
        ),
    ),
    Cause(
        r"pool overlaps with other one|networks have overlapping IPv",
        t("The subnet of the network %(name)s overlaps with that of another network."),
        t("Choose another subnet."),
    ),
    # 20: "Invalid address …: It does not belong to any of …"; 28: "no configured subnet or ip-range contain …"
    Cause(
        r"It does not belong to any of this network's subnets|no configured subnet or ip-range contain"
        r"|user specified IP address is supported (only when connecting to|on user defined) networks",
        t("The address that %(name)s is to have is not one of its network."),
        t("Create the network again, under Networks, with a subnet that contains it."),
    ),
    Cause(
        r"(^|: )Address already in use$|requested address .* is not available",
        t("The address that %(name)s is to have is used by another container."),
        t("Stop that container first, or contact the definition's maintainer."),
    ),
    Cause(
        r"Container cannot be connected to network endpoints: .+",
        t("This Docker can't start %(name)s on several networks: %(words)s"),
        t("Docker can do so from version 25 on."),
    ),
    Cause(
        r"non[- ]running container|can't join \w+ of container \w+: container|container \w{64} is not running",
        t("%(name)s uses a container that is not running."),
        t("Start that container first: this one can't start without it."),
    ),
    Cause(
        r"iptables failed|No chain/target/match by that name",
        t("Docker can't set up the network of %(name)s: its firewall rules are gone or not allowed."),
        t("Restart the Docker service: a firewall that was reloaded has removed Docker's rules."),
    ),
    # 20: the device driver; 23: the runtime; 28: CDI
    Cause(
        r"could not select device driver .*gpu|unknown (or invalid )?runtime( name| specified)?:? nvidia"
        r"|nvidia-container-cli|unresolvable CDI devices nvidia|no known GPU vendor",
        t("%(name)s needs an NVIDIA GPU, and Docker has no runtime for one."),
        t("Install the NVIDIA driver and the NVIDIA Container Toolkit, then restart Docker."),
    ),
    Cause(
        r"error gathering device information.*no such file|/dev/\S+\W+no such file or directory"
        r'|unresolvable CDI devices|could not select device driver "cdi"',
        t("A device that %(name)s needs does not exist on this host."),
        t("Connect it, or leave the device blank."),
    ),
    Cause(
        r"no space left on device|disk quota exceeded|not enough space on the disk",
        t("Docker's disk is full."),
        t("Free up space where Docker stores its images, then try again."),
    ),
    _about_image(
        r"no matching manifest for|no match for platform in|does not (match|provide) the specified platform"
        r"|exec format error",
        t('"%(name)s" is not available for this machine\'s processor.'),
        t("Choose another rock-on."),
    ),
    _about_image(
        rf"(toomanyrequests|too many requests|rate limit|429).*{_WAIT.pattern}|{_WAIT.pattern}.*too many requests",
        t('The registry limits downloads; "%(name)s" can\'t be pulled for now.'),
        t("Try again in %(minutes)s minutes, or add a login for its registry, under System, Registry logins."),
    ),
    _about_image(
        r"toomanyrequests|too many requests|rate limit|HTTP 429|status( code)?:? 429",
        t('The registry limits downloads; "%(name)s" can\'t be pulled for now.'),
        t("Try again in a few hours, or add a login for its registry, under System, Registry logins."),
    ),
    Cause(
        r"x509: .*current time \S+ is before",
        t("The registry's certificate is not yet valid by this machine's clock."),
        t("Set the clock of this machine (timedatectl), then try again."),
    ),
    Cause(
        r"x509: certificate has expired",
        t("The registry's certificate has expired by this machine's clock."),
        t("Check the clock of this machine (timedatectl), and whether a proxy or firewall answers instead."),
    ),
    Cause(
        r"x509: |certificate signed by unknown authority",
        t("The registry's certificate is not one that this machine trusts."),
        t(
            "A proxy or firewall may answer instead of the registry. If the registry is your own, add its certificate "
            "below /etc/docker/certs.d."
        ),
    ),
    _about_image(
        r"server gave HTTP response to HTTPS client",
        t('The registry of "%(name)s" speaks http, and Docker expects https.'),
        t('Set up https for it, or add it to "insecure-registries" in /etc/docker/daemon.json.'),
    ),
    _about_image(
        r"invalid character '<'|<!doctype html|<html",
        t('A web page answers instead of the registry of "%(name)s".'),
        t("The registry may be down, or a login page of your network answers for it. Try again later."),
    ),
    _about_image(
        r"unexpected (HTTP )?status.*\b5\d\d\b|HTTP 5\d\d response|\b50[0234] "
        r"(Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)",
        t('The registry of "%(name)s" is down.'),
        t("This is not your network. Try again later."),
    ),
    # Docker Hub says "pull access denied" of what does not exist, to those who are not logged in.
    _about_image(
        r"manifest unknown|name unknown|repository does not exist|repository name not known|manifest for .* not found"
        r"|failed to resolve reference .*: not found|No such image|unexpected (HTTP )?status.*\b404\b",
        t('The image "%(name)s" was not found in its registry.'),
        t(
            "Its name or tag has changed: refresh the catalogue, or contact its maintainer. Or it requires a login: "
            "add one under System, Registry logins."
        ),
    ),
    Cause(
        r"proxy authentication required|proxyconnect tcp",
        t("The proxy that Docker is to use does not let it through."),
        t("Check the proxy's address and login in the settings of the Docker service (HTTPS_PROXY)."),
    ),
    Cause(
        r"error getting credentials|docker-credential-\S+",
        t("Docker can't read the logins of registries that it has stored."),
        t('Install the helper that "credsStore" in ~/.docker/config.json names, or remove that line.'),
    ),
    _about_image(
        r"schema ?1 (support|manifests?) |manifest\.v1\+prettyjws",
        t('The image "%(name)s" has an old format, which this Docker no longer reads.'),
        t("Contact the definition's maintainer: the image must be built again."),
    ),
    _about_image(
        r"unauthorized|no basic auth credentials|insufficient_scope|(?<!permission )\bdenied(: |\s*$)"
        r"|authentication required|unexpected (HTTP )?status.*\b40[13]\b",
        t('The registry denied access to the image "%(name)s".'),
        t("Add a login for its registry, or test the stored one, under System, Registry logins."),
    ),
    _about_image(
        r"no such host|server misbehaving|name resolution|network is unreachable|no route to host|i/o timeout"
        r"|TLS handshake timeout|Client\.Timeout|dial tcp.*connection refused|connection reset by peer"
        r"|context deadline exceeded|request canceled while waiting for connection|\bEOF$",
        t('The registry of "%(name)s" can\'t be reached.'),
        t("Check that this machine reaches the internet and its DNS server, then try again."),
    ),
    _about_image(
        r"invalid reference format|must be lowercase",
        t('"%(name)s" is not the name of an image.'),
        t("A name is in lower case and without https://. Contact the definition's maintainer."),
    ),
    Cause(
        r"(bind source path does not exist|error while creating mount source path|error mounting .* to rootfs"
        r"|not a directory.*mount).*",
        t("A folder or file that %(name)s mounts can't be used: %(words)s"),
        t("Check that it exists on this host and that its disk is mounted."),
    ),
    Cause(
        r"executable file not found in \$PATH|exec: \".*\": (stat .*: )?no such file or directory",
        t("The program that %(name)s is to start is not in its image."),
        t("Check its command and entrypoint, or contact the definition's maintainer."),
    ),
)


def find_cause(message: str) -> Cause | None:
    """Return the cause of a message; None where it is not known."""
    return next((cause for cause in CAUSES if cause.search(message)), None)


def explain_message(name: str, message: str, image: str = "") -> EngineError:
    """Return the error for a message of the engine about a container, network or image, and what `image` it is from."""
    return _known_error(name, message, image) or EngineError(
        t("Docker reported an error: %(words)s", words=_first_line(message)),
        t("Docker's full message is below."),
        output=message,
    )


def explain_pull(image: str, message: str) -> EngineError:
    """Return the error for a message that a pull ended with."""
    return _known_error(image, message) or EngineError(
        t('The image "%(image)s" could not be pulled.', image=image),
        t("Docker's full message is below."),
        output=message,
    )


def is_client_failure(output: str, status: int) -> bool:
    """Whether `docker run` failed by itself: any other status is that of the container, which printed the output."""
    return status == CLIENT_FAILURE or (
        status in START_FAILURES and any(line.startswith("docker: ") for line in output.splitlines())
    )


def explain_command(name: str, output: str, status: int, image: str = "") -> EngineError:
    """Return the error for what `docker create` or `docker run` printed before it ended with this status.

    What the engine refused is after the last "Error response from daemon"; before it the client tells of a pull.
    """
    message = output.removeprefix("docker: ").strip()
    if _DAEMON_PREFIX in message:
        message = message[message.rindex(_DAEMON_PREFIX) + len(_DAEMON_PREFIX) :]
    message = re.split(r"\n+(?:See '|Run ')docker ", message)[0].strip()
    error = explain_message(name, message or f"status {status}", image)
    error.output = output
    return error


def _known_error(name: str, message: str, image: str = "") -> EngineError | None:
    cause = find_cause(message)
    match = cause.search(message) if cause else None
    if cause is None or match is None:
        return None
    values = {
        "name": image if image and cause.about_image else name,
        "port": _host_port(message),
        "words": match[0].strip(),
        "minutes": _minutes_to_wait(message),
    }
    return cause.error_type(_fill_used(cause.sentence, values), _fill_used(cause.hint, values), output=message)


def _fill_used(template: TranslatableText, values: dict[str, object]) -> TranslatableText:
    """Fill a template with those of the values that it has places for."""
    used = {key: value for key, value in values.items() if f"%({key})s" in template.template}
    return fill_template(template, **used) if used else template


def _host_port(message: str) -> str:
    match = _HOST_PORT.search(message)
    return match[1] if match else "?"


def _minutes_to_wait(message: str) -> int:
    match = _WAIT.search(message)
    parts = re.findall(r"([\d.]+)\s*([hms])", match[1].lower()) if match else ()
    return max(1, round(sum(float(count) * _WAIT_UNITS[unit] for count, unit in parts) / 60))


def _first_line(message: str) -> str:
    return next((line.strip() for line in message.splitlines() if line.strip()), "?")


def unreachable_hint(message: str, *, user: str, is_installed: bool) -> TranslatableText:
    """Return what to do where Docker does not answer, by the error's message and whether its daemon is installed."""
    if "permission denied" in message.lower():
        return fill_template(_DENIED, user=user)
    return _NOT_STARTED if is_installed else _NOT_INSTALLED
