# The image of stream-classifier. docs/image.md says what is in it and why; `deploy/try-image.sh` tries its steps.
#
# Rules
# -----
# * The last stage holds Python, the service, and what both load: no shell, no package manager, no compiler.
# * It runs as a user that owns nothing but the cache's directory, from a root file system that is read only.
# * Python packages are those of constraints.txt. Debian's are the newest of its stable release: a security fix
#   comes with the next build. Each package's record stays in /var/lib/dpkg/status.d, where scanners look for it.

ARG BASE=debian:trixie-20260918-slim@sha256:a99cfc517144bc59b1978475ec53b46ecabec7e43635402ee5b77cc54cd1b20a

# ------------------------------------------------------------------------------------------ the service

FROM ${BASE} AS service
RUN apt-get update -qq \
    && apt-get install -qq --yes --no-install-recommends ca-certificates python3-pip python3-venv

WORKDIR /src
COPY constraints.txt ./
RUN python3 -m venv /build \
    && python3 -m venv --without-pip /opt/stream-classifier
COPY pyproject.toml README.md LICENSE ./
COPY stream_classifier stream_classifier
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_CONSTRAINT=/src/constraints.txt
RUN /build/bin/pip wheel --quiet --no-deps --wheel-dir /wheels .
# `redis` for cache.backend redis, `registry` for kafka.schema_registry_url, `otel` for traces.
RUN /build/bin/pip --python /opt/stream-classifier/bin/python install --quiet --only-binary :all: --no-compile \
        "$(ls /wheels/*.whl)[redis,registry,otel]"

# ------------------------------------------------------------------------------- the root file system

FROM service AS root
# What Python and the wheels load, and no more: left out are terminals (readline, curses), Berkeley's dbm and
# NIS. libgcc-s1 is for the wheels that are written in Rust. `base-files` says which Debian this is.
RUN mkdir --parents /root-fs/var/lib/dpkg/status.d /debs && cd /debs \
    && apt-get update -qq && apt-get download -qq base-files ca-certificates libbz2-1.0 libc6 libexpat1 libffi8 libgcc-s1 liblzma5 \
        libpython3.13-minimal libpython3.13-stdlib libsqlite3-0 libssl3t64 libuuid1 libzstd1 netbase \
        python3.13-minimal tzdata zlib1g \
    && for deb in *.deb; do \
        dpkg-deb --extract "$deb" /root-fs \
        && dpkg-deb --field "$deb" > "/root-fs/var/lib/dpkg/status.d/${deb%%_*}" || exit 1; \
    done
RUN cd /root-fs \
    && cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ \
    && printf 'root:x:0:0::/nonexistent:/nonexistent\nservice:x:10001:10001::/nonexistent:/nonexistent\n' \
        > etc/passwd \
    && printf 'root:x:0:\nservice:x:10001:\n' > etc/group \
    && ln --symbolic python3.13 usr/bin/python3 \
    && mkdir --parents etc/stream-classifier var/lib/stream-classifier \
    && rm -rf usr/share/ca-certificates usr/share/bash-completion usr/share/lintian usr/share/man \
        usr/share/locale usr/lib/*-linux-gnu/gconv usr/sbin/update-ca-certificates \
    && find usr/share/doc -type f ! -name copyright -delete
COPY --from=service /opt/stream-classifier /root-fs/opt/stream-classifier
# Compiled here, since nothing can be written there. The sources' times are not looked at: a copy changes them.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash -s /root-fs \
        /root-fs/usr/lib/python3.13 /root-fs/opt/stream-classifier

# ------------------------------------------------------------------------------------------- the image

FROM scratch
COPY --from=root /root-fs /
# The cache's database stands here: the only place that is written to.
COPY --from=root --chown=10001:10001 /root-fs/var/lib/stream-classifier /var/lib/stream-classifier
VOLUME /var/lib/stream-classifier
WORKDIR /var/lib/stream-classifier

# OpenSSL's own way to the authorities leads through a package that is not here.
ENV PATH=/opt/stream-classifier/bin:/usr/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# Without a shell: a wheel that misses a library, or a module of Python's that was left out, ends the build here.
# Every command, and what the extras are for; not the demo, whose broker is not in the image.
RUN ["python", "-c", "from stream_classifier import cli; [cli.function_of(name) for name in cli.COMMANDS if name != 'demo']; import stream_classifier.cache.redis, stream_classifier.observe.trace_export, stream_classifier.registry.avro"]

# By number: Kubernetes' runAsNonRoot does not look names up.
USER 10001:10001
EXPOSE 8080
# Kubernetes has probes of its own and does not look at this one. It asks the port of the defaults, or the one
# that the environment names.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:%s/healthz' % (os.environ.get('STREAM_CLASSIFIER_HTTP__PORT') or 8080), timeout=2)"]
# The service is process 1, and ends on SIGTERM by itself within `shutdown_s`.
STOPSIGNAL SIGTERM
ENTRYPOINT ["stream-classifier"]
CMD ["run", "--config", "/etc/stream-classifier/stream-classifier.yaml"]
