# Darkroom in a container: built in one stage, run in another that holds the program and a Debian, nothing else.
# The two bases are arguments, so that a machine without a registry can bring its own.
ARG BUILD_BASE=rust:1.95-bookworm
ARG BASE=debian:bookworm-slim

FROM ${BUILD_BASE} AS build
# nasm: without it the image libraries would be built without their vector code, several times slower. cmake, g++ and
# perl: they build the AVIF encoder.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev nasm cmake make g++ perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p server \
    && cp target/release/darkroom /darkroom

FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 darkroom \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin darkroom \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build --chmod=0755 /darkroom /usr/local/bin/darkroom

USER 10001:10001
WORKDIR /data
# Everything that is written lies here; the root file system may be read-only.
VOLUME /data
ENV DARKROOM_BIND=0.0.0.0:8080 \
    DARKROOM_DATA_DIR=/data \
    DARKROOM_LOG_FORMAT=json
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["darkroom", "health"]
ENTRYPOINT ["darkroom"]
CMD ["serve"]
