"""Real parts for tests: an engine, a registry, images, a queue, a browser, a metastore, the whole product.

Nothing here is a mock, and nothing outlives the test session. Each part works beside another session on the
same machine: what must be unique is claimed (see `claims`).
"""
