"""What is said of Docker and what it has."""

from dataclasses import replace

from rockonweb.core.docker.daemon_settings import DockerSettings
from rockonweb.core.facts import PortListener
from rockonweb.core.instance.diagnosis.engine import diagnose_containers, diagnose_engine, diagnose_ports


def test_engine_names_what_a_supporter_asks_for() -> None:
    good = DockerSettings("28.1", "1.49", "/var/lib/docker", storage_driver="overlay2", cgroup_version="2")
    found = diagnose_engine(good, has_command=True)
    assert str(found) == "[ok]   Docker: Version 28.1, API 1.49, storage driver overlay2, cgroup version 2."
    assert found.facts == {
        "version": "28.1",
        "api_version": "1.49",
        "storage_driver": "overlay2",
        "cgroup": "2",
        "rootless": False,
        "folder": "/var/lib/docker",
    }
    assert diagnose_engine(replace(good, storage_driver="vfs"), has_command=True).level == "warn"
    missing = diagnose_engine(good, has_command=False)
    assert (missing.level, "docker-cli" in missing.hint) == ("fail", True)
    rootless = diagnose_engine(replace(good, rootless=True), has_command=True)
    assert (rootless.level, "rootless" in rootless.sentence) == ("warn", True)


def test_ports_say_who_has_them() -> None:
    assert diagnose_ports(4, []).level == "ok"
    nginx = PortListener(80, "tcp", holder="the program nginx", rockon="Wiki")
    found = diagnose_ports(4, [nginx, PortListener(81, "udp", rockon="Wiki")])
    told = {"number": 80, "protocol": "tcp", "rockon": "Wiki", "holder": "the program nginx"}
    assert found.facts is not None
    assert (found.facts["wanted"], found.facts["taken"][0]) == (4, told)
    assert found.level == "warn"
    assert "80/tcp of Wiki (the program nginx), 81/udp of Wiki (a program not visible to this user)" in found.sentence


def test_rows_beside_docker_and_long_lists() -> None:
    assert diagnose_containers([], []).level == "ok"
    assert "docker rm" in diagnose_containers(["old"], []).hint
    many = diagnose_containers([], [f"c{number}" for number in range(9)])
    assert "c0, c1, c2, c3, c4, 4 more." in many.sentence
