# Sourced: brings what tests drive and the house does not need: a browser, Node with the official clients and an
# image tool, Python with the official client. shellcheck shell=sh

oldest_node=20

# Whether a Node is there and new enough.
has_node() {
    "${1:-node}" -e "process.exit(parseInt(process.versions.node) >= $oldest_node ? 0 : 1)"
}

# Whether a Python is there that can make a folder of packages.
has_venv() {
    python3 -c 'import venv, ensurepip'
}

# Names Node for the tests (TEST_NODE), brought by npm where Debian's is too old.
bring_node() {
    own=$PWD/.tools/node/node_modules/node/bin/node
    if has_node 2>/dev/null; then
        TEST_NODE=$(command -v node)
    elif has_node "$own" 2>/dev/null; then
        TEST_NODE=$own
    else
        note "Node is older than $oldest_node: npm brings one into .tools/node"
        npm install --silent --no-audit --no-fund --no-save --prefix .tools/node node@22
        TEST_NODE=$own
    fi
    PATH=$(dirname "$TEST_NODE"):$PATH
    export TEST_NODE PATH
}

# up_to_date FOLDER FILE…: whether FOLDER was filled from the files as they are now.
up_to_date() {
    folder=$1
    shift
    [ -f "$folder/.filled-from" ] && [ "$(cat "$@" | cksum)" = "$(cat "$folder/.filled-from")" ]
}

# The packages of tests/package.json.
bring_node_packages() {
    up_to_date tests/node_modules tests/package-lock.json && return 0
    note "packages for Node"
    npm ci --silent --no-audit --no-fund --prefix tests
    cat tests/package-lock.json | cksum >tests/node_modules/.filled-from
}

# The packages of tests/requirements.txt.
bring_python_packages() {
    up_to_date .tools/python tests/requirements.txt && return 0
    note "packages for Python"
    rm -rf .tools/python
    python3 -m venv .tools/python
    .tools/python/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
    cat tests/requirements.txt | cksum >.tools/python/.filled-from
}

# The spelling check.
bring_typos() {
    [ -x .tools/typos/bin/typos ] && return 0
    rm -rf .tools/typos
    python3 -m venv .tools/typos
    .tools/typos/bin/pip install --quiet --disable-pip-version-check typos==1.52.0
}

want_node() {
    has_node 2>/dev/null || want nodejs "runs the official client and the browser's scripts" command -v node
    # Debian's nodejs comes without npm; other builds bring it along.
    want npm "brings the packages for Node" command -v npm
    want ca-certificates "lets npm and pip trust their registries" test -e /etc/ssl/certs/ca-certificates.crt
}

# Everything, for `make test`.
bring_tools() {
    want_node
    want chromium-headless-shell "walks the dashboard" command -v chromium-headless-shell
    want fonts-dejavu-core "text in the browser" test -d /usr/share/fonts/truetype/dejavu
    want python3 "runs the official client for Python" command -v python3
    want python3-venv "holds that client's packages" has_venv
    want strace "tells in which order a program writes and flushes" command -v strace
    install_wanted
    bring_node
    bring_node_packages
    bring_python_packages
    # The shell without windows takes half the processor that the whole browser takes to start.
    CHROMIUM=$(command -v chromium-headless-shell)
    export CHROMIUM
}
