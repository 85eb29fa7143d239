"""A link that a container put into its share never becomes what another one mounts."""

from pathlib import Path

import pytest

from rockonweb.core.errors import RockonwebError
from rockonweb.models import Kind, Progress
from tests.docker.test_lifecycle import last_operation, state
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance

DATA = {"/data": {"label": "Data", "description": ""}}


def test_a_link_in_a_share_is_not_mounted_at_install_nor_at_start(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").mkdir()
    share = instance.settings.shares_root / "evil"
    share.mkdir(parents=True)
    (share / "link").symlink_to(tmp_path / "secret")
    rockon = instance.add_rockon("Linked", {"linked": {"image": app_image[:-2], "tag": "1", "volumes": DATA}})
    with pytest.raises((RockonwebError, AssertionError)):
        instance.install_rockon(rockon, shares={"linked": {"/data": "evil/link"}})
    failed = last_operation(rockon)
    assert f"{share}/link points elsewhere: it contains a link." in " ".join(
        [failed.error, *(step.output for step in failed.steps)]
    )
    # Not even made: a container with such a mount would lie ready for whoever starts it.
    assert [str(step.title) for step in failed.steps if step.progress is Progress.FAILED] == ["create container linked"]
    assert state(engine, "linked") == ""
    (share / "link").unlink()
    (share / "link").mkdir()
    instance.install_rockon(rockon, shares={"linked": {"/data": "evil/link"}})
    instance.perform(Kind.STOP, rockon)
    (share / "link").rmdir()
    (share / "link").symlink_to(tmp_path / "secret")
    with pytest.raises((RockonwebError, AssertionError)):
        instance.perform(Kind.START, rockon)
    assert state(engine, "linked") == "exited"


@pytest.mark.parametrize(
    "option",
    [
        *(["-v={}:/x", ""], ["-v{}:/x", ""], ["-itv{}:/x", ""], ["--volume={}:/x", ""]),
        *(["--mount", "type=bind,src={},dst=/x"], ["-v", "/{}:/x"]),
    ],
)
def test_a_link_is_not_mounted_by_an_option_however_it_is_spelled(
    instance: Instance, app_image: str, tmp_path: Path, option: list[str]
) -> None:
    link = instance.settings.shares_root / "evil" / "link"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path)
    opts = [[word.format(link) for word in option]]
    rockon = instance.add_rockon("Linked", {"linked": {"image": app_image[:-2], "tag": "1", "opts": opts}})
    with pytest.raises((RockonwebError, AssertionError)):
        instance.install_rockon(rockon)
    failed = last_operation(rockon)
    assert [str(step.title) for step in failed.steps if step.progress is Progress.FAILED] == ["create container linked"]
    assert failed.error == f"{link} points elsewhere: it contains a link."
