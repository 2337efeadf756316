# One image; the command chooses the role: run, migrate, sandbox, ...
FROM python:3.11-slim AS build
WORKDIR /app
RUN python -m venv .venv
COPY requirements.lock ./
RUN .venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY recruiting recruiting
COPY config config
COPY storage storage
COPY handlers handlers
COPY bot bot
RUN .venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation -e . \
    && .venv/bin/python -m compileall -q bot config handlers recruiting storage

FROM python:3.11-slim
# Charts and watermarks are drawn with Chinese in them.
RUN apt-get update && apt-get install --yes --no-install-recommends fonts-noto-cjk && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /data --create-home bulou
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
# Database and vault: BULOU_DATABASE_URL and BULOU_VAULT_URL name places in here, unless they lie elsewhere.
VOLUME /data
WORKDIR /data
USER bulou
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["bulou"]
CMD ["run", "--host", "0.0.0.0"]
