"""Unraid's templates, in both forms, as apps."""

import json

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.imports.source import MAX_SOURCE_BYTES, Outcome, SourcePage
from rockonweb.core.imports.unraid import parse_unraid, recognise_unraid

NEW = """<?xml version="1.0"?>
<!-- made by hand -->
<Container version="2">
  <Name>notes</Name>
  <Repository>demo/notes:2</Repository>
  <Network>bridge</Network>
  <Privileged>false</Privileged>
  <Project>https://notes.example</Project>
  <Overview>Keeps [b]notes[/b] &amp; lists.</Overview>
  <WebUI>https://[IP]:[PORT:8443]/admin</WebUI>
  <Icon>https://notes.example/icon.png</Icon>
  <ExtraParams>--cap-add=SYS_TIME --init -u 99:100 --sysctl="n=1 2" --odd &amp;&amp; docker network x</ExtraParams>
  <PostArgs>serve --name "my notes" | tee log</PostArgs>
  <Wonder>1</Wonder>
  <Config Name="Web page" Target="8443" Default="443" Mode="tcp" Description="HTTPS" Type="Port" Required="true"/>
  <Config Name="Data" Target="/config" Default="/mnt/user/n" Type="Path">/mnt/user/appdata/n</Config>
  <Config Name="Media" Target="/media" Default="" Mode="rw,slave" Type="Path"/>
  <Config Name="Engine" Target="/var/run/docker.sock" Default="/var/run/docker.sock" Mode="ro" Type="Path"/>
  <Config Name="Level" Target="LEVEL" Default="info|debug" Description="How much." Type="Variable"/>
  <Config Name="Password" Target="PASSWORD" Default="" Type="Variable" Required="true" Mask="true"/>
  <Config Name="Comment" Target="COMMENT" Default="" Type="Variable" Required="false"/>
  <Config Name="Account" Target="PUID" Default="99" Type="Variable"/>
  <Config Name="Graphics" Target="/dev/dri" Default="/dev/dri" Type="Device"/>
  <Config Name="Team" Target="team" Default="home" Type="Label"/>
  <Config Name="Nothing" Type="Device"/>
</Container>
"""
OLD = """<Container>
  <Name>old</Name><Repository>demo/old</Repository><Privileged>true</Privileged>
  <Networking><Mode>host</Mode><Publish><Port>
    <HostPort>80</HostPort><ContainerPort>8080</ContainerPort><Protocol>tcp</Protocol></Port></Publish></Networking>
  <Data><Volume><HostDir>/mnt/cache/old</HostDir><ContainerDir>/data</ContainerDir><Mode>rw</Mode></Volume></Data>
  <Environment><Variable><Name>A</Name><Value>1</Value></Variable></Environment>
</Container>
"""


def parse(text):
    assert recognise_unraid({"notes.xml": text})
    return parse_unraid({"notes.xml": text})


def test_each_setting_becomes_an_option():
    [container] = parse(NEW).containers
    assert (container.name, container.image, container.command) == (
        "notes", "demo/notes:2", ("serve", "--name", "my notes"),
    )  # fmt: skip
    assert [" ".join(option).strip() for option in container.options] == [
        "--publish 443:8443/tcp",
        "--volume ./config:/config",
        "--volume ./media:/media:rw,slave",
        "--volume /var/run/docker.sock:/var/run/docker.sock:ro",
        "--env LEVEL=info",
        "--env PASSWORD",
        "--env COMMENT=",
        "--env PUID",
        "--device /dev/dri",
        "--label team=home",
        "--cap-add SYS_TIME",
        "--init=true",
        "--user 99:100",
        "--sysctl n=1 2",
    ]


def test_what_the_template_says_becomes_the_text_of_questions_and_entry():
    app = parse(NEW)
    assert (app.name, app.description, app.website) == ("notes", "Keeps notes & lists.", "https://notes.example")
    assert app.page == SourcePage("notes", 8443, "admin", https=True)
    questions = json.loads(convert_app(app, ImportFacts("/mnt2")).source)["notes"]["containers"]["notes"]
    assert questions["ports"]["8443"]["label"] == "Web page"
    assert questions["volumes"]["/config"]["label"] == "Data"
    assert questions["environment"]["LEVEL"]["description"] == "How much. One of: info, debug."


def test_what_can_not_be_taken_is_told_with_its_line():
    left = {str(entry.what) for entry in parse(NEW).report if entry.outcome is Outcome.LEFT}
    assert left == {
        "line 14: Wonder",
        'line 25: Config "Nothing"',
        "ExtraParams: --odd",
        "ExtraParams: && docker network x",
        "PostArgs: | tee log",
    }


def test_folders_and_accounts_of_unraid_are_told():
    changed = {str(entry.what): str(entry.message) for entry in parse(NEW).report if entry.outcome is Outcome.CHANGED}
    assert changed == {
        'line 16: Config "Data"': "/mnt/user/appdata/n is a folder of Unraid.",
        'line 22: Config "Account"': "99 is an account of Unraid.",
    }


def test_the_first_form_is_read_too():
    [container] = parse(OLD).containers
    assert [" ".join(option).strip() for option in container.options] == [
        "--network host", "--privileged", "--volume ./data:/data", "--publish 80:8080/tcp", "--env A=1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "page", "rest"),
    [
        ("http://[IP]:[PORT:80]", SourcePage("old", 80), []),
        ("http://[IP]:81/a#b", SourcePage("old", 81, "a#b"), []),
        ("http://[IP]/", SourcePage("old", 80), []),
        ("http://[IP]:[PORT:80]/?at=[IP]", SourcePage("old", 80), ["WebUI"]),
        ("http://[IP]:[PORT:99999999]/", None, ["WebUI"]),
        ("javascript:alert(1)", None, ["WebUI"]),
    ],
)
def test_the_page_is_read_from_its_address(address, page, rest):
    app = parse(OLD.replace("</Name>", f"</Name><WebUI>{address}</WebUI>", 1))
    assert (app.page, [entry.what for entry in app.report if entry.outcome is Outcome.LEFT]) == (page, rest)


BOMB = '<!DOCTYPE c [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>'
EXTERNAL = '<!DOCTYPE c SYSTEM "file:///etc/passwd">'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NEW.replace("<!-- made by hand -->", BOMB), "a document type is not allowed"),
        (NEW.replace("<!-- made by hand -->", EXTERNAL), "a document type is not allowed"),
        (NEW.replace("</Container>", ""), "line 27: no element found"),
        (NEW.replace("<Wonder>1", "<Wonder>&evil;"), "line 14: undefined entity"),
        (NEW.replace("<Wonder>1", "<Wonder>\0"), "line 14: not well-formed"),
        (NEW.replace("<Wonder>1", "<Wonder>" + "<a>" * 30), "too many elements"),
        (NEW.replace("<Wonder>1</Wonder>", "<a/>" * 10_001), "too many elements"),
        (NEW.replace("demo/notes:2", ""), "Repository is missing"),
        (NEW.replace('Default="443"', 'Default="web"'), 'line 15: Config "Web page": "web:8443/tcp" is no port'),
        (NEW + " " * MAX_SOURCE_BYTES, "is larger than"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(text, words):
    with pytest.raises(BadInput, match=words):
        parse_unraid({"notes.xml": text})


@pytest.mark.parametrize("text", ["", "<html></html>", "services: {}", "{}", "\0\1", "<Containers/>"])
def test_other_texts_are_no_template(text):
    assert not recognise_unraid({"x": text})
