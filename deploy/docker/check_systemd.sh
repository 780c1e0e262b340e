#!/usr/bin/env bash
# Run by check.sh, which starts an engine. A container in which systemd itself runs the units, hardened as they are.
set -euo pipefail
. deploy/docker/engine.sh
NAME=unlearn-check-systemd
RUN=$(mktemp -d -p "$WORK")
cleanup() {
    docker rm -f $NAME > /dev/null 2>&1 || true
    .venv/bin/unlearn services down --erase > /dev/null 2>&1 || true
}
trap cleanup EXIT

build_image
docker image inspect unlearn-systemd-base > /dev/null 2>&1 ||
    debian unlearn-systemd-base systemd systemd-sysv python3 libnss-systemd ca-certificates

say "services"
export UNLEARN_SERVICES_DIR=$RUN UNLEARN_MODEL=systemd-check UNLEARN_SECRET=only-to-check-systemd-0001
free_addresses
.venv/bin/unlearn services up
PASSWORD=$(cat "$RUN"/redis*/password* 2> /dev/null | head -1)

say "units"
mkdir -p "$RUN/context/etc"
cp -r deploy/systemd "$RUN/context/units"
rm "$RUN/context/units/check.sh"
printf '%s\n' "UNLEARN_MODEL=$UNLEARN_MODEL" "UNLEARN_KAFKA__BOOTSTRAP_SERVERS=$UNLEARN_KAFKA__BOOTSTRAP_SERVERS" \
    > "$RUN/context/etc/unlearn.env"
printf 'UNLEARN_HTTP=127.0.0.1:%s\n' "$FREE_PORT" > "$RUN/context/etc/worker-1.env"
echo "$UNLEARN_SECRET" > "$RUN/context/etc/secret"
echo "${UNLEARN_REDIS__URL/:\/\//:\/\/:$PASSWORD@}" > "$RUN/context/etc/redis-url"
chmod 600 "$RUN"/context/etc/*
docker build -q -t $NAME -f - "$RUN/context" > /dev/null << 'END'
FROM unlearn AS built
FROM unlearn-systemd-base
COPY --from=built /opt/unlearn /opt/unlearn
COPY units /etc/systemd/system
COPY etc /etc/unlearn
STOPSIGNAL SIGRTMIN+3
# As on a machine: what is mounted for a unit, such as its credentials, shows where it is looked for.
CMD ["sh", "-c", "mount --make-rshared / && exec /lib/systemd/systemd"]
END
# What systemd needs to make namespaces and groups of its own; not all that --privileged gives, which isn't to be had everywhere.
docker run -d --name $NAME --cap-add SYS_ADMIN --cap-add SYS_PTRACE --security-opt seccomp=unconfined \
    --security-opt apparmor=unconfined --cgroupns private -v /sys/fs/cgroup:/sys/fs/cgroup --tmpfs /run --tmpfs /tmp \
    --network host $NAME > /dev/null
inside() { docker exec -i $NAME "$@"; }
fail() { inside systemctl status --no-pager -l "$1" || true; inside journalctl --no-pager -u "$1" | tail -30; exit 1; }
for _ in $(seq 60); do inside systemctl is-system-running 2> /dev/null | grep -qE 'running|degraded' && break; sleep 1; done

say "a worker and a scorer of systemd's"
.venv/bin/unlearn topics create
inserts 200 | .venv/bin/unlearn send -
inside systemctl start unlearn-worker@1 || fail unlearn-worker@1
for _ in $(seq 120); do
    python3 -c 'import sys, urllib.request as u
u.build_opener(u.ProxyHandler({})).open(sys.argv[1], None, 20)' "http://127.0.0.1:$FREE_PORT/readyz" 2> /dev/null && break
    inside systemctl is-active -q unlearn-worker@1 || fail unlearn-worker@1
    sleep 1
done
printf 's1\ns2\ns3\n' | .venv/bin/unlearn forget --subjects - --wait 120 --open "$RUN/open.csv" || fail unlearn-worker@1
inside systemctl start unlearn-serve || fail unlearn-serve
for _ in $(seq 120); do
    inside python3 -c 'import urllib.request as u; u.urlopen("http://127.0.0.1:8081/readyz", None, 20)' 2> /dev/null && break
    sleep 1
done
scores() {
    inside python3 -c 'import urllib.request as u
print(u.urlopen("http://127.0.0.1:8081/scores", b"{\"texts\": [\"word1 and word2\"]}", 20).read().decode())'
}
# Until the worker's slices have ended, and its trainers have learned them, both classes are alike.
for _ in $(seq 120); do scores > "$RUN/scores" && ! grep -q '0.5, 0.5' "$RUN/scores" && break; sleep 1; done
cat "$RUN/scores"
! grep -q '0.5, 0.5' "$RUN/scores" || fail unlearn-worker@1
inside ls -ld /var/lib/private/unlearn/store
inside systemctl stop unlearn-worker@1
inside systemctl show -p Result -p ExecMainStatus unlearn-worker@1 | tee "$RUN/ended"
grep -q Result=success "$RUN/ended"

say "a wrong setting isn't tried again and again"
inside sh -c 'echo UNLEARN_PARTITIONS=many >> /etc/unlearn/worker-2.env'
inside systemctl start unlearn-worker@2 || true
for _ in $(seq 30); do [ "$(inside systemctl is-active unlearn-worker@2)" = failed ] && break; sleep 1; done
inside systemctl show -p NRestarts -p ExecMainStatus unlearn-worker@2 | tee "$RUN/refused"
grep -q NRestarts=0 "$RUN/refused" && grep -q ExecMainStatus=64 "$RUN/refused"
