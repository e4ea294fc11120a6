# The image of every FreshTrack process: web, ingest, live, worker, beat and migrate differ only in their command.
# Tags name a minor version, so that a rebuild brings security fixes and nothing else.

# --- the web app ---------------------------------------------------------------------------------------------------
FROM node:24-trixie-slim AS web-app
WORKDIR /build
# The packages first: they change less often than the sources, and their layer is kept.
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
# No package of ours needs to run a script of its own when it is installed; a hijacked one would.
RUN npm ci --ignore-scripts
COPY frontend/ ./
RUN npm run build

# --- Python packages, sources and static files ---------------------------------------------------------------------
FROM python:3.12-slim-trixie AS built
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv --without-pip /opt/freshtrack
COPY requirements.lock /build/
# Hashes say that the packages are those we tested; wheels only, so that no compiler and no set-up script runs.
RUN pip --python /opt/freshtrack install --no-cache-dir --require-hashes --no-deps --only-binary :all: \
    --requirement /build/requirements.lock
WORKDIR /app
COPY . .
RUN rm -rf frontend
COPY --from=web-app /build/dist frontend/dist
# Settings insist on these three; nothing connects anywhere and nothing of them is kept.
RUN SECRET_KEY=only-while-building DATABASE_URL=postgres://nobody@nowhere/none REDIS_URL=redis://nowhere \
    STATIC_ROOT=/app/static /opt/freshtrack/bin/python manage.py collectstatic --no-input \
    && /opt/freshtrack/bin/python -m compileall -q .

# --- what runs -----------------------------------------------------------------------------------------------------
FROM python:3.12-slim-trixie AS runtime
LABEL org.opencontainers.image.title="FreshTrack" \
    org.opencontainers.image.description="Temperature monitoring for the places where food and medicine are kept"
ENV PATH=/opt/freshtrack/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=freshtrack.settings \
    FRESHTRACK_HOME=/tmp/freshtrack \
    STATIC_ROOT=/app/static
# A number instead of a name: engines that insist on a non-root user can check it.
RUN groupadd --gid 10001 freshtrack && useradd --uid 10001 --gid freshtrack --no-create-home --home-dir /tmp freshtrack
# Both belong to root: a process that is broken into can't change its own code.
COPY --from=built /opt/freshtrack /opt/freshtrack
COPY --from=built /app /app
WORKDIR /app
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "deploy/probe.py", "/health/live"]
ENTRYPOINT ["/app/deploy/entrypoint.sh"]
CMD ["daphne", "-b", "0.0.0.0", "-p", "8000", "--proxy-headers", "freshtrack.asgi:application"]
