"""What starts without the key that a database belongs to: nothing, until somebody says to forget what it encrypted."""

import fcntl
from collections.abc import Callable

import pytest

from rockonweb import config
from rockonweb.core.answers.answers import Answers
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.models import Environment, Operation, User, db, transaction, utc_now
from rockonweb.work import operations, supervisor
from tests.support.app import add_rockon, create_test_user, lend_app, make_app
from tests.support.command_line import CommandLine
from tests.support.samples import label_questions

OTHER_KEY = "a" * 43


@pytest.fixture
def command_line(command_line: CommandLine) -> CommandLine:
    """A terminal beside an instance with an account that has a second factor, and an app with an answer."""
    app = make_app(command_line.folder)
    with app.app_context():
        create_test_user()
        rockon = add_rockon("Notes", {"notes": {"environment": label_questions(TITLE="")}})
        operations.submit_operation(rockon, InstallRequest(Answers(environment={"notes": {"TITLE": "Mine"}})), "ada")
        with transaction() as session:
            person = session.query(User).one()
            person.totp_since, person.totp_secret = utc_now(), "of the device"
    return command_line


LOSSES: dict[str, Callable[[CommandLine], object]] = {
    "missing": lambda terminal: (terminal.instance / "secret.key").unlink(),
    "empty or damaged": lambda terminal: (terminal.instance / "secret.key").write_text(""),
    "not the one of its database": lambda terminal: (terminal.instance / "secret.key").write_text(OTHER_KEY),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_starts_without_the_key_and_none_is_made(command_line: CommandLine, loss: str) -> None:
    LOSSES[loss](command_line)
    for command in (["catalog", "list"], ["user", "list"], ["worker"], ["web"], ["watch"], ["up"]):
        if command == ["up"] and loss.startswith("not"):
            continue  # it finds out in a process of its own, see below
        done = command_line.run(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert loss in done.stderr
        assert "rockonweb forget-secrets" in done.stderr
    assert (command_line.instance / "secret.key").exists() is (loss != "missing")


def test_the_process_that_prepares_the_database_finds_another_key(command_line: CommandLine) -> None:
    LOSSES["not the one of its database"](command_line)
    app = lend_app(config.load_config({"ROCKONWEB_INSTANCE": str(command_line.instance)}))
    with pytest.raises(config.KeyUnusable):
        supervisor._prepare_database(app)


@pytest.mark.parametrize("loss", LOSSES)
def test_one_goes_on_by_forgetting_what_it_encrypted(command_line: CommandLine, loss: str) -> None:
    LOSSES[loss](command_line)
    done = command_line.run("forget-secrets")
    assert done.returncode == 0, done.stderr
    assert "forgotten: 1 answers (variables of apps)" in done.stdout
    assert "forgotten: 1 second factors of accounts" in done.stdout
    assert command_line.run("catalog", "list").returncode == 0
    with lend_app(config.load_config({"ROCKONWEB_INSTANCE": str(command_line.instance)})).app_context():
        assert db.session.query(Environment).one().value is None
        person = db.session.query(User).one()
        assert (person.totp_since, person.totp_secret) == (None, None)
        assert db.session.query(Operation).one().request == InstallRequest()
    done = command_line.run("forget-secrets")
    assert (done.returncode, "nothing was forgotten" in done.stderr) == (1, True)


def test_nothing_is_forgotten_while_it_runs(command_line: CommandLine) -> None:
    LOSSES["missing"](command_line)
    with open(command_line.instance / "up.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "already running" in command_line.run("forget-secrets").stderr
    assert not (command_line.instance / "secret.key").exists()


def test_a_new_instance_gets_its_key(tmp_path) -> None:
    terminal = CommandLine(tmp_path)
    assert terminal.run("worker").returncode == 3, "no queue"
    assert len((terminal.instance / "secret.key").read_text()) == 43
