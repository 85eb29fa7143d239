"""Pictures of well-known apps, found by a definition's name, images and containers. To know another app, add it here.

The pictures are bundled: after a change, `script/app-icons` makes the file that has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rockonweb.core.definition.categories import without_helpers

# Logos of simple-icons, by their names there; each is the app of the same name.
LOGOS = """2fas actualbudget addydotio adguard adminer affine ansible anytype apachecouchdb apacheguacamole
    apachekafka apachesuperset appsmith appwrite audiobookshelf authelia authentik baserow bigbluebutton bitwarden
    bookstack borgbackup brave budibase caddy caldotcom calibreweb ceph changedetection chatwoot checkmk clickhouse
    cloudflare coder collaboraonline cryptpad diagramsdotnet directus discourse django docker dovecot drone dropbox
    drupal duplicati eclipsemosquitto elasticsearch element emby ente envoyproxy erpnext esphome excalidraw
    fireflyiii firefoxbrowser formbricks freshrss frigate ghost ghostfolio gitea gitlab grafana grocy haproxy hasura
    hivemq homarr homeassistant homebridge homepage icinga immich influxdb invidious invoiceninja iobroker jellyfin
    jetbrains jitsi joomla joplin jupyter karakeep keepassxc kibana kodi langflow languagetool libreoffice librewolf
    libretranslate limesurvey listmonk logseq mariadb mastodon matomo matrix mattermost mautic mealie meilisearch
    metabase minio mongodb monica moodle mqtt mumble musicbrainz mysql n8n neo4j netdata nextcloud nextdns nginx
    nginxproxymanager nodedotjs nodered ntfy obsidian octoprint odoo ollama onlyoffice openhab openproject
    opensearch openvpn outline owncloud paperlessngx passbolt penpot phpmyadmin pihole pixelfed piwigo
    plausibleanalytics plex pocketbase portainer posthog postgresql prometheus proxmox qbittorrent rabbitmq radarr
    rclone redis rocketdotchat roundcube rss rundeck rustdesk seafile searxng sentry simplelogin siyuan
    sonarqubeserver sonarr sqlite steam strapi supabase syncthing tailscale tasmota teamcity teamspeak torproject
    tplink traccar traefikproxy transmission trilium ubiquiti umami uptimekuma vaultwarden victoriametrics vikunja
    vscodium wallabag watchtower wikidotjs wireguard wordpress xmpp zerotier zigbee2mqtt zulip"""
# Further names of what has a logo.
LOGO_ALIASES = {
    "actualbudget": "actual actualserver",
    "addydotio": "addyio anonaddy",
    "adguard": "adguardhome adguardhomesync",
    "apachecouchdb": "couchdb",
    "apacheguacamole": "guacamole guacd",
    "apachekafka": "kafka",
    "apachesuperset": "superset",
    "bitwarden": "bitwardenselfhost",
    "borgbackup": "borg borgmatic borgwarehouse vorta",
    "caldotcom": "calcom",
    "changedetection": "changedetectionio",
    "cloudflare": "cloudflared cloudflaretunnel cloudflareddns",
    "coder": "codeserver",
    "collaboraonline": "collabora",
    "diagramsdotnet": "drawio",
    "duplicati": "duplicati2",
    "eclipsemosquitto": "mosquitto",
    "fireflyiii": "firefly",
    "firefoxbrowser": "firefox",
    "gitlab": "gitlabrunner",
    "homeassistant": "hass homeassistantcore",
    "homepage": "gethomepage",
    "jetbrains": "youtrack",
    "jitsi": "jitsimeet",
    "jupyter": "jupyterlab jupyterhub jupyternotebook",
    "karakeep": "hoarder",
    "matomo": "piwik",
    "matrix": "synapse dendrite matrixsynapse conduit conduwuit tuwunel",
    "mongodb": "mongo mongoexpress",
    "nextcloud": "nextcloudpi nextcloudaio",
    "nginx": "swag",
    "nginxproxymanager": "npmplus nginxproxy",
    "nodedotjs": "nodejs",
    "onlyoffice": "onlyofficedocs onlyofficedocumentserver onlyofficeworkspace",
    "paperlessngx": "paperless paperlessng",
    "plausibleanalytics": "plausible",
    "plex": "pms plexmediaserver plexinc",
    "postgresql": "postgres",
    "qbittorrent": "qbittorrentnox qbittorrentvpn",
    "rocketdotchat": "rocketchat",
    "rss": "miniflux ttrss tinytinyrss rssbridge rsshub commafeed",
    "searxng": "searx",
    "sonarqubeserver": "sonarqube",
    "steam": "steamcmd",
    "torproject": "tor torproxy",
    "tplink": "omada omadacontroller",
    "traefikproxy": "traefik",
    "transmission": "transmissionopenvpn transmissionvpn",
    "trilium": "triliumnext triliumnotes",
    "ubiquiti": "unifi ubiquitiunifi unificontroller unifinetworkapplication unifinetwork",
    "vaultwarden": "bitwardenrs",
    "wikidotjs": "wikijs requarkswiki",
    "wireguard": "wireguardeasy wgeasy wireguardui wg",
    "xmpp": "ejabberd prosody snikket",
    "zigbee2mqtt": "z2m",
}
# Material design icons that show what an app is or does, for apps without a logo there.
PICTOGRAMS = {
    "archive": "archivebox",
    "backup-restore": "bareos bacula restic resticrestserver kopia urbackup duplicacy backrest crashplan crashplanpro",
    "bell-ring": "gotify apprise",
    "book-open-page-variant": "cops mylar mylar3 booksonic tachidesk suwayomi",
    "bookshelf": "calibre lazylibrarian readarr kavita komga ubooquity booklore openbooks",
    "broadcast": "owncast restreamer icecast azuracast",
    "bucket": "rustfs garage",
    "bulletin-board": "kanboard wekan planka focalboard leantime taiga redmine",
    "calendar": "radicale baikal davis",
    "cash": "akaunting",
    "car-electric": "teslamate evcc",
    "cctv": "motioneye zoneminder shinobi scrypted viseron agentdvr go2rtc",
    "chart-bar": "tautulli jellystat goaccess plexpy",
    "clipboard-list": "netbox snipeit glpi homebox inventree",
    "content-paste": "privatebin hastebin opengist snibox",
    "database": "questdb pgadmin pgadmin4 nocodb valkey memcached cloudbeaver",
    "dns": "unbound technitium technitiumdns blocky bind bind9 powerdns coredns dnsmasq ddclient",
    "download": """deluge jdownloader jdownloader2 nzbget sabnzbd sabnzb pyload pyloadng aria2 ariang rtorrent rutorrent
        flood mldonkey amule metube youtubedl youtubedlmaterial""",
    "duck": "duckdns",
    "email": "mailcow mailu mailserver dockermailserver stalwart poste modoboa mailpit mailhog postfix snappymail",
    "file-cabinet": "ecodms docspell mayanedms papermerge paperlessai",
    "file-pdf-box": "stirlingpdf bentopdf gotenberg",
    "filmstrip": "filebot filebotnode tdarr unmanic makemkv mediaelch tinymediamanager fileflows mkvtoolnix",
    "folder": "filebrowser filebrowserquantum filestash sftpgo sftp filerun filegator cloudreve projectsend pydio",
    "folder-network": "samba wsdd wsdd2 wsddn webservicediscovery webservicediscoveryforwindowsnetworks",
    "forum": "lemmy misskey flarum nodebb phpbb",
    "fruit-pineapple": "handbrake",
    "gamepad-variant": """factorio terraria valheim satisfactory palworld ark arkserver dstserver foundryvtt romm
        pterodactyl emulatorjs csgo""",
    "headphones": "headphones lidarr beets deemix",
    "harddisk": "scrutiny",
    "heart-pulse": "healthchecks gatus statping",
    "home-automation": "domoticz fhem deconz zwavejsui zwavejs tasmoadmin",
    "image-multiple": "photoprism lychee librephotos chevereto pigallery2 damselfly photoview photostructure",
    "lan-connect": "netbootxyz",
    "layers-triple": "dockge komodo yacht",
    "link-variant": "linkwarden linkding shlink yourls kutt shiori linkace shaarli",
    "lock-check": "httptohttpsredirect httpsredirect redirecthttptohttps",
    "magnify": "jackett nzbhydra nzbhydra2 prowlarr flaresolverr",
    "map-marker-path": "dawarich owntracks",
    "minecraft": "minecraft minecraftserver minecraftbedrock minecraftbedrockedition minecraftbedrockserver",
    "molecule": "foldingathome boinc",
    "monitor-dashboard": "zabbix zabbixxxl nagios librenms beszel glances cadvisor observium munin cacti dashdot",
    "movie-search": "ombi overseerr jellyseerr seerr",
    "music": """airsonic airsonicadvanced subsonic navidrome funkwhale koel gonic ampache mstream mopidy snapcast mpd
        owntone""",
    "note-text": "memos standardnotes silverbullet flatnotes",
    "notebook-edit": "hedgedoc gollum dokuwiki mediawiki xwiki",
    "pickaxe": "pocketmine pocketminemp luanti minetest",
    "play-box-multiple": "peertube tubearchivist pinchflat stash tubesync",
    "printer": "cups",
    "printer-3d-nozzle": "spoolman mainsail fluidd klipper moonraker manyfold",
    "radar": "netalertx pialert watchyourlan",
    "radio": "lyrion lyrionmusicserver logitechmediaserver logitechsqueezebox squeezebox lms",
    "robot-happy": "openwebui localai librechat anythingllm lobechat flowise",
    "shield-lock": "crowdsec fail2ban wazuh clamav keycloak lldap pocketid",
    "silverware-fork-knife": "tandoor recipes kitchenowl",
    "smoke": "smokeping",
    "snake": "medusa",
    "source-branch": "forgejo forgejorunner gogs gitbucket gerrit onedev",
    "speedometer": "openspeedtest librespeed speedtesttracker myspeed",
    "subtitles": "bazarr",
    "sync": "resilio resiliosync btsync unison",
    "television-classic": "hdhomerun hdhomerundvr hdhomerundvrengine tvheadend ersatztv threadfin xteve dispatcharr",
    "television": "sickchill sickbeard sickrage sickgear",
    "tie": "jenkins",
    "text-box-search": "dozzle graylog loki",
    "tools": "ittools cyberchef omnitools",
    "two-factor-authentication": "2fauth",
    "view-dashboard": "dashy heimdall organizr flame glance muximux",
    "vpn": "headscale netbird gluetun softether firezone pritunl",
}
PICTOGRAM_PREFIX = "mdi-"
# Words of names and images that say how an app is packed.
_PACKING_WORDS = {
    *(
        "official",
        "linuxserver",
        "lsio",
        "ls",
        "by",
        "io",
        "docker",
        "container",
        "image",
        "server",
        "app",
        "web",
        "ui",
    ),
    *("ce", "ee", "edition", "community", "selfhosted", "alpine", "latest", "stable", "canary", "aio", "rc"),
}
_VERSION = re.compile(r"v?\d+")
_REGISTRY = re.compile(r"^(?:localhost|[^/]*[.:][^/]*)/")


def bundled_icons() -> dict[str, str]:
    """Return the names of the bundled pictures by the names of their apps, in lower case without spaces and signs."""
    icons = {app: PICTOGRAM_PREFIX + icon for icon, apps in PICTOGRAMS.items() for app in apps.split()}
    icons |= {logo: logo for logo in LOGOS.split()}
    return icons | {app: logo for logo, apps in LOGO_ALIASES.items() for app in apps.split()}


_ICONS = bundled_icons()


def find_known_icon(name: str, images: Iterable[str], containers: Iterable[str] = ()) -> str:
    """Return the name of the bundled picture for a definition, blank where it is of no known app.

    Its name counts most, then its images, last its containers' names. Databases beside an app say nothing. The
    repository of an image may begin with the app's name, as in `transmission-vpn`; else its owner counts: the image
    `gotify/server` is of Gotify.
    """
    paths = [_REGISTRY.sub("", image.partition("@")[0]).split("/") for image in without_helpers(list(images))]
    keys = _app_keys(_split_words(name.partition("(")[0]))
    keys += [key for path in paths for key in _leading_keys(_split_words(path[-1].partition(":")[0]))]
    keys += [key for path in paths for owner in path[-2:-1] for key in _app_keys(_split_words(owner))]
    keys += [key for container in without_helpers(list(containers)) for key in _app_keys(_split_words(container))]
    return next((_ICONS[key] for key in keys if key in _ICONS), "")


def _split_words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def _app_keys(words: list[str]) -> list[str]:
    """Return what an app of these words may be called: all of them as one, those that are its own, no version."""
    own_words = [word for word in words if word not in _PACKING_WORDS]
    whole, own = "".join(words), "".join(own_words)
    unversioned = "".join(word for word in own_words if not _VERSION.fullmatch(word))
    return [whole, own, unversioned, re.sub(r"\d+$", "", own)]


def _leading_keys(words: list[str]) -> list[str]:
    """Return what an app may be called whose image begins with its name, the longest first."""
    own_words = [word for word in words if word not in _PACKING_WORDS]
    return [*_app_keys(words), *("".join(own_words[:length]) for length in range(len(own_words) - 1, 0, -1))]
