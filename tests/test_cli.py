"""The command line says what is wrong in sentences, with an exit status."""

import getpass
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("rockonweb")
ANSWERS = '{"shares": {"files": {"/srv": "pictures"}}}'
DEFINITION = """{"Files": {"description": "x", "version": "1", "website": "https://files.example/", "containers":
    {"files": {"image": "example/files", "launch_order": 1, "volumes": {"/srv": {}},
               "ports": {"80": {"host_default": 18081, "ui": true}}}}}}"""


class Shell:
    """A terminal with an instance of its own and nothing running."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "instance" / "rockons").mkdir(parents=True)
        self.environ = {
            key: value for key, value in os.environ.items() if not key.startswith(("ROCKONWEB_", "DOCKER_"))
        }
        self.environ |= {
            "ROCKONWEB_INSTANCE": str(folder / "instance"),
            "ROCKONWEB_SHARES_ROOT": str(folder / "shares"),
            "ROCKONWEB_REMOTE_METASTORE": "",
            "DOCKER_HOST": f"unix://{folder}/nothing.sock",
        }

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `rockonweb WORDS…`."""
        return subprocess.run(
            [PROGRAM, *words],
            cwd=self.folder,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A terminal whose catalogue has one app with one volume."""
    shell = Shell(tmp_path)
    (tmp_path / "instance" / "rockons" / "files.json").write_text(DEFINITION)
    assert shell.run("catalog", "refresh").returncode == 0
    return shell


def test_a_plan_needs_neither_engine_nor_queue(shell: Shell) -> None:
    shell.run("share", "add", "pictures")
    done = shell.run("plan", "Files", "--answers", "-", stdin=ANSWERS)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"-v {shell.folder}/shares/pictures:/srv" in done.stdout
    assert "-p 18081:80/tcp -p 18081:80/udp" in done.stdout


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ("{", "not JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "shares.files./srv: an answer is missing."),
        (
            '{"shares": {"files": {"/srv": "nowhere"}}}',
            'There is no share "nowhere". Make it: rockonweb share add nowhere',
        ),
        ('{"shares": {"files": {"/srv": "../etc"}}}', '".." is not a name for a share'),
        ('{"shares": {"files": {"/srv": "a"}}, "ports": {"files": {"80": 70000}}}', "70000 is not a port"),
        ('{"shares": {"other": {}, "files": {"/srv": "a"}}}', 'Files has no container "other"'),
    ],
)
def test_bad_answers_are_a_line_for_each_fault_and_status_2(shell: Shell, answers: str, said: str) -> None:
    done = shell.run("plan", "Files", "--answers", "-", stdin=answers)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_rockon_is_status_2_with_the_way_to_the_names(shell: Shell) -> None:
    done = shell.run("plan", "files", "--answers", "-", stdin=ANSWERS)
    assert (done.returncode, "catalog list" in done.stderr) == (2, True)


def test_without_an_engine_an_install_is_status_3(shell: Shell) -> None:
    shell.run("share", "add", "pictures")
    done = shell.run("install", "Files", "--answers", "-", stdin=ANSWERS)
    assert (done.returncode, "Docker does not answer." in done.stderr) == (3, True)


def test_without_a_queue_an_operation_is_status_3(shell: Shell) -> None:
    done = shell.run("start", "Files")
    assert (done.returncode, "The job queue does not answer." in done.stderr) == (3, True)


def test_a_password_comes_from_standard_input_and_a_token_is_printed_alone(shell: Shell) -> None:
    assert shell.run("user", "add", "anna", stdin="short\n").returncode == 2
    assert shell.run("user", "add", "anna", stdin="a long enough password\n").returncode == 0
    done = shell.run("token", "new", "anna")
    assert done.returncode == 0
    assert len(done.stdout.split()) == 1
    assert shell.run("token", "new", "bert").returncode == 2


def test_lint_names_the_place_of_each_fault_with_status_1(shell: Shell) -> None:
    (shell.folder / "bad.json").write_text(DEFINITION.replace('"80"', '"eighty"'))
    done = shell.run("catalog", "lint", "bad.json", "--json")
    assert (done.returncode, '"path": "containers.files.ports.eighty"' in done.stdout) == (1, True)
    assert shell.run("catalog", "lint", "instance/rockons/files.json").returncode == 0


def test_a_database_that_can_not_be_read_is_a_sentence(shell: Shell) -> None:
    database = shell.folder / "instance" / "rockonweb.db"
    for file in database.parent.glob("rockonweb.db*"):
        file.unlink()
    database.mkdir()
    done = shell.run("catalog", "list")
    assert done.returncode == 1
    assert "The database can't be opened." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_setting_is_named(shell: Shell) -> None:
    shell.environ["ROCKONWEB_BIND"] = "everywhere"
    done = shell.run("catalog", "list")
    assert (done.returncode, 'ROCKONWEB_BIND is "everywhere".' in done.stderr) == (2, True)


def test_accounts_are_listed_changed_and_removed(shell: Shell) -> None:
    password = "a long enough password\n"
    assert shell.run("user", "add", "anna", stdin=password).returncode == 0
    assert shell.run("user", "add", "bert", "--role", "viewer", stdin=password).returncode == 0
    listed = json.loads(shell.run("user", "list", "--json").stdout)
    assert [(one["name"], one["role"], one["second_step"]) for one in listed] == [
        ("anna", "owner", False),
        ("bert", "viewer", False),
    ]
    assert shell.run("user", "role", "bert", "operator").returncode == 0
    assert "operator" in shell.run("user", "list").stdout
    assert shell.run("user", "password", "bert", stdin="short\n").returncode == 2
    assert shell.run("user", "password", "bert", stdin="another long password\n").returncode == 0
    assert shell.run("user", "totp-off", "bert").returncode == 0
    for words in (("remove", "anna"), ("role", "anna", "viewer")):
        done = shell.run("user", *words)
        assert (done.returncode, "the last owner" in done.stderr) == (1, True)
    assert shell.run("user", "remove", "bert").returncode == 0
    assert shell.run("user", "remove", "bert").returncode == 2
    assert shell.run("share", "add", "pictures").returncode == 0
    with closing(sqlite3.connect(shell.folder / "instance" / "rockonweb.db")) as file:
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


def test_a_token_is_limited_by_role_and_days(shell: Shell) -> None:
    shell.run("user", "add", "anna", "--role", "operator", stdin="a long enough password\n")
    done = shell.run("token", "new", "anna", "--role", "viewer", "--days", "7", "--label", "cron")
    assert (done.returncode, len(done.stdout.split())) == (0, 1)
    with closing(sqlite3.connect(shell.folder / "instance" / "rockonweb.db")) as file:
        assert file.execute("SELECT label, role, expires > created FROM token").fetchall() == [("cron", "VIEWER", 1)]
        assert done.stdout.strip() not in str(file.execute("SELECT * FROM token").fetchall())
    done = shell.run("token", "new", "anna", "--role", "owner")
    assert (done.returncode, "may not do what the role owner may" in done.stderr) == (2, True)
    assert shell.run("token", "new", "anna", "--days", "0").returncode == 2
