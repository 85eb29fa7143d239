"""Images of containers: the running one, the registry's for the same name, and those that Rockonweb pulled."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.core.docker.image_diff import ImageDifference, unpack_differences
from rockonweb.core.status.updates import UpdateStatus
from rockonweb.models.base import (
    Base,
    NumberedBase,
    StoredEnum,
    StoredNumber,
    TranslatableString,
    UTCDateTime,
    db,
    utc_now,
)
from rockonweb.models.container import Container


class ContainerImage(NumberedBase):
    """The image of a container and the registry's for the same reference, as of the last check.

    `got` is the id of the image that the reference means on this host, where it was pulled after the running one.
    """

    container_id: Mapped[int] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"), unique=True)
    reference: Mapped[str] = mapped_column(Text)
    outcome: Mapped[UpdateStatus] = mapped_column(
        StoredEnum(UpdateStatus, 40, UpdateStatus.UNKNOWN), default=UpdateStatus.UNKNOWN
    )
    said: Mapped[str] = mapped_column(
        TranslatableString, default=""
    )  # why the registry could not be queried at the last check
    seen: Mapped[datetime | None] = mapped_column(UTCDateTime)  # when the registry last responded

    running: Mapped[str] = mapped_column(Text, default="")  # the image's id, blank: there is no container
    digest: Mapped[str] = mapped_column(Text, default="")  # blank: it was not pulled from a registry
    created: Mapped[datetime | None] = mapped_column(UTCDateTime)
    size: Mapped[int | None] = mapped_column(StoredNumber)

    remote_digest: Mapped[str] = mapped_column(Text, default="")
    remote_created: Mapped[datetime | None] = mapped_column(UTCDateTime)
    remote_size: Mapped[int | None] = mapped_column(StoredNumber)  # of the download

    got: Mapped[str] = mapped_column(Text, default="")
    got_digest: Mapped[str] = mapped_column(Text, default="")
    got_created: Mapped[datetime | None] = mapped_column(UTCDateTime)
    got_size: Mapped[int | None] = mapped_column(StoredNumber)
    differences: Mapped[str] = mapped_column(Text, default="")  # JSON: between the running and the pulled image

    container: Mapped[Container] = relationship()

    @property
    def has_update(self) -> bool:
        """Whether an update would change the container."""
        return self.outcome is UpdateStatus.NEWER or bool(self.got)

    @property
    def new_digest(self) -> str:
        """The digest or id of an update's image: the pulled one, else the registry's; blank where there is none."""
        return self.got_digest or self.got or (self.remote_digest if self.outcome is UpdateStatus.NEWER else "")

    @property
    def image_differences(self) -> list[ImageDifference]:
        """The differences between the running and the pulled image."""
        return unpack_differences(self.differences)


def rockon_images(rockon_id: int) -> list[ContainerImage]:
    """Return what the last check has found for a rock-on's containers, in their order."""
    query = select(ContainerImage).join(ContainerImage.container).where(Container.installation_id == rockon_id)
    return [*db.session.scalars(query.order_by(Container.position))]


class PulledImage(Base):
    """An image that an operation pulled to this host, by its id."""

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    reference: Mapped[str] = mapped_column(Text)
    pulled: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
