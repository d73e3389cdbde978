"""A service manager's socket (sd_notify(3)): prints what a service tells, a line for each message, until it is ended.

  service_manager.py SOCKET
"""
import socket
import sys

manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
# A name that begins with @ is in no file system.
manager.bind("\0" + sys.argv[1][1:] if sys.argv[1].startswith("@") else sys.argv[1])
print("listening", flush=True)
while True:
    print(manager.recv(4096).decode().replace("\n", " "), flush=True)
