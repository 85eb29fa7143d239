"""Real parts for tests: an engine, a registry, images, a queue, a browser, a metastore, the whole product.

Nothing here is a mock, and nothing outlives the test session. Each part works beside another session on the
same machine: what must be unique is claimed (see `claims`).
"""

import os
import tempfile

_MEMORY, _ROOM = "/dev/shm", 4 * 2**30  # a folder in memory, and bytes that a run may need


def _work_in_memory() -> None:
    """Let this process, and those that it starts, keep temporary files in memory where there is room for them.

    A disk is waited for at each commit of a database, and several times at each container that Docker starts.
    """
    try:
        found = os.statvfs(_MEMORY)
    except OSError:
        return
    if found.f_bavail * found.f_frsize > _ROOM and not found.f_flag & os.ST_NOEXEC and "TMPDIR" not in os.environ:
        os.environ["TMPDIR"] = tempfile.tempdir = _MEMORY


_work_in_memory()
