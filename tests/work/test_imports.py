"""An app that is imported: a definition of the local metastore, an entry of the catalogue, and answers."""

import json

import pytest
from sqlalchemy import select

from rockonweb import catalog
from rockonweb.catalog import local
from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.core.imports.run_line import parse_run_lines
from rockonweb.core.secret import format_command
from rockonweb.models import Installation, RockOn, db, repository
from rockonweb.work.imports import AppImport, import_app, save_import
from tests.support.instance import Instance

LINE = "docker run --name notes -e TOKEN=geheim -e A=$B -p 18080:80 -v $(pwd)/data:/data --rm demo/notes"


def read(line: str = LINE, name: str = "Notes") -> AppImport:
    return import_app(parse_run_lines(line), name)


def test_nothing_is_saved_by_looking(instance: Instance) -> None:
    app = read()
    assert app.review.plan.masked_lines
    assert local.list_local_files(instance.settings) == []
    assert db.session.scalars(select(RockOn)).all() == []


def test_it_says_as_json_what_it_would_be(instance: Instance) -> None:
    data = read().to_json_data()
    assert list(data) == ["definition", "answers", "plan", "report"]
    assert data["answers"]["shares"] == {"notes": {"/data": "notes/data"}}
    assert data["plan"]["rockon"] == "Notes"
    assert "geheim" not in json.dumps([data["plan"], data["report"], data["definition"]])
    assert ("--rm", "left") in {(entry["what"], entry["outcome"]) for entry in data["report"]}


def test_saved_it_is_in_the_catalogue_with_its_answers(instance: Instance) -> None:
    saved = save_import(read())
    found = repository.find_installation_by_name("Notes")
    assert found
    assert found.id == saved.id
    answers = repository.load_answers(found)
    assert answers.shares == {"notes": {"/data": "notes/data"}}
    assert answers.ports == {"notes": {80: 18080}}
    assert answers.environment == {"notes": {"TOKEN": "geheim"}}


def test_a_refresh_finds_it_unchanged(instance: Instance) -> None:
    save_import(read())
    report = catalog.refresh_catalogue()
    assert [(store.added, store.changed, store.unchanged) for store in report.metastores][-1] == ([], [], 1)


def test_a_name_that_the_catalogue_has_is_refused_and_nothing_is_left(instance: Instance) -> None:
    app = read()
    save_import(read())
    for again in (read, lambda: save_import(app)):
        with pytest.raises(BadInput, match="--as NAME"):
            again()
    assert [file.name for file in local.list_local_files(instance.settings)] == ["notes.json"]
    assert read(name="Notes 2").imported.name == "Notes 2"


def test_a_name_that_a_file_has_is_refused_before_it_is_in_the_catalogue(instance: Instance) -> None:
    local.save_definition(instance.settings, read().imported.source)
    with pytest.raises(BadInput, match=r"can't be imported"):
        read()


def test_a_folder_that_cannot_be_written_leaves_nothing_in_the_catalogue(instance: Instance) -> None:
    app = read()
    instance.settings.local_metastore.parent.mkdir(exist_ok=True)
    instance.settings.local_metastore.write_text("a file")
    with pytest.raises(RockonwebError):
        save_import(app)
    assert db.session.scalars(select(Installation)).all() == []


def test_its_line_and_the_one_here_stand_side_by_side(instance: Instance) -> None:
    before, after = map(format_command, read().command_lines["notes"])
    assert "--env A --env TOKEN=******** --name notes --publish 18080:80/tcp --rm" in before
    assert "--env TOKEN=******** --name notes --publish 18080:80/tcp --restart unless-stopped" in after
