"""Time zone, name, address and owners of this server."""

import os
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from rockonweb import config
from rockonweb.core.command_size import MAX_WORD_BYTES, command_bytes
from rockonweb.core.facts import FolderOwner
from rockonweb.host import Host, environment


@pytest.fixture
def settings(tmp_path: Path) -> config.Config:
    (tmp_path / "root").mkdir()
    return config.load_config(
        {"ROCKONWEB_INSTANCE": str(tmp_path / "i"), "ROCKONWEB_SHARES_ROOT": str(tmp_path / "root")}
    )


def test_a_command_may_be_as_long_as_linux_allows() -> None:
    def run(*words: str) -> int:
        return subprocess.run(["/bin/true", *words], env={}, check=True).returncode

    assert run("x" * MAX_WORD_BYTES) == 0
    with pytest.raises(OSError, match="too long"):
        run("x" * (MAX_WORD_BYTES + 1))
    word = "x" * 1000
    words = [word] * (environment.command_limit() // command_bytes([word]))
    assert run(*words) == 0
    with pytest.raises(OSError, match="too long"):
        run(*words, *[word] * (environment.RESERVED_COMMAND_BYTES // 900))


def test_the_time_zone_is_where_the_link_points(tmp_path: Path) -> None:
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/Europe/Lisbon")
    (tmp_path / "timezone").write_text("Asia/Tokyo\n")
    assert environment.time_zone(tmp_path) == "Europe/Lisbon"


def test_the_time_zone_is_what_the_file_says_where_there_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_text("")
    (tmp_path / "timezone").write_text("Asia/Tokyo\n")
    assert environment.time_zone(tmp_path) == "Asia/Tokyo"


@pytest.mark.parametrize("text", ["", "Nowhere/Atall\n", "../../etc/passwd"])
def test_without_a_known_time_zone_it_is_utc(tmp_path: Path, text: str) -> None:
    (tmp_path / "timezone").write_text(text)
    assert environment.time_zone(tmp_path) == "Etc/UTC"


def test_a_share_has_its_owner_and_a_new_one_will_have_ours(settings: config.Config) -> None:
    (settings.shares_root / "media" / "films").mkdir(parents=True)
    os.chown(settings.shares_root / "media", 1000, 100)
    os.chown(settings.shares_root / "media" / "films", 7, 8)
    found = Host(settings).collect_surroundings(
        ["media", "media/films", "media/new", "fresh", "fresh/new", "../etc", ""]
    )
    assert found.owners == {
        "media": FolderOwner(1000, 100),
        "media/films": FolderOwner(7, 8),
        "media/new": FolderOwner(1000, 100, new=True),
        "fresh": FolderOwner(os.geteuid(), os.getegid(), new=True),
        "fresh/new": FolderOwner(os.geteuid(), os.getegid(), new=True),
    }
    assert found.groups["root"] == 0


@pytest.mark.parametrize("visited", ["attic.lan", "192.168.7.9", "fd00::5"])
def test_apps_are_reached_as_these_pages_are(settings: config.Config, visited: str) -> None:
    assert Host(settings).collect_surroundings([], visited).address == visited


@pytest.mark.parametrize("visited", ["", "localhost", "127.0.0.1", "127.0.1.1", "::1"])
def test_an_address_that_is_this_server_for_itself_alone_is_not_suggested(
    settings: config.Config, visited: str
) -> None:
    found = Host(settings).collect_surroundings([], visited).address
    assert found in (environment.outgoing_address(), socket.gethostname())
    assert not found.startswith("127.")


def test_localhost_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    assert environment.host_name() == ""


def test_the_usual_owner_has_most_shares_or_the_first_account(
    settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [SimpleNamespace(pw_uid=uid, pw_gid=gid) for uid, gid in ((0, 0), (65534, 65534), (1002, 7), (1001, 6))]
    monkeypatch.setattr(environment.pwd, "getpwall", lambda: accounts)
    assert environment.usual_owner(Host(settings).shares) == FolderOwner(1001, 6)
    for name, uid in (("a", 1500), ("b", 0), ("c", 1500), ("d", 1600), ("e", 0), ("f", 0)):
        (settings.shares_root / name).mkdir(parents=True)
        os.chown(settings.shares_root / name, uid, 100)
    assert environment.usual_owner(Host(settings).shares) == FolderOwner(1500, 100)
    monkeypatch.setattr(environment.pwd, "getpwall", list)
    assert environment.usual_owner(Host(replace(settings, shares_root=settings.instance)).shares) == FolderOwner(
        1000, 1000
    )
