# Sourced: a private PostgreSQL and a private S3 server (Ceph RGW on a store in memory) for the tests, in a temporary
# folder of their own, on free ports of 127.0.0.1, with secrets made anew each time. shellcheck shell=sh
#
# services_want, install_wanted, services_start, and services_stop at the end. A guard of its own session stops them
# too, a second after the shell that started them is gone, however it went.

# The newest PostgreSQL of this machine: Debian keeps its programs out of PATH.
services_postgres_bin() {
    newest=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
    dirname "${newest:-$(command -v initdb)}"
}

services_has_postgres() {
    [ -x "$(services_postgres_bin 2>/dev/null)/initdb" ]
}

# Notes what lacks.
services_want() {
    want postgresql "the second database" services_has_postgres
    want pgbouncer "shares its connections out" test -x /usr/sbin/pgbouncer
    want radosgw "the S3 server" command -v radosgw
    want ceph-mon "the S3 server's monitor" command -v ceph-mon
    want ceph-osd "the S3 server's store" command -v ceph-osd
    want python3 "finds free ports" command -v python3
    want curl "makes the bucket, by a signed request" command -v curl
}

# A random word of 40 hexadecimal digits.
services_secret() {
    od -An -N20 -tx1 /dev/urandom | tr -d ' \n'
}

# services_ports COUNT: free ports, below those that the system gives to outgoing connections.
services_ports() {
    python3 - "$1" <<'PYTHON'
import random, socket, sys
held = []
while len(held) < int(sys.argv[1]):
    try:
        held.append(socket.create_server(("127.0.0.1", random.randrange(15000, 32000))))
    except OSError:
        pass
print(*(s.getsockname()[1] for s in held))
PYTHON
}

# services_await PORT: until something listens there, at most a minute.
services_await() {
    python3 - "$1" <<'PYTHON'
import socket, sys, time
for _ in range(600):
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
        sys.exit(0)
    except OSError:
        time.sleep(0.1)
sys.exit("nothing listens on port " + sys.argv[1])
PYTHON
}

# PostgreSQL refuses root: as root it runs as the package's user.
services_as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --clear-groups env HOME=/tmp "$@"
    else
        "$@"
    fi
}

# services_start_postgres FOLDER: exports TEST_POSTGRES_URL, a role that may do everything. Nobody needs what the tests
# write once the machine has crashed; SERVICES_FSYNC=on makes commits cost what they do elsewhere.
services_start_postgres() {
    folder=$1 bin=$(services_postgres_bin) port=$(services_ports 1) secret=$(services_secret)
    mkdir -m 700 "$folder"
    printf '%s\n' "$secret" >"$folder/secret"
    [ "$(id -u)" != 0 ] || chown -R postgres: "$folder"
    # The password goes over loopback as it is: proving it costs a debug build of the client more than the test.
    services_as_postgres "$bin/initdb" -D "$folder/data" -U darkroom -A password --pwfile="$folder/secret" \
        --no-sync -E UTF8 --locale=C.UTF-8 >"$folder/initdb.log" || return
    cat >>"$folder/data/postgresql.conf" <<CONF
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 400
# No database can be dropped while a client that a test has silenced is still to say its password.
authentication_timeout = 5s
shared_buffers = 64MB
# In its own folder, so that nothing stays behind when it is killed.
dynamic_shared_memory_type = mmap
fsync = ${SERVICES_FSYNC:-off}
synchronous_commit = ${SERVICES_FSYNC:-off}
full_page_writes = ${SERVICES_FSYNC:-off}
CONF
    services_as_postgres "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w start >"$folder/start.log" || {
        cat "$folder/log"
        return 1
    }
    TEST_POSTGRES_URL=postgres://darkroom:$secret@127.0.0.1:$port/postgres
    export TEST_POSTGRES_URL
}

# services_ceph_conf FOLDER: prints the configuration. Its parts do not prove who they are to each other; clients do.
services_ceph_conf() {
    cat <<CONF
[global]
fsid = $fsid
mon host = $mon
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
run dir = $1/run
admin socket = $1/run/\$name.\$pid.asok
log file = $1/log/\$name.log
pid file = $1/run/\$name.pid
keyring = $1/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail warn = 2
mon data avail crit = 1
osd objectstore = memstore
memstore device bytes = 4294967296
osd data = $1/osd
[mon.a]
host = localhost
mon data = $1/mon
CONF
}

# services_start_ceph FOLDER: a monitor, a store in memory, the gateway.
services_start_ceph() {
    folder=$1
    mkdir -m 700 "$folder"
    mkdir "$folder/mon" "$folder/osd" "$folder/rgw" "$folder/run" "$folder/log"
    # shellcheck disable=SC2046 # a list of numbers
    set -- $(services_ports 3)
    mon="[v2:127.0.0.1:$1,v1:127.0.0.1:$2]" port=$3
    fsid=$(cat /proc/sys/kernel/random/uuid) osd=$(cat /proc/sys/kernel/random/uuid)
    TEST_S3_ENDPOINT=http://127.0.0.1:$port TEST_S3_ACCESS_KEY=$(services_secret) TEST_S3_SECRET_KEY=$(services_secret)
    TEST_S3_BUCKET=darkroom-tests
    export TEST_S3_ENDPOINT TEST_S3_ACCESS_KEY TEST_S3_SECRET_KEY TEST_S3_BUCKET
    services_ceph_conf "$folder" >"$folder/ceph.conf"
    : >"$folder/keyring"
    services_run_ceph "$folder" "$port" "$osd" >"$folder/log/start" 2>&1 || {
        cat "$folder/log/start"
        return 1
    }
    services_make_bucket
}

# services_run_ceph FOLDER PORT STORE: the three, each a daemon with a pid file below run/.
services_run_ceph() {
    conf="-c $1/ceph.conf"
    monmaptool --create --fsid "$fsid" --addv a "$mon" "$1/monmap" || return
    # shellcheck disable=SC2086 # two words
    {
        owner=""
        [ "$(id -u)" != 0 ] || owner="--setuser root --setgroup root"
        ceph-mon --mkfs -i a --monmap "$1/monmap" $conf $owner &&
            ceph-mon -i a $conf &&
            timeout 60 ceph $conf osd new "$3" &&
            ceph-osd -i 0 --mkfs --osd-uuid "$3" $conf &&
            ceph-osd -i 0 $conf &&
            timeout 120 radosgw-admin $conf user create --uid=tests --display-name=tests \
                --access-key="$TEST_S3_ACCESS_KEY" --secret-key="$TEST_S3_SECRET_KEY" >"$1/log/user" &&
            radosgw $conf -n client.admin --ms-mon-client-mode=crc --rgw-data="$1/rgw" \
                --rgw-frontends="beast endpoint=127.0.0.1:$2" &&
            services_await "$2"
    }
}

services_make_bucket() {
    empty_sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    status=$(curl --silent --output /dev/null --write-out '%{http_code}' --request PUT \
        --aws-sigv4 aws:amz:us-east-1:s3 --user "$TEST_S3_ACCESS_KEY:$TEST_S3_SECRET_KEY" \
        --header "x-amz-content-sha256: $empty_sha256" \
        "$TEST_S3_ENDPOINT/$TEST_S3_BUCKET")
    [ "$status" = 200 ] || {
        echo "the S3 server refused to make a bucket: $status"
        return 1
    }
}

# Where the services keep what nobody needs afterwards: in memory where there is room, which costs less than a disk.
services_home() {
    room_kib=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)
    free_kib=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
    # Some systems let nothing run from there.
    mounted=$(findmnt --noheadings --output OPTIONS --target /dev/shm 2>/dev/null || echo noexec)
    if [ "${SERVICES_FSYNC:-off}" = off ] && [ "${room_kib:-0}" -ge 8388608 ] && [ "${free_kib:-0}" -ge 8388608 ] &&
        [ "${mounted#*noexec}" = "$mounted" ]; then
        echo /dev/shm
    else
        echo "${TMPDIR:-/tmp}"
    fi
}

# services_begin: services_start beside what the script does next, until services_ready.
services_begin() {
    services_folder=$(mktemp -d "$(services_home)/darkroom-tests.XXXXXX")
    { services_start "$services_folder" && export -p | grep ' TEST_' >"$services_folder/names"; } \
        >"$services_folder.started" 2>&1 &
    services_starting=$!
}

# services_ready: waits for what services_begin began, and exports its names.
services_ready() {
    # Beside the folder, which is gone where they do not start.
    wait "$services_starting" || {
        cat "$services_folder.started"
        rm -f "$services_folder.started"
        exit 1
    }
    rm -f "$services_folder.started"
    # shellcheck source=/dev/null # written above
    . "$services_folder/names"
}

# services_start [FOLDER]: both, in a new folder or in one that is named; a guard watches over the calling shell.
services_start() {
    services_folder=${1:-$(mktemp -d "$(services_home)/darkroom-tests.XXXXXX")}
    mkdir -p "$services_folder"
    chmod 711 "$services_folder"
    # shellcheck disable=SC2016 # the guard's own words
    setsid sh -c '. "$1"; while kill -0 "$2" 2>/dev/null; do sleep 1; done; services_stop_in "$3"' \
        guard scripts/services.sh $$ "$services_folder" >/dev/null 2>&1 </dev/null &
    if ! services_start_ceph "$services_folder/ceph" || ! services_start_postgres "$services_folder/postgres"; then
        services_stop
        exit 1
    fi
}

# Stops what services_start started, and removes its folder.
services_stop() {
    [ -n "${services_folder:-}" ] || return 0
    services_stop_in "$services_folder"
    services_folder=""
}

# services_stop_in FOLDER: the data are thrown away, so nobody is given time to keep them.
services_stop_in() {
    number=$1/postgres/data/postmaster.pid tries=0
    for file in "$1"/ceph/run/*.pid; do
        services_signal KILL "$file"
    done
    services_signal QUIT "$number"
    # PostgreSQL takes its children along; when it has, its file is gone.
    while [ -e "$number" ] && [ "$tries" -lt 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    services_signal KILL "$number"
    rm -rf "$1"
}

# services_signal SIGNAL FILE: to the process whose number is the file's first line, where there is one.
services_signal() {
    process=$(head -n 1 "$2" 2>/dev/null) || return 0
    kill "-$1" "$process" 2>/dev/null || true
}
