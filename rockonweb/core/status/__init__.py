"""The status of an app, the health of its containers, and whether its images are up to date."""
