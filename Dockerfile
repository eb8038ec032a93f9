# MCP over streamable HTTP. Who may call is decided by an access file, see SECURITY.md:
#   docker build -t calypso-mcp .
#   docker run -p 8000:8000 -v calypso-data:/data -v ./access.toml:/run/access.toml:ro \
#     -e CALYPSO_ACCESS_FILE=/run/access.toml -e CALYPSO_ALLOWED_HOSTS=mcp.example.org calypso-mcp
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY calypso_mcp ./calypso_mcp
RUN python -m venv /app && /app/bin/pip install --no-cache-dir .

FROM python:3.13-slim
COPY --from=build /app /app
RUN useradd --create-home calypso && install -d -o calypso /data
USER calypso
ENV CALYPSO_DATA_DIR=/data CALYPSO_HTTP_HOST=0.0.0.0 CALYPSO_HTTP_PORT=8000
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["/app/bin/calypso-mcp"]
CMD ["http"]
