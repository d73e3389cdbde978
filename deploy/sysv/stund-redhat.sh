#!/bin/sh
# Starts stund on systems with the init scripts of Red Hat: copy it to /etc/init.d/stund, then "chkconfig --add stund"
# (docs/install.md).
#
# chkconfig: 2345 80 20
# description: stund tells clients their public address, and relays for those that cannot reach each other.
# processname: stund
# config: /etc/sysconfig/stund
# pidfile: /var/run/stund/stund.pid
#
# STUND_OPTS in /etc/sysconfig/stund are its options; START_STUND="no" there keeps it from starting.
#
### BEGIN INIT INFO
# Provides:          stund
# Required-Start:    $network $remote_fs
# Should-Start:      $syslog $named
# Required-Stop:     $network $remote_fs
# Should-Stop:       $syslog
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: STUN and TURN server
# Description:       Tells clients their public address, and relays for those that cannot reach each other.
### END INIT INFO

STUND=${STUND:-/usr/sbin/stund}
CONFIG_FILES=${CONFIG_FILES:-/etc/sysconfig/stund}
# Red Hat's init asks at shutdown only the services that have a file here.
LOCK=${LOCK:-/var/lock/subsys/stund}
RUN=${RUN:-/var/run/stund}
STATE=${STATE:-/var/lib/stund}
# Longer than the drain-time of the settings, for which a server that is stopped lets calls go on.
STOP_SECONDS=${STOP_SECONDS:-90}

START_STUND=yes
# Whoever may change the settings must not be able to keep the server root: so an option names its user.
STUND_OPTS=
if id stund >/dev/null 2>&1; then STUND_OPTS="--set run-as=stund"; fi
for file in $CONFIG_FILES; do
    # shellcheck disable=SC1090
    if [ -r "$file" ]; then . "$file"; fi
done

# Whether a process is a server. One that has ended and that nobody took note of has no command line any more.
is_server() {
    [ "$(cat "/proc/$1/comm" 2>/dev/null)" = stund ] && [ -n "$(tr -d '\0' 2>/dev/null <"/proc/$1/cmdline")" ]
}

# The server's process; nothing when it does not run. A file that a dead server has left may hold another's number.
server() {
    number=$(cat "$RUN/stund.pid" 2>/dev/null) || return 1
    is_server "$number" && echo "$number"
}

start() {
    if [ "$START_STUND" != yes ]; then
        echo "stund does not start: START_STUND is not \"yes\" in $CONFIG_FILES."
        return 6
    fi
    if server >/dev/null; then
        echo "stund runs already."
        return 0
    fi
    if [ ! -x "$STUND" ]; then
        echo "$STUND is missing: link it to the program." >&2
        return 5
    fi
    mkdir -p "$RUN" "$STATE" && chmod 755 "$RUN" && chmod 700 "$STATE" || return 1
    # By these names the server and its commands know that it is a service.
    RUNTIME_DIRECTORY=$RUN STATE_DIRECTORY=$STATE
    export RUNTIME_DIRECTORY STATE_DIRECTORY
    case " $STUND_OPTS" in
        *[[:space:]]-config* | *[[:space:]]--config*) ;;
        *) STUND_OPTS="--config /etc/stund/stund.yaml $STUND_OPTS" ;;
    esac
    # systemd, which runs such scripts too, must not be taken for what runs the server: it would stay in the foreground.
    unset INVOCATION_ID NOTIFY_SOCKET
    # The command ends when the ports are open, and tells why when they cannot be. Options are words, and no patterns.
    set -f
    # shellcheck disable=SC2086
    "$STUND" $STUND_OPTS || return
    if [ -d "${LOCK%/*}" ]; then : >"$LOCK"; fi
}

stop() {
    number=$(server) || {
        echo "stund does not run."
        return 0
    }
    kill -TERM "$number" || return 4
    while [ "$STOP_SECONDS" -gt 0 ]; do
        if ! is_server "$number"; then
            rm -f "$LOCK"
            return 0
        fi
        sleep "${POLL:-1}"
        STOP_SECONDS=$((STOP_SECONDS - 1))
    done
    echo "stund still waits for calls to end: \"stund status\" tells how many, \"kill -INT $number\" ends it at once." >&2
    return 1
}

status() {
    if number=$(server); then
        echo "stund runs (process $number)."
        return 0
    fi
    echo "stund does not run."
    if [ -e "$RUN/stund.pid" ]; then return 1; fi
    if [ -e "$LOCK" ]; then return 2; fi
    return 3
}

reload() {
    number=$(server) || {
        echo "stund does not run." >&2
        return 7
    }
    kill -HUP "$number"
}

case $1 in
    start) start ;;
    stop) stop ;;
    restart | force-reload) stop && start ;;
    try-restart | condrestart)
        if server >/dev/null; then stop && start; fi
        ;;
    reload) reload ;;
    status) status ;;
    *)
        echo "Usage: $0 start|stop|restart|try-restart|reload|force-reload|status" >&2
        exit 2
        ;;
esac
