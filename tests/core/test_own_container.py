"""What can't be seen of the host from Rockonweb's own container, and the line of compose.yaml that is missing."""

from dataclasses import replace

import pytest

from rockonweb.core.instance.diagnosis.engine import diagnose_own_container
from rockonweb.core.own_container import BlindSpot, InstancePaths, OwnContainer, find_blind_spots

PATHS = InstancePaths("/var/lib/rockonweb", "/mnt2", "/var/lib/rockonweb/tls/host.crt", on_btrfs=True)
SAME = ("/var/lib/rockonweb", "/mnt2", "/dev", "/etc/passwd", "/etc/group")
WHOLE = OwnContainer(
    "1" * 64,
    "rockonweb",
    {path: path for path in SAME},
    host_network=True,
    host_processes=True,
    reads_host=True,
    capabilities=frozenset({"SYS_ADMIN", "SYS_PTRACE"}),
)


def unseen(own: OwnContainer | None, paths: InstancePaths = PATHS) -> dict[str, BlindSpot]:
    return {spot.subject: spot for spot in find_blind_spots(own, paths)}


def test_outside_of_a_container_and_in_a_whole_one_nothing_is_said() -> None:
    assert unseen(None) == {}
    assert unseen(WHOLE) == {}
    assert diagnose_own_container("", ()) == []
    [told] = diagnose_own_container("rockonweb", ())
    assert (told.level, told.about) == ("ok", "container")


@pytest.mark.parametrize(
    ("own", "subject", "line", "breaks"),
    [
        (replace(WHOLE, host_network=False), "ports", "network_mode: host", True),
        (replace(WHOLE, host_processes=False, reads_host=False), "programs", "pid: host", False),
        (
            replace(WHOLE, reads_host=False, capabilities=frozenset({"SYS_ADMIN"})),
            "programs",
            "cap_add: [SYS_ADMIN, SYS_PTRACE]",
            False,
        ),
        (replace(WHOLE, reads_host=False), "programs", "security_opt: [apparmor:unconfined, label:disable]", False),
        (
            replace(WHOLE, capabilities=frozenset({"SYS_PTRACE"})),
            "snapshots",
            "cap_add: [SYS_ADMIN, SYS_PTRACE]",
            False,
        ),
    ],
)
def test_each_mode_that_is_missing_is_named(own: OwnContainer, subject: str, line: str, breaks: bool) -> None:
    [spot] = unseen(own).values()
    assert (spot.subject, spot.breaks) == (subject, breaks)
    assert spot.hint.endswith(f'": {line}')


@pytest.mark.parametrize(
    ("path", "subject", "line", "breaks"),
    [
        ("/mnt2", "shares", "- /mnt2:/mnt2:rslave", True),
        ("/dev", "devices", "- /dev:/dev", False),
        ("/etc/passwd", "users", "- /etc/passwd:/etc/passwd:ro", False),
        ("/etc/group", "groups", "- /etc/group:/etc/group:ro", False),
    ],
)
def test_each_mount_that_is_missing_or_of_another_folder_is_named(
    path: str, subject: str, line: str, breaks: bool
) -> None:
    elsewhere = {**WHOLE.mounts, path: "/elsewhere"}
    for mounts in (elsewhere, {place: source for place, source in WHOLE.mounts.items() if place != path}):
        [spot] = unseen(replace(WHOLE, mounts=mounts)).values()
        assert (spot.subject, spot.breaks) == (subject, breaks)
        assert spot.hint.endswith(f'": {line}')
        [told] = diagnose_own_container("rockonweb", [spot])
        assert told.level == ("fail" if breaks else "warn")
        assert told.facts == {"unseen": subject}


def test_data_in_the_container_alone_is_lost_with_it_and_in_a_volume_it_is_not() -> None:
    alone = {place: source for place, source in WHOLE.mounts.items() if place != PATHS.instance}
    assert unseen(replace(WHOLE, mounts=alone)).keys() == {"instance", "certificate"}
    volume = {**alone, PATHS.instance: "/var/lib/docker/volumes/rockonweb/_data"}
    [spot] = unseen(replace(WHOLE, mounts=volume)).values()
    assert (spot.subject, spot.breaks) == ("certificate", False)
    assert spot.hint.endswith(": - /var/lib/rockonweb:/var/lib/rockonweb")


def test_a_configured_certificate_that_is_not_the_hosts_is_named_with_its_folder() -> None:
    paths = replace(PATHS, certificate="/certs/site.pem")
    for mounts, told in (({}, True), ({"/certs": "/srv/certs"}, True), ({"/certs": "/certs"}, False)):
        spots = unseen(replace(WHOLE, mounts={**WHOLE.mounts, **mounts}), paths)
        assert ("certificate" in spots) == told


def test_a_path_is_the_hosts_where_the_nearest_mount_says_so() -> None:
    own = replace(WHOLE, mounts={"/srv": "/srv", "/srv/films": "/elsewhere/films", "/": "/host"})
    assert own.shows("/srv/music/jazz")
    assert not own.shows("/srv/films/old")
    assert not own.shows("/srv/../etc")
    assert not own.shows("/srvx")
    assert own.has_mounted("/srvx")
    assert replace(WHOLE, mounts={"/": "/"}).shows("/anything")


def test_snapshots_are_spoken_of_on_btrfs_alone() -> None:
    assert unseen(replace(WHOLE, capabilities=frozenset()), replace(PATHS, on_btrfs=False)) == {}
    assert unseen(replace(WHOLE, capabilities=frozenset({"ALL"}))) == {}
