"""The WSGI entry point: `flask --app wsgi`, or any WSGI server."""

from rockonweb import cli, create_app
from rockonweb.work import instance_files

instance_files.restrict_umask()
app = create_app()
cli.register_commands(app)
instance_files.fix_permissions(app.config["SETTINGS"])
