"""The form of a network that an owner makes or changes."""

from __future__ import annotations

from dataclasses import fields

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, SubmitField
from wtforms.validators import InputRequired, Optional, Regexp

from rockonweb.core.containers.networks import MAX_MTU, NetworkSpec, read_aux_addresses
from rockonweb.forms import PlainField, strip_blanks


class NetworkForm(FlaskForm):  # type: ignore[misc]
    """All that may be said about a network but its name."""

    comment = StringField(
        _l("Comment"),
        description=_l("What it is for, for people."),
        filters=[strip_blanks],
        render_kw={"maxlength": "500"},
    )
    subnet = PlainField(
        _l("Subnet"),
        description=_l("Such as 10.5.0.0/24, or fd00:5::/64. Blank: Docker chooses one that is free."),
    )
    gateway = PlainField(
        _l("Gateway"),
        description=_l("This machine's address on the network, such as 10.5.0.1. Blank: the first of the subnet."),
    )
    ip_range = PlainField(
        _l("Range"),
        description=_l("The part of the subnet that containers get addresses of, such as 10.5.0.128/25."),
    )
    aux_addresses = PlainField(
        _l("Reserved addresses"),
        description=_l("Addresses that no container gets, each with a name, such as nas=10.5.0.2, printer=10.5.0.3."),
    )
    host_binding = PlainField(
        _l("Address for published ports"),
        description=_l("An address of this machine, such as 127.0.0.1. Blank: all of them."),
    )
    mtu = PlainField(
        _l("MTU"),
        [
            Optional(),
            Regexp(r"[0-9]{1,6}\Z", message=_l("The MTU is a number, %(most)s at most.", most=MAX_MTU)),
        ],
        description=_l("The largest packet in bytes. Blank: 1500, or what Docker is set to."),
        render_kw={"inputmode": "numeric"},
    )
    internal = BooleanField(
        _l("Internal"), description=_l("Containers reach each other on it, but nothing outside through it.")
    )
    icc = BooleanField(
        _l("Containers on it may talk to each other"),
        default=True,
        description=_l("Docker's icc. Without it, they reach only each other's published ports."),
    )
    ip_masquerade = BooleanField(
        _l("Containers reach other networks under this machine's address"),
        default=True,
        description=_l("Docker's ip_masquerade. Without it, other networks need a route to this one."),
    )
    submit = SubmitField(_l("Save the network"))

    def to_spec(self, name: str) -> NetworkSpec:
        """Return what was asked for, under this name."""
        options = {option.name: self[option.name].data for option in fields(NetworkSpec) if option.name in self}
        options |= {"name": name, "aux_addresses": read_aux_addresses(self.aux_addresses.data)}
        return NetworkSpec(**{**options, "mtu": int(self.mtu.data) if self.mtu.data else None})


class NewNetworkForm(NetworkForm):
    """A new network: its name too, which stays."""

    name = PlainField(
        _l("Name"),
        [InputRequired(_l("Type a name for the network."))],
        description=_l("Letters, digits, dots, dashes and underscores, such as media. It can't be changed later."),
    )
    submit = SubmitField(_l("Make the network"))


def network_field_values(spec: NetworkSpec) -> dict[str, object]:
    """Return what the form's fields show of a network."""
    aux = ", ".join(f"{name}={address}" for name, address in spec.aux_addresses)
    return {**vars(spec), "aux_addresses": aux, "mtu": str(spec.mtu or "")}
