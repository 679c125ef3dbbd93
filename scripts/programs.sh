# Sourced by scripts/test, scripts/check and the gates: builds all test programs once and runs each as Cargo would, so
# that the house runs on two set-ups, and beside what the crates test for themselves, without Cargo choosing other
# features and building anew. Everything is kept in a folder of logs: a log for each run, `ended-badly` with what failed
# (log, folder and program, set-up), and `shaky` with what passed when it ran again.
# shellcheck shell=sh

# programs_build LOGS: builds, and lists in `programs` for each program its package, the package's folder and its path.
programs_build() {
    cargo test --locked --workspace --exclude bench --lib --bins --tests --no-run \
        --message-format=json-render-diagnostics >"$1/built"
    python3 - "$1/built" >"$1/programs" <<'PYTHON'
import json, os, sys
for line in open(sys.argv[1]):
    said = json.loads(line)
    if said.get("executable") and said["profile"]["test"]:
        folder = os.path.dirname(said["manifest_path"])
        print(said["target"]["name"], folder, said["executable"], sep="\t")
PYTHON
    grep -q "^house	" "$1/programs" || {
        echo "the tests of the house were not built"
        exit 1
    }
}

# programs_failed LOG [FOLDER PROGRAM STATUS]: notes that the run of that log ended badly, and how to run it again.
programs_failed() {
    printf '%s\t%s\t%s\t%s\t%s\n' "$(basename "$1")" "${4:-0}" "${2:-}" "${3:-}" "${TEST_SETUP:-}" \
        >>"$(dirname "$1")/ended-badly"
}

# programs_in FOLDER COMMAND…: runs it as Cargo runs a test of the package in that folder.
programs_in() (
    cd "$1" || exit
    export CARGO_MANIFEST_DIR="$1"
    shift
    exec "$@"
)

# programs_run NAME LOG THREADS ARGUMENT…: runs the program of that name, shown line by line.
programs_run() {
    name=$1 kept=$2 threads=$3
    shift 3
    found=$(grep "^$name	" "$(dirname "$kept")/programs")
    folder=$(echo "$found" | cut -f 2) program=$(echo "$found" | cut -f 3)
    { RUST_TEST_THREADS=$threads programs_in "$folder" "$program" "$@" 2>&1 ||
        programs_failed "$kept" "$folder" "$program" $?; } | tee "$kept"
}

# programs_begin LOGS THREADS: runs, beside what the script does next, all programs but the house's one after another, and
# then the house's on the second set-up; each is shown when it has ended.
programs_begin() {
    # shellcheck disable=SC2016 # the other shell's own words
    setsid sh -c '. scripts/programs.sh; programs_run_crates "$1"; programs_run_second "$1" "$2"' beside "$1" "$2" &
    programs_beside=$!
}

programs_run_crates() {
    grep -v "^house	" "$1/programs" | while IFS='	' read -r name folder program; do
        log=$1/crate-$(basename "$program")
        RUST_TEST_THREADS=$(nproc) programs_in "$folder" "$program" >"$log" 2>&1 </dev/null ||
            programs_failed "$log" "$folder" "$program" $?
        printf '\n%s\n%s\n' "$name" "$(cat "$log")"
    done
}

# The house on PostgreSQL and S3. Not once more: what concerns no set-up (house, pictures, how pages look), or chooses its
# own (durability, several).
programs_run_second() (
    export TEST_SETUP=postgres-s3
    programs_run house "$1/second" "$2" \
        --skip browser::d_25_theme_phone_and_no_script_path --skip browser::every_page_keeps_its_budget \
        api:: api_v1:: bad_input:: browser:: commands:: delivery:: first_picture:: hostile:: revocation:: schemes:: \
        sdk:: signed_urls:: storage_door:: >/dev/null
    printf '\nthe house on PostgreSQL and S3\n%s\n' "$(cat "$1/second")"
)

# Waits for what programs_begin began.
programs_wait() {
    wait "$programs_beside"
    programs_beside=""
}

# Stops what programs_begin began, where it still runs.
programs_stop() {
    [ -z "${programs_beside:-}" ] || kill -- "-$programs_beside" 2>/dev/null || true
}

# programs_again LOGS: runs the few tests that failed once more, one by one, while nothing else runs. Those that pass now
# hung on what ran beside them: they are listed, since each is a defect to mend, and do not fail the run.
programs_again() {
    [ -f "$1/ended-badly" ] || return 0
    mv "$1/ended-badly" "$1/to-try"
    while IFS='	' read -r log status folder program setup; do
        names=$(programs_names "$1/$log")
        # 101: it came to its end, and tests had failed.
        if [ "$status" = 101 ] && programs_few "$names" && (
            [ -z "$setup" ] || export TEST_SETUP="$setup"
            # shellcheck disable=SC2086 # names of tests have no spaces
            programs_in "$folder" "$program" --exact --test-threads=1 $names </dev/null >"$1/again-$log" 2>&1
        ) && grep -q "^test result: ok. $(echo "$names" | wc -w) passed" "$1/again-$log"; then
            echo "$names" >>"$1/shaky"
        else
            programs_failed "$1/$log"
        fi
    done <"$1/to-try"
}

# programs_few NAMES: whether it is worth while to run them again; none are there where a program ended before its time.
programs_few() {
    count=$(echo "$1" | wc -w)
    [ "$count" -ge 1 ] && [ "$count" -le 5 ]
}

# programs_names LOG: the tests that it lists as failed, in one line.
programs_names() {
    sed -n '/^failures:$/,/^test result:/s/^    \([a-z_0-9:]*\)$/\1/p' "$1" | sort -u | tr '\n' ' '
}

# programs_total WORD LOGS: adds up one number of all closing lines: `12 passed`.
programs_total() {
    cat "$2"/first "$2"/second "$2"/crate-* "$2"/doc 2>/dev/null |
        sed -n "s/^test result:.* \([0-9]*\) $1.*/\1/p" | awk '{ sum += $1 } END { print sum + 0 }'
}

# programs_failures LOGS: each test that failed, with the first lines of its panic.
programs_failures() {
    for kept in "$1"/first "$1"/second "$1"/crate-* "$1"/doc; do
        [ ! -f "$kept" ] || awk -v where="$(basename "$kept")" '
            /^---- .* stdout ----$/ { printf "\nFAILED %s (%s)\n", $2, where; left = 5; next }
            /^thread .* panicked at / { left = 15 }
            /^(failures:|note: run with|stack backtrace:)/ { left = 0 }
            left > 0 && NF { print "    " substr($0, 1, 400); left-- }
        ' "$kept"
    done
}
