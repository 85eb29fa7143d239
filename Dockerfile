# Rockonweb as a container: `docker compose up -d --build` makes and starts it, see docs/container.md.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/rockonweb
COPY requirements.txt /src/
RUN /opt/rockonweb/bin/pip install --quiet --require-hashes -r /src/requirements.txt
COPY pyproject.toml README.md LICENSE /src/
COPY rockonweb /src/rockonweb
RUN /opt/rockonweb/bin/pip install --quiet --no-deps /src && /opt/rockonweb/bin/pip uninstall --quiet --yes pip

FROM ${BASE}
LABEL org.opencontainers.image.title="Rockonweb" \
      org.opencontainers.image.description="Apps for a home server: pick a rock-on, answer a few questions, and it runs in Docker." \
      org.opencontainers.image.licenses="Apache-2.0"
# Containers are created by the docker command, subvolumes and snapshots of shares by btrfs, backups of data by restic.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends docker-cli btrfs-progs restic openssh-client \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/rockonweb /opt/rockonweb
ENV PATH=/opt/rockonweb/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 \
    ROCKONWEB_INSTANCE=/var/lib/rockonweb \
    ROCKONWEB_START_COMMAND="docker compose up -d"
# What commands write without being told where is on the host then.
WORKDIR /var/lib/rockonweb
STOPSIGNAL SIGTERM
# The certificate is that of another name, and what it proxies to others is not asked for its own pages.
HEALTHCHECK --interval=60s --timeout=20s --start-period=120s CMD ["python", "-c", "import ssl, urllib.request as web; from rockonweb.config import load_config; handlers = web.ProxyHandler({}), web.HTTPSHandler(context=ssl._create_unverified_context()); web.build_opener(*handlers).open(load_config().local_url + '/healthz', timeout=10)"]
ENTRYPOINT ["rockonweb"]
CMD ["up"]
