"""An application on an empty database in a temporary folder, and nothing else: no processes, no engine, no queue."""

from pathlib import Path

from flask import Flask

from rockonweb import config, create_app
from rockonweb.models import Base, db, writing


def make_app(folder: Path) -> Flask:
    """Return an application on the instance in `folder`, which is made at the first call."""
    app = create_app(config.read({"ROCKONWEB_INSTANCE": str(folder / "instance"), "REDIS_URL": "unix:///nobody"}))
    with app.app_context(), writing():
        Base.metadata.create_all(db.session.connection())
    return app
