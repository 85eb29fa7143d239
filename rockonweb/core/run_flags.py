"""The flags of `docker run`, of Docker 20.10 to 29: which there are, and how the client reads a word of them.

The first word that is no flag and no flag's value is the image, and what follows runs inside the container. So a
definition's option must be one flag with its value and nothing else, or else it would say what the image is, or take
the flag after it as its value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rockonweb.core import client
from rockonweb.core.text import t

SHORT = {
    "a": "attach",
    "c": "cpu-shares",
    "d": "detach",
    "e": "env",
    "h": "hostname",
    "i": "interactive",
    "l": "label",
    "m": "memory",
    "p": "publish",
    "P": "publish-all",
    "q": "quiet",
    "t": "tty",
    "u": "user",
    "v": "volume",
    "w": "workdir",
}
ALIASES = {"net": "network", "net-alias": "network-alias", "dns-opt": "dns-option"}
SWITCHES = frozenset(
    (
        *("detach", "disable-content-trust", "help", "init", "interactive", "no-healthcheck", "oom-kill-disable"),
        *("privileged", "publish-all", "quiet", "read-only", "rm", "sig-proxy", "tty", "use-api-socket"),
    )
)
VALUED = frozenset(
    (
        *("add-host", "annotation", "attach", "blkio-weight", "blkio-weight-device", "cap-add", "cap-drop"),
        *("cgroup-parent", "cgroupns", "cidfile", "cpu-count", "cpu-percent", "cpu-period", "cpu-quota"),
        *("cpu-rt-period", "cpu-rt-runtime", "cpu-shares", "cpus", "cpuset-cpus", "cpuset-mems", "detach-keys"),
        *("device", "device-cgroup-rule", "device-read-bps", "device-read-iops", "device-write-bps"),
        *("device-write-iops", "dns", "dns-option", "dns-search", "domainname", "entrypoint", "env", "env-file"),
        *("expose", "gpus", "group-add", "health-cmd", "health-interval", "health-retries"),
        *("health-start-interval", "health-start-period", "health-timeout", "hostname", "io-maxbandwidth"),
        *("io-maxiops", "ip", "ip6", "ipc", "isolation", "kernel-memory", "label", "label-file", "link"),
        *("link-local-ip", "log-driver", "log-opt", "mac-address", "memory", "memory-reservation", "memory-swap"),
        *("memory-swappiness", "mount", "name", "network", "network-alias", "oom-score-adj", "pid", "pids-limit"),
        *("platform", "publish", "pull", "restart", "runtime", "security-opt", "shm-size", "stop-signal"),
        *("stop-timeout", "storage-opt", "sysctl", "tmpfs", "ulimit", "user", "userns", "uts", "volume"),
        *("volume-driver", "volumes-from", "workdir"),
    )
)
# What no definition may say: these are the project's own, or reach for files of the host that nobody is shown.
REFUSED = {
    "cidfile": t("would write a file of this host"),
    "env-file": t('would read a file of this host; name the variables by "-e"'),
    "help": t("makes no container"),
    "label-file": t('would read a file of this host; name the labels by "--label"'),
    "name": t("is not for definitions: a container is called by its key"),
    "rm": t("would remove the container and its volumes when it ends"),
}
OUR_LABELS = "rockonweb."
LONGEST = 10_000  # characters of a value; the kernel takes no word above 128 KiB


def option_fault(flag: str, value: str) -> str:
    """Return why an option is not one flag of `docker run` with its value, blank when it is."""
    if not flag.startswith("-"):
        return t('"%(flag)s" is no option, and would be taken as the image', flag=flag[:60])
    if flag.strip("-") == "" or flag.startswith("---"):
        return t('"%(flag)s" is no option', flag=flag[:60])
    if len(flag) > LONGEST or len(value) > LONGEST:
        return t("is longer than %(most)s characters", most=LONGEST)
    given = value if value.strip() else ""
    for name, glued, wants in _parts(flag):
        fault = _part_fault(name, glued, given if wants else "")
        if fault:
            return fault
        last = name, glued, wants
    name, glued, wants = last
    if given and not wants:
        return t(
            '"%(flag)s" is whole without "%(value)s", which would be taken as the image',
            flag=flag[:60],
            value=given[:60],
        )
    if wants and not given:
        return t('"%(flag)s" needs a value, and would take the next word as it', flag=flag[:60])
    return ""


def _part_fault(name: str, glued: str | None, given: str) -> str:
    if name not in SWITCHES | VALUED:
        return t('"%(flag)s" is no option of docker run', flag=_spelled(name))
    if why := REFUSED.get(name):
        return t('"%(flag)s" %(why)s', flag=_spelled(name), why=why)
    word = glued or given
    if name == "env" and "=" not in word and client.steers(word):  # of other names the client knows nothing
        return t('"%(name)s" has no value, and would be taken from the environment of Rockonweb itself', name=word[:60])
    if name == "label" and word.strip().startswith(OUR_LABELS):
        return t('labels that begin with "%(word)s" are not for definitions', word=OUR_LABELS)
    return ""


def split(flag: str, value: str) -> Iterator[tuple[str, str]]:
    """Yield flag and value of each flag in an option, however it is spelled: `-itv/a:/b`, `--net=host`, `-v=/a:/b`.

    A long flag stays as it is written, a short one too: `-v`, `--net`. What is no flag is yielded as it is.
    """
    if flag.startswith("--"):
        name, has_value, inline = flag.partition("=")
        yield (name, inline) if has_value and not value.strip() else (flag, value)
        return
    letters = flag[1:]
    while letters and flag.startswith("-"):
        letter, letters = letters[0], letters[1:]
        name = SHORT.get(letter, "")
        if name not in SWITCHES or letters.startswith("="):
            yield f"-{letter}", letters.removeprefix("=") or value
            return
        yield f"-{letter}", ""
    if not flag.startswith("-"):
        yield flag, value


def image_place(words: Sequence[str]) -> int:
    """Return where the image stands in what follows `docker run`; their count where there is none.

    Raises ValueError for a word that is no flag where one must be.
    """
    place = 0
    while place < len(words) and words[place].startswith("-"):
        word = words[place]
        if not word.strip("-"):
            raise ValueError(word)
        parts = list(_parts(word))
        if any(name not in SWITCHES | VALUED for name, _, _ in parts):
            raise ValueError(word)
        place += 2 if parts[-1][2] else 1
    return min(place, len(words))


def _parts(word: str) -> Iterator[tuple[str, str | None, bool]]:
    """Yield of each flag in a word: its long name, the value that is glued to it, and whether it takes the next word.

    What is no flag is yielded by what stands there, with the dashes that it would have.
    """
    if word.startswith("--"):
        name, has_value, inline = word[2:].partition("=")
        name = ALIASES.get(name, name)
        yield name, inline if has_value else None, not has_value and name in VALUED
        return
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        name = SHORT.get(letter, f"-{letter}")
        if name in SWITCHES and not letters.startswith("="):
            yield name, None, False
        elif letters == "=":  # the client takes the sign itself as the value, or as a flag
            yield "-=", None, False
            return
        else:
            yield name, letters.removeprefix("=") if letters else None, not letters and name in VALUED
            return


def _spelled(name: str) -> str:
    """Return a flag as one writes it; an unknown letter comes with a dash of its own."""
    return name[:60] if name.startswith("-") else f"--{name[:60]}"
