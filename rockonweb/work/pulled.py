"""Which images of the host were brought there by us: only those are offered for removal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rockonweb.host import Engine
from rockonweb.models import PulledImage, now, writing


@contextmanager
def remembered(docker: Engine, reference: str) -> Iterator[None]:
    """Remember the image that a pull within brings, unless it was on the host before under whatever name."""
    before = docker.image_ids()
    yield
    image_id = docker.image_id(reference)
    if image_id is not None and image_id not in before:
        with writing() as session:
            session.merge(PulledImage(id=image_id, reference=reference, pulled=now()))
