"""What an owner of an OpenVPN server does next: the certificate authority and the clients' profiles."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("openvpn", __name__)
