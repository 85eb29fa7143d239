"""Shares, disks and Docker networks with the field names and types of Rockstor's API.

What Rockonweb does not know or manage (quotas, snapshots, RAID, exports, addresses of the machine) has the value that
Rockstor's own tables have by default. Sizes are in KiB.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Any

from rockonweb.blueprints.api.envelope import PageSlice
from rockonweb.core.docker.disk_usage import Disk
from rockonweb.core.facts import ShareFacts
from rockonweb.forms.network import network_field_values
from rockonweb.host import Host, get_host
from rockonweb.models import db
from rockonweb.work import rocknets
from rockonweb.work.known_shares import find_absent_shares
from rockonweb.work.rocknets import Rocknet

Fields = dict[str, Any]
NO_BRIDGE_DRIVERS = ("host", "null")  # of Docker's own networks "host" and "none", which Rockstor does not list
DEFAULT_MTU = 1500
NO_QUOTA_GROUP = "-1/-1"


def list_share_fields(page_slice: PageSlice) -> list[Fields]:
    """Return a slice of the list of shares, by name."""
    host = get_host()
    shares = [*host.shares.shares_by_name().items()]
    absent = find_absent_shares(db.session(), host.shares)
    return [
        {**_share_fields(host, name, share), "is_mounted": name not in absent, "absent": absent.get(name)}
        for name, share in shares[page_slice.offset : page_slice.offset + page_slice.size]
    ]


def list_pool_fields() -> list[Fields]:
    """Return the disks that hold shares or on which new ones are created, by name."""
    host = get_host()
    folders = [share.path for share in host.shares.shares_by_name().values()]
    if not host.shares.new_share_constraints().refusal:
        folders.append(str(host.shares.root))
    disks = {disk.name: disk for folder in folders if (disk := host.disk(folder))}
    return [_pool_fields(disk) for _, disk in sorted(disks.items())]


def list_network_fields() -> list[Fields]:
    """Return Docker's networks, by name. Raises EngineError where Docker does not answer."""
    listing = rocknets.list_rocknets()
    if listing.trouble:
        raise listing.trouble
    user_networks = {network.name for network in listing.rocknets}
    networks = (*listing.rocknets, *listing.link_networks, *listing.builtin, *listing.unmanaged)
    return [
        _network_fields(network, user_network=network.name in user_networks)
        for network in sorted(networks, key=lambda network: network.name.lower())
        if network.facts is None or network.facts.driver not in NO_BRIDGE_DRIVERS
    ]


def _share_fields(host: Host, name: str, share: ShareFacts) -> Fields:
    disk = host.disk(share.path) or Disk(0, 0)
    user, group = host.owner_names(share.uid, share.gid)
    return {
        "id": _derive_id("share", name),
        "name": name,
        "subvol_name": name,
        "pool": _pool_fields(disk),
        "size": disk.total // 1024,
        "rusage": _known_usage(share, disk) // 1024,
        "eusage": 0,
        "pqgroup_rusage": 0,
        "pqgroup_eusage": 0,
        "owner": user,
        "group": group,
        "perms": f"{host.shares.inspect_path(name).mode:o}",
        "toc": _time_of_check(),
        "mount_status": None,
        "uuid": None,
        "qgroup": NO_QUOTA_GROUP,
        "pqgroup": NO_QUOTA_GROUP,
        "pqgroup_exist": False,
        "replica": False,
        "compression_algo": None,
        "snapshots": [],
        "nfs_exports": [],
    }


def _known_usage(share: ShareFacts, disk: Disk) -> int:
    """Return the bytes that a share uses where it is a disk of its own, else 0: counting its files takes too long."""
    return disk.total - disk.free if disk.mount_point == share.path and disk.file_system != "btrfs" else 0


def _pool_fields(disk: Disk) -> Fields:
    return {
        "id": _derive_id("pool", disk.name),
        "name": disk.name,
        "size": disk.total // 1024,
        "free": disk.free // 1024,
        "reclaimable": 0,
        "toc": _time_of_check(),
        "mount_status": None,
        "is_mounted": True,
        "uuid": None,
        "raid": "unknown",
        "data_raid": "unknown",
        "metadata_raid": "unknown",
        "compression": None,
        "mnt_options": None,
        "role": None,
        "quotas_enabled": False,
        "has_missing_dev": False,
        "dev_missing_count": 0,
        "dev_stats_ok": True,
        "redundancy_exceeded": False,
        "disks": [],
    }


def _network_fields(network: Rocknet, *, user_network: bool) -> Fields:
    """Return a network; `user_dnet` marks those that users created, which Rockstor's pages offer to join."""
    return {
        "id": _derive_id("network", network.name),
        "name": network.name,
        "docker_name": network.name,
        "user_dnet": user_network,
        "docker_options": _network_options(network),
        "ctype": "bridge" if network.facts is None or network.facts.driver == "bridge" else None,
        "uuid": network.facts.id if network.facts else "",
        "state": "activated" if network.facts else None,
        "autoconnect": True,
        "mtu": network.desired_spec.mtu or DEFAULT_MTU,
        "team_profile": None,
        "bond_profile": None,
        "master": None,
        **{
            f"{version}_{part}": None
            for version in ("ipv4", "ipv6")
            for part in ("method", "addresses", "gw", "dns", "dns_search")
        },
    }


def _network_options(network: Rocknet) -> Fields:
    options = network_field_values(network.desired_spec)
    subnets = network.facts.subnets if network.facts else ()
    return {
        "aux_address": options["aux_addresses"] or None,
        "dgateway": options["gateway"] or None,
        "host_binding": options["host_binding"] or None,
        "icc": options["icc"],
        "internal": network.facts.internal if network.facts else options["internal"],
        "ip_masquerade": options["ip_masquerade"],
        "ip_range": options["ip_range"] or None,
        "subnet": options["subnet"] or next(iter(subnets), None),
        "containers": [
            f"{member.container} ({member.rockon})" if member.rockon else member.container for member in network.members
        ],
    }


def _derive_id(kind: str, name: str) -> int:
    """Return an id for what has no row here: it stays the same while the name does."""
    return zlib.crc32(f"{kind} {name}".encode(errors="surrogateescape")) % 2**31


def _time_of_check() -> str:
    """Return the present time: in Rockstor it is when the values were read from the machine."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
