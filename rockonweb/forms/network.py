"""The forms that create and change a rocknet."""

from __future__ import annotations

from dataclasses import fields

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, SubmitField
from wtforms.validators import InputRequired, Optional, Regexp

from rockonweb.core.containers.networks import MAX_MTU, NetworkSpec, read_aux_addresses
from rockonweb.forms import PlainField, strip_blanks


class NetworkForm(FlaskForm):  # type: ignore[misc]
    """All options of a network but its name."""

    comment = StringField(
        _l("Comment"),
        description=_l("What the network is for. For your information only."),
        filters=[strip_blanks],
        render_kw={"maxlength": "500"},
    )
    subnet = PlainField(
        _l("Subnet"),
        description=_l("For example 10.5.0.0/24 or fd00:5::/64. If left blank, Docker chooses a free one."),
    )
    gateway = PlainField(
        _l("Gateway"),
        description=_l(
            "This machine's address on the network, such as 10.5.0.1. If left blank, the first address of the subnet."
        ),
    )
    ip_range = PlainField(
        _l("IP range"),
        description=_l("The part of the subnet from which containers get their addresses, such as 10.5.0.128/25."),
    )
    aux_addresses = PlainField(
        _l("Reserved addresses"),
        description=_l(
            "Addresses that are not assigned to containers, each with a name, such as nas=10.5.0.2, printer=10.5.0.3."
        ),
    )
    host_binding = PlainField(
        _l("Address for published ports"),
        description=_l("An address of this machine, such as 127.0.0.1. If left blank, all of them."),
    )
    mtu = PlainField(
        _l("MTU"),
        [
            Optional(),
            Regexp(r"[0-9]{1,6}\Z", message=_l("The MTU must be a number, at most %(most)s.", most=MAX_MTU)),
        ],
        description=_l("The largest packet size in bytes. If left blank, 1500 or the value set in Docker."),
        render_kw={"inputmode": "numeric"},
    )
    internal = BooleanField(
        _l("Internal"), description=_l("Containers can reach each other on this network, but nothing outside it.")
    )
    icc = BooleanField(
        _l("Containers can communicate with each other"),
        default=True,
        description=_l("Docker's icc option. Without it, they reach only each other's published ports."),
    )
    ip_masquerade = BooleanField(
        _l("Containers reach other networks through this machine's address"),
        default=True,
        description=_l("Docker's ip_masquerade option. Without it, other networks need a route to this one."),
    )
    submit = SubmitField(_l("Save network"))

    def to_spec(self, name: str) -> NetworkSpec:
        """Return the specification of the network with this name."""
        options = {option.name: self[option.name].data for option in fields(NetworkSpec) if option.name in self}
        options |= {"name": name, "aux_addresses": read_aux_addresses(self.aux_addresses.data)}
        return NetworkSpec(**{**options, "mtu": int(self.mtu.data) if self.mtu.data else None})


class NewNetworkForm(NetworkForm):
    """A new network, with its name, which can't be changed later."""

    name = PlainField(
        _l("Name"),
        [InputRequired(_l("Enter a name for the network."))],
        description=_l("Letters, digits, dots, dashes and underscores, such as media. It can't be changed later."),
    )
    submit = SubmitField(_l("Create network"))


def network_field_values(spec: NetworkSpec) -> dict[str, object]:
    """Return the values of the form's fields for a network."""
    aux = ", ".join(f"{name}={address}" for name, address in spec.aux_addresses)
    return {**vars(spec), "aux_addresses": aux, "mtu": str(spec.mtu or "")}
