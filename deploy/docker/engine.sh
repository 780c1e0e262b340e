# For scripts that source it: a Docker engine, and images where none can be pulled. Needs WORK, a folder of the caller's.
say() { printf '\n== %s\n' "$*"; }

# The engine that answers; else one of our own, which needs dockerd and root.
start_engine() {
    docker info > /dev/null 2>&1 && return
    say "starting a daemon"
    export DOCKER_HOST=unix://$WORK/docker.sock
    dockerd --host "$DOCKER_HOST" --data-root "$WORK/data" --exec-root "$WORK/exec" --pidfile "$WORK/dockerd.pid" \
        > "$WORK/dockerd.log" 2>&1 &
    for _ in $(seq 60); do docker info > /dev/null 2>&1 && return; sleep 1; done
    docker info > /dev/null
}

stop_engine() {
    [ -f "$WORK/dockerd.pid" ] || return 0
    kill "$(cat "$WORK/dockerd.pid")" 2> /dev/null && sleep 3
}

# has IMAGE: whether it is here, or can be pulled.
has() { docker image inspect "$1" > /dev/null 2>&1 || timeout 60 docker pull -q "$1" 2> /dev/null; }

# debian TAG PACKAGE...: an image of Debian's own packages.
debian() {
    local tag=$1 root=$WORK/${1//[:\/]/-} packages
    shift
    packages=$(IFS=,; echo "$*")
    debootstrap --variant=minbase --include="$packages" bookworm "$root" > "$root.log"
    # What this machine trusts, such as a proxy's authority, the base trusts, too.
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' > "$root/etc/pip.conf"
    tar -C "$root" -c . | docker import - "$tag" > /dev/null
    rm -rf "$root"
}

# Our image, as the sources are now.
build_image() {
    if ! has python:3.11-slim-bookworm; then
        say "no image can be pulled: making Python's of Debian's packages"
        debian python:3.11-slim-bookworm python3 python3-venv ca-certificates
    fi
    say "building"
    docker build --network host -q -f deploy/docker/Dockerfile -t unlearn .
}

# Stand-ins under the names of Kafka's, Redis' and Prometheus' own images, for what we ask of them: Kafka is the very
# release, from Maven; Redis and Prometheus are Debian's, which are older than their names say.
need_services() {
    local kafka=$1 redis jars
    has "$kafka" && has redis:7.2 && has redis:7.2.7-alpine && has prom/prometheus:v3.7.3 && return
    say "no image can be pulled: making those of Kafka, Redis and Prometheus"
    docker image inspect unlearn-services-base > /dev/null 2>&1 ||
        debian unlearn-services-base openjdk-17-jre-headless redis-server prometheus ca-certificates
    jars=$(.venv/bin/python -c 'from unlearn.services.jars import kafka_jars; print(kafka_jars(print))' | tail -1)
    mkdir -p "$WORK/kafka"
    cp -r "$jars" "$WORK/kafka/jars"
    cp deploy/docker/stand_in_kafka.sh "$WORK/kafka"
    docker build -q -t "$kafka" -f - "$WORK/kafka" > /dev/null << 'END'
FROM unlearn-services-base
COPY jars /opt/kafka/libs
COPY stand_in_kafka.sh /
RUN useradd -u 1000 appuser && mkdir -p /var/lib/kafka/data && chown -R appuser /var/lib/kafka
USER appuser
VOLUME /var/lib/kafka/data
CMD ["bash", "/stand_in_kafka.sh"]
END
    for redis in redis:7.2 redis:7.2.7-alpine; do
        docker build -q -t $redis - > /dev/null << 'END'
FROM unlearn-services-base
RUN mkdir /data && chown redis /data
USER redis
WORKDIR /data
VOLUME /data
ENTRYPOINT ["bash", "-c", "exec \"$@\" --protected-mode no", "redis"]
CMD ["redis-server"]
END
    done
    docker build -q -t prom/prometheus:v3.7.3 - > /dev/null << 'END'
FROM unlearn-services-base
RUN mkdir -p /prometheus && chown nobody /prometheus
USER nobody
WORKDIR /prometheus
VOLUME /prometheus
ENTRYPOINT ["/usr/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
END
}

# inserts NUMBER: so many events of 30 subjects, a line each.
inserts() {
    local i
    for i in $(seq "$1"); do
        echo '{"type":"insert","event_id":"e'"$i"'","record_id":"r'"$i"'","subject_id":"s'$((i % 30))'","label":"'"$([ $((i % 2)) = 0 ] && echo spam || echo ham)"'","text":"word'$((i % 7))' and word'"$((i % 11))"'"}'
    done
}

# Addresses of Kafka and Redis that nobody else has, for `unlearn services`.
free_addresses() {
    local ports
    read -ra ports < <(python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(one.getsockname()[1] for one in held))')
    export UNLEARN_KAFKA__BOOTSTRAP_SERVERS=127.0.0.1:${ports[0]} UNLEARN_REDIS__URL=redis://127.0.0.1:${ports[1]}/0
    FREE_PORT=${ports[2]} S3_PORT=${ports[3]}
}
