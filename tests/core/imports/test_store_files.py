"""Other stores' files with anything wrong in them: a sentence, and nothing else."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import yaml

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.casaos import parse_casaos
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.imports.portainer import parse_portainer
from rockonweb.core.imports.runtipi import parse_runtipi
from rockonweb.core.imports.source import SourceApp
from rockonweb.core.imports.store_files import StoreFolders
from rockonweb.core.imports.umbrel import parse_umbrel
from tests.core.imports import test_casaos, test_portainer, test_runtipi, test_umbrel

WRONG = [
    *(None, True, 0, -1, 99999, 1.5, "", "x", "$", "${A", "a:b:c:d", "\0", "\ud800", "../..", "x" * 20_000, "-v", "/"),
    *([], {}, [[]], [{}], {"a": []}, ["a", {"b": 1}]),
]
# By store: a file that is right, and what reads it.
FILES: dict[str, tuple[Any, Callable[[str], SourceApp]]] = {
    "casaos": (yaml.safe_load(test_casaos.NOTES), lambda text: parse_casaos({"compose.yaml": text})),
    "portainer": (json.loads(test_portainer.text_of(test_portainer.NOTES)), lambda text: parse_portainer({"": text})),
    "runtipi config": (
        test_runtipi.CONFIG, lambda text: parse_runtipi({"config.json": text, **test_runtipi.FORMS["own"]}, "seed"),
    ),
    "runtipi services": (
        json.loads(test_runtipi.OWN),
        lambda text: parse_runtipi(
            {"config.json": json.dumps(test_runtipi.CONFIG), "docker-compose.json": text}, "seed"
        ),
    ),
    "umbrel manifest": (
        yaml.safe_load(test_umbrel.MANIFEST),
        lambda text: parse_umbrel(test_umbrel.FILES | {"notes/umbrel-app.yml": text}, "seed"),
    ),
    "umbrel services": (
        yaml.safe_load(test_umbrel.COMPOSE),
        lambda text: parse_umbrel(test_umbrel.FILES | {"notes/docker-compose.yml": text}, "seed"),
    ),
}  # fmt: skip


def spoil(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.04:
        return chance.choice(WRONG)
    if isinstance(value, dict):
        return {key: spoil(item, chance) for key, item in value.items() if chance.random() > 0.01}
    return [spoil(item, chance) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("store", FILES)
def test_whatever_is_wrong_is_a_sentence(store: str) -> None:
    content, parse = FILES[store]
    chance = random.Random(store)
    for _ in range(100):
        with suppress(BadInput):
            convert_app(parse(json.dumps(spoil(content, chance))), ImportFacts("/mnt2"))


def test_a_folder_of_the_store_is_named_after_its_mount_and_the_same_for_all_mounts_of_it() -> None:
    folders = StoreFolders()
    assert folders.path("", "/data") == "./data"
    assert folders.path("", "/old/data") == "./old-data"
    assert folders.path("/store/a/", "/config") == folders.path("/store/a", "/x") == "./config"
    assert folders.path("/etc/passwd", "/p") == "/etc/passwd"
    assert folders.path("/", "/host") == "/"
