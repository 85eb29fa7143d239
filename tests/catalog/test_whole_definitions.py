"""Twenty definitions that hypothesis makes load whole."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from rockonweb.catalog import refresh_catalogue
from tests.support.app import make_app, reclaim_apps
from tests.support.definitions_strategy import definition_bodies
from tests.support.examples import example_settings


@example_settings(5, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(definition_bodies(), min_size=20, max_size=20))
def test_twenty_random_definitions_all_load(found: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        app = make_app(Path(name))
        folder = app.config["SETTINGS"].local_metastore
        folder.mkdir(parents=True)
        for number, body in enumerate(found):
            (folder / f"{number:02}.json").write_text(json.dumps({f"App {number:02}": body}))
        with app.app_context():
            report = refresh_catalogue()
        reclaim_apps()
    assert report.faulty == []
    assert report.added == [f"App {number:02}" for number in range(20)]
