"""Stand-ins for the official images of databases: Debian's servers, started as those start them."""

import subprocess
import tempfile
from pathlib import Path

from .debian import run_debootstrap
from .engine import DockerDaemon

# By image name and version the release of Debian that has it, and its package.
RELEASES = {
    ("postgres", "15"): ("bookworm", "postgresql-15"),
    ("postgres", "17"): ("trixie", "postgresql-17"),
    ("mariadb", "10.11"): ("bookworm", "mariadb-server"),
    ("mariadb", "11.8"): ("trixie", "mariadb-server"),
}
FOLDERS = {"postgres": "/var/lib/postgresql/data", "mariadb": "/var/lib/mysql"}
# What the servers do not need, and is most of what comes with them.
_EXCLUDED = ("./usr/share/doc/*", "./usr/share/locale/*", "./var/lib/apt/*", "./var/cache/*", "./usr/lib/gcc/*",
             "./usr/lib/llvm*", "./usr/lib/*/libLLVM*", "./usr/lib/*/libclang*", "./usr/include/*",
             "./var/lib/mysql/*")  # fmt: skip
# As the official ones: a server that only takes connections on its socket prepares the data, then the real one starts.
_ENTRYPOINTS = {
    "postgres": """\
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
""",
    "mariadb": """\
#!/bin/sh
set -eu
data=/var/lib/mysql
as_server() { setpriv --reuid=mysql --regid=mysql --clear-groups "$@"; }
mkdir -p "$data" /run/mysqld
chown mysql "$data" /run/mysqld
if [ ! -d "$data/mysql" ]; then
    as_server mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db >/dev/null
    as_server mariadbd --datadir="$data" --skip-networking &
    until mariadb-admin --silent ping; do sleep 0.2; done
    mariadb -uroot -e "CREATE DATABASE notes; SET PASSWORD FOR root@localhost = PASSWORD(\\"$MARIADB_ROOT_PASSWORD\\")"
    mariadb-admin -uroot -p"$MARIADB_ROOT_PASSWORD" shutdown
    wait
fi
exec setpriv --reuid=mysql --regid=mysql --clear-groups mariadbd --datadir="$data" --bind-address=0.0.0.0
""",
}


def make_database_image(engine: DockerDaemon, server: str, version: str, name: str) -> None:
    """Give the engine an image of this name with a version of a server. It takes about a minute."""
    release, package = RELEASES[server, version]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # devices can't be made everywhere in memory
        root = Path(folder) / "root"
        run_debootstrap(root, release, package)
        entrypoint = root / "entrypoint"
        entrypoint.write_text(_ENTRYPOINTS[server])
        entrypoint.chmod(0o755)
        excluded = [f"--exclude={pattern}" for pattern in _EXCLUDED]
        tar = subprocess.run(["tar", "-C", root, *excluded, "-c", "."], stdout=subprocess.PIPE, check=True)
    variable = {"postgres": "PG_MAJOR", "mariadb": "MARIADB_VERSION"}[server]
    changes = (
        'ENTRYPOINT ["/entrypoint"]',
        f"ENV {variable}={version} PATH=/usr/lib/postgresql/{version}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        f'VOLUME ["{FOLDERS[server]}"]',
    )
    options = [argument for change in changes for argument in ("--change", change)]
    engine.run_docker("import", *options, "-", name, stdin=tar.stdout)
