"""Shares: the folders below the shares root that apps keep their data in."""

from __future__ import annotations

import os
from pathlib import Path

from rockonweb.config import Settings
from rockonweb.core.answers import share_fault
from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.core.facts import ShareFacts
from rockonweb.core.text import t


def listing(settings: Settings) -> dict[str, ShareFacts]:
    """Return the shares by name: the folders of the root, no links and no hidden ones."""
    try:
        entries = sorted(os.scandir(settings.shares_root), key=lambda entry: entry.name.lower())
    except OSError:
        return {}
    found = {}
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and not share_fault(entry.name):
            about = entry.stat(follow_symlinks=False)
            found[entry.name] = ShareFacts(entry.path, about.st_uid, about.st_gid)
    return found


def make(settings: Settings, name: str) -> ShareFacts:
    """Make a new, empty share. Raises BadInput for a name that can't be used or is taken."""
    if "/" in name or (fault := share_fault(name)):
        raise BadInput(str(fault if "/" not in name else t("A share's name has no slash: %(name)s", name=name)))
    path = settings.shares_root / name
    try:
        settings.shares_root.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o755)
    except FileExistsError:
        raise BadInput(
            t('There is a share or file "%(name)s" already.', name=name), t("Choose another name.")
        ) from None
    except OSError as error:
        raise RockonwebError(
            t('The share "%(name)s" could not be made: %(why)s.', name=name, why=error.strerror or str(error)),
            t("Check the folder %(root)s.", root=str(settings.shares_root)),
        ) from None
    about = path.stat()
    return ShareFacts(str(path), about.st_uid, about.st_gid)


def remove_if_empty(settings: Settings, name: str) -> bool:
    """Remove a share that has nothing in it. Returns whether it is gone."""
    path = Path(settings.shares_root, name)
    try:
        path.rmdir()
    except OSError:
        return not path.exists()
    return True
