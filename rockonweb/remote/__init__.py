"""Fetches from other servers by HTTP: a client with limits, and the API of image registries."""
