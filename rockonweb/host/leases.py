"""Leases in the engine: volumes without content, whose labels say which copy of an instance looks after it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from docker.errors import APIError

from rockonweb.core.containers.argv import INSTANCE_LABEL
from rockonweb.core.instance.lease import LEASE_SECONDS, Lease
from rockonweb.host.connection import Connection
from rockonweb.host.docker_errors import translate_errors

_LABELS = {name: f"rockonweb.lease.{name}" for name in ("holder", "place", "since", "until")}


class Leases(Connection):
    """The part of a connection that reads and writes leases of this instance."""

    def list_leases(self) -> list[Lease]:
        """Return the leases of this instance, also those that have ended. Raises EngineError."""
        labels = [_LABELS["holder"], f"{INSTANCE_LABEL}={self.instance}"]
        with translate_errors():
            volumes = self._api.volumes(filters={"label": labels}).get("Volumes") or ()
        return [lease for volume in volumes if (lease := _read_lease(volume))]

    def write_lease(self, lease: Lease, present: Iterable[Lease]) -> None:
        """Write a lease, and remove of the `present` ones those of its holder and those that have ended.

        Raises EngineError.
        """
        former = [
            other for other in present if other.holder == lease.holder or other.until < lease.until - LEASE_SECONDS
        ]
        name = f"rockonweb-lease-{self.instance}-{lease.holder}-{int(lease.until)}"
        labels = {label: str(getattr(lease, field)) for field, label in _LABELS.items()}
        with translate_errors():
            self._api.create_volume(name, labels={**labels, INSTANCE_LABEL: self.instance})
        self.remove_leases(other for other in former if other.name != name)

    def remove_leases(self, leases: Iterable[Lease]) -> None:
        """Remove leases, as far as they are there. Raises EngineError."""
        with translate_errors():
            for lease in leases:
                with suppress(APIError):  # it ends by itself
                    self._api.remove_volume(lease.name)


def _read_lease(volume: dict[str, Any]) -> Lease | None:
    labels = volume.get("Labels") or {}
    try:
        since, until = float(labels[_LABELS["since"]]), float(labels[_LABELS["until"]])
    except (KeyError, ValueError):
        return None
    return Lease(labels.get(_LABELS["holder"], ""), labels.get(_LABELS["place"], ""), since, until, volume["Name"])
