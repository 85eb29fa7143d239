#!/bin/busybox sh
# Stands in for a real app's image. It tells its log how it was started, serves a page that tells the same on
# each port of STANDIN_PORTS, and ends with status 0 at SIGTERM. From outside, with -e:
#   STANDIN_EXIT=N   end at once with status N
#   STANDIN_DELAY=S  wait S seconds before serving
# SIGHUP lets it end with status 7, SIGUSR1 use up all memory.

# An OpenVPN image has the commands of the real one, which work on files in /etc/openvpn; a PostgreSQL image has
# `pg_isready`, which says yes when STANDIN_READY seconds (1) have gone by since the start.

# As `pg_isready`, `psql` or `pg_dumpall`, or those of MariaDB, by their links to this file; psql says STANDIN_PSQL_SAYS,
# and STANDIN_PSQL and STANDIN_DUMP are what the last two end with; a dump has STANDIN_DUMP_BYTES more.
case ${0##*/} in
    pg_isready | psql | pg_dumpall | mariadb-admin | mariadb | mariadb-dump)
        if [ -e /tmp/accepts-connections ]; then
            case ${0##*/} in
                psql | mariadb)
                    echo "${STANDIN_PSQL_SAYS:-}" >&2
                    exit "${STANDIN_PSQL:-0}"
                    ;;
                pg_dumpall | mariadb-dump)
                    echo "-- the beginning of a dump"
                    head -c "${STANDIN_DUMP_BYTES:-0}" /dev/zero
                    exit "${STANDIN_DUMP:-0}"
                    ;;
            esac
            exit 0
        fi
        echo "127.0.0.1:5432 - no response"
        exit 2
        ;;
esac

trap 'echo "asked to stop"; exit 0' TERM INT
trap 'echo "crashing"; exit 7' HUP
trap 'echo "using all memory"; exec tail /dev/zero' USR1

if [ "$STANDIN_KIND" = openvpn ]; then
    pki=/etc/openvpn/pki
    signed() { printf 'V\t301231235959Z\t\t%s\tunknown\t/CN=%s\n' "$(date +%s)" "$1" >>"$pki/index.txt"; }
    need() { if [ ! -e "$1" ]; then echo "There is no $1" >&2; exit 1; fi; }
    case $1 in
        ovpn_initpki | easyrsa | ovpn_getclient | ovpn_listclients | ovpn_revokeclient)
            need /etc/openvpn/ovpn_env.sh
            ;;
    esac
    case $1 in
        ovpn_initpki)
            if [ "$EASYRSA_BATCH" != 1 ]; then echo "Nobody answers the question: overwrite?" >&2; exit 1; fi
            mkdir -p "$pki/private" && : >"$pki/index.txt" && echo "certificate of $EASYRSA_REQ_CN" >"$pki/ca.crt"
            signed "$(sed -n 's,.*udp://\([^:]*\).*,\1,p' /etc/openvpn/ovpn_env.sh)"
            : >"$pki/crl.pem"
            echo "the authority is made"
            exit 0
            ;;
        easyrsa)
            need "$pki/ca.crt"
            if [ "$2 $4" != "build-client-full nopass" ]; then echo "unknown: $*" >&2; exit 1; fi
            if [ -e "$pki/private/$3.key" ]; then echo "$3 has a key already" >&2; exit 1; fi
            echo "private words of $3" >"$pki/private/$3.key"
            signed "$3"
            exit 0
            ;;
        ovpn_getclient)
            need "$pki/private/$2.key"
            echo "client"
            echo "remote home.example 1194 udp"
            echo "<key>"
            cat "$pki/private/$2.key"
            echo "</key>"
            exit 0
            ;;
        ovpn_listclients)
            echo "name,begin,end,status"
            sed -n 's,.*/CN=,,p' "$pki/index.txt"
            exit 0
            ;;
        ovpn_revokeclient)
            need "$pki/private/$2.key"
            if [ "$EASYRSA_BATCH" != 1 ]; then echo "Nobody answers the question: revoke?" >&2; exit 1; fi
            sed -i "/\/CN=$2\$/s/^V\t\([^\t]*\)\t/R\t\1\t301231235959Z/" "$pki/index.txt"
            echo "$2" >>"$pki/crl.pem"
            rm "$pki/private/$2.key"
            cp "$pki/crl.pem" /etc/openvpn/crl.pem
            exit 0
            ;;
    esac
fi

echo "$STANDIN_IMAGE, revision $STANDIN_REVISION, as user $(id -u):$(id -g), with $# arguments"
for argument in "$@"; do echo "argument: $argument"; done
env | sort | sed 's/^/environment: /'

if [ -n "$STANDIN_EXIT" ]; then
    echo "ending with status $STANDIN_EXIT" >&2
    exit "$STANDIN_EXIT"
fi

if [ "$STANDIN_KIND" = openvpn ]; then
    settings=/etc/openvpn/ovpn_env.sh
    case ${1:-ovpn_run} in
        ovpn_genconfig)
            mkdir -p /etc/openvpn || exit 1
            echo "# $*" >"$settings" || exit 1
            echo "wrote $settings"
            exit 0
            ;;
        ovpn_run)
            if [ ! -e "$settings" ]; then
                echo "There is no $settings: run ovpn_genconfig first" >&2
                exit 1
            fi
            ;;
        *)
            if [ ! -e "$settings" ]; then exit 1; else exit 0; fi
            ;;
    esac
fi

if [ "$STANDIN_KIND" = postgres ]; then
    rm -f /tmp/accepts-connections
    (sleep "${STANDIN_READY:-1}" && echo "accepting connections" && : >/tmp/accepts-connections) &
fi

# `wait` and not a bare sleep: the trap runs at once only while the shell itself waits.
if [ -n "$STANDIN_DELAY" ]; then
    sleep "$STANDIN_DELAY" &
    wait $!
fi

# Also with a read-only file system, or as a user who owns nothing.
site=$(mktemp -d 2>/dev/null || mktemp -d -p /dev/shm) && chmod 755 "$site"
as_html() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }
{
    echo "<!doctype html><html lang=en><meta charset=utf-8><title>$STANDIN_IMAGE</title>"
    echo "<h1>$STANDIN_IMAGE</h1><p id=revision>revision $STANDIN_REVISION</p>"
    echo "<h2>Arguments</h2><pre id=arguments>"
    for argument in "$@"; do echo "$argument"; done | as_html
    echo "</pre><h2>Environment</h2><pre id=environment>"
    env | sort | as_html
    echo "</pre><h2>Mounts</h2><pre id=mounts>"
    cut -d' ' -f2-4 /proc/mounts | as_html
    echo "</pre></html>"
} >"$site/index.html"
for path in $STANDIN_PATHS; do
    mkdir -p "$site/$path" && cp "$site/index.html" "$site/$path/"
done

for port in $STANDIN_PORTS; do
    echo "serving on port $port"
    httpd -f -p "$port" -h "$site" &
done
while true; do
    sleep 3600 &
    wait $!
done
