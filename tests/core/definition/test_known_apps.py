"""Pictures of well-known apps: found by name and image, and bundled with version and licence beside them."""

import json
import os
import re
from pathlib import Path

import pytest

import rockonweb
from rockonweb.core.definition.known_apps import LOGOS, PICTOGRAMS, bundled_icons, find_known_icon
from tests.support.app_icons import MIN_CONTRAST, white_contrast

STATIC = Path(rockonweb.__file__).parent / "static"
# The rock-ons that Rockstor publishes.
PUBLISHED = """
    2FAuth; AdGuard Home; Airsonic Advanced; Audiobookshelf; Bareos Backup Server; Calibre; Collabora Online; COPS;
    Dashy; Deluge; Dropbox; Duck DNS; Duplicati; ecoDMS; Emby server; ESPHome; File Browser; FileBot-Node;
    Folding@home; Forgejo; Forgejo Runner; FreshRSS; Ghost; GitLab CE; Gogs; Gollum; Gotify; HandBrake; HDHomeRun DVR
    Engine; Headphones; Home Assistant; HTTP to HTTPS redirect; Immich; IT-TOOLS; Jackett; JDownloader 2; Jellyfin;
    Jenkins; Kanboard; LazyLibrarian; Linkwarden; Luanti; Lyrion Music Server; MariaDB; Medusa; Minecraft; MinIO;
    Mylar 3; NetAlertX; Netboot.xyz; Netdata (official); Nextcloud-Official; Nginx; Nginx proxy manager; Node-RED;
    NZBGet; NZBHydra2; Omada Controller; Ombi; OpenSpeedTest; OpenVPN; Paperless-ngx; Pi-hole; Plex; PocketMine-MP;
    qBittorrent; Radarr; Resilio Sync; RustFS; SABnzbd; Scrutiny; Seafile v12; SickChill; SmokePing; Sonarr; Spoolman;
    Syncthing; Tautulli; Teamspeak3; Transmission - OpenVPN; Transmission LS; Ubiquiti UniFi; UniFi Network
    Application by linuxserver.io; Vaultwarden; Watchtower; Web Service Discovery For Windows Networks (wsdd-native);
    WireGuard Easy; YouTrack official; Zabbix-XXL
"""


@pytest.mark.parametrize(
    ("name", "images", "icon"),
    [
        ("Sonarr", [], "sonarr"),
        ("Home Assistant", [], "homeassistant"),
        ("Home-Assistant (beta)", [], "homeassistant"),
        ("AdGuard Home", [], "adguard"),
        ("GitLab CE", [], "gitlab"),
        ("Nextcloud-Official", [], "nextcloud"),
        ("Netdata (official)", [], "netdata"),
        ("UniFi Network Application by linuxserver.io", [], "ubiquiti"),
        ("Emby server", [], "emby"),
        ("Seafile v12", [], "seafile"),
        ("Teamspeak3", [], "teamspeak"),
        ("JDownloader 2", [], "mdi-download"),
        ("Sonarr", ["linuxserver/radarr"], "sonarr"),
        ("My films", ["linuxserver/plex"], "plex"),
        ("My films", ["lscr.io/linuxserver/homeassistant:1.2@sha256:abc"], "homeassistant"),
        ("My films", ["localhost:5000/jellyfin"], "jellyfin"),
        ("My films", ["box.example/nextcloud:29"], "nextcloud"),
        ("Passwords", ["vaultwarden/server"], "vaultwarden"),
        ("Passwords", ["docker.io/vaultwarden/server:latest"], "vaultwarden"),
        ("Office", ["collabora/code"], "collaboraonline"),
        ("Torrents", ["haugene/transmission-openvpn"], "transmission"),
        ("Photos", ["ghcr.io/immich-app/postgres:14", "valkey/valkey", "ghcr.io/immich-app/immich-server"], "immich"),
        ("Data", ["postgres:16"], "postgresql"),
        ("Data", ["postgres", "example/thing"], ""),
        ("Thing", ["linuxserver/thing"], ""),
        ("Thing", ["docker-thing"], ""),
        ("Plexiglas", ["example/plexiglas"], ""),
        ("Notes", ["sha256:abc"], ""),
        ("", [""], ""),
    ],
)
def test_a_picture_is_found_by_name_then_by_image(name: str, images: list[str], icon: str) -> None:
    assert find_known_icon(name, images) == icon


def test_a_containers_name_counts_last() -> None:
    assert find_known_icon("Films", ["example/x"], ["plex-linuxserver.io", "db"]) == "plex"
    assert find_known_icon("Films", ["example/kodi"], ["plex"]) == "kodi"
    assert find_known_icon("Films", ["example/x"], ["x", "postgres"]) == ""


def test_published_rockons_have_a_picture_by_their_names_alone() -> None:
    names = [" ".join(name.split()) for name in PUBLISHED.split(";")]
    assert [name for name in names if not find_known_icon(name, [])] == ["Bareos Backup Server", "Folding@home"]


@pytest.mark.registry
def test_most_definitions_of_the_published_folder_have_a_picture() -> None:
    files = [path for path in Path(os.environ["ROCKONWEB_TEST_REGISTRY"]).glob("*.json") if path.name != "root.json"]
    pictures = [
        find_known_icon(name, [container["image"] for container in body["containers"].values()], body["containers"])
        for path in files
        for name, body in json.loads(path.read_bytes()).items()
    ]
    assert len([picture for picture in pictures if picture]) > 0.9 * len(pictures)


def test_the_table_is_sound() -> None:
    icons = bundled_icons()
    assert all(app == "".join(filter(str.isalnum, app.casefold())) for app in icons)
    assert set(icons.values()) == {*LOGOS.split(), *(f"mdi-{name}" for name in PICTOGRAMS)}
    assert all(find_known_icon(app, []) == icon for app, icon in icons.items())


def test_all_pictures_are_bundled_and_no_others() -> None:
    sprite = _sprite()
    assert sorted(re.findall(r'<symbol id="([^"]+)"', sprite)) == sorted(set(bundled_icons().values()))
    assert len(sprite) < 300_000
    assert set(re.findall(r"\w+://[^\"]*", sprite)) == {"http://www.w3.org/2000/svg"}
    assert set(re.findall(r"<(\w+)", sprite)) == {"svg", "symbol", "path"}
    for folder in ("simple-icons", "mdi"):
        assert re.search(r"@\d+\.\d+", (STATIC / "vendor" / folder / "VERSION").read_text())
        assert (STATIC / "vendor" / folder / "LICENSE").read_text().strip()


def test_each_logo_stands_out_from_its_tile() -> None:
    tiles = re.findall(r'<path fill="#(\w{6})" d="M0 0h48v48H0z"/><path fill="(#\w+)"', _sprite())
    assert len(tiles) == len(LOGOS.split())
    for tile, logo in tiles:
        white = white_contrast([int(tile[at : at + 2], 16) for at in (0, 2, 4)])
        assert (white if logo == "#fff" else 17 / white) >= MIN_CONTRAST, tile


def _sprite() -> str:
    return (STATIC / "app-icons.svg").read_text()
