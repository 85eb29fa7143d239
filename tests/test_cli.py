"""The command line says what is wrong in sentences, with an exit status."""

import errno
import getpass
import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import click
import pytest
from sqlalchemy import text

from rockonweb import config, create_app
from rockonweb.cli import COMMANDS, register_commands
from rockonweb.core.operations.requests import RehearseRequest
from rockonweb.host import patience
from rockonweb.models import Kind, Metastore, Network, Operation, Progress, db, transaction
from tests.support.app import mark_installed
from tests.support.command_line import PROGRAM, CommandLine
from tests.support.instance import Instance
from tests.support.samples import definition_source, port_question
from tests.support.silencing import SilenceableProxy

ANSWERS = '{"shares": {"files": {"/srv": "pictures"}}}'
FILES = {"files": {"volumes": {"/srv": {}}, "ports": {"80": port_question(18081, protocol="", ui=True)}}}
DEFINITION = definition_source(FILES, "Files", website="https://files.example/")

HEAVY = {
    *("argon2", "cryptography", "docker", "flask_limiter", "flask_sqlalchemy", "pydantic", "redis"),
    *("requests", "rockonweb.models", "rockonweb.web", "rockonweb.work.operations", "rq", "sqlalchemy", "wtforms"),
}
# Prints the modules that are there after both, and when all of the product is there.
IMPORTS = """
import contextlib, sys
from rockonweb import cli
for option in "--version", "--help":
    sys.argv[1:] = [option]
    with contextlib.suppress(SystemExit):
        cli.main()
print(*sys.modules)
for command in cli.COMMANDS:
    command.load_command()
import rockonweb.jobs, rockonweb.app, rockonweb.work.watcher
print(*sys.modules)
"""


@pytest.fixture
def command_line(command_line: CommandLine) -> CommandLine:
    """A terminal whose catalogue has one app with one volume."""
    (command_line.instance / "rockons").mkdir()
    (command_line.instance / "rockons" / "files.json").write_text(DEFINITION)
    assert command_line.run("catalog", "refresh").returncode == 0
    return command_line


def test_no_command_waits_long_for_a_docker_that_is_silent(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAGE_SECONDS", 0.5)
    command_line.run("share", "add", "pictures")
    proxy = SilenceableProxy(tmp_path / "silent.sock")
    try:
        for command in (("plan", "Files", "--answers", "-"), ("install", "Files", "--answers", "-"), ("backup", "-")):
            begun = time.monotonic()
            done = command_line.run(*command, stdin=ANSWERS, DOCKER_HOST=proxy.url)
            assert "Docker does not answer" in done.stdout + done.stderr
            assert time.monotonic() - begun < 5
    finally:
        proxy.close()


def test_as_a_program_it_ends_with_a_status(command_line: CommandLine) -> None:
    folder, environ = command_line.folder, command_line.environ
    done = subprocess.run([PROGRAM, "catalog", "list"], cwd=folder, env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "available" in done.stdout
    done = subprocess.run([PROGRAM, "nonsense"], cwd=folder, env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'nonsense'." in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_version_answer_at_once_and_only_a_command_imports_what_it_needs() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert "rockonweb, version " in done.stdout
    assert "uninstall" in done.stdout
    at_once, later = (set(line.split()) for line in done.stdout.splitlines()[-2:])
    assert sorted(at_once & HEAVY) == []
    assert sorted(HEAVY - later) == []
    # In memory only where a notice is sent, a database is upgraded or is PostgreSQL's, a certificate is examined, a
    # code is shown, or a word is misspelt.
    seldom = {"alembic", "apprise", "cryptography.x509", "rapidfuzz", "segno", "sqlalchemy.dialects.postgresql"}
    assert sorted(later & seldom) == []


def test_commands_without_pages_do_not_import_them(command_line: CommandLine) -> None:
    program = """
import contextlib, sys
from rockonweb import cli
with contextlib.suppress(SystemExit):
    cli.main()
print(*sys.modules)
"""
    no_pages = ("rockonweb.blueprints", "rockonweb.catalog", "rockonweb.forms", "rq_dashboard", "yaml", "rapidfuzz")
    no_engine = ("alembic", "babel", "docker.", "flask_babel", "redis", "requests", "rockonweb.remote", "rq", "urllib3")
    for command, not_needed in (
        (
            ["catalog", "list"],
            (*no_pages, *no_engine, "psutil", "rockonweb.core.preflight", "rockonweb.core.plan.plan"),
        ),
        (["plan", "Files", "--answers", "-"], no_pages + no_engine),
        (["share", "list"], no_pages),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, *command],
            cwd=command_line.folder,
            env={**command_line.environ, "DOCKER_HOST": "unix:///nobody"},
            input=ANSWERS,
            capture_output=True,
            text=True,
            check=True,
        )
        modules = done.stdout.splitlines()[-1].split()
        assert "sqlalchemy" in modules
        assert [name for name in modules if name.startswith((*not_needed, "sqlalchemy.dialects.postgresql"))] == []


def test_the_list_says_of_a_command_what_its_own_help_begins_with() -> None:
    for command in COMMANDS:
        assert command.get_short_help_str(1000) == command.load_command().get_short_help_str(1000)
    assert [command.name for command in COMMANDS] == [command.load_command().name for command in COMMANDS]


OWN_OPTIONS = {"--help", "--version"}


def test_help_shows_our_commands_and_options_alone(command_line: CommandLine) -> None:
    def listed(text: str) -> list[str]:
        return re.findall(r"^  ([a-z-]+) ", text.partition("Commands:")[2], re.MULTILINE)

    shown = command_line.run("--help").stdout
    assert listed(shown) == sorted(command.name or "" for command in COMMANDS)
    assert {*re.findall(r"--[a-z-]+", shown)} == OWN_OPTIONS
    for command in COMMANDS:
        loaded = command.load_command()
        if isinstance(loaded, click.Group):
            shown = command_line.run(str(command.name), "--help").stdout
            assert listed(shown) == sorted(loaded.commands)
            assert {*re.findall(r"--[a-z-]+", shown)} <= OWN_OPTIONS
    assert command_line.run("routes").returncode == command_line.run("limiter").returncode == 2


def test_flask_has_the_same_commands(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROCKONWEB_INSTANCE", str(command_line.instance))
    app = create_app(config.load_config(command_line.environ))
    register_commands(app)
    runner = app.test_cli_runner()
    assert {*app.cli.commands} == {command.name for command in COMMANDS}
    assert runner.invoke(args=["user", "add", "anna"], input="a long enough password\n").exit_code == 0
    assert runner.invoke(args=["user", "list"]).output.startswith("anna ")


def test_a_command_in_this_process_leaves_nothing_of_itself_behind(command_line: CommandLine) -> None:
    def state() -> tuple[object, ...]:
        os.umask(umask := os.umask(0o022))
        return dict(os.environ), Path.cwd(), umask, sys.stdin, sys.stdout, sys.stderr, logging.getLogger().handlers[:]

    before = state()
    assert command_line.run("share", "add", "pictures", DOCKER_HOST="tcp://127.0.0.1:1").returncode == 0
    assert command_line.run("nonsense").returncode == 2
    assert state() == before
    opened = {str(file.resolve()) for file in Path("/proc/self/fd").iterdir()}
    assert [path for path in opened if path.startswith(str(command_line.folder))] == []


def test_a_plan_needs_neither_engine_nor_queue(command_line: CommandLine) -> None:
    command_line.run("share", "add", "pictures")
    done = command_line.run("plan", "Files", "--answers", "-", stdin=ANSWERS)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"-v {command_line.folder}/shares/pictures:/srv" in done.stdout
    assert "-p 18081:80/tcp -p 18081:80/udp" in done.stdout


def test_a_share_that_exists_is_used_whatever_its_name_and_others_are_told(command_line: CommandLine) -> None:
    for name in ("My Photos", "Übung", "a:b"):
        (command_line.folder / "shares" / name).mkdir(parents=True)
    listed = command_line.run("share", "list")
    assert [line.split("  ")[0] for line in listed.stdout.splitlines()] == ["My Photos", "Übung"]
    assert listed.stderr.startswith("a:b can't be used: its name contains")
    for place in ("My Photos", "Übung/x"):
        answers = json.dumps({"shares": {"files": {"/srv": place}}})
        done = command_line.run("plan", "Files", "--answers", "-", stdin=answers)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"-v '{command_line.folder}/shares/{place}:/srv'" in done.stdout
    assert command_line.run("share", "add", "two words").returncode == 2
    done = command_line.run("plan", "Files", "--answers", "-", stdin='{"shares": {"files": {"/srv": "two words"}}}')
    assert (done.returncode, 'There is no share "two words".' in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ("{", "not JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "shares.files./srv: an answer is missing."),
        (
            '{"shares": {"files": {"/srv": "nowhere"}}}',
            'There is no share "nowhere". Create it: rockonweb share add nowhere',
        ),
        ('{"shares": {"files": {"/srv": "../etc"}}}', '".." is not a name for a share'),
        ('{"shares": {"files": {"/srv": "a"}}, "ports": {"files": {"80": 70000}}}', "70000 is not a port"),
        ('{"shares": {"other": {}, "files": {"/srv": "a"}}}', 'Files has no container "other"'),
    ],
)
def test_bad_answers_are_a_line_for_each_fault_and_status_2(command_line: CommandLine, answers: str, said: str) -> None:
    done = command_line.run("plan", "Files", "--answers", "-", stdin=answers)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_rockon_is_status_2_with_the_way_to_the_names(command_line: CommandLine) -> None:
    done = command_line.run("plan", "files", "--answers", "-", stdin=ANSWERS)
    assert (done.returncode, "catalog list" in done.stderr) == (2, True)


def test_without_an_engine_an_install_is_status_3(command_line: CommandLine) -> None:
    command_line.run("share", "add", "pictures")
    done = command_line.run("install", "Files", "--answers", "-", stdin=ANSWERS)
    assert (done.returncode, "Docker does not answer." in done.stderr) == (3, True)


def test_without_a_queue_an_operation_is_status_3(command_line: CommandLine) -> None:
    done = command_line.run("start", "Files")
    assert (done.returncode, "The job queue does not answer." in done.stderr) == (3, True)


def test_a_password_comes_from_standard_input_and_a_token_is_printed_alone(command_line: CommandLine) -> None:
    assert command_line.run("user", "add", "anna", stdin="short\n").returncode == 2
    assert command_line.run("user", "add", "anna", stdin="a long enough password\n").returncode == 0
    done = command_line.run("token", "new", "anna")
    assert done.returncode == 0
    assert len(done.stdout.split()) == 1
    assert command_line.run("token", "new", "bert").returncode == 2


def test_lint_names_the_place_of_each_fault_with_status_1(command_line: CommandLine) -> None:
    (command_line.folder / "bad.json").write_text(DEFINITION.replace('"80"', '"eighty"'))
    done = command_line.run("catalog", "lint", "bad.json", "--json")
    assert (done.returncode, '"path": "containers.files.ports.eighty"' in done.stdout) == (1, True)
    assert command_line.run("catalog", "lint", "instance/rockons/files.json").returncode == 0


def test_a_database_that_can_not_be_read_is_a_sentence(command_line: CommandLine) -> None:
    for file in command_line.instance.glob("rockonweb.db*"):
        file.unlink()
    command_line.database.mkdir()
    done = command_line.run("catalog", "list")
    assert done.returncode == 1
    assert "The database can't be opened." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_setting_is_named(command_line: CommandLine) -> None:
    command_line.environ["ROCKONWEB_BIND"] = "everywhere"
    done = command_line.run("catalog", "list")
    assert (done.returncode, 'ROCKONWEB_BIND is "everywhere".' in done.stderr) == (2, True)


def test_accounts_are_listed_changed_and_removed(command_line: CommandLine) -> None:
    password = "a long enough password\n"
    assert command_line.run("user", "add", "anna", stdin=password).returncode == 0
    assert command_line.run("user", "add", "bert", "--role", "viewer", stdin=password).returncode == 0
    listed = json.loads(command_line.run("user", "list", "--json").stdout)
    assert [(one["name"], one["role"], one["second_step"]) for one in listed] == [
        ("anna", "owner", False),
        ("bert", "viewer", False),
    ]
    assert command_line.run("user", "role", "bert", "operator").returncode == 0
    assert "operator" in command_line.run("user", "list").stdout
    assert command_line.run("user", "password", "bert", stdin="short\n").returncode == 2
    assert command_line.run("user", "password", "bert", stdin="another long password\n").returncode == 0
    assert command_line.run("user", "totp-off", "bert").returncode == 0
    for words in (("remove", "anna"), ("role", "anna", "viewer")):
        done = command_line.run("user", *words)
        assert (done.returncode, "the last owner" in done.stderr) == (1, True)
    assert command_line.run("user", "remove", "bert").returncode == 0
    assert command_line.run("user", "remove", "bert").returncode == 2
    assert command_line.run("share", "add", "pictures").returncode == 0
    with closing(sqlite3.connect(command_line.database)) as file:
        found = file.execute("SELECT who, action, about, address FROM audit ORDER BY id").fetchall()
    assert {who for who, *_ in found} == {f"{getpass.getuser()} (command line)"}
    assert {address for *_, address in found} == {"command line"}
    assert [(action, about) for _, action, about, _ in found] == [
        ("operation.refresh", ""),
        ("user.added", "anna: owner"),
        ("user.added", "bert: viewer"),
        ("user.role", "bert: operator"),
        ("user.password", "bert"),
        ("totp.off", "bert"),
        ("user.removed", "bert"),
        ("shares.make", "pictures"),
    ]


def test_a_token_is_limited_by_role_and_days(command_line: CommandLine) -> None:
    command_line.run("user", "add", "anna", "--role", "operator", stdin="a long enough password\n")
    done = command_line.run("token", "new", "anna", "--role", "viewer", "--days", "7", "--label", "cron")
    assert (done.returncode, len(done.stdout.split())) == (0, 1)
    with closing(sqlite3.connect(command_line.database)) as file:
        assert file.execute("SELECT label, role, expires > created FROM token").fetchall() == [("cron", "VIEWER", 1)]
        assert done.stdout.strip() not in str(file.execute("SELECT * FROM token").fetchall())
    done = command_line.run("token", "new", "anna", "--role", "owner")
    assert (done.returncode, "does not have the permissions of the role owner" in done.stderr) == (2, True)
    assert command_line.run("token", "new", "anna", "--days", "0").returncode == 2


# -- the operating system -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["catalog", "list"], ["forget-secrets"], ["share", "add", "pictures"]])
def test_an_error_of_the_operating_system_is_a_sentence(command_line: CommandLine, command: list[str]) -> None:
    (command_line.instance / "secret.key").unlink(missing_ok=True)
    (command_line.instance / "secret.key").mkdir()
    done = command_line.run(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"This machine refused it: {command_line.instance}/secret.key: Is a directory." in done.stderr
    assert "Check the permissions" in done.stderr


def test_a_full_disk_is_a_sentence(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/srv/x")

    monkeypatch.setattr(Path, "mkdir", fail)
    done = command_line.run("share", "add", "pictures")
    assert (done.returncode, "disk" in done.stderr) == (1, True)


def test_a_worker_without_its_queue_is_a_sentence(command_line: CommandLine) -> None:
    done = command_line.run("worker")
    assert (done.returncode, "The job queue does not answer." in done.stderr) == (3, True)


def test_an_update_is_only_rehearsed_where_that_is_asked_for(instance: Instance, tmp_path: Path) -> None:
    mark_installed(instance.add_rockon("Notes", {"notes": {"image": "a"}}))
    mark_installed(instance.add_rockon("Bound", {"bound": {"image": "a", "opts": [["--net", "host"]]}}))
    command_line = CommandLine(tmp_path)
    command_line.environ["REDIS_URL"] = instance.environ["REDIS_URL"]
    assert "is queued" in command_line.run("update", "Notes", "--rehearse", "--copy").stdout
    db.session.rollback()
    assert db.session.query(Operation).one().request == RehearseRequest(copy=True)
    assert command_line.run("update", "Notes", "--copy").returncode == 2
    assert command_line.run("update", "Notes", "--rehearse", "--move-data").returncode == 2
    refused = command_line.run("update", "Bound", "--rehearse")
    assert (refused.returncode, "bound uses this host's network." in refused.stderr) == (1, True)


# Rows that can't be read


@pytest.mark.parametrize(
    ("spoilt", "needs"),
    [
        ("UPDATE installation SET installed_source = '{broken'", "The definition of Notes can't be read"),
        ("UPDATE installation SET state = 'NONSENSE'", ""),
        ("UPDATE installation SET status = 'NONSENSE', images_looked = 'yesterday', secret_choices = '[5]'", ""),
        ("UPDATE environment SET value = 'no ciphertext'", "Answers of Notes can't be read in the database: KEY."),
        ("UPDATE rockon SET source = '{broken', ports = '[5]', badges = 'x', categories = 'x'", ""),
        ("UPDATE network SET aux_addresses = '{broken'", ""),
        ("UPDATE metastore SET place = 'no ciphertext'", ""),
        ("UPDATE operation SET kind = 'NONSENSE', noted = '[', parameters = 'x', created = 'yesterday'", ""),
    ],
)
def test_no_row_that_can_not_be_read_takes_a_command_down(
    instance: Instance, tmp_path: Path, spoilt: str, needs: str
) -> None:
    rockon = mark_installed(instance.add_rockon("Notes", {"notes": {"image": "a", "environment": {"KEY": {}}}}))
    with transaction() as session:
        rockon.containers[0].environment[0].value = "word"
        network, store = Network(name="family"), Metastore(place="/srv/rock-ons", position=1)
        session.add_all([network, store, Operation(installation_id=rockon.id, kind=Kind.STOP, progress=Progress.DONE)])
        session.flush()
        session.execute(text(spoilt))
    db.session.remove()
    command_line = CommandLine(tmp_path)
    command_line.environ["REDIS_URL"] = instance.environ["REDIS_URL"]
    listed = command_line.run("catalog", "list")
    assert (listed.returncode, "Notes" in listed.stdout) == (0, True), listed.stderr
    saved = command_line.run("backup", "-")
    assert (saved.returncode, [one["name"] for one in json.loads(saved.stdout)["rockons"]]) == (0, ["Notes"])
    assert command_line.run("answers", "Notes").returncode == 0
    assert command_line.run("export", "Notes", "--directory", str(tmp_path)).returncode == 0
    assert "stored data: " in command_line.run("doctor").stdout
    refused = command_line.run("update", "Notes")
    assert (refused.returncode, needs in refused.stderr) == (1 if needs else 0, True)
    for command in ("stop", "uninstall"):
        done = command_line.run(command, "Notes")
        assert (done.returncode, "is queued" in done.stdout) == (0, True), done.stderr
