"""A list of Portainer's templates as a metastore: an entry of the catalogue for each template."""

import json

import pytest

from rockonweb.catalog import refresh_catalogue, sources
from tests.catalog.test_catalog import app_of, changes, rockons
from tests.support.metastore import MetastoreServer


def template(title, **keys):
    return {"type": 1, "title": title, "image": f"demo/{title.lower()}", "description": title, **keys}


def list_of(*templates):
    return json.dumps({"version": "3", "templates": templates})


@pytest.fixture
def other(app):
    """A server with lists of templates, of which `apps.json` is in the list of metastores."""
    store = MetastoreServer({})
    sources.add_metastore(f"{store.url}/lists/apps.json")
    yield store
    store.close()


def test_each_template_of_a_container_is_in_the_catalogue(app, store, other):
    store.publish_files(a=app_of("A"))
    other.files["lists/apps.json"] = list_of(template("Zoo", ports=["8080:80"]), template("Ant", volumes=[]))
    report = refresh_catalogue()
    assert report.added == ["A", "Zoo", "Ant"]
    assert list(json.loads(rockons()["Zoo"].source)["containers"]["Zoo"]["ports"]) == ["80"]


def test_every_template_that_can_not_be_taken_says_why(app, store, other):
    other.files["lists/apps.json"] = list_of(
        template("Good"),
        template("Stack", type=3, repository={"url": "https://x.example/r", "stackfile": "a.yml"}),
        template("Bad", ports=["8080:80"], image="Not an image"),
        template("Good", image="demo/other"),
    )
    report = changes(refresh_catalogue())
    assert report["added"] == ["Good"]
    assert {fault["file"]: fault["reasons"] for fault in report["faulty"] if fault["file"] != "root.json"} == {
        "Stack": ["It is a stack: import its Compose file, a.yml in https://x.example/r."],
        "Bad": [
            'containers.Bad.image: "Not an image" is not the name of an image: write HOST/NAME:TAG in lower case, '
            "without https://"
        ],
        "Good": ["There are two templates of this name."],
    }
    assert json.loads(rockons()["Good"].source)["containers"]["Good"]["image"] == "demo/good"


def test_an_unchanged_list_is_asked_conditionally(app, store, other):
    other.files["lists/apps.json"] = list_of(template("Zoo"))
    refresh_catalogue()
    assert changes(refresh_catalogue())["unchanged"] == 1
    assert other.requests == [("lists/apps.json", 200), ("lists/apps.json", 304)]


@pytest.mark.parametrize("content", [None, "<html>", "[]", '{"A": "a.json"}', "[" * 5000])
def test_a_list_that_can_not_be_used_loses_nothing(app, store, other, content):
    other.files["lists/apps.json"] = list_of(template("Zoo"))
    refresh_catalogue()
    other.files = {} if content is None else {"lists/apps.json": content}
    report = changes(refresh_catalogue())
    assert (report["removed"], [fault["file"] for fault in report["faulty"]]) == ([], ["root.json", "templates.json"])
    assert rockons()["Zoo"].in_catalogue


def test_two_lists_of_one_folder_are_two_metastores(app, store, other):
    sources.add_metastore(f"{other.url}/lists/more.json")
    other.files = {"lists/apps.json": list_of(template("Zoo")), "lists/more.json": list_of(template("Ant"))}
    refresh_catalogue()
    other.files.pop("lists/more.json")
    assert changes(refresh_catalogue())["removed"] == []
    assert set(rockons()) == {"Zoo", "Ant"}
