"""What a message of Docker means: a sentence for people, with what to do.

Docker has no error codes for causes, only texts, which change with its versions. `_CAUSES` has a pattern for each
cause with the words of Docker 20 to 29 and of both image stores (moby's `daemon/`, containerd's `core/remotes/docker`);
the first that matches counts, so what is more specific is listed first. Unknown messages are shown as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rockonweb.core.errors import EngineError, PortTaken
from rockonweb.core.text import t

_DAEMON_PREFIX = "Error response from daemon: "
_HOST_PORT = re.compile(
    r"(?:Bind for|host port(?: for)?|listen (?:tcp|udp|sctp)[46]?|exposing (?:privileged )?port(?: \w+)?)\s+"
    r"(?:\[[^\]]*\]|[\d.]+|[\da-f:]*?)?:?(\d+)(?=\D|$)"
)
_SECONDS = re.compile(r"retry[- ]after:?\s*([\d.]+)\s*(s|m|h)\b", re.IGNORECASE)

_Explain = Callable[[str, str], EngineError]  # of the name of the container or image, and the message


def explain_message(name: str, message: str) -> EngineError:
    """Return the error for a message of the engine, `name` being the container, network or image that it is about."""
    if error := _known_error(name, message):
        return error
    words = next((line for line in message.splitlines() if line.strip()), "?")
    return EngineError(
        t("Docker reported an error: %(words)s", words=words.strip()),
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


def explain_command(name: str, output: str, status: int, image: str = "") -> EngineError:
    """Return the error for what `docker create` or `docker run` printed before it ended with this status.

    What the engine refused is the last line after "Error response from daemon"; before it the client tells of a pull.
    """
    message = output.removeprefix("docker: ").strip()
    if _DAEMON_PREFIX in message:
        message = message[message.rindex(_DAEMON_PREFIX) + len(_DAEMON_PREFIX) :]
    message = re.split(r"\n+(?:See '|Run ')docker ", message)[0].strip()
    explain = _find_cause(message)
    error = explain_message(image if image and explain in _ABOUT_IMAGES else name, message or f"status {status}")
    error.output = output
    return error


def _known_error(name: str, message: str) -> EngineError | None:
    explain = _find_cause(message)
    if explain is None:
        return None
    error = explain(name, message)
    error.output = message
    return error


def _find_cause(message: str) -> _Explain | None:
    return next((explain for pattern, explain in _CAUSES if pattern.search(message)), None)


def host_port_of(message: str) -> str:
    """Return the host port that a message about a port in use names, "?" where it names none."""
    match = _HOST_PORT.search(message)
    return match[1] if match else "?"


def _port_taken(name: str, message: str) -> EngineError:
    return PortTaken(
        t("Host port %(port)s, which %(name)s needs, is now in use.", port=host_port_of(message), name=name),
        t("Choose another port, or stop what is using it."),
    )


def _port_forbidden(name: str, message: str) -> EngineError:
    return EngineError(
        t("Docker may not open host port %(port)s for %(name)s.", port=host_port_of(message), name=name),
        t("Choose a port above 1023; a Docker without root rights can't use lower ones."),
    )


def _address_missing(name: str, message: str) -> EngineError:
    return EngineError(
        t("%(name)s is to listen on an address that this host does not have.", name=name),
        t("Fix the address in its port options, or add it to the host."),
    )


def _subnets_used_up(name: str, message: str) -> EngineError:
    return EngineError(
        t("Docker has no free subnet left for another network."),
        t(
            "Remove unused networks (docker network prune), disconnect a VPN that covers all private addresses, or "
            'enlarge "default-address-pools" in /etc/docker/daemon.json.'
        ),
    )


def _subnet_overlaps(name: str, message: str) -> EngineError:
    return EngineError(
        t("The subnet of the network %(name)s overlaps with that of another network.", name=name),
        t("Choose another subnet."),
    )


def _gpu_missing(name: str, message: str) -> EngineError:
    return EngineError(
        t("%(name)s needs an NVIDIA GPU, and Docker has no runtime for one.", name=name),
        t("Install the NVIDIA driver and the NVIDIA Container Toolkit, then restart Docker."),
    )


def _device_missing(name: str, message: str) -> EngineError:
    return EngineError(
        t("A device that %(name)s needs does not exist on this host.", name=name),
        t("Connect it, or leave the device blank."),
    )


def _disk_full(name: str, message: str) -> EngineError:
    return EngineError(t("Docker's disk is full."), t("Free up space where Docker stores its images, then try again."))


def _wrong_processor(name: str, message: str) -> EngineError:
    return EngineError(
        t('"%(image)s" is not available for this machine\'s processor.', image=name), t("Choose another rock-on.")
    )


def _rate_limited(name: str, message: str) -> EngineError:
    sentence = t('The registry limits downloads; "%(image)s" can\'t be pulled for now.', image=name)
    if wait := _SECONDS.search(message):
        minutes = max(1, round(float(wait[1]) * {"s": 1, "m": 60, "h": 3600}[wait[2].lower()] / 60))
        return EngineError(sentence, t("Try again in %(minutes)s minutes, or log in: docker login.", minutes=minutes))
    return EngineError(sentence, t("Try again in a few hours, or log in: docker login."))


def _certificate_early(name: str, message: str) -> EngineError:
    return EngineError(
        t("The registry's certificate is not yet valid by this machine's clock."),
        t("Set the clock of this machine (timedatectl), then try again."),
    )


def _certificate_expired(name: str, message: str) -> EngineError:
    return EngineError(
        t("The registry's certificate has expired by this machine's clock."),
        t("Check the clock of this machine (timedatectl), and whether a proxy or firewall answers instead."),
    )


def _certificate_foreign(name: str, message: str) -> EngineError:
    return EngineError(
        t("The registry's certificate is not one that this machine trusts."),
        t(
            "A proxy or firewall may answer instead of the registry. If the registry is your own, add its certificate "
            "below /etc/docker/certs.d."
        ),
    )


def _registry_without_tls(name: str, message: str) -> EngineError:
    return EngineError(
        t('The registry of "%(image)s" speaks http, and Docker expects https.', image=name),
        t('Set up https for it, or add it to "insecure-registries" in /etc/docker/daemon.json.'),
    )


def _page_instead(name: str, message: str) -> EngineError:
    return EngineError(
        t('A web page answers instead of the registry of "%(image)s".', image=name),
        t("The registry may be down, or a login page of your network answers for it. Try again later."),
    )


def _registry_down(name: str, message: str) -> EngineError:
    return EngineError(
        t('The registry of "%(image)s" is down.', image=name), t("This is not your network. Try again later.")
    )


def _image_missing(name: str, message: str) -> EngineError:
    return EngineError(
        t('The image "%(image)s" was not found in its registry.', image=name),
        t("Its name or tag has changed, or it requires a login. Refresh the catalogue, or contact its maintainer."),
    )


def _access_denied(name: str, message: str) -> EngineError:
    return EngineError(
        t('The registry denied access to the image "%(image)s".', image=name), t("It may need a login: docker login.")
    )


def _offline(name: str, message: str) -> EngineError:
    return EngineError(
        t('The registry of "%(image)s" can\'t be reached.', image=name),
        t("Check that this machine reaches the internet and its DNS server, then try again."),
    )


def _name_unusable(name: str, message: str) -> EngineError:
    return EngineError(
        t('"%(image)s" is not the name of an image.', image=name),
        t("A name is in lower case and without https://. Contact the definition's maintainer."),
    )


def _mount_missing(name: str, message: str) -> EngineError:
    return EngineError(
        t("A folder or file that %(name)s mounts can't be used: %(words)s", name=name, words=_last_part(message)),
        t("Check that it exists on this host and that its disk is mounted."),
    )


def _program_missing(name: str, message: str) -> EngineError:
    return EngineError(
        t("The program that %(name)s is to start is not in its image.", name=name),
        t("Check its command and entrypoint, or contact the definition's maintainer."),
    )


def _option_unknown(name: str, message: str) -> EngineError:
    match = re.search(r"unknown (?:shorthand )?flag: .+", message)
    return EngineError(
        t("The definition uses an option that Docker does not have: %(words)s", words=match[0] if match else message),
        t("Contact the definition's maintainer."),
    )


def _last_part(message: str) -> str:
    return message.splitlines()[0].rpartition(": ")[2] if ": /" not in message else message.splitlines()[0]


_CAUSES: tuple[tuple[re.Pattern[str], _Explain], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), explain)
    for pattern, explain in (
        (r"unknown (shorthand )?flag: ", _option_unknown),
        # 20: "Bind for 0.0.0.0:80 failed"; 28: "failed to bind host port for 0.0.0.0:53:172.18.0.11:53/tcp"
        (r"port is already allocated|bind.*address already in use|ports are not available.*in use", _port_taken),
        (r"bind: permission denied|cannot expose privileged port", _port_forbidden),
        (r"cannot assign requested address", _address_missing),
        # 20: "could not find an available, non-overlapping IPv4 address pool"; 27: "all predefined address pools …"
        (r"non-overlapping IPv[46] address pool|predefined address pools have been fully subnetted", _subnets_used_up),
        (r"pool overlaps with other one|networks have overlapping IPv", _subnet_overlaps),
        # 20: the device driver; 23: the runtime; 28: CDI
        (
            r"could not select device driver .*gpu|unknown (or invalid )?runtime( name| specified)?:? nvidia"
            r"|nvidia-container-cli|unresolvable CDI devices nvidia|no known GPU vendor",
            _gpu_missing,
        ),
        (r"error gathering device information|/dev/\S+\W+no such file or directory", _device_missing),
        (r"no space left on device|disk quota exceeded|not enough space on the disk", _disk_full),
        (
            r"no matching manifest for|no match for platform in|does not (match|provide) the specified platform"
            r"|exec format error",
            _wrong_processor,
        ),
        (r"toomanyrequests|too many requests|rate limit|HTTP 429|status( code)?:? 429", _rate_limited),
        (r"x509: .*current time \S+ is before", _certificate_early),
        (r"x509: certificate has expired", _certificate_expired),
        (r"x509: |certificate signed by unknown authority", _certificate_foreign),
        (r"server gave HTTP response to HTTPS client", _registry_without_tls),
        (r"invalid character '<'|<!doctype html|<html", _page_instead),
        (
            r"unexpected (HTTP )?status.*\b5\d\d\b|HTTP 5\d\d response|\b50[0234] "
            r"(Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)",
            _registry_down,
        ),
        # Docker Hub says "pull access denied" of what does not exist, to those who are not logged in.
        (
            r"manifest unknown|name unknown|repository does not exist|repository name not known"
            r"|manifest for .* not found|failed to resolve reference .*: not found|No such image"
            r"|unexpected (HTTP )?status.*\b404\b",
            _image_missing,
        ),
        (
            r"unauthorized|no basic auth credentials|insufficient_scope|(?<!permission )\bdenied(: |\s*$)"
            r"|authentication required|unexpected (HTTP )?status.*\b40[13]\b",
            _access_denied,
        ),
        (
            r"no such host|server misbehaving|name resolution|network is unreachable|no route to host"
            r"|TLS handshake timeout|Client\.Timeout|i/o timeout|dial tcp .*(connection refused|connection reset)"
            r"|context deadline exceeded"
            r"|proxyconnect tcp|request canceled while waiting for connection",
            _offline,
        ),
        (r"invalid reference format|repository name \(.*\) must be lowercase|must be lowercase", _name_unusable),
        (
            r"bind source path does not exist|error while creating mount source path|not a directory.*mount"
            r"|error mounting .* to rootfs",
            _mount_missing,
        ),
        (r"executable file not found in \$PATH|exec: \".*\": (stat .*: )?no such file or directory", _program_missing),
    )
)
_ABOUT_IMAGES = frozenset(
    (
        _wrong_processor,
        _rate_limited,
        _registry_without_tls,
        _page_instead,
        _registry_down,
        _image_missing,
        _access_denied,
    )
) | {_offline, _name_unusable}
