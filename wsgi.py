"""The WSGI entry point: `flask --app wsgi`, or any WSGI server."""

from rockonweb import create_app, private

private.begin()
app = create_app()
private.mend(app.config["SETTINGS"])
