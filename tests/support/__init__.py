"""Real parts for tests: an engine, a registry, images, a queue, a browser, a metastore, the whole product.

Nothing here is a mock, and nothing outlives the test session. Each part works beside another session on the
same machine: what must be unique is claimed (see `claims`).
"""

import os
import tempfile

_MEMORY_FOLDER, _FREE_BYTES = "/dev/shm", 4 * 2**30  # a folder in memory, and bytes that a run may need


def _use_memory_folder() -> None:
    """Let this process, and those that it starts, keep temporary files in memory where there is room for them.

    A disk is waited for at each commit of a database, and several times at each container that Docker starts.
    """
    try:
        status = os.statvfs(_MEMORY_FOLDER)
    except OSError:
        return
    if (
        status.f_bavail * status.f_frsize > _FREE_BYTES
        and not status.f_flag & os.ST_NOEXEC
        and "TMPDIR" not in os.environ
    ):
        os.environ["TMPDIR"] = tempfile.tempdir = _MEMORY_FOLDER


_use_memory_folder()
