"""What matters of Docker's settings, from its own answers."""

from rockonweb.core.docker.daemon_settings import LogOptions, parse_log_options, parse_settings
from rockonweb.core.docker.disk_usage import parse_usage


def test_the_settings_are_read_from_what_docker_tells() -> None:
    info = {
        "DockerRootDir": "/srv/docker",
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "xfs"], ["odd"]],
        "Images": 3,
        "Containers": 5,
        "ContainersRunning": 2,
        "CgroupVersion": "2",
        "CgroupDriver": "systemd",
        "LiveRestoreEnabled": True,
        "ServerVersion": "29.1",
        "LoggingDriver": "json-file",
    }
    found = parse_settings(info, "1.52")
    assert (found.folder, found.images_folder, found.containerd_images) == ("/srv/docker", "/srv/docker", False)
    assert (found.images, found.running, found.stopped) == (3, 2, 3)
    assert (found.backing_file_system, found.live_restore) == ("xfs", True)
    assert (found.version, found.api_version) == ("29.1", "1.52")


def test_containerd_keeps_images_in_its_own_folder() -> None:
    info = {"DockerRootDir": "/srv/docker", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
    found = parse_settings(info)
    assert (found.folder, found.images_folder, found.containerd_images) == ("/srv/docker", "/var/lib/containerd", True)


def test_an_engine_that_tells_nothing_is_no_fault() -> None:
    assert parse_settings({}).images == 0
    assert parse_usage({}).images_size == 0
    assert parse_log_options({}) == LogOptions("")


def test_a_log_is_bounded_by_its_driver_or_its_size() -> None:
    assert not parse_log_options({"Type": "json-file", "Config": {}}).bounded
    assert parse_log_options({"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}).bounded
    assert parse_log_options({"Type": "local", "Config": None}).bounded


def test_sizes_are_added_up() -> None:
    found = parse_usage(
        {
            "LayersSize": 100,
            "Images": [{}, {}],
            "Containers": [{"SizeRw": 3}, {}],
            "Volumes": [{"UsageData": {"Size": 7}}, {"UsageData": {"Size": -1}}, {}],
            "BuildCache": [{"Size": 5}, {"Size": 9, "Shared": True}],
        }
    )
    assert (found.images, found.images_size, found.containers_size) == (2, 100, 3)
    assert (found.volumes, found.volumes_size, found.cache_size) == (3, 7, 5)
