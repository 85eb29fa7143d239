"""What runs as answers to a definition's questions, and what differs from it: text in, text out."""

import json

import pytest

from rockonweb.core.definition.parser import parse_definitions
from rockonweb.core.facts import HostFacts
from rockonweb.core.imports.conversion import ImportFacts
from rockonweb.core.imports.matching import has_same_containers, image_repository, match_answers, report_differences
from rockonweb.core.imports.source import SourceContainer

FACTS = ImportFacts("/mnt2", ("music",))
SPEC = {
    "image": "demo/web", "launch_order": 1,
    "volumes": {"/data": {"label": "", "description": ""}},
    "ports": {"80": {"label": "", "description": "", "protocol": "tcp"}},
    "environment": {"TZ": {"label": "", "description": ""}},
    "devices": {"VAAPI": {"label": "", "description": ""}},
    "opts": [["--memory", "64m"]],
}  # fmt: skip
OPTIONS = ["--volume /mnt2/music/new:/data", "--publish 8080:80", "--restart unless-stopped", "--memory 64m"]


def definition(**more):
    body = {"description": "x", "version": "1", "website": "", "containers": {"web": {**SPEC, **more}}}
    return parse_definitions(json.dumps({"Web": body}))[0].definition


def running(*options, joins=(), **variables):
    pairs = tuple(tuple(option.partition(" ")[::2]) for option in (*OPTIONS, *options))
    return SourceContainer("web", "demo/web:1", pairs, joins=joins, variables={"TZ": "Europe/Rome", **variables})


@pytest.mark.parametrize(
    "image", ["nginx", "nginx:1", "docker.io/nginx", "library/nginx@sha256:ab", "docker.io/library/nginx:1"]
)
def test_an_image_is_the_same_however_it_is_written(image):
    assert image_repository(image) == "nginx"


def test_all_questions_are_answered_by_what_runs():
    container = running("--device /dev/dri", "--label a=b", "--env MORE=1", joins=("home",))
    assert has_same_containers(definition(), [container])
    answers = match_answers(definition(), [container], FACTS)
    assert answers.to_dict() == {
        "shares": {"web": {"/data": "music/new"}}, "ports": {"web": {"80": 8080}},
        "devices": {"web": {"VAAPI": "/dev/dri"}}, "environment": {"web": {"TZ": "Europe/Rome"}}, "custom_config": {},
        "variables": {"web": {"MORE": "1"}}, "labels": {"web": ["a=b"]}, "networks": {"web": ["home"]},
    }  # fmt: skip


def test_what_a_definition_cannot_say_is_no_match():
    assert match_answers(definition(), [running("--volume named:/more")], FACTS) is None
    without = SourceContainer("web", "demo/web", (("--publish", "8080:80"),), variables={"TZ": "x"})
    assert match_answers(definition(), [without], FACTS) is None
    assert not has_same_containers(definition(), [SourceContainer("web", "demo/other")])


def test_what_differs_is_told_but_not_what_stays_attached():
    container = running("--cpus 0.5", f"--volume {'a' * 64}:/anonymous", joins=("home",))
    matched = definition(opts=[["--memory", "32m"]])
    report = report_differences(
        matched, match_answers(matched, [container], FACTS), [container], HostFacts(shares_root="/mnt2")
    )
    assert [f"{entry.outcome}: {entry.what}" for entry in report] == [
        "left: --cpus 0.5",
        "left: --memory 64m",
        "changed: --memory 32m",
        "changed: --volume /etc/localtime:/etc/localtime:ro",
    ]
