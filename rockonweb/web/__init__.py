"""Web infrastructure shared by the blueprints: permissions, labels, error pages, static files and drafts."""
