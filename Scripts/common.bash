# Sourced by the other scripts, not run: what they share, which is the words they use to speak to a person
# and the check for a Swift toolchain, so that every command gives the same sentence.
# shellcheck shell=bash

# The root of the clone: every script works from there, in whatever folder it was called.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# Exit codes of sysexits.h, as the server itself uses them.
readonly EX_UNAVAILABLE=69

# How programs are built for release: with Swift's libraries in them, so that they run where no Swift is. One way for all, as
# another one would build everything anew.
# shellcheck disable=SC2034
readonly release=(-c release --static-swift-stdlib)

say() { printf '%s\n' "$*"; }

# Says why the script cannot go on and what to do, and ends it with the given exit code.
stop() {
    local code=$1
    shift
    printf '%s\n' "$*" >&2
    exit "$code"
}

# The manifest needs tools version 6.2 and the sources use what came with 6.3.
need_swift() {
    local needed_major=6 needed_minor=3 text major minor
    command -v swift >/dev/null 2>&1 || stop "$EX_UNAVAILABLE" \
        "No Swift toolchain was found (no 'swift' in PATH). stund needs Swift $needed_major.$needed_minor or newer:" \
        "install it as https://www.swift.org/install/linux/ says, open a new shell and run this again."
    text=$(swift --version 2>/dev/null) || true
    if [[ ! $text =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]]; then
        stop "$EX_UNAVAILABLE" "'swift --version' did not tell a version. Is $(command -v swift) a Swift toolchain?" \
            "stund needs Swift $needed_major.$needed_minor or newer: https://www.swift.org/install/linux/"
    fi
    major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
    if ((major < needed_major || (major == needed_major && minor < needed_minor))); then
        stop "$EX_UNAVAILABLE" "Swift $major.$minor was found at $(command -v swift)," \
            "but stund needs $needed_major.$needed_minor or newer: https://www.swift.org/install/linux/"
    fi
}
