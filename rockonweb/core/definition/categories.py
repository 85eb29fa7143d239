"""Categories: a small built-in map, because definitions name none. To extend it, add an app or a word here."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from functools import cache

MAX_CATEGORIES = 2  # categories of one rock-on


class Category(enum.StrEnum):
    """What a rock-on is for, in the order in which they are shown."""

    MEDIA = "media"
    PHOTOS = "photos"
    FILES = "files"
    DOCUMENTS = "documents"
    DOWNLOADS = "downloads"
    HOME = "home"
    NETWORK = "network"
    SECURITY = "security"
    MONITORING = "monitoring"
    BACKUP = "backup"
    COMMUNICATION = "communication"
    WEB = "web"
    DEVELOPMENT = "development"
    DATABASES = "databases"
    GAMES = "games"
    OTHER = "other"


# Names of apps, without spaces and dashes. A match here takes precedence over words of a description.
APP_NAMES: dict[Category, str] = {
    Category.MEDIA: """airsonic ampache audiobookshelf bazarr beets booksonic calibre cops emby filebot funkwhale gonic
        handbrake headphones jellyfin jellyseerr kavita kodi komga koel lidarr logitechmediaserver makemkv mediaelch
        medusa mpd mstream mythtv navidrome ombi overseerr owntone plex plexpy prowlarr radarr readarr sickbeard
        sickchill sickrage snapcast sonarr stash subsonic tautulli tdarr tubearchivist tvheadend ubooquity unmanic
        xteve""",
    Category.PHOTOS: """chevereto damselfly digikam immich librephotos lychee photoprism photoview pigallery2 piwigo
        pixelfed""",
    Category.FILES: """cloudreve dropbox filebrowser filerun filestash garage minio nextcloud ocis owncloud projectsend
        pydio rclone resiliosync resilio rsync samba seafile sftp sftpgo syncthing webdav xbackbone""",
    Category.DOCUMENTS: """bookstack collabora cryptpad docspell dokuwiki ecodms etherpad gollum hedgedoc joplin
        kanboard karakeep leantime linkding linkwarden mayanedms mealie memos obsidian onlyoffice outline paperless
        paperlessng paperlessngx planka shiori silverbullet stirlingpdf tandoor trilium vikunja wallabag wekan wikijs
        xwiki zotero""",
    Category.DOWNLOADS: """amule aria2 deluge flexget flood jackett jdownloader jdownloader2 metube mldonkey nzbget
        nzbhydra nzbhydra2 pyload qbittorrent qbittorrentnox radarr rtorrent rutorrent sabnzb sabnzbd slskd sonarr
        transmission utorrent youtubedl ytdlp""",
    Category.HOME: """deconz domoticz ebusd esphome fhem frigate grocy homeassistant homebridge hyperion iobroker
        mosquitto motioneye motion nodered openhab rhasspy scrypted shinobi tasmoadmin zigbee2mqtt zoneminder zwavejs
        zwavejsui""",
    Category.NETWORK: """adguard adguardhome bind bind9 blocky caddy cloudflared ddclient dnsmasq duckdns freeradius
        headscale haproxy httpsredirect letsencrypt nebula netbootxyz netbox nginxproxymanager omada omadacontroller
        openvpn pihole squid swag tailscale technitium tor traefik unbound unifi unificontroller wireguard
        wireguardeasy wgeasy zerotier""",
    Category.SECURITY: """2fauth authelia authentik bitwarden bitwardenrs clamav crowdsec fail2ban keycloak keeweb lldap
        passbolt psono vault vaultwarden""",
    Category.MONITORING: """beszel cadvisor checkmk dozzle gatus glances grafana graylog healthchecks influxdb librenms
        loki munin nagios netdata observium prometheus scrutiny smokeping speedtest speedtesttracker telegraf uptimekuma
        zabbix""",
    Category.BACKUP: "bacula bareos borg borgbackup borgmatic burp crashplan duplicacy duplicati kopia restic urbackup",
    Category.COMMUNICATION: """apprise asterisk conduit discourse ejabberd element freshrss gotify jitsi mailcow
        mailserver mailu mastodon matrix mattermost miniflux mumble ntfy peertube prosody rocketchat roundcube synapse
        teamspeak thelounge ttrss xmpp zulip znc""",
    Category.WEB: """apache drupal ghost grav httpd joomla lamp lighttpd matomo mediawiki nginx plausible shlink umami
        wordpress""",
    Category.DEVELOPMENT: """act codeserver drone forgejo forgejorunner gerrit gitbucket gitea gitlab gitlabce gogs
        jenkins jupyter jupyterlab n8n nexus openhands portainer portainerce redmine registry sonarqube theia vscode
        watchtower woodpecker""",
    Category.DATABASES: """adminer couchdb elasticsearch mariadb meilisearch memcached mongo mongodb mysql neo4j
        pgadmin pgadmin4 phpmyadmin postgres postgresql redis valkey""",
    Category.GAMES: """ark bedrock csgo emulatorjs factorio foundryvtt gaseous luanti minecraft minetest palworld
        pocketmine pocketminemp pterodactyl retroarch romm satisfactory steamcmd terraria valheim""",
}
# Images of supporting services: ignored, unless a rock-on has no others.
HELPER_IMAGES = {"alpine", "busybox", "mariadb", "memcached", "mongo", "mysql", "nginx", "postgres", "redis", "valkey"}
# Words of descriptions; a * stands for any ending.
DESCRIPTION_WORDS: dict[Category, str] = {
    Category.MEDIA: "media movie* music podcast* audiobook* tv video* stream* e-book* ebook* comic* subtitle* radio",
    Category.PHOTOS: "photo photos photograph* picture* album* gallery",
    Category.FILES: "file files sync* share shares sharing upload* s3 ftp sftp webdav cloud",
    Category.DOCUMENTS: "document* wiki note notes notebook bookmark* pdf ocr kanban recipe* office task* todo",
    Category.DOWNLOADS: "download* torrent* bittorrent usenet nzb newsreader* magnet",
    Category.HOME: "automation* mqtt zigbee z-wave smarthome iot sensor* camera* surveillance homekit nvr",
    Category.NETWORK: "dns vpn proxy network* router* firewall ddns dhcp ads ip wifi wireguard pxe tunnel*",
    Category.SECURITY: "password* otp 2fa authentication passcode* sso antivirus encryption",
    Category.MONITORING: "monitor* metrics dashboard* uptime health performance logs alert* graph graphs",
    Category.BACKUP: "backup* restore snapshot* recovery",
    Category.COMMUNICATION: "chat messag* mail email* voip forum* notification* rss feed feeds conferenc* irc",
    Category.WEB: "website* blog* publishing cms webserver analytics",
    Category.DEVELOPMENT: "git develop* code ide repository ci/cd build* runner* container* software",
    Category.DATABASES: "database* sql nosql",
    Category.GAMES: "game* gaming player* minecraft voxel",
}


@cache
def _categories_by_app() -> dict[str, set[Category]]:
    categories: dict[str, set[Category]] = {}
    for category, apps in APP_NAMES.items():
        for app in apps.split():
            categories.setdefault(app, set()).add(category)
    return categories


@cache
def _word_patterns() -> dict[Category, re.Pattern[str]]:
    return {
        category: re.compile(
            rf"(?<![\w-])(?:{'|'.join(re.escape(word) for word in words.split())})(?![\w-])".replace(r"\*", r"\w*")
        )
        for category, words in DESCRIPTION_WORDS.items()
    }


def categorize_rockon(name: str, text: str, images: Iterable[str]) -> tuple[Category, ...]:
    """Return a rock-on's categories: by its name and images where known, else the best match of its description.

    `text` is the description without markup. At least one, at most MAX_CATEGORIES.
    """
    for names in (_name_words(name), set().union(*map(_image_words, without_helpers(list(images))))):
        found = {category for app in names for category in _categories_by_app().get(app, ())}
        if found:
            return tuple(category for category in Category if category in found)[:MAX_CATEGORIES]
    matches = {category: len(set(found.findall(text.casefold()))) for category, found in _word_patterns().items()}
    most_matches = max(matches.values())
    return (
        (next(category for category, count in matches.items() if count == most_matches),)
        if most_matches
        else (Category.OTHER,)
    )


def without_helpers(images: list[str]) -> list[str]:
    """Return the images that are not of supporting services, all where there are no others."""
    return [image for image in images if not _image_words(image) & HELPER_IMAGES] or images


def _image_words(image: str) -> set[str]:
    return _name_words(image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0])


def _name_words(text: str) -> set[str]:
    """Return the words of a name, and all of them as one."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return {*words, "".join(words)}
