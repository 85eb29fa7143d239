"""How an app is: its status, the health of its containers, and whether its images are the newest."""
