"""A stand-in for the official PostgreSQL image: Debian's server of a major version, started as that one starts it."""

import subprocess
import tempfile
from pathlib import Path

from .debian import run_debootstrap
from .engine import DockerDaemon

MAJORS = {"15": "bookworm", "17": "trixie"}  # by major version the release of Debian that has it
# What the server does not need, and is most of what comes with it.
_EXCLUDED = ("./usr/share/doc/*", "./usr/share/locale/*", "./var/lib/apt/*", "./var/cache/*", "./usr/lib/gcc/*",
             "./usr/lib/llvm*", "./usr/lib/*/libLLVM*", "./usr/lib/*/libclang*", "./usr/include/*")  # fmt: skip
# As the official one: a server that only takes connections on its socket prepares the data, then the real one starts.
_ENTRYPOINT = """\
#!/bin/sh
set -eu
data=/var/lib/postgresql/data user=${POSTGRES_USER:-postgres}
as_server() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
mkdir -p "$data" /run/postgresql
chown postgres "$data" /run/postgresql
chmod 700 "$data"
if [ ! -s "$data/PG_VERSION" ]; then
    printf '%s\\n' "$POSTGRES_PASSWORD" >/tmp/password
    chown postgres /tmp/password
    as_server initdb -D "$data" -U "$user" --pwfile=/tmp/password --auth-host=scram-sha-256 --auth-local=trust \\
        --locale=C.UTF-8 --no-sync
    as_server pg_ctl -D "$data" -w -o "-c listen_addresses=''" start
    as_server psql -U "$user" -d postgres -c "CREATE DATABASE ${POSTGRES_DB:-$user}" || :
    as_server pg_ctl -D "$data" -w -m fast stop
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups postgres -D "$data" -c jit=off -c fsync=off
"""


def make_postgres_image(engine: DockerDaemon, major: str, name: str) -> None:
    """Give the engine an image of this name with a PostgreSQL of a major version. It takes about a minute."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # devices can't be made everywhere in memory
        root = Path(folder) / "root"
        run_debootstrap(root, MAJORS[major], f"postgresql-{major}")
        entrypoint = root / "entrypoint"
        entrypoint.write_text(_ENTRYPOINT)
        entrypoint.chmod(0o755)
        excluded = [f"--exclude={pattern}" for pattern in _EXCLUDED]
        tar = subprocess.run(["tar", "-C", root, *excluded, "-c", "."], stdout=subprocess.PIPE, check=True)
    changes = (
        'ENTRYPOINT ["/entrypoint"]',
        f"ENV PG_MAJOR={major} PATH=/usr/lib/postgresql/{major}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        'VOLUME ["/var/lib/postgresql/data"]',
    )
    options = [argument for change in changes for argument in ("--change", change)]
    engine.run_docker("import", *options, "-", name, stdin=tar.stdout)
