"""The export for Docker Compose."""

from __future__ import annotations

import pytest

from rockonweb.work import export


@pytest.mark.parametrize(
    ("name", "folder"),
    [("Home Assistant", "Home Assistant"), ("../x", "x"), ("a/b", "a-b"), (".env", "env"), ("日本", "rock-on")],
)
def test_the_folder_of_an_export_has_the_name_as_far_as_a_folder_can(name: str, folder: str) -> None:
    assert export.folder_name(name) == folder
