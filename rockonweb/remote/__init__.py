"""What is fetched from other servers by HTTP: one client with limits, and the API of image registries."""
