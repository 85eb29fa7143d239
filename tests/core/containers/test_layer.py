"""What of a container's own layer looks like data."""

import pytest

from rockonweb.core.containers import layer
from rockonweb.core.containers.layer import ContainerLayer, WrittenFile, group_files, list_unsaved, plan_walks
from rockonweb.core.facts import UnsavedFolder

CREATED, STARTED = 10_000.0, 50_000.0


def own_layer(added: str = "", changed: str = "", *mounts: str) -> ContainerLayer:
    return ContainerLayer("app", frozenset(added.split()), frozenset(changed.split()), mounts, CREATED, STARTED)


def unsaved(own: ContainerLayer, modified: float = STARTED + 3600, mixed: str = "") -> list[str]:
    seen = dict.fromkeys(own.files, WrittenFile(10, modified))
    by_folder, untold = group_files(own, seen)
    assert not untold
    return [f"{one.files} in {one.folder}" for one in list_unsaved(own, by_folder, seen, mixed.split())]


def test_files_are_told_with_the_folder_around_them():
    added = "/app /app/data /app/data/a /app/data/deep /app/data/deep/b /app/data/deep/c"
    assert unsaved(own_layer(added)) == ["3 in /app/data"]
    assert unsaved(own_layer(f"{added} /app/other /app/other/d")) == ["4 in /app"]


def test_a_folder_inside_another_one_is_told_with_it_unless_the_image_has_files_there():
    own = own_layer("/srv/db /srv/uploads /srv/uploads/a", "/srv")
    assert unsaved(own) == ["2 in /srv"]
    assert unsaved(own, mixed="/srv") == ["1 in /srv", "1 in /srv/uploads"]


def test_what_is_in_a_share_or_another_mount_is_not_counted():
    own = own_layer("/app /app/config /app/config/hidden /app/data /app/data/a /app/b", "", "/app/config")
    assert unsaved(own) == ["1 in /app", "1 in /app/data"]
    assert [one.mixed for one in list_unsaved(own, {"/app": ["/app/b"]}, {}, ())] == [True]


@pytest.mark.parametrize(
    "path",
    [
        *("/tmp/a", "/var/tmp/a", "/run/app.sock", "/var/log/app/a", "/var/cache/a", "/root/.cache/a", "/etc/hosts"),
        *(
            "/app/a.pyc",
            "/app/__pycache__/a",
            "/app/a.pid",
            "/app/logs/a",
            "/data/Cache/a",
            "/app/x.log",
            "/app/y.lock",
        ),
        *("/etc/passwd", "/etc/passwd-", "/root/.bash_history", "/dev/null", "/proc/a", "/.dockerenv", "/app/tmp/a"),
    ],
)
def test_caches_logs_and_what_every_container_writes_are_left_aside(path: str):
    assert own_layer(path).files == []


def test_what_a_start_writes_into_the_system_or_over_the_image_is_no_data():
    own = own_layer("/etc/app /etc/app/made", "/etc/app.conf /app/index.html /usr/share/page.js")
    assert unsaved(own, modified=CREATED + 5) == []
    assert unsaved(own, modified=STARTED + 5) == ["1 in /app"]  # nobody knows that a later start writes it again
    assert unsaved(own) == ["1 in /app", "2 in /etc", "1 in /usr/share"]


def test_what_an_app_adds_is_data_from_its_first_second_on():
    assert unsaved(own_layer("/usr/src/app/db"), modified=CREATED + 1) == ["1 in /usr/src/app"]
    assert unsaved(own_layer("/app/db"), modified=CREATED - 10_000) == ["1 in /app"]
    assert unsaved(own_layer("/libraries /libraries/photo"), modified=CREATED - 10_000) == ["1 in /libraries"]
    assert unsaved(own_layer("/lib64/photo /lib/photo"), modified=CREATED - 10_000) == []


def test_what_is_no_regular_file_is_not_counted_and_what_was_not_seen_is():
    own = own_layer("/app /app/link /app/file /app/empty", "/etc/conf /bin/tool")
    by_folder, untold = group_files(own, {"/app/link": None, "/app/empty": None})
    assert by_folder == {"/app": ["/app/file"]}
    assert untold == 2
    assert list_unsaved(own, by_folder, {}, ()) == (UnsavedFolder("app", "/app", 1, None),)


def test_many_single_files_are_seen_by_their_folders():
    few = own_layer("", "/srv/a /srv/b")
    assert plan_walks(few) == ["/srv/a", "/srv/b"]
    many = own_layer("/new /new/x", " ".join(f"/srv/{folder}/{n} /srv/{n}" for folder in "ab" for n in range(20)))
    assert plan_walks(many) == ["/new", "/srv"]


def test_many_folders_are_told_by_the_one_at_the_top():
    own = own_layer(" ".join(f"/srv/{n}/data /srv/{n}/data/a" for n in range(layer.MAX_FOLDERS + 1)))
    assert unsaved(own) == [f"{layer.MAX_FOLDERS + 1} in /srv"]
