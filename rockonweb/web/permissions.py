"""Permissions: every view has one of two decorators, or the role of its `RoleBlueprint`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from rockonweb.accounts import users
from rockonweb.models import Role, User

View = TypeVar("View", bound=Callable[..., Any])
PUBLIC = "public"
LOGS_ROLE = Role.OPERATOR  # who may read what apps print


def allow_anonymous(view: View) -> View:
    """Mark a view that needs no login."""
    view.permission = PUBLIC  # type: ignore[attr-defined]
    return view


def require_role(role: Role) -> Callable[[View], View]:
    """Redirect to the login where nobody is logged in; answer 403 where the user's role does not include `role`."""

    def decorate_view(view: View) -> View:
        @wraps(view)
        def guarded_view(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            if not current_user.is_authenticated:
                return redirect_to_login()
            if not role_allows(current_user, role):
                abort(403)
            response: ResponseReturnValue = view(*args, **kwargs)
            return response

        guarded_view.permission = role  # type: ignore[attr-defined]
        return guarded_view  # type: ignore[return-value]

    return decorate_view


class RoleBlueprint(Blueprint):
    """A blueprint whose views require `role`, unless a view has a decorator of its own."""

    def __init__(self, name: str, import_name: str, role: Role, url_prefix: str | None = None) -> None:
        super().__init__(name, import_name, url_prefix=url_prefix)
        self._role = role

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **kw: Any
    ) -> None:
        """Add a view, guarded by the blueprint's role unless it has a permission."""
        guarded = view_func if hasattr(view_func, "permission") else require_role(self._role)(view_func)
        super().add_url_rule(rule, endpoint, guarded, *args, **kw)


def user_has_role(role: str) -> bool:
    """Whether the current user's role includes this one; for templates."""
    return bool(current_user.is_authenticated) and role_allows(current_user, Role(role))


def role_allows(user: User, role: Role) -> bool:
    """Whether a user may do what `role` may; with a token, the token's role must include it too."""
    return user.role.includes(role) and g.get("token_role", Role.OWNER).includes(role)


def redirect_to_login() -> ResponseReturnValue:
    """Redirect to the login, or to the setup page while there is no account; htmx gets a 401 with `HX-Redirect`."""
    target = url_for("auth.login", next=_return_address()) if users.has_users() else url_for("auth.setup")
    if "HX-Request" in request.headers:
        return Response(status=401, headers={"HX-Redirect": target})
    return redirect(target, code=303)


def safe_next(target: str | None) -> str:
    """Return `target` where it is a path on this site, else the dashboard's URL (prevents open redirects)."""
    if target and target.isprintable() and "\\" not in target and target.startswith("/") and target[1:2] != "/":
        return target
    return url_for("dashboard.index")


def _return_address() -> str | None:
    """Return the URL to come back to: the requested page, or the page whose button or htmx sent the request."""
    if request.method == "GET" and "HX-Request" not in request.headers:
        return f"{request.script_root}{request.full_path}".rstrip("?")
    current_url = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    return f"{current_url.path}?{current_url.query}".rstrip("?") or None
