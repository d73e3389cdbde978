// Linux calls and macros that Swift cannot see: the _GNU_SOURCE part of <sys/socket.h>, and control messages.
// Nothing here decides anything; the loops over packets are in Swift.
#ifndef STUND_CLINUX_H
#define STUND_CLINUX_H

#include "CLinuxRing.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/types.h>

// The kernel's struct mmsghdr under a name that needs no feature macro; the layouts are compared at compile time.
struct clinux_mmsghdr {
    struct msghdr header;
    unsigned int length;
};

// Room for the control messages that name a local address, IPv4 or IPv6, set a traffic class, and cut a train.
enum { CLINUX_CONTROL_SIZE = 96 };

// What <netinet/in.h> and <netinet/udp.h> show only in part, or as macros that Swift does not import.
enum {
    CLINUX_UDP_GRO = 104,
    CLINUX_IPV6_PREFER_SRC_PUBLIC = 2,
};

int clinux_recvmmsg(int fd, struct clinux_mmsghdr *messages, unsigned int count, int flags);
int clinux_sendmmsg(int fd, struct clinux_mmsghdr *messages, unsigned int count, int flags);

// Asks for the local address of each datagram to come with it. Returns 0, or -1 with errno.
int clinux_enable_packet_info(int fd, int family);

// Copies the local address of a received datagram to `out`: returns 4 or 16, 0 when the message does not say, and -1 when
// the datagram was sent to a broadcast or multicast address.
int clinux_packet_info(const struct msghdr *header, uint8_t out[16]);

// The TOS byte (IPv4) or traffic class (IPv6) of a received datagram; 0 when the message does not say.
uint8_t clinux_traffic_class(const struct msghdr *header);

// The length of all datagrams but the last in a train that came as one; 0 when it is no train.
int clinux_segment(const struct msghdr *header);

// Asks for trains to come as one, where the kernel can do that (Linux 5.0).
void clinux_receive_trains(int fd);

// Writes the control message that sets this byte for a datagram to an address of `family`. Returns its size.
size_t clinux_set_traffic_class(void *control, int family, uint8_t byte);

// Writes the control message that sets the source address of a datagram; `length` is 4 or 16. Returns its size.
size_t clinux_set_source(void *control, const uint8_t *address, int length);

// Writes the control message that has the system cut one buffer into datagrams of `size` bytes. Returns its size.
size_t clinux_set_segment(void *control, uint16_t size);

// epoll_pwait2 without a signal mask: waits so many nanoseconds at most. Swift would find the system's timespec in this
// module then, and no longer in its own.
int clinux_epoll_wait(int epoll, struct epoll_event *events, int count, uint64_t nanoseconds);

// One entry of a socket's error queue.
struct clinux_queued_error {
    struct sockaddr_in6 destination;  // of the datagram that failed; an IPv4 one lies in it as sockaddr_in
    uint32_t info;
    int32_t code;
    uint8_t origin;
    uint8_t icmp_type;
    uint8_t icmp_code;
};

// Takes the first entry of a socket's error queue. Returns 1, or 0 when it is empty or fails.
int clinux_next_error(int fd, struct clinux_queued_error *out);

// The origins of an error that a socket's user is told.
enum { CLINUX_ORIGIN_LOCAL = 1, CLINUX_ORIGIN_ICMP = 2, CLINUX_ORIGIN_ICMP6 = 3 };

// Takes a connection that waits at a listening socket, as one that does not block and is closed on exec, with the address
// that it came from. Returns its descriptor, or -1 with errno.
int clinux_accept(int fd, struct sockaddr_in6 *from);

// What <netinet/tcp.h> shows only in part.
enum { CLINUX_TCP_NOTSENT_LOWAT = 25 };

// A pipe for clinux_splice, `ends[0]` to read from. Returns 0, or -1 with errno.
int clinux_pipe(int ends[2]);

// Moves bytes between a pipe and a stream without copying them to the program. Returns how many, 0 when the stream has ended,
// or -1 with errno. Never waits.
ssize_t clinux_splice(int from, int to, size_t count);

// Makes the calling thread of a root's process somebody else's, with the one right to open ports below 1024, where root has that;
// a program that it executes has the same, and no program that this one starts gets more. The groups are the caller's to set.
// Returns 0, or -1 with errno.
int clinux_leave_root(uid_t user, gid_t group);

// Makes a folder somebody's, with the files, folders and sockets in it. No symbolic link is followed, and of files with several
// names none is given away: whoever could write to the folder may have put them there. Returns 0, or -1 with errno.
int clinux_give_folder(const char *path, uid_t user, gid_t group);

// Whether a user may read (R_OK), write (W_OK) or pass through (X_OK) a file, asked by a child of a root's process which becomes that
// user: 0, the errno of a refusal, or -1 when it cannot be asked.
int clinux_ask_access(const char *path, int mode, const char *name, uid_t user, gid_t group);

// The number of processors that this process may use, at least 1.
int clinux_processor_count(void);

// Keeps the calling thread on the index-th of the processors that it may use now, beginning anew behind the last; returns
// the processor's number, or minus errno.
int clinux_pin_thread(int index);

// The version of Landlock that the kernel has, from 1 on; less than 1 when it has none.
int clinux_landlock_version(void);

// A set of rules by which no file may be opened or changed; returns its descriptor, or -1 with errno.
int clinux_landlock_begin(void);

// Allows a folder with all that is in it, or a file: to be read, and with `writes` to be changed. Returns 0, or -1 with errno.
int clinux_landlock_allow(int ruleset, const char *path, int writes);

// Holds all threads of the process to the rules for good, and those to come. Returns 0, or with errno -1 when nothing has changed, EBUSY
// when a thread blocks the signal that this takes, and -2 when some threads are held by now and others are not.
int clinux_landlock_enforce(int ruleset);

// Whether seccomp can refuse system calls here.
int clinux_seccomp_is_known(void);

// Has the system calls refused (EPERM), for all threads and for good, that no server needs after its start. Returns 0, or -1 with errno.
int clinux_seccomp_enforce(void);

#endif
