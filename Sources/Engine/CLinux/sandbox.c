// Landlock and seccomp for a process that has threads already. Nothing here decides what is allowed.
#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// <linux/landlock.h> of the oldest system that we build on knows less than the newest kernel.
enum { LANDLOCK_CREATE_RULESET = 444, LANDLOCK_ADD_RULE = 445, LANDLOCK_RESTRICT_SELF = 446 };
enum { RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };

static const uint64_t write_file = 1 << 1, read_file = 1 << 2, read_dir = 1 << 3;
static const uint64_t make_char = 1 << 6, make_block = 1 << 11, refer = 1 << 13, truncate_file = 1 << 14;
static const uint64_t first_version = (1 << 13) - 1;

struct path_rule {
    uint64_t allowed;
    int32_t folder;
} __attribute__((packed));

static uint64_t known_rights(int version) {
    return first_version | (version >= 2 ? refer : 0) | (version >= 3 ? truncate_file : 0);
}

int clinux_landlock_version(void) {
    return (int)syscall(LANDLOCK_CREATE_RULESET, NULL, 0, RULESET_VERSION);
}

int clinux_landlock_begin(void) {
    const int version = clinux_landlock_version();
    if (version < 1) {
        return -1;
    }
    const uint64_t handled = known_rights(version);
    return (int)syscall(LANDLOCK_CREATE_RULESET, &handled, sizeof(handled), 0);
}

int clinux_landlock_allow(int ruleset, const char *path, int writes) {
    const int place = open(path, O_PATH | O_CLOEXEC);
    if (place < 0) {
        return -1;
    }
    struct stat facts;
    int result = fstat(place, &facts);
    if (result == 0) {
        uint64_t rights = read_file | read_dir;
        if (writes) {
            // Neither programs to execute nor devices.
            rights = known_rights(clinux_landlock_version()) & ~(1ull | make_char | make_block);
        }
        if (!S_ISDIR(facts.st_mode)) {
            rights &= write_file | read_file | truncate_file;
        }
        const struct path_rule rule = {.allowed = rights, .folder = place};
        result = (int)syscall(LANDLOCK_ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0);
    }
    const int code = errno;
    close(place);
    errno = code;
    return result;
}

// The kernel restricts the thread that asks, and those that it starts. So each thread is made to ask, by a signal whose handler only
// makes system calls. SIGSYS: libdispatch's threads block all signals but those of faults, and nobody sends this one.
static int signalled_ruleset;
static atomic_int answers, restricted, failure;

static void restrict_thread(int number) {
    (void)number;
    const int code = errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(LANDLOCK_RESTRICT_SELF, signalled_ruleset, 0) != 0) {
        atomic_store(&failure, errno);
    } else {
        atomic_fetch_add(&restricted, 1);
    }
    atomic_fetch_add(&answers, 1);
    errno = code;
}

// 1 for a thread that takes the signal, 0 for one that need not (it has ended, or works for io_uring in the name of whoever asks), and
// -1 for one that blocks it.
static int takes_signal(int thread) {
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/self/task/%d/status", thread);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT || errno == ESRCH ? 0 : -1;
    }
    int result = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "Name:\tiou-", 10) == 0) {
            break;
        }
        if (strncmp(line, "SigBlk:", 7) == 0) {
            result = strtoull(line + 7, NULL, 16) >> (SIGSYS - 1) & 1 ? -1 : 1;
            break;
        }
    }
    fclose(file);
    return result;
}

// The same, once it is known: a thread that another one is just making has all signals blocked until it runs, and so has its maker.
static int comes_to_take_signal(int thread) {
    const struct timespec moment = {.tv_nsec = 1000 * 1000};
    int takes = takes_signal(thread);
    for (int count = 0; takes < 0 && count < 2000; count++) {
        nanosleep(&moment, NULL);
        takes = takes_signal(thread);
    }
    return takes;
}

static int restrict_one(int thread) {
    const int before = atomic_load(&answers);
    if (syscall(SYS_tgkill, getpid(), thread, SIGSYS) != 0) {
        return errno == ESRCH ? 0 : -1;
    }
    const struct timespec moment = {.tv_nsec = 100 * 1000};
    for (int count = 0; count < 100 * 1000; count++) {
        if (atomic_load(&answers) != before) {
            errno = atomic_load(&failure);
            return errno == 0 ? 0 : -1;
        }
        if (syscall(SYS_tgkill, getpid(), thread, 0) != 0) {
            return 0;
        }
        nanosleep(&moment, NULL);
    }
    errno = ETIMEDOUT;
    return -1;
}

enum { MOST_THREADS = 4096 };

// Does something with each thread that is not in the list yet; returns how many there were, or -1 with errno.
static int visit_threads(int *known, int *count, int (*visit)(int)) {
    DIR *folder = opendir("/proc/self/task");
    if (folder == NULL) {
        return -1;
    }
    int found = 0;
    for (struct dirent *entry; found >= 0 && (entry = readdir(folder)) != NULL;) {
        const int thread = atoi(entry->d_name);
        int isKnown = thread <= 0;
        for (int index = 0; index < *count && !isKnown; index++) {
            isKnown = known[index] == thread;
        }
        if (isKnown) {
            continue;
        }
        if (*count >= MOST_THREADS) {
            errno = E2BIG;
            found = -1;
            break;
        }
        known[(*count)++] = thread;
        const int takes = comes_to_take_signal(thread);
        if (takes < 0) {
            errno = EBUSY;
            found = -1;
        } else if (takes > 0) {
            found++;
            if (visit != NULL && visit(thread) != 0) {
                found = -1;
            }
        }
    }
    const int code = errno;
    closedir(folder);
    errno = code;
    return found;
}

int clinux_landlock_enforce(int ruleset) {
    static int known[MOST_THREADS];
    int count = 0;
    // One that would not answer is found before any other is restricted.
    if (visit_threads(known, &count, NULL) < 0) {
        return -1;
    }
    struct sigaction mine = {.sa_handler = restrict_thread, .sa_flags = SA_RESTART}, before;
    sigfillset(&mine.sa_mask);
    signalled_ruleset = ruleset;
    atomic_store(&restricted, 0);
    atomic_store(&failure, 0);
    if (sigaction(SIGSYS, &mine, &before) != 0) {
        return -1;
    }
    // The thread that asks comes last, since the rules may keep it from looking at the others.
    known[0] = (int)syscall(SYS_gettid);
    count = 1;
    int found;
    // A thread that was not restricted yet may have started others meanwhile.
    while ((found = visit_threads(known, &count, restrict_one)) > 0) {
    }
    if (found == 0) {
        restrict_thread(SIGSYS);
        errno = atomic_load(&failure);
        found = errno == 0 ? 0 : -1;
    }
    const int code = errno;
    if (found < 0) {
        // A thread that has not answered yet may still do so, and must not end the process.
        before.sa_handler = SIG_IGN;
        before.sa_flags = 0;
    }
    sigaction(SIGSYS, &before, NULL);
    // One that has not answered in time may be restricted all the same.
    const int isHalf = atomic_load(&restricted) > 0 || code == ETIMEDOUT;
    errno = code;
    return found == 0 ? 0 : isHalf ? -2 : -1;
}

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

// What no server needs after its start, and whoever has broken into one would like to have.
static const int denied[] = {
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp,
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick,
    SYS_unshare, SYS_setns, SYS_open_by_handle_at,
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_fanotify_init,
    SYS_keyctl, SYS_add_key, SYS_request_key,
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl,
    SYS_syslog, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname, SYS_vhangup,
    SYS_personality,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_mount_setattr
    SYS_mount_setattr,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
#ifdef SYS_iopl
    SYS_iopl, SYS_ioperm,
#endif
};

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

// unshare by another name. Those of time cannot be made by clone, whose lowest byte is a signal.
static const uint32_t new_namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

int clinux_seccomp_is_known(void) {
#ifdef OWN_ARCHITECTURE
    const uint32_t action = SECCOMP_RET_ERRNO;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
#else
    return 0;
#endif
}

int clinux_seccomp_enforce(void) {
#ifdef OWN_ARCHITECTURE
    // After the list come so many steps before the refusal, which is the last.
    enum { COUNT = sizeof(denied) / sizeof(denied[0]), STEPS = 6, MOST = 5 + COUNT + STEPS + 1 };
    struct sock_filter program[MOST];
    const uint32_t refusal = SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA);
    const uint32_t unknown = SECCOMP_RET_ERRNO | (ENOSYS & SECCOMP_RET_DATA);
    unsigned short length = 0;
    // A call by the numbers of another architecture would pass a list of these.
    program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, refusal);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    // So would one of x32, whose numbers have this bit.
    program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, COUNT + STEPS, 0);
#endif
    for (int index = 0; index < COUNT; index++) {
        program[length++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)denied[index], (uint8_t)(COUNT - index - 1 + STEPS), 0);
    }
    // A filter cannot see the flags of clone3, which lie in memory. To a kernel without it the C library says the same by clone.
    program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, unknown);
    program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 2);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]));
    program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, new_namespaces, 1, 0);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, refusal);
    const struct sock_fprog whole = {.len = length, .filter = program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return -1;
    }
    // Kernels before 5.16 would slow all threads down against Spectre, which a process that runs nobody else's code need not fear; those
    // before 4.17 do not know the flag.
    const unsigned long without_mitigation = 1ul << 2;
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | without_mitigation, &whole);
    if (result < 0 && errno == EINVAL) {
        result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &whole);
    }
    if (result > 0) {
        errno = EBUSY;  // the number of a thread with a filter of its own
    }
    return result == 0 ? 0 : -1;
#else
    errno = ENOSYS;
    return -1;
#endif
}
