"""Docker, and what it has beside the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from rockonweb.core.docker.daemon_settings import DockerSettings
from rockonweb.core.facts import PortListener
from rockonweb.core.instance.diagnosis.results import CheckResult, list_first
from rockonweb.core.instance.lease import explain_other_copy
from rockonweb.core.own_container import BlindSpot
from rockonweb.core.text import t

MISSING_COMMAND = (
    t("The docker command is missing: not every app can be installed."),
    t("Install the package docker-cli; where there is none, as on Debian 12, it is part of docker.io."),
)


def diagnose_engine(settings: DockerSettings, *, has_command: bool) -> CheckResult:
    """Check the settings of Docker, which answered; `has_command`: whether the docker command is on the path."""
    names = ("version", "api_version", "storage_driver", "rootless", "folder")
    facts = {**{name: getattr(settings, name) for name in names}, "cgroup": settings.cgroup_version}
    make_result = partial(CheckResult, "Docker", facts=facts)
    sentence = t(
        "Version %(version)s, API %(api)s, storage driver %(driver)s, cgroup version %(cgroup)s%(rootless)s.",
        version=settings.version,
        api=settings.api_version,
        driver=settings.storage_driver,
        cgroup=settings.cgroup_version or "?",
        rootless=t(", rootless") if settings.rootless else "",
    )
    if not has_command:
        return make_result("fail", *MISSING_COMMAND)
    if settings.storage_driver == "vfs":
        hint = t(
            "This driver copies every layer in full: it is slow and needs many times the space. overlay2 is better."
        )
        return make_result("warn", sentence, hint)
    if settings.rootless:
        hint = t("Ports below 1024, the host's devices and some networks are not available to apps.")
        return make_result("warn", sentence, hint)
    return make_result("ok", sentence)


def diagnose_ports(published: int, taken: Sequence[PortListener]) -> CheckResult:
    """Check the ports of installed rock-ons; those that are `taken` have the name of what uses them instead."""
    entries = [
        {"number": listener.port, "protocol": listener.protocol, "rockon": listener.rockon, "holder": listener.holder}
        for listener in taken
    ]
    make_result = partial(CheckResult, "ports", facts={"wanted": published, "taken": entries})
    if taken:
        names = [
            t("%(port)s/%(protocol)s of %(rockon)s (%(holder)s)", port=listener.port,
              protocol=listener.protocol, rockon=listener.rockon,
              holder=listener.holder or t("a program not visible to this user"))
            for listener in taken
        ]  # fmt: skip
        hint = t("Stop what uses the port, or give the rock-on another port under Settings.")
        return make_result("warn", t("In use by others: %(names)s.", names=list_first(names)), hint)
    if not published:
        return make_result("ok", t("No installed rock-on publishes a port."))
    return make_result(
        "ok",
        t("Ports of installed rock-ons: %(count)s, each free or in use by its own rock-on.", count=published),
    )


def diagnose_own_container(name: str, blind_spots: Iterable[BlindSpot]) -> list[CheckResult]:
    """Check what can't be seen of the host from Rockonweb's own container; no result outside of one (blank name)."""
    results = [
        CheckResult(
            "container", "fail" if spot.breaks else "warn", spot.sentence, spot.hint, facts={"unseen": spot.subject}
        )
        for spot in blind_spots
    ]
    if name and not results:
        sentence = t("Rockonweb runs in the container %(name)s and sees this host as it is.", name=name)
        return [CheckResult("container", "ok", sentence, facts={"name": name})]
    return results


def diagnose_copies(place: str) -> CheckResult:
    """Check whether another copy of this instance, at `place` (blank: none), looks after Docker."""
    make_result = partial(CheckResult, "copies", facts={"other": place})
    if place:
        return make_result("fail", *explain_other_copy(place))
    return make_result("ok", t("No other copy of this Rockonweb looks after this Docker."))


def diagnose_containers(
    orphans: Sequence[str],
    missing: Sequence[str],
    cut_off: Sequence[str] = (),
    folders: Sequence[str] = (),
    renamed: Sequence[str] = (),
    unknown: Sequence[str] = (),
) -> CheckResult:
    """Compare database and Docker: managed containers without an installed rock-on, rock-ons without containers.

    `cut_off` are containers that are not on a network on which they belong, `folders` missing ones that are mounted,
    `renamed` containers that were renamed manually, with their new name; `unknown` are those that an operation created
    which is not in the database: an older copy of it was put back.
    """
    facts = {
        "strays": list(orphans),
        "missing": list(missing),
        "cut_off": list(cut_off),
        "folders": list(folders),
        "renamed": list(renamed),
        "unknown": list(unknown),
    }
    make_result = partial(CheckResult, "containers", facts=facts)
    if folders:
        return make_result(
            "fail",
            t("Folders with the data of apps are missing: %(names)s.", names=list_first(folders)),
            t("Mount their disk, or restore them, before you start these apps."),
        )
    if orphans:
        return make_result(
            "warn",
            t(
                "Containers of this instance that belong to no installed rock-on: %(names)s.",
                names=list_first(orphans),
            ),
            t("Remove them if you don't need them: docker rm NAME"),
        )
    if missing:
        return make_result(
            "warn",
            t(
                "Containers of installed rock-ons that are missing in Docker: %(names)s.",
                names=list_first(missing),
            ),
            t("Start the rock-on to recreate them."),
        )
    if cut_off:
        return make_result(
            "warn",
            t("Containers that are not on all of their networks: %(names)s.", names=list_first(cut_off)),
            t("Restart the rock-on to connect them again."),
        )
    if unknown:
        return make_result(
            "warn",
            t(
                "Containers from operations that are not in this database, so an older copy of it was put back: "
                "%(names)s. They are left as they are.",
                names=list_first(unknown),
            ),
            t(
                "Check each app's settings, then recreate it. Check the accounts and API tokens too: those removed "
                "since that copy are back."
            ),
        )
    if renamed:
        return make_result(
            "warn",
            t("Containers that were renamed manually: %(names)s.", names=list_first(renamed)),
            t("Start the rock-on to give them their names back; what runs goes on running."),
        )
    return make_result("ok", t("The containers in Docker match the installed rock-ons."))
