#!/bin/busybox sh
# Stands in for a real app's image. It tells its log how it was started, serves a page that tells the same on
# each port of STANDIN_PORTS, and ends with status 0 at SIGTERM. From outside, with -e:
#   STANDIN_EXIT=N   end at once with status N
#   STANDIN_DELAY=S  wait S seconds before serving

trap 'echo "asked to stop"; exit 0' TERM INT

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
