"""The WSGI entry point: `flask --app wsgi`, or any WSGI server."""

from rockonweb import cli, create_app
from rockonweb.work import instance_files

instance_files.begin()
app = create_app()
cli.register(app)
instance_files.mend(app.config["SETTINGS"])
