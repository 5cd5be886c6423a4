# syntax=docker/dockerfile:1
# One image for every process; `deploy/compose.yaml` and `deploy/kubernetes/` say which command each runs.
# Nothing is downloaded when it runs.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
RUN python -m venv /opt/venv
COPY requirements.txt requirements-parquet.txt ./
# Parquet: console and background processes read and write the ledger's archive.
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
    -r requirements.txt -r requirements-parquet.txt
COPY . .
ENV PATH=/opt/venv/bin:$PATH GATEWAY_STATIC_ROOT=/app/collected DATA_DIR=/tmp/build PYTHONDONTWRITEBYTECODE=1
# Copied times decide whether static files changed, so they are collected from the files that the image keeps.
RUN python -m compileall -q /opt/venv config gateway analytics costs finetuning sdkgen && python manage.py prepare --static-only

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 gateway && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin gateway \
    && install -d -o gateway -g gateway -m 0700 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH GATEWAY_STATIC_ROOT=/app/collected DATA_DIR=/data PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 LOG_JSON=true
USER 10001:10001
VOLUME /data
EXPOSE 8000
CMD ["python", "-m", "config.embedded.serve", "config.dataplane:app", "--listen", "0.0.0.0:8000", \
     "--protocol", "gateway.dataplane.front:FrontProtocol"]
