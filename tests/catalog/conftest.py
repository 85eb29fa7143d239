"""A metastore that an application is configured with."""

from collections.abc import Iterator

import pytest

from tests.support.metastore import MetastoreServer


@pytest.fixture
def store() -> Iterator[MetastoreServer]:
    """The configured metastore; it serves what is put into `store.files`."""
    store = MetastoreServer({})
    yield store
    store.close()


@pytest.fixture
def environ(store: MetastoreServer) -> dict[str, str]:
    """An application's configuration: that metastore."""
    return {"ROCKONWEB_REMOTE_METASTORE": store.url}
