"""Whole valid definitions for hypothesis: every key of the format, and options in every spelling."""

from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
HTML = st.sampled_from(["", "plain", "<p>One</p>", "<a href='https://example.org'>x</a>", "<script>alert(1)</script>"])
FLAG = st.sampled_from([True, False, "true", "no", 1, 0])
INDEX = st.integers(1, 9) | st.sampled_from(["1", "2", 99])
# An option of one word, of two, glued with an equals sign, with a blank or a missing value.
OPTIONS = st.sampled_from(
    [
        ["--net=host", ""],
        ["--net", "host"],
        ["--network", "bridge"],
        ["--privileged", ""],
        ["--privileged"],
        ["-e", "A=b c"],
        ["--env=A=b"],
        ["-v", "/var/run/docker.sock:/var/run/docker.sock"],
        ["--cap-add=NET_ADMIN", ""],
        ["--cap-add", "SYS_ADMIN"],
        ["--device", "/dev/null"],
        ["--device=/dev/null", None],
        ["--sysctl", "net.ipv4.ip_forward=1"],
        ["--publish", "9000:9000"],
        ["--restart", "no"],
        ["--restart=on-failure:3", ""],
        ["--security-opt", "seccomp=unconfined"],
        ["--shm-size=64m", ""],
        ["-it", ""],
        ["--init", " "],
        ["--memory", "64m"],
        ["--label", "a=b"],
        ["--hostname", "h"],
        ["--tmpfs", "/tmp"],
        ["--ulimit", "nofile=1024"],
        ["--dns", "1.1.1.1"],
        ["--add-host", "a:1.2.3.4"],
    ]
)


def question(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A question; `keys` are keys of its kind."""
    return st.fixed_dictionaries({}, optional={"label": TEXT, "description": TEXT, "index": INDEX, **keys})


PORT = question(
    host_default=st.integers(1, 65535) | st.sampled_from(["8080", None]),
    protocol=st.sampled_from(["tcp", "udp", "TCP", "", None, "sctp"]),
    ui=FLAG,
)
VOLUME = question(min_size=st.sampled_from([1024, "1GB", None, -1]))
KEYS = st.sampled_from(
    ["PUID", "PGID", "TZ", "ADMIN_PASSWORD", "API_TOKEN", "MODE", "a.b", "URL", "X-Y", "SERVER_NAME"]
)
CONTAINER = st.fixed_dictionaries(
    {
        "image": st.sampled_from(
            ["example/app", "box.example/example/app", "hub.example/library/app", "app@sha256:" + "0" * 64]
        ),
        "launch_order": st.integers(1, 5) | st.just("2"),
    },
    optional={
        "uid": st.sampled_from([-1, 0, 1000, "-1"]),
        "gid": st.sampled_from([-2, -1, 0, 100, "-2"]),
        "ports": st.dictionaries(st.integers(1, 65535).map(str), PORT, max_size=4),
        "volumes": st.dictionaries(st.sampled_from(["/data", "/config", "/a_b", "/x.y/z", "/var/lib/app"]), VOLUME),
        "environment": st.dictionaries(KEYS, question(), max_size=5),
        "devices": st.dictionaries(st.sampled_from(["GPU", "TTY", "dvb"]), question(), max_size=2),
        "opts": st.lists(OPTIONS, max_size=5),
        "cmd_arguments": st.lists(
            st.sampled_from([["--flag", "value"], ["serve", ""], ["x"], ["a b", "'"]]), max_size=3
        ),
    },
)


@st.composite
def definition_bodies(draw: st.DrawFn) -> dict[str, Any]:
    """The JSON object of a rock-on."""
    container_names = st.sampled_from(["app", "db", "cache", "front.end", "x_y-z"])
    names = draw(st.lists(container_names, min_size=1, max_size=4, unique=True))
    containers = {name: draw(CONTAINER) for name in names}
    body: dict[str, Any] = {
        "description": draw(HTML),
        "version": draw(TEXT | st.integers(0, 9) | st.just(1.10)),
        "website": draw(st.sampled_from(["", "https://example.org", "javascript:alert(1)"])),
        "containers": containers,
    }
    optional: dict[str, st.SearchStrategy[Any]] = {
        "icon": st.sampled_from(["", "https://example.org/i.png"]),
        "more_info": HTML,
        "ui": st.fixed_dictionaries({}, optional={"slug": st.sampled_from(["", "/admin", "a?b=c"]), "https": FLAG}),
        "volume_add_support": FLAG,
        "custom_config": st.dictionaries(KEYS, question(), max_size=2),
    }
    body |= {key: draw(values) for key, values in optional.items() if draw(st.booleans())}
    if len(names) > 1 and draw(st.booleans()):
        body["container_links"] = {names[0]: [{"name": f"{names[0]}-net", "source_container": names[1]}]}
    return body


def definition_files() -> st.SearchStrategy[dict[str, Any]]:
    """A definition file with one rock-on."""
    name = TEXT.filter(lambda text: bool(text.strip()) and text.isprintable())
    return st.dictionaries(name, definition_bodies(), min_size=1, max_size=1)
