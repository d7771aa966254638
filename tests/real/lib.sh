# What the tests of tests/real share; sourced with the peerup program as $1. It makes a folder $work, which becomes HOME and
# the working folder, and removes it with every process of the test at the end.
# shellcheck shell=bash

peerup=$(realpath "$1")
work=$(mktemp -d)
# shellcheck source=tests/lib/check.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/check.sh"
unset XDG_CONFIG_HOME XDG_STATE_HOME
export HOME=$work
cd "$work" || exit 1
port=$((20000 + $$ % 20000)) # of the relay; those of other programs follow it

cleanup() {
    kill_jobs
    rm -rf "$work"
}
trap cleanup EXIT

# exits CODE COMMAND...: whether the command ends with that code.
exits() {
    local want=$1 code=0
    shift
    "$@" || code=$?
    [ "$code" -eq "$want" ] || { echo "exit code $code, not $want"; return 1; }
}

# says WORDS COMMAND...: whether its output, errors included, has the words.
says() {
    local words=$1 output
    shift
    output=$("$@" 2>&1)
    grep -qF -- "$words" <<<"$output" || { printf '%s\n' "$output"; return 1; }
}

# tells PATTERN COMMAND...: the same by a pattern of grep -E.
tells() {
    local pattern=$1 output
    shift
    output=$("$@" 2>&1)
    grep -qE -- "$pattern" <<<"$output" || { printf '%s\n' "$output"; return 1; }
}

# nodes NAME...: their identities; the file NAME.id has the id of each.
nodes() {
    local node
    for node in "$@"; do
        "$peerup" init --dir "$node" >"$node.id" 2>/dev/null
    done
}

# configure NODE KEY: VALUE...: it listens on loopback, at $port the relay, and has these lines besides.
configure() {
    local at=0
    [ "$1" = relay ] && at=$port
    {
        echo "network: {listen_addresses: [/ip4/127.0.0.1/udp/$at/quic-v1, /ip4/127.0.0.1/tcp/$at]}"
        printf '%s\n' "${@:2}" 'daemon: {state_dir: state}'
    } >"$1/config.yaml"
}

# authorize_all: the relay lets in home and laptop, these each other and the relay.
authorize_all() {
    local node
    for node in home laptop; do
        "$peerup" auth add "$(cat $node.id)" --file relay/authorized_keys
        "$peerup" auth add "$(cat relay.id)" --file $node/authorized_keys
    done 2>/dev/null
    at home auth add "$(cat laptop.id)" 2>/dev/null
    at laptop auth add "$(cat home.id)" 2>/dev/null
}

# start NODE OPTION...: as its daemon; its process id goes to the variable NODE_pid, what it says to NODE.log.
start() {
    local node=$1 command=(daemon)
    shift
    [ "$node" = relay ] && command=(relay serve)
    "$peerup" "${command[@]}" --config "$node/config.yaml" "$@" >/dev/null 2>"$node.log" &
    eval "${node}_pid=$!"
}

# serve_www: the folder www at $port + 1; fetch.py URL [HEADER] prints what is there.
serve_www() {
    (cd www && exec python3 -m http.server $((port + 1)) --bind 127.0.0.1 >/dev/null 2>&1) &
    cat >fetch.py <<'PYTHON'
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers=dict(h.split(": ") for h in sys.argv[2:]))
sys.stdout.buffer.write(urllib.request.urlopen(request, timeout=20).read())
PYTHON
}

at() { # NODE COMMAND...: peerup with that node's configuration
    local node=$1
    shift
    "$peerup" "$@" --config "$node/config.yaml"
}
