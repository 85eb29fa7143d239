"""Apps of CasaOS and ZimaOS."""

import json

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.casaos import parse_casaos, recognise_casaos
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.imports.source import MAX_SOURCE_BYTES, Outcome, SourcePage

NOTES = """\
name: notes
services:
  web:
    image: demo/notes:2
    container_name: notes
    environment:
      PUID: $PUID
      LEVEL: info
      ADDRESS: http://$HOST_NAME/notes
    ports:
      - target: 80
        published: "8080"
        protocol: tcp
    volumes:
      - type: bind
        source: /DATA/AppData/$AppID/config
        target: /config
      - /DATA/AppData/other/x:/x
      - /DATA/Media:/media
      - /DATABASE:/db
      - /etc/localtime:/etc/localtime:ro
    depends_on: [db]
    x-casaos:
      envs:
        - {container: LEVEL, description: {de_DE: Wie viel, en_US: How much}}
      ports:
        - {container: "80", description: {en_GB: The page}}
      volumes:
        - {container: /config, description: {zh_CN: 配置}}
        - {container: /nothing, description: Nothing}
  db:
    image: demo/db
x-casaos:
  main: web
  port_map: "8080"
  index: /admin
  scheme: https
  title: {en_us: Notes, custom: ""}
  tagline: {en_us: Short}
  description: {de_DE: Notizen, en_us: Keeps notes.}
  icon: https://notes.example/icon.png
  website: https://notes.example
  version: 2.10
  tips: {before_install: {en_us: Sign in as admin.}}
  hostname: other
"""


def parse(text):
    files = {"docker-compose.yml": text}
    assert recognise_casaos(files)
    return parse_casaos(files)


def spec_of(app, container):
    return json.loads(convert_app(app, ImportFacts("/mnt2")).source)[app.name]["containers"][container]


def test_what_the_store_shows_is_what_the_catalogue_shows():
    app = parse(NOTES)
    assert (app.name, app.description, app.version) == ("Notes", "Keeps notes.", "2.1")
    assert (app.website, app.icon) == ("https://notes.example", "https://notes.example/icon.png")
    assert app.more_info == "Sign in as admin."
    assert app.page == SourcePage("notes", 80, "admin", https=True)
    assert [container.name for container in app.containers] == ["notes-db", "notes"]


def test_questions_have_the_stores_texts_in_english_before_others():
    spec = spec_of(parse(NOTES), "notes")
    assert spec["environment"]["LEVEL"]["description"] == "How much"
    assert spec["ports"]["80"]["description"] == "The page"
    assert spec["volumes"]["/config"]["description"] == "配置"


def test_folders_of_the_store_are_asked_and_told():
    app = parse(NOTES)
    assert convert_app(app, ImportFacts("/mnt2")).answers.shares["notes"] == {
        "/config": "notes/config",
        "/x": "notes/other/x",
        "/media": "notes/Media",
    }
    assert ("--volume", "/DATABASE:/db") in app.containers[1].options
    told = [str(entry.message) for entry in app.report if entry.what == "services.web.volumes"]
    assert told == [
        "/DATA/AppData/notes/config is a folder of CasaOS.",
        "/DATA/AppData/other/x is a folder of CasaOS.",
        "/DATA/Media is a folder of CasaOS.",
    ]


def test_what_only_the_store_knows_is_asked():
    app = parse(NOTES)
    spec, answers = spec_of(app, "notes"), convert_app(app, ImportFacts("/mnt2")).answers.environment["notes"]
    assert answers == {"LEVEL": "info"}
    assert spec["environment"]["ADDRESS"]["description"] == 'In the store it is "http://$HOST_NAME/notes".'


def test_what_has_no_counterpart_is_told_with_its_path():
    assert [entry.what for entry in parse(NOTES).report if entry.outcome is Outcome.LEFT] == ["x-casaos.hostname"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("envs:", "envs: 3\n      other:", "services.web.x-casaos.envs must be a list"),
        ("main: web", "icon: {a: b}\n  main: web", "icon"),
        ("tips: {", "tips: [{", "line 4"),
        ("x-casaos:\n  main", "x-casaos: 3\nother:\n  main", "x-casaos must be an object"),
        ("name: notes", "name: notes\nname: twice", 'the key "name" is there twice'),
        ("image: demo/db", "build: .", "built from source"),
        ("demo/db", "demo/db\0", "docker-compose.yml"),
        ("demo/db", "demo/db" + "x" * MAX_SOURCE_BYTES, "is larger than"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(old, new, words):
    with pytest.raises(BadInput) as refused:
        parse(NOTES.replace(old, new, 1))
    assert any(words in str(fault) for fault in refused.value.faults)


def test_other_compose_files_are_none_of_casaos():
    assert not recognise_casaos({"compose.yaml": "services: {web: {image: x-casaos}}"})
