# Two stages: the first installs what the locks name, hash by hash; the second runs it as nobody.
# Pin the base by digest, for a tag is not always the same image: docs/containers.md says how.
# The tag alone is for trying out.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
WORKDIR /srv/throughcare
COPY requirements.lock requirements.in pyproject.toml README.md ./
RUN python -m venv /opt/venv \
 && /opt/venv/bin/python -m pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY app app
COPY throughcare_receiver throughcare_receiver
COPY migrations migrations
COPY policies policies
RUN /opt/venv/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation --editable .

FROM ${BASE}
# A volume that is put there takes over who owns these folders. Keys appear as a whole, in a folder
# that is renamed: within the volume, not in its place.
RUN useradd --system --uid 10001 --home-dir /var/lib/throughcare --create-home throughcare \
 && install -d -o 10001 -g throughcare -m 0700 \
    /var/lib/throughcare /var/lib/throughcare/keys /var/lib/throughcare/state
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/throughcare /srv/throughcare
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    THROUGHCARE_HOST=0.0.0.0 \
    THROUGHCARE_DATABASE_URL=sqlite:////var/lib/throughcare/state/throughcare.db \
    THROUGHCARE_KEY_DIRECTORY=/var/lib/throughcare/keys/ring \
    THROUGHCARE_CHECKPOINT_FILE=/var/lib/throughcare/state/checkpoint \
    THROUGHCARE_POLICIES_DIRECTORY=/srv/throughcare/policies
WORKDIR /srv/throughcare
USER 10001
VOLUME ["/var/lib/throughcare/keys", "/var/lib/throughcare/state"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
# In exec form: signals reach the process itself, which ends what it has begun.
ENTRYPOINT ["throughcare"]
CMD ["serve"]
