"""Images that are put into a registry without an engine: manifests and blobs over its HTTP API."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import requests

from rockonweb.remote.registry import MANIFESTS

from .registry import Registry

MADE = "2026-03-01T10:20:30.123456789Z"


def put_blob(registry: Registry, path: str, body: bytes) -> dict[str, Any]:
    """Store some bytes and return how a manifest names them."""
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    begun = requests.post(f"{registry.url}/v2/{path}/blobs/uploads/", timeout=10)
    ended = requests.put(begun.headers["Location"], params={"digest": digest}, data=body, timeout=10)
    assert ended.status_code == 201, ended.text
    return {"mediaType": "application/octet-stream", "digest": digest, "size": len(body)}


def put_manifest(registry: Registry, path: str, tag: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Store a manifest under a tag and return how an index names it."""
    text = json.dumps(body).encode()
    headers = {"Content-Type": str(body["mediaType"])}
    answer = requests.put(f"{registry.url}/v2/{path}/manifests/{tag}", data=text, headers=headers, timeout=10)
    assert answer.status_code == 201, answer.text
    digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
    return {"mediaType": body["mediaType"], "digest": digest, "size": len(text)}


def put_image(registry: Registry, path: str, tag: str, architecture: str, layers: int, **about: Any) -> dict[str, Any]:
    """Store an image of one platform, with so many layers of 1,000 bytes."""
    config = {"os": "linux", "architecture": architecture, "created": MADE, **about}
    body = {
        "schemaVersion": 2,
        "mediaType": MANIFESTS[0],
        "config": {
            **put_blob(registry, path, json.dumps(config).encode()),
            "mediaType": "application/vnd.oci.image.config.v1+json",
        },
        "layers": [
            {
                **put_blob(registry, path, bytes([number]) * 1000),
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            }
            for number in range(layers)
        ],
    }
    return put_manifest(registry, path, tag, body)
