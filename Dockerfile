# MCP over streamable HTTP. Who may call is decided by an access file, see SECURITY.md. The file must be readable
# by the user of the container (uid 10001): chmod 644 access.toml, it holds digests of tokens only.
#   docker build -t calypso-mcp .
#   docker run -p 8000:8000 -v calypso-data:/data -v ./access.toml:/run/access.toml:ro \
#     -e CALYPSO_ACCESS_FILE=/run/access.toml -e CALYPSO_ALLOWED_HOSTS=mcp.example.org calypso-mcp
# The same image serves one local client over stdio:
#   docker run -i --rm --no-healthcheck -v calypso-data:/data -v ~/Documents:/docs:ro calypso-mcp stdio --allow-path /docs
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv --without-pip /app && \
    pip --python /app/bin/python install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY calypso_mcp ./calypso_mcp
RUN pip --python /app/bin/python install --no-cache-dir --no-deps .
# The image holds Python, the packages and the libraries they load: no shell and no package manager, 140 MB.
RUN useradd --home-dir /data --no-create-home --uid 10001 calypso && \
    install -d -m 700 /owned/data && install -d -m 1777 /image/tmp && \
    cd /usr/local/lib/python3.13 && rm -r ensurepip idlelib pydoc_data site-packages tkinter turtledemo && \
    python -m compileall -q . && cd / && \
    find /app /usr/local -type f \( -name '*.so*' -o -name python3.13 \) -exec ldd {} + | \
      grep -oP '\s\K/lib\S+' | sort -u | xargs cp --parents -Lt /image && \
    cp --parents -at /image /app /usr/local/bin/python3* /usr/local/lib/*.so* /usr/local/lib/python3.13 \
      /etc/passwd /etc/ld.so.conf* /etc/ssl/certs/ca-certificates.crt /usr/share/zoneinfo && \
    ldconfig -r /image

FROM scratch
LABEL org.opencontainers.image.title="calypso-mcp" \
      org.opencontainers.image.description="MCP server for Calypso Buckets" \
      org.opencontainers.image.source="https://github.com/calypso-mcp/calypso-mcp" \
      org.opencontainers.image.licenses="MIT" \
      io.modelcontextprotocol.server.name="io.github.calypso-mcp/calypso-mcp"
COPY --from=build /image /
COPY --from=build --chown=10001:10001 /owned /
USER calypso
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    CALYPSO_DATA_DIR=/data CALYPSO_HTTP_HOST=0.0.0.0 CALYPSO_HTTP_PORT=8000
VOLUME /data
EXPOSE 8000
# Refusing 127.0.0.1 as a host (421) is an answer of a living server, too.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["/app/bin/python", "-c", \
  "import os, sys, http.client; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['CALYPSO_HTTP_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status not in (200, 421))"]
ENTRYPOINT ["/app/bin/calypso-mcp"]
CMD ["http"]
