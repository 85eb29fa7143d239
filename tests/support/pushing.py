"""Images that are put into a registry without an engine: manifests and blobs over its HTTP API."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import requests

from rockonweb.remote.registry import MANIFEST_TYPES

from .registry import RegistryServer

CREATED = "2026-03-01T10:20:30.123456789Z"


def push_blob(registry: RegistryServer, path: str, body: bytes) -> dict[str, Any]:
    """Store some bytes and return how a manifest names them."""
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    started = requests.post(f"{registry.url}/v2/{path}/blobs/uploads/", timeout=10)
    finished = requests.put(started.headers["Location"], params={"digest": digest}, data=body, timeout=10)
    assert finished.status_code == 201, finished.text
    return {"mediaType": "application/octet-stream", "digest": digest, "size": len(body)}


def push_manifest(registry: RegistryServer, path: str, tag: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Store a manifest under a tag and return how an index names it."""
    text = json.dumps(body).encode()
    headers = {"Content-Type": str(body["mediaType"])}
    answer = requests.put(f"{registry.url}/v2/{path}/manifests/{tag}", data=text, headers=headers, timeout=10)
    assert answer.status_code == 201, answer.text
    digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
    return {"mediaType": body["mediaType"], "digest": digest, "size": len(text)}


def push_image(
    registry: RegistryServer, path: str, tag: str, architecture: str, layers: int, **config_keys: Any
) -> dict[str, Any]:
    """Store an image of one platform, with so many layers of 1,000 bytes."""
    config = {"os": "linux", "architecture": architecture, "created": CREATED, **config_keys}
    body = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPES[0],
        "config": {
            **push_blob(registry, path, json.dumps(config).encode()),
            "mediaType": "application/vnd.oci.image.config.v1+json",
        },
        "layers": [
            {
                **push_blob(registry, path, bytes([number]) * 1000),
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            }
            for number in range(layers)
        ],
    }
    return push_manifest(registry, path, tag, body)
