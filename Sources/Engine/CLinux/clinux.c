#define _GNU_SOURCE
#include "CLinux.h"

#include <linux/capability.h>
#include <linux/errqueue.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(struct clinux_mmsghdr) == sizeof(struct mmsghdr), "same size as the kernel's");
_Static_assert(offsetof(struct clinux_mmsghdr, length) == offsetof(struct mmsghdr, msg_len), "same layout");
_Static_assert(
    CLINUX_CONTROL_SIZE >=
        CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(int)),
    "room for an IPv6 address, a traffic class and a train, which comes as int and is sent as uint16_t"
);
_Static_assert(sizeof(struct in_pktinfo) <= sizeof(struct in6_pktinfo), "so there is for IPv4");
_Static_assert(CLINUX_UDP_GRO == UDP_GRO, "same number as the system's");
_Static_assert(CLINUX_TCP_NOTSENT_LOWAT == TCP_NOTSENT_LOWAT, "same number as the system's");
_Static_assert(
    CLINUX_ORIGIN_LOCAL == SO_EE_ORIGIN_LOCAL && CLINUX_ORIGIN_ICMP == SO_EE_ORIGIN_ICMP &&
        CLINUX_ORIGIN_ICMP6 == SO_EE_ORIGIN_ICMP6,
    "same numbers as the system's"
);

int clinux_recvmmsg(int fd, struct clinux_mmsghdr *messages, unsigned int count, int flags) {
    return recvmmsg(fd, (struct mmsghdr *)messages, count, flags, NULL);
}

int clinux_sendmmsg(int fd, struct clinux_mmsghdr *messages, unsigned int count, int flags) {
    return sendmmsg(fd, (struct mmsghdr *)messages, count, flags);
}

int clinux_enable_packet_info(int fd, int family) {
    int on = 1;
    return family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on)
                             : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
}

int clinux_packet_info(const struct msghdr *header, uint8_t out[16]) {
    // CMSG_NXTHDR wants a non-const header but changes nothing.
    struct msghdr *h = (struct msghdr *)header;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            // The header's destination is not the local address: a broadcast or multicast.
            if (info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr) return -1;
            memcpy(out, &info.ipi_spec_dst, 4);
            return 4;
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) return -1;
            memcpy(out, &info.ipi6_addr, 16);
            return 16;
        }
    }
    return 0;
}

uint8_t clinux_traffic_class(const struct msghdr *header) {
    struct msghdr *h = (struct msghdr *)header;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) return *CMSG_DATA(c);
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
            int value;
            memcpy(&value, CMSG_DATA(c), sizeof value);
            return (uint8_t)value;
        }
    }
    return 0;
}

int clinux_segment(const struct msghdr *header) {
    struct msghdr *h = (struct msghdr *)header;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO) continue;
        int size;
        memcpy(&size, CMSG_DATA(c), sizeof size);
        return size > 0 ? size : 0;
    }
    return 0;
}

void clinux_receive_trains(int fd) {
    int on = 1;
    setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on);
}

size_t clinux_set_traffic_class(void *control, int family, uint8_t byte) {
    struct cmsghdr *c = control;
    int value = byte;
    c->cmsg_level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    c->cmsg_type = family == AF_INET ? IP_TOS : IPV6_TCLASS;
    c->cmsg_len = CMSG_LEN(sizeof value);
    memcpy(CMSG_DATA(c), &value, sizeof value);
    return CMSG_SPACE(sizeof value);
}

size_t clinux_set_source(void *control, const uint8_t *address, int length) {
    struct cmsghdr *c = control;
    // The interface stays 0: the way back is the routing table's business, also where it differs from the way in.
    if (length == 4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, address, 4);
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(c), &info, sizeof info);
        return CMSG_SPACE(sizeof info);
    }
    struct in6_pktinfo info = {0};
    memcpy(&info.ipi6_addr, address, 16);
    c->cmsg_level = IPPROTO_IPV6;
    c->cmsg_type = IPV6_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(c), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
}

size_t clinux_set_segment(void *control, uint16_t size) {
    struct cmsghdr *c = control;
    c->cmsg_level = SOL_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(c), &size, sizeof size);
    return CMSG_SPACE(sizeof size);
}

int clinux_epoll_wait(int epoll, struct epoll_event *events, int count, uint64_t nanoseconds) {
    struct timespec time = {
        .tv_sec = (time_t)(nanoseconds / 1000000000u),
        .tv_nsec = (long)(nanoseconds % 1000000000u),
    };
    return epoll_pwait2(epoll, events, count, &time, NULL);
}

int clinux_next_error(int fd, struct clinux_queued_error *out) {
    // The datagram itself is not wanted, so there is no room for it. sock_extended_err is followed by the address of
    // who reported the error.
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in6)) + 64];
    } control;
    memset(out, 0, sizeof *out);
    struct msghdr header = {
        .msg_name = &out->destination,
        .msg_namelen = sizeof out->destination,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    if (recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        int is_error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                       (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
        if (!is_error || c->cmsg_len < CMSG_LEN(sizeof(struct sock_extended_err))) continue;
        struct sock_extended_err error;
        memcpy(&error, CMSG_DATA(c), sizeof error);
        out->origin = error.ee_origin;
        out->icmp_type = error.ee_type;
        out->icmp_code = error.ee_code;
        out->info = error.ee_info;
        out->code = (int32_t)error.ee_errno;
    }
    return 1;
}

int clinux_accept(int fd, struct sockaddr_in6 *from) {
    memset(from, 0, sizeof *from);
    socklen_t length = sizeof *from;
    return accept4(fd, (struct sockaddr *)from, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC | O_NONBLOCK); }

ssize_t clinux_splice(int from, int to, size_t count) {
    return splice(from, NULL, to, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

int clinux_leave_root(uid_t user, gid_t group) {
    const uint32_t right = 1u << CAP_NET_BIND_SERVICE;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct rights[2] = {{.effective = right, .permitted = right, .inheritable = right}};
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setresgid(group, group, group) != 0 || setresuid(user, user, user) != 0) {
        return -1;
    }
    // A container may have taken this right from its root: then there are none to keep.
    if (syscall(SYS_capset, &head, rights) != 0) {
        memset(rights, 0, sizeof(rights));
        if (syscall(SYS_capset, &head, rights) != 0) {
            return -1;
        }
    } else if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) != 0) {
        return -1;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int clinux_ask_access(const char *path, int mode, const char *name, uid_t user, gid_t group) {
    gid_t groups[256];
    int count = sizeof(groups) / sizeof(groups[0]);
    if (getgrouplist(name, group, groups, &count) < 0) {
        return -1;
    }
    const pid_t child = fork();
    if (child == 0) {
        // Other threads may have held locks of the C library when this one was made: system calls alone.
        if (syscall(SYS_setgroups, (size_t)count, groups) != 0 || syscall(SYS_setresgid, group, group, group) != 0 ||
            syscall(SYS_setresuid, user, user, user) != 0) {
            _exit(255);
        }
        _exit(syscall(SYS_faccessat, AT_FDCWD, path, mode) == 0 ? 0 : errno);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 255 ? -1 : WEXITSTATUS(status);
}

static int give_item(int folder, const char *name, uid_t user, gid_t group) {
    const int item = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (item < 0) {
        return errno == ENOENT ? 0 : -1;
    }
    struct stat facts;
    int result = fstat(item, &facts);
    const mode_t kind = result == 0 ? facts.st_mode & S_IFMT : 0;
    if (kind == S_IFDIR || kind == S_IFSOCK || (kind == S_IFREG && facts.st_nlink == 1)) {
        result = fchownat(item, "", user, group, AT_EMPTY_PATH);
    }
    const int code = errno;
    close(item);
    errno = code;
    return result;
}

int clinux_give_folder(const char *path, uid_t user, gid_t group) {
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *items = folder < 0 ? NULL : fdopendir(folder);
    if (items == NULL) {
        return -1;
    }
    int result = fchown(folder, user, group);
    for (struct dirent *item; result == 0 && (item = readdir(items)) != NULL;) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0) {
            result = give_item(folder, item->d_name, user, group);
        }
    }
    const int code = errno;
    closedir(items);
    errno = code;
    return result;
}

int clinux_processor_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count;
}

int clinux_pin_thread(int index) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return -errno;
    int count = CPU_COUNT(&set);
    if (count < 1) return -EINVAL;
    int left = index % count, processor = 0;
    for (; processor < CPU_SETSIZE; processor++) {
        if (CPU_ISSET(processor, &set) && left-- == 0) break;
    }
    if (processor == CPU_SETSIZE) return -EINVAL;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? processor : -errno;
}
