# Doorstep as a container, for a hub's supervisor and for Docker alone. Built natively for amd64 and arm64; both
# stages stand on one Debian, so that the libraries that are linked are those that run.

ARG DEBIAN=bookworm
ARG RUST=1.95

FROM rust:${RUST}-slim-${DEBIAN} AS build
WORKDIR /src
COPY Cargo.toml ./
COPY packaging/setup packaging/setup
RUN sh packaging/setup/install.sh build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    sh packaging/docker/build.sh /out

FROM debian:${DEBIAN}-slim
RUN --mount=type=bind,from=build,source=/out,target=/tmp/out \
    --mount=type=bind,source=packaging/docker,target=/tmp/packaging \
    sh /tmp/packaging/furnish.sh /tmp/out/packages
COPY packaging/docker/start.sh packaging/docker/health.sh /usr/lib/doorstep/
COPY --from=build /out/doorstep /out/doorstep-media /usr/lib/doorstep/
COPY LICENSE* NOTICE* packaging/docker/SOURCES /usr/share/doc/doorstep/

ARG BUILD_VERSION
ARG BUILD_ARCH
LABEL io.hass.type="app" \
      io.hass.version="${BUILD_VERSION}" \
      io.hass.arch="${BUILD_ARCH}" \
      org.opencontainers.image.title="Doorstep" \
      org.opencontainers.image.description="Talk, from any Echo or Fire TV, to whoever stands at your door" \
      org.opencontainers.image.version="${BUILD_VERSION}" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"

# Settings, links and the record of calls; nothing else is written.
VOLUME /data
EXPOSE 8099/tcp 8098/tcp 8555/udp
# No USER: a hub's supervisor leaves /data to root. Started as root, the first process drops every right.
STOPSIGNAL SIGTERM
# A supervisor waits for the first one to call an app started.
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s CMD ["/usr/lib/doorstep/health.sh"]
ENTRYPOINT ["/usr/lib/doorstep/start.sh"]
CMD ["run", "--data", "/data"]
