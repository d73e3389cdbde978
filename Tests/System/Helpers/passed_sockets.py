"""Does for a program what systemd does by a .socket unit: opens sockets, and starts the program with them (sd_listen_fds(3)).

  passed_sockets.py [--again FILE] SOCKET... -- COMMAND...

A socket is udp:ADDRESS:PORT or tcp:ADDRESS:PORT, with an IPv6 address in brackets, `both:` before it for IPv4 too; unix:PATH is
one that no server wants. Addresses may be repeated (ReusePort=yes). With --again the program is started a second time when it has
ended and the file is there; the sockets stay open.
"""
import ctypes
import os
import signal
import socket
import sys
import time

SO_REUSEPORT = 15
PR_SET_PDEATHSIG = 1


def opened(text):
    isOfBoth = text.startswith("both:")
    kind, _, place = text.removeprefix("both:").partition(":")
    if kind == "unix":
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.bind(place)
        return made
    address, _, port = place.rpartition(":")
    family = socket.AF_INET6 if address.startswith("[") else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if isOfBoth else 1)
    made.setsockopt(socket.SOL_SOCKET, SO_REUSEPORT, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address.strip("[]"), int(port)))
    if kind == "tcp":
        made.listen(128)
    return made


def start(sockets, command):
    child = os.fork()
    if child:
        return child
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # First out of the way of the numbers that they get.
    copies = [os.dup(made.fileno()) for made in sockets]
    high = [os.dup2(copy, 200 + index) for index, copy in enumerate(copies)]
    for index, descriptor in enumerate(high):
        os.dup2(descriptor, 3 + index, inheritable=True)
    os.closerange(3 + len(high), 1 << 20)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES="a" + ":a" * (len(sockets) - 1))
    os.execvp(command[0], command)


def main():
    words, command = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
    again = words[1] if words[0] == "--again" else None
    sockets = [opened(text) for text in words[2 if again else 0:]]
    child = start(sockets, command)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if again:
        print("ended", code, flush=True)
        while not os.path.exists(again):
            time.sleep(0.02)
        code = os.waitstatus_to_exitcode(os.waitpid(start(sockets, command), 0)[1])
    sys.exit(code)


main()
