"""From an app as its source describes it to a definition, answers and a loss report: text in, text out."""

import json

import pytest

from rockonweb.core.containers.argv import docker_run_argv, without_management_labels
from rockonweb.core.definition.parser import parse_definitions
from rockonweb.core.errors import BadInput
from rockonweb.core.facts import HostFacts
from rockonweb.core.imports.conversion import ImportFacts, container_name, convert_app
from rockonweb.core.imports.source import Outcome, SourceApp, SourceContainer, SourcePage, join_project_path
from rockonweb.core.questions.wizard import all_questions
from rockonweb.core.secret import reveal_argv

FACTS = ImportFacts("/mnt2", ("music",))


def convert(*options, image="demo/notes", command=(), page=None):
    pairs = tuple(tuple(option.partition(" ")[::2]) for option in options)
    return convert_app(SourceApp("My Notes", (SourceContainer("notes", image, pairs, command),), page=page), FACTS)


def line(imported):
    [parsed] = parse_definitions(imported.source)
    argv = docker_run_argv(parsed.definition, "notes", imported.answers, HostFacts(shares={}, shares_root="/mnt2"))
    words = without_management_labels(reveal_argv(argv))
    head = words[words.index("notes") + 1 :]
    return " ".join(head).replace("-v /etc/localtime:/etc/localtime:ro ", "").replace("demo/notes:latest", "IMAGE")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--volume /mnt2/music:/music"], "-v /mnt2/music:/music IMAGE"),
        (["--volume /mnt2/music/new:/music:ro"], "--volume /mnt2/music/new:/music:ro IMAGE"),
        (["--volume ./data:/data"], "-v /mnt2/my-notes/data:/data IMAGE"),
        (["--volume ./my-notes/data:/data"], "-v /mnt2/my-notes/data:/data IMAGE"),
        (["--volume ./:/data"], "-v /mnt2/my-notes:/data IMAGE"),
        (["--volume ./data:/data:rw,slave"], "--volume /mnt2/my-notes/data:/data:rw,slave IMAGE"),
        (["--volume ./a.conf:/b.conf"], "--mount type=bind,source=/mnt2/my-notes/a.conf,target=/b.conf IMAGE"),
        (["--volume named:/data"], "--volume named:/data IMAGE"),
        (["--volume /opt/x:/x"], "--volume /opt/x:/x IMAGE"),
        (["--volume /etc/localtime:/etc/localtime:ro"], "IMAGE"),
        (["--publish 8080:80"], "-p 8080:80/tcp IMAGE"),
        (["--publish 53:53/tcp", "--publish 53:53/udp"], "-p 53:53/tcp -p 53:53/udp IMAGE"),
        (["--publish 1:80", "--publish 2:80"], "-p 1:80/tcp --publish 2:80 IMAGE"),
        (["--publish 127.0.0.1:8080:80"], "--publish 127.0.0.1:8080:80 IMAGE"),
        (["--publish 80"], "--publish 80 IMAGE"),
        (["--publish 8000-8010:8000-8010"], "--publish 8000-8010:8000-8010 IMAGE"),
        (["--network host", "--publish 8080:80"], "--network host IMAGE"),
        (["--env A=b=c", "--env TOKEN=x y"], "-e A=b=c -e TOKEN=x y IMAGE"),
        (["--env A=1", "--env A=2"], "-e A=2 IMAGE"),
        (["--env A", "--env B="], "-e B= IMAGE"),
        (["--user 1000:100"], "-u 1000:100 IMAGE"),
        (["--user web"], "--user web IMAGE"),
        (["--device /dev/dri:/dev/dri:rw"], "--device /dev/dri:/dev/dri:rw IMAGE"),
        (["--restart unless-stopped"], "IMAGE"),
        (["--restart always", "--restart no"], "--restart no IMAGE"),
        (["--init", "--tty=false", "--cap-add SYS_TIME"], "--init --tty=false --cap-add SYS_TIME IMAGE"),
        (["--entrypoint="], "--entrypoint= IMAGE"),
        (["--label a=b", "--label rockonweb.rockon=x"], "--label a=b IMAGE"),
        (["--rm", "--detach", "--pull always", "--name x"], "IMAGE"),
    ],
)  # fmt: skip
def test_an_option_becomes_a_question_or_stays_an_option(options, expected):
    assert line(convert(*options)) == expected


def test_a_variable_without_a_value_is_asked_and_a_blank_one_may_stay_blank():
    imported = convert("--env A", "--env B=")
    [parsed] = parse_definitions(imported.source)
    assert {question.key: question.optional for question in all_questions(parsed.definition)} == {"A": False, "B": True}
    assert imported.answers.environment == {"notes": {"B": ""}}


def test_the_command_comes_in_word_by_word():
    assert line(convert(command=("serve", "--port", "", "a b"))) == "IMAGE serve --port  a b"


def test_the_report_names_what_was_left_out_and_changed():
    report = {(entry.what, entry.outcome) for entry in convert("--rm", "--env A", "--volume ./d:/d").report}
    assert ("--rm", Outcome.LEFT) in report
    assert ("--env A", Outcome.CHANGED) in report
    assert ("--volume ./d:/d", Outcome.CHANGED) in report


def test_host_port_0_is_told_and_what_is_no_port_refused():
    [entry] = [entry for entry in convert("--publish 0:80").report if entry.what.startswith("--publish")]
    assert (entry.outcome, entry.message) == (Outcome.CHANGED, "Docker picks a free port at each start.")
    with pytest.raises(BadInput) as refused:
        convert("--publish 99999:80", "--publish 80:x")
    assert refused.value.faults == ['"99999:80" is no port', '"80:x" is no port']


def test_no_value_of_a_variable_is_in_the_report():
    assert "geheim" not in str(convert("--env TOKEN=geheim", "--label x=geheim").report)


def test_the_page_is_the_port_that_the_source_names():
    imported = convert("--publish 8080:80", "--publish 9:9", page=SourcePage("notes", 80, "web", https=True))
    body = json.loads(imported.source)["My Notes"]
    assert [port.get("ui", False) for port in body["containers"]["notes"]["ports"].values()] == [True, False]
    assert body["ui"] == {"slug": "web", "https": True}


def test_shares_that_do_not_exist_are_new():
    assert convert("--volume ./d:/d", "--volume /mnt2/music:/m").new_shares == {"my-notes"}


def test_what_is_no_definition_is_refused_with_every_fault():
    with pytest.raises(BadInput) as refused:
        convert("--unknown x", "--cap-add X", "--other y")
    assert len(refused.value.faults) == 2


def test_two_containers_of_one_name_are_refused():
    twice = SourceContainer("web", "demo/web")
    with pytest.raises(BadInput) as refused:
        convert_app(SourceApp("Web", (twice, twice)), FACTS)
    assert refused.value.faults == ['Two containers are called "web".']


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (("data",), "./data"), ((".",), "./"), (("../../etc", "x"), "./etc/x"), (("a/../..",), "./"), (("/a",), "./a"),
        (("a", "../b"), "./b"),
    ],
)  # fmt: skip
def test_a_path_of_the_project_never_leaves_it(parts, path):
    assert join_project_path(*parts) == path


@pytest.mark.parametrize(
    ("text", "name"),
    [("ghcr.io/demo/notes:1@sha256:ab", "notes"), ("My App", "My-App"), ("x", "x-app"), ("", "app")],
)
def test_a_container_is_named_after_its_image(text, name):
    assert container_name(text) == name
