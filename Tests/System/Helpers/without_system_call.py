"""Runs a program that may not make a system call, as a container's seccomp profile forbids it: it fails with EPERM.

  python3 without_system_call.py NUMBER PROGRAM ARGUMENTS...

NUMBER is that of x86-64 and ARM alike for the newer calls: 425 is io_uring_setup, 444 landlock_create_ruleset.
"""
import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, IS_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL_WITH_EPERM = 0x7FFF0000, 0x00050001


def instruction(code, yes, no, value):
    return struct.pack("HBBI", code, yes, no, value)


program = b"".join((
    instruction(LOAD, 0, 0, 0),                   # the number of the system call
    instruction(IS_EQUAL, 0, 1, int(sys.argv[1])),
    instruction(RETURN, 0, 0, FAIL_WITH_EPERM),
    instruction(RETURN, 0, 0, ALLOW),
))
memory = ctypes.create_string_buffer(program)
filter_ = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0)):
    if libc.prctl(*arguments) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[2], sys.argv[2:])
