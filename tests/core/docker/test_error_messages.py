"""Docker's messages, of its versions 20 to 29 and of both image stores, and what they mean for a person."""

import pytest

from rockonweb.core.docker import error_messages
from rockonweb.core.docker.error_messages import explain_command, explain_message, explain_pull, find_cause
from rockonweb.core.errors import PortTaken

ENDPOINT = "driver failed programming external connectivity on endpoint web (6f2a)"


@pytest.mark.parametrize(
    ("port", "message"),
    [
        ("8080", f"{ENDPOINT}: Bind for 0.0.0.0:8080 failed: port is already allocated"),
        ("8080", f"{ENDPOINT}: Bind for :::8080 failed: port is already allocated"),
        ("53", f"{ENDPOINT}: Error starting userland proxy: listen tcp4 0.0.0.0:53: bind: address already in use"),
        ("53", f"{ENDPOINT}: Error starting userland proxy: listen udp6 [::]:53: bind: address already in use"),
        (
            "5353",
            f"{ENDPOINT}: Error starting userland proxy: listen udp4 192.168.1.2:5353: bind: address already in use",
        ),
        (
            "53",
            f"failed to set up container networking: {ENDPOINT}: failed to bind host port for "
            "0.0.0.0:53:172.18.0.11:53/tcp: address already in use",
        ),
        ("443", f"{ENDPOINT}: failed to bind host port 0.0.0.0:443/tcp: address already in use"),
        ("443", f"{ENDPOINT}: failed to bind host port [::]:443/tcp: address already in use"),
        (
            "5000",
            "Ports are not available: exposing port TCP 0.0.0.0:5000 -> 0.0.0.0:0: listen tcp 0.0.0.0:5000: bind: "
            "address already in use",
        ),
        ("?", "address pool: bind: address already in use"),
    ],
)
def test_a_port_in_use_is_named(port: str, message: str):
    error = explain_message("web", message)
    assert isinstance(error, PortTaken)
    assert str(error.sentence) == f"Host port {port}, which web needs, is now in use."
    assert error.output == message


REF = 'failed to resolve reference "box.example/app:1"'
CAUSES = {
    "Docker may not open host port 80 for app.": [
        f"{ENDPOINT}: Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: permission denied",
        f"{ENDPOINT}: failed to bind host port 0.0.0.0:80/tcp: cannot expose privileged port 80, you can add it",
    ],
    "app is to listen on an address that this host does not have.": [
        "Error starting userland proxy: listen tcp4 10.9.9.9:80: bind: cannot assign requested address",
        f"{ENDPOINT}: failed to bind host port for 10.9.9.9:80:172.18.0.2:80/tcp: cannot assign requested address",
    ],
    "Docker has no free subnet left for another network.": [
        "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
        "all predefined address pools have been fully subnetted",
    ],
    "The subnet of the network app overlaps with that of another network.": [
        "Pool overlaps with other one on this address space",
        "invalid pool request: Pool overlaps with other one on this address space",
        "cannot create network 5b (br-5b): conflicts with network 6c (br-6c): networks have overlapping IPv4",
    ],
    "app needs an NVIDIA GPU, and Docker has no runtime for one.": [
        'could not select device driver "" with capabilities: [[gpu]]',
        'could not select device driver "nvidia" with capabilities: [[gpu compute]]',
        "Unknown runtime specified nvidia",
        "unknown or invalid runtime name: nvidia",
        "OCI runtime create failed: nvidia-container-cli: initialization error: driver error: libnvidia-ml.so.1",
        "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=all",
        "failed to discover GPU vendor from CDI: no known GPU vendor found",
    ],
    "A device that app needs does not exist on this host.": [
        'error gathering device information while adding custom device "/dev/dri": no such file or directory',
        "CDI device injection failed: unresolvable CDI devices amd.com/gpu=all",
        'could not select device driver "cdi" with capabilities: []',
    ],
    "The address that app is to have is not one of its network.": [
        "Invalid address 10.78.0.9: It does not belong to any of this network's subnets",
        "user specified IP address is supported only when connecting to networks with user configured subnets",
        "user specified IP address is supported on user defined networks only",
        "failed to set up container networking: invalid config for network lan: invalid endpoint settings:\nno "
        "configured subnet or ip-range contain the IP address 10.78.0.9",
    ],
    "The address that app is to have is used by another container.": [
        "Address already in use",
        "failed to set up container networking: Address already in use",
    ],
    "app uses a container that is not running.": [
        f"cannot join network of a non running container: {'5b' * 32}",
        f"cannot join network namespace of a non running container: container {'5b' * 32} is exited",
        "Cannot link to a non running container: /vpn AS /app/vpn",
        f"can't join IPC of container {'5b' * 32}: container {'5b' * 32} is not running",
        f"container {'5b' * 32} is not running",
    ],
    "This Docker can't start app on several networks: Container cannot be connected to network endpoints: a, b": [
        "Container cannot be connected to network endpoints: a, b",
    ],
    'The definition gives an option a value that Docker can\'t read: "1x" for "-m, --memory" flag: invalid size': [
        'invalid argument "1x" for "-m, --memory" flag: invalid size',
    ],
    "Docker can't set up the network of app: its firewall rules are gone or not allowed.": [
        f"{ENDPOINT}:  (iptables failed: iptables --wait -t nat -A DOCKER -p tcp -d 0/0 --dport 80: iptables: No "
        "chain/target/match by that name.\n (exit status 1))",
    ],
    "The proxy that Docker is to use does not let it through.": [
        'Get "https://box.example/v2/": Proxy Authentication Required',
        'Get "https://box.example/v2/": proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused',
    ],
    "Docker can't read the logins of registries that it has stored.": [
        'error getting credentials - err: exec: "docker-credential-pass": executable file not found in $PATH, out: ``',
    ],
    'The image "app" has an old format, which this Docker no longer reads.': [
        "[DEPRECATION NOTICE] Docker Image Format v1 and Docker Image manifest version 2, schema 1 support is disabled "
        "by default and will be removed in an upcoming release.",
        'not implemented: media type "application/vnd.docker.distribution.manifest.v1+prettyjws" is no longer read',
    ],
    "Docker's disk is full.": [
        "failed to register layer: write /usr/lib/x: no space left on device",
        "failed to extract layer sha256:1: write /var/lib/containerd/x: disk quota exceeded: unknown",
    ],
    '"app" is not available for this machine\'s processor.': [
        "no matching manifest for linux/arm64/v8 in the manifest list entries",
        "no matching manifest for linux/arm64/v8 in the manifest list entries: no match for platform in "
        "manifest: not found",
        f"{REF}: no match for platform in manifest sha256:ab: not found",
        "image with reference app was found but does not match the specified platform: wanted linux/arm64, actual: "
        "linux/amd64",
        "image with reference app was found but does not provide the specified platform (linux/arm64)",
        "exec /bin/app: exec format error",
    ],
    'The registry limits downloads; "app" can\'t be pulled for now.': [
        "toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating",
        "toomanyrequests: You have reached your unauthenticated pull rate limit.",
        "error parsing HTTP 429 response body: invalid character 'T' looking for beginning of value: \"Too Many "
        'Requests (HAP429)."',
        "failed to copy: httpReadSeeker: failed open: unexpected status code https://box.example/v2/: 429 Too Many "
        "Requests - Server message: toomanyrequests",
        "unexpected status from HEAD request to https://box.example/v2/app/manifests/1: 429 Too Many Requests",
    ],
    "The registry's certificate is not yet valid by this machine's clock.": [
        "Get https://box.example/v2/: x509: certificate has expired or is not yet valid: current time "
        "2019-02-14T10:00:00Z is before 2024-01-01T00:00:00Z",
        'Get "https://box.example/v2/": tls: failed to verify certificate: x509: certificate has expired or is not yet '
        "valid: current time 2019-02-14T10:00:00Z is before 2024-01-01T00:00:00Z",
    ],
    "The registry's certificate has expired by this machine's clock.": [
        "x509: certificate has expired or is not yet valid: current time 2026-02-14T10:00:00Z is after "
        "2024-01-01T00:00:00Z",
        "x509: certificate has expired or is not yet valid: ",
    ],
    "The registry's certificate is not one that this machine trusts.": [
        'Get "https://box.example/v2/": x509: certificate signed by unknown authority',
        "tls: failed to verify certificate: x509: certificate is valid for a.example, not box.example",
    ],
    'The registry of "app" speaks http, and Docker expects https.': [
        'Get "https://box.example/v2/": http: server gave HTTP response to HTTPS client',
    ],
    'A web page answers instead of the registry of "app".': [
        "error unmarshalling content: invalid character '<' looking for beginning of value",
        "error parsing HTTP 403 response body: invalid character '<' looking for beginning of value: \"<html>\"",
    ],
    'The registry of "app" is down.': [
        "received unexpected HTTP status: 503 Service Unavailable",
        "received unexpected HTTP status: 503",
        "unexpected status from HEAD request to https://box.example/v2/app/manifests/1: 502 Bad Gateway",
        f"{REF}: unexpected status from GET request to https://box.example/token: 500 Internal Server Error",
        'error parsing HTTP 504 response body: unexpected end of JSON input: ""',
    ],
    'The image "app" was not found in its registry.': [
        "manifest for box.example/app:1 not found: manifest unknown: manifest unknown",
        "manifest unknown",
        "pull access denied for app, repository does not exist or may require 'docker login': denied: requested access "
        "to the resource is denied",
        f"{REF}: box.example/app:1: not found",
        f"{REF}: pull access denied, repository does not exist or may require authorization: server message: "
        "insufficient_scope: authorization failed",
        "name unknown: Repository name not known to registry.",
        "unexpected status from HEAD request to https://box.example/v2/app/manifests/1: 404 Not Found",
        "No such image: app:1",
    ],
    'The registry denied access to the image "app".': [
        'Head "https://box.example/v2/app/manifests/1": unauthorized: authentication required',
        'Head "https://box.example/v2/app/manifests/1": denied: denied',
        "no basic auth credentials",
        "error from registry: denied",
        'Head "https://box.example/v2/app/manifests/1": denied',
        f"{REF}: unexpected status from HEAD request to https://box.example/v2/app/manifests/1: 403 Forbidden",
    ],
    'The registry of "app" can\'t be reached.': [
        'Get "https://box.example/v2/": dial tcp: lookup box.example on 127.0.0.53:53: no such host',
        "dial tcp: lookup box.example on 10.0.0.1:53: server misbehaving",
        "dial tcp: lookup box.example: Temporary failure in name resolution",
        'Get "https://box.example/v2/": dial tcp 192.0.2.1:443: connect: connection refused',
        'Get "https://box.example/v2/": dial tcp [2001:db8::1]:443: connect: network is unreachable',
        "net/http: TLS handshake timeout",
        'Get "https://box.example/v2/": net/http: request canceled while waiting for connection (Client.Timeout '
        "exceeded while awaiting headers)",
        'Get "https://box.example/v2/": context deadline exceeded',
        "dial tcp: lookup box.example on [::1]:53: read udp [::1]:39333->[::1]:53: read: connection refused",
        "read tcp 10.0.0.2:44444->192.0.2.1:443: read: connection reset by peer",
        'failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://box.example/x": EOF',
        "unexpected EOF",
    ],
    '"app" is not the name of an image.': [
        "invalid reference format",
        "invalid reference format: repository name (User/App) must be lowercase",
    ],
    "The program that app is to start is not in its image.": [
        'OCI runtime create failed: runc create failed: unable to start container process: exec: "serve": executable '
        "file not found in $PATH: unknown",
        'exec: "/bin/serve": stat /bin/serve: no such file or directory: unknown',
    ],
}


@pytest.mark.parametrize(
    ("sentence", "message"), [(sentence, message) for sentence, messages in CAUSES.items() for message in messages]
)
def test_a_message_gets_the_sentence_of_its_cause(sentence: str, message: str):
    error = explain_message("app", message)
    assert str(error.sentence) == sentence
    assert error.hint
    assert error.output == message


def test_a_mount_that_can_not_be_used_is_named():
    error = explain_message("app", 'invalid mount config for type "bind": bind source path does not exist: /mnt2/a')
    assert "/mnt2/a" in str(error.sentence)


WAITS = {
    "toomanyrequests: retry-after: 345s, allowed: 44000/minute": "Try again in 6 minutes",
    "429 Too Many Requests, Retry-After: 2h": "Try again in 120 minutes",
    "toomanyrequests: retry-after: 1h2m0s, allowed: 44000/minute": "Try again in 62 minutes",
    "toomanyrequests: retry-after: 345.1µs, allowed: 44000/minute": "Try again in a few hours",
}


def test_each_cause_is_reached_by_a_message_of_its_own():
    """The first pattern that matches counts: one that another hides would never be seen."""
    messages = [message for messages in CAUSES.values() for message in messages]
    messages += [*WAITS, "unknown flag: --x", f"{ENDPOINT}: Bind for :::80 failed: port is already allocated"]
    messages += ["bind source path does not exist: /mnt2/a"]
    assert {find_cause(message) for message in messages} == {*error_messages.CAUSES}


@pytest.mark.parametrize(("message", "wait"), WAITS.items())
def test_a_registry_that_limits_says_when_to_try_again(message: str, wait: str):
    assert str(explain_pull("app", message).hint).startswith(wait)


def test_what_is_not_known_keeps_dockers_own_words():
    assert (
        find_cause('error gathering device information while adding custom device "/dev/bus": not a device node')
        is None
    )
    error = explain_message("app", "\nthe moon is full\nand more")
    assert str(error.sentence) == "Docker reported an error: the moon is full"
    assert str(error.hint) == "Docker's full message is below."
    assert error.output == "\nthe moon is full\nand more"
    error = explain_pull("app", "the moon is full")
    assert str(error.sentence) == 'The image "app" could not be pulled.'
    assert error.output == "the moon is full"


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (
            "Unable to find image 'app:1' locally\n1: Pulling from app\nDigest: sha256:1\nStatus: Downloaded newer "
            "image\ndocker: Error response from daemon: invalid CapAdd: unknown capability: CAP_X.\nSee "
            "'docker create --help'.",
            "Docker reported an error: invalid CapAdd: unknown capability: CAP_X.",
        ),
        (
            "Unable to find image 'app:1' locally\nError response from daemon: manifest for app:1 not found: "
            "manifest unknown",
            'The image "app:1" was not found in its registry.',
        ),
        (
            "Error response from daemon: odd words\n\nRun 'docker create --help' for more information",
            "Docker reported an error: odd words",
        ),
        (
            "unknown flag: --bogus\nSee 'docker create --help'.",
            "The definition uses an option that Docker does not have: unknown flag: --bogus",
        ),
        ("", "Docker reported an error: status 125"),
    ],
)
def test_of_what_the_client_printed_the_engines_words_count(output: str, sentence: str):
    error = explain_command("web", output, 125, "app:1")
    assert str(error.sentence) == sentence
    assert error.output == output
