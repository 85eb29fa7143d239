"""Where an instance lies, what says so to somebody who is elsewhere, and what is told of a newer version."""

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from rockonweb import config, program
from rockonweb.models import transaction
from tests.support.app import FormClient
from tests.support.command_line import CommandLine


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This code as an installed package, run in a folder with nothing in it, on a machine without a service."""
    monkeypatch.setattr(program, "find_checkout", lambda: None)
    monkeypatch.setattr(program, "UNIT_FILE", tmp_path / "no.service")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")


@pytest.fixture
def terminal(installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A terminal of a user whose environment names no instance."""
    monkeypatch.setattr(program, "SYSTEM_INSTANCE", tmp_path / "var")
    made = CommandLine(tmp_path / "elsewhere")
    del made.environ["ROCKONWEB_INSTANCE"]
    return made


def make_instance(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "rockonweb.db").touch()
    return folder


def test_a_checkout_keeps_its_instance_wherever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert program.locate_instance({}) == Path(__file__).parents[1] / "instance"
    assert program.start_command() == str(Path(__file__).parents[1] / "script" / "run")
    monkeypatch.chdir(Path(__file__).parents[1])
    assert program.start_command() == "script/run"


@pytest.mark.usefixtures("installed")
def test_an_installed_package_keeps_it_where_the_system_keeps_such_things(monkeypatch: pytest.MonkeyPatch) -> None:
    assert program.start_command() == "rockonweb up"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert program.locate_instance({"HOME": "/root"}) == Path("/var/lib/rockonweb")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert program.locate_instance({"HOME": "/home/anna"}) == Path("/home/anna/.local/share/rockonweb")
    assert program.locate_instance({"XDG_DATA_HOME": "/data"}) == Path("/data/rockonweb")
    relative = {"XDG_DATA_HOME": "data", "HOME": "/home/anna"}  # as the specification says: ignored
    assert program.locate_instance(relative) == Path("/home/anna/.local/share/rockonweb")
    assert program.locate_instance({"ROCKONWEB_INSTANCE": "/srv/it"}) == Path("/srv/it")


@pytest.mark.usefixtures("installed")
def test_one_of_earlier_use_in_the_current_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "SYSTEM_INSTANCE", tmp_path / "var")
    (tmp_path / "elsewhere" / "instance").mkdir()
    environ = {"HOME": str(tmp_path)}
    assert program.locate_instance(environ) != Path.cwd() / "instance", "a folder of that name is none"
    (tmp_path / "elsewhere" / "instance" / "rockonweb.db").touch()
    assert program.locate_instance(environ) == Path.cwd() / "instance"


@pytest.mark.parametrize(
    "command", ["user list", "catalog list", "catalog refresh", "share list", "backup", "doctor", "forget-secrets"]
)
def test_in_another_folder_a_command_says_where_it_looked_and_makes_nothing(
    terminal: CommandLine, tmp_path: Path, command: str
) -> None:
    other = make_instance(tmp_path / "srv" / "theirs")
    program.UNIT_FILE.write_text(f'[Service]\nEnvironment="ROCKONWEB_INSTANCE={other}"\n')
    done = terminal.run(*command.split(), HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    home = program.SYSTEM_INSTANCE if os.geteuid() == 0 else tmp_path / ".local/share/rockonweb"
    assert f"no instance in {terminal.instance} and {home}." in done.stderr
    assert f"There is one in {other}." in done.stderr
    assert "ROCKONWEB_INSTANCE" in done.stderr
    assert "rockonweb up" in done.stderr
    assert [*terminal.folder.iterdir()] == []
    assert not home.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_the_instance_of_another_user_is_named_with_its_owner(
    terminal: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_instance(tmp_path / "theirs")
    os.chown(other, 1, 1)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "access", lambda *_: False)
    for command in ("user list", "up", "web"):
        done = terminal.run(*command.split(), ROCKONWEB_INSTANCE=str(other))
        assert done.returncode == 2
        assert f"The instance {other} belongs to daemon" in done.stderr
        assert "sudo -u daemon" in done.stderr


@pytest.mark.parametrize("command", ["up", "web", "worker", "watch"])
def test_a_folder_that_can_not_be_made_is_told_with_the_way_out(terminal: CommandLine, command: str) -> None:
    (terminal.folder / "file").touch()
    done = terminal.run(command, ROCKONWEB_INSTANCE=str(terminal.folder / "file" / "instance"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "can't be created: Not a directory." in done.stderr
    assert "ROCKONWEB_INSTANCE" in done.stderr


def test_the_settings_of_the_instance_count_before_those_of_the_current_folder(
    terminal: CommandLine, tmp_path: Path
) -> None:
    home = make_instance(tmp_path / "var" if os.geteuid() == 0 else tmp_path / ".local/share/rockonweb")
    (terminal.folder / ".env").write_text("ROCKONWEB_BIND=of another program\n")
    done = terminal.run("user", "list", HOME=str(tmp_path))
    assert (done.returncode, "of another program" in done.stderr) == (2, True)
    (home / ".env").write_text("ROCKONWEB_BIND=of the instance\nROCKONWEB_INSTANCE=/nowhere\n")
    done = terminal.run("user", "list", HOME=str(tmp_path))
    assert (done.returncode, "of the instance" in done.stderr) == (2, True)
    done = terminal.run("user", "list", HOME=str(tmp_path), ROCKONWEB_BIND="of the environment")
    assert (done.returncode, "of the environment" in done.stderr) == (2, True)


# -- newer versions ----------------------------------------------------------------------------------------------------


def test_the_first_page_says_that_another_version_was_put_over_the_one_that_runs(
    owner_client: FormClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "updated on the disk" not in owner_client.get("/").text
    package = tmp_path / "code" / "rockonweb"
    (package.parent / "script").mkdir(parents=True)
    (package.parent / "script" / "run").touch()
    package.mkdir()
    (package / "config.py").write_text("VERSION = 2")
    monkeypatch.setattr(program, "_CODE_FOLDER", package)
    program._code_fingerprint.cache_clear()
    assert "Rockonweb was updated on the disk, but what runs is from before." in owner_client.get("/").text
    (package.parent / "pyproject.toml").write_text('[project]\nversion = "99.1"\n')
    assert f"Rockonweb 99.1 is installed, but {config.VERSION} still runs." in owner_client.get("/").text
    (package.parent / "pyproject.toml").write_text("half of")
    assert "updated on the disk" in owner_client.get("/").text
    program._code_fingerprint.cache_clear()


def test_a_changed_removed_or_new_file_is_another_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fingerprint() -> int:
        program._code_fingerprint.cache_clear()
        return program.code_fingerprint()

    monkeypatch.setattr(program, "_CODE_FOLDER", tmp_path)
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "__pycache__").mkdir()
    before = fingerprint()
    (tmp_path / "__pycache__" / "a.pyc").touch()
    assert fingerprint() == before
    (tmp_path / "a.py").write_text("22")
    changed = fingerprint()
    (tmp_path / "b.py").touch()
    assert len({before, changed, fingerprint()}) == 3
    program._code_fingerprint.cache_clear()


def test_the_first_page_says_that_the_schema_is_newer_than_what_runs(owner_client: FormClient) -> None:
    assert "belongs to a newer Rockonweb" not in owner_client.get("/").text
    with transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert f"The database belongs to a newer Rockonweb than {config.VERSION}, which runs." in owner_client.get("/").text


def test_it_is_restarted_as_it_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "UNIT_FILE", tmp_path / "rockonweb.service")
    assert program.restart_command(Path("/srv/it")) == program.start_command()
    assert program.change_command(Path("/srv/it")) == program.start_command()
    (tmp_path / "rockonweb.service").write_text('Environment="ROCKONWEB_INSTANCE=/srv/it"\n')
    assert program.restart_command(Path("/srv/it")) == "systemctl restart rockonweb"
    assert program.change_command(Path("/srv/it")) == f"{program.command_path()} service install"
    assert program.restart_command(Path("/srv/other")) == program.start_command()
