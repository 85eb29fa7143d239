"""The images of containers: what runs, what the registry has under the same name, and which ones we brought here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Enum, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.core.docker.image_diff import Difference, unpack
from rockonweb.core.status.updates import Outcome
from rockonweb.models.base import Base, Moment, Numbered, Sentence, now
from rockonweb.models.container import Container


class ContainerImage(Numbered):
    """The image of a container, beside the one that its name means in the registry, as they were last seen.

    `got` is the image that the name means on this host, where that is not the one that runs: it was pulled since.
    """

    container_id: Mapped[int] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"), unique=True)
    reference: Mapped[str] = mapped_column(Text)
    outcome: Mapped[Outcome] = mapped_column(Enum(Outcome, native_enum=False, length=40), default=Outcome.UNKNOWN)
    said: Mapped[str] = mapped_column(Sentence, default="")  # why the registry could not be asked the last time
    seen: Mapped[datetime | None] = mapped_column(Moment)  # when the registry told last

    running: Mapped[str] = mapped_column(Text, default="")  # the id of the image, blank: there is no container
    digest: Mapped[str] = mapped_column(Text, default="")  # blank: it was not pulled
    created: Mapped[datetime | None] = mapped_column(Moment)
    size: Mapped[int | None] = mapped_column(BigInteger)

    remote_digest: Mapped[str] = mapped_column(Text, default="")
    remote_created: Mapped[datetime | None] = mapped_column(Moment)
    remote_size: Mapped[int | None] = mapped_column(BigInteger)  # of what is downloaded

    got: Mapped[str] = mapped_column(Text, default="")
    got_digest: Mapped[str] = mapped_column(Text, default="")
    got_created: Mapped[datetime | None] = mapped_column(Moment)
    got_size: Mapped[int | None] = mapped_column(BigInteger)
    differences: Mapped[str] = mapped_column(Text, default="")  # JSON: between what runs and what was got

    container: Mapped[Container] = relationship()

    @property
    def newer(self) -> bool:
        """Whether an update would change the container."""
        return self.outcome is Outcome.NEWER or bool(self.got)

    @property
    def new_digest(self) -> str:
        """What an update would bring: what was pulled, else what the registry has."""
        return self.got_digest or self.got or (self.remote_digest if self.outcome is Outcome.NEWER else "")

    @property
    def found(self) -> list[Difference]:
        """What differs between the image that runs and the one that was pulled."""
        return unpack(self.differences)


class PulledImage(Base):
    """An image that an operation of ours brought to this host, by its id."""

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    reference: Mapped[str] = mapped_column(Text)
    pulled: Mapped[datetime] = mapped_column(Moment, default=now)
