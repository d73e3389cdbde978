#define _GNU_SOURCE
#include "CLinuxRing.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Newer than the headers of Debian 12.
#define FEATURE_MIN_TIMEOUT (1U << 15)

_Static_assert(CLINUX_RING_MORE == IORING_CQE_F_MORE, "same number as the system's");
_Static_assert(CLINUX_RING_HAS_BUFFER == IORING_CQE_F_BUFFER, "same number as the system's");
_Static_assert((int)CLINUX_RING_BUFFER_SHIFT == (int)IORING_CQE_BUFFER_SHIFT, "same number as the system's");
_Static_assert(CLINUX_RING_HEADER == sizeof(struct io_uring_recvmsg_out), "same size as the system's");
_Static_assert(CLINUX_RING_PREFIX % 64 == 0, "datagrams begin with a cache line");

enum { BUFFER_GROUP = 0 };

struct clinux_ring {
    int fd;
    uint32_t features;
    // Submission queue: `tail` is ours, the kernel moves `*sq_head`.
    uint32_t *sq_head, *sq_tail;
    uint32_t sq_mask, sq_entries, tail;
    struct io_uring_sqe *sqes;
    // Completion queue: the kernel moves `*cq_tail`.
    uint32_t *cq_head, *cq_tail;
    uint32_t cq_mask;
    struct io_uring_cqe *cqes;
    void *queues;
    size_t queues_size, sqes_size;
    // Buffers.
    struct io_uring_buf_ring *buffers;
    size_t buffers_size;
    uint8_t *memory;
    size_t stride;
    uint32_t buffer_size, buffer_mask;
    uint16_t buffer_tail;
    // The template of all receive requests.
    struct msghdr receive;
};

static int ring_enter(int fd, unsigned int submit, unsigned int wait, unsigned int flags, void *arg, size_t size) {
    return (int)syscall(__NR_io_uring_enter, fd, submit, wait, flags, arg, size);
}

int clinux_ring_open(struct clinux_ring **out, unsigned int requests, unsigned int completions) {
    struct clinux_ring *ring = calloc(1, sizeof *ring);
    if (!ring) return -ENOMEM;
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL,
        .cq_entries = completions,
    };
    int code = 0;
    ring->queues = ring->sqes = MAP_FAILED;
    ring->fd = (int)syscall(__NR_io_uring_setup, requests, &params);
    if (ring->fd < 0) {
        code = -errno;
        free(ring);
        return code;
    }
    const uint32_t needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;
    if ((params.features & needed) != needed) {
        clinux_ring_close(ring);
        return -EOPNOTSUPP;
    }
    ring->features = params.features;
    size_t sq_size = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
    size_t cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    ring->queues_size = sq_size > cq_size ? sq_size : cq_size;
    ring->sqes_size = params.sq_entries * sizeof(struct io_uring_sqe);
    int protection = PROT_READ | PROT_WRITE, how = MAP_SHARED | MAP_POPULATE;
    ring->queues = mmap(NULL, ring->queues_size, protection, how, ring->fd, IORING_OFF_SQ_RING);
    if (ring->queues != MAP_FAILED) ring->sqes = mmap(NULL, ring->sqes_size, protection, how, ring->fd, IORING_OFF_SQES);
    if (ring->queues == MAP_FAILED || ring->sqes == MAP_FAILED) {
        code = -errno;
        clinux_ring_close(ring);
        return code;
    }
    uint8_t *base = ring->queues;
    ring->sq_head = (uint32_t *)(base + params.sq_off.head);
    ring->sq_tail = (uint32_t *)(base + params.sq_off.tail);
    ring->sq_mask = *(uint32_t *)(base + params.sq_off.ring_mask);
    ring->sq_entries = params.sq_entries;
    ring->cq_head = (uint32_t *)(base + params.cq_off.head);
    ring->cq_tail = (uint32_t *)(base + params.cq_off.tail);
    ring->cq_mask = *(uint32_t *)(base + params.cq_off.ring_mask);
    ring->cqes = (struct io_uring_cqe *)(base + params.cq_off.cqes);
    uint32_t *array = (uint32_t *)(base + params.sq_off.array);
    for (uint32_t i = 0; i < params.sq_entries; i++) array[i] = i;
    ring->receive.msg_namelen = CLINUX_RING_NAME;
    ring->receive.msg_controllen = CLINUX_RING_CONTROL;
    *out = ring;
    return 0;
}

void clinux_ring_close(struct clinux_ring *ring) {
    if (!ring) return;
    close(ring->fd);
    if (ring->buffers) munmap(ring->buffers, ring->buffers_size);
    if (ring->sqes != MAP_FAILED) munmap(ring->sqes, ring->sqes_size);
    if (ring->queues != MAP_FAILED) munmap(ring->queues, ring->queues_size);
    free(ring);
}

int clinux_ring_has_min_wait(const struct clinux_ring *ring) { return (ring->features & FEATURE_MIN_TIMEOUT) != 0; }

int clinux_ring_add_buffers(struct clinux_ring *ring, void *memory, unsigned int count, size_t stride, uint32_t size) {
    ring->buffers_size = count * sizeof(struct io_uring_buf);
    void *map = mmap(NULL, ring->buffers_size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    if (map == MAP_FAILED) return -errno;
    ring->buffers = map;
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)map,
        .ring_entries = count,
        .bgid = BUFFER_GROUP,
    };
    if (syscall(__NR_io_uring_register, ring->fd, IORING_REGISTER_PBUF_RING, &registration, 1) < 0) return -errno;
    ring->memory = memory;
    ring->stride = stride;
    ring->buffer_size = size;
    ring->buffer_mask = count - 1;
    for (unsigned int i = 0; i < count; i++) clinux_ring_return_buffer(ring, (uint16_t)i);
    clinux_ring_publish_buffers(ring);
    return 0;
}

void clinux_ring_return_buffer(struct clinux_ring *ring, uint16_t number) {
    struct io_uring_buf *buffer = &ring->buffers->bufs[ring->buffer_tail & ring->buffer_mask];
    buffer->addr = (uint64_t)(uintptr_t)(ring->memory + number * ring->stride);
    buffer->len = ring->buffer_size;
    buffer->bid = number;
    ring->buffer_tail++;
}

void clinux_ring_publish_buffers(struct clinux_ring *ring) {
    __atomic_store_n(&ring->buffers->tail, ring->buffer_tail, __ATOMIC_RELEASE);
}

unsigned int clinux_ring_room(const struct clinux_ring *ring) {
    return ring->sq_entries - (ring->tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE));
}

// The next request, empty but for these.
static struct io_uring_sqe *request(struct clinux_ring *ring, uint8_t opcode, int fd, uint64_t user_data) {
    struct io_uring_sqe *sqe = &ring->sqes[ring->tail & ring->sq_mask];
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = opcode;
    sqe->fd = fd;
    sqe->user_data = user_data;
    ring->tail++;
    return sqe;
}

void clinux_ring_receive(struct clinux_ring *ring, int fd, uint64_t user_data) {
    struct io_uring_sqe *sqe = request(ring, IORING_OP_RECVMSG, fd, user_data);
    sqe->addr = (uint64_t)(uintptr_t)&ring->receive;
    sqe->len = 1;
    sqe->ioprio = IORING_RECV_MULTISHOT;
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
}

void clinux_ring_poll(struct clinux_ring *ring, int fd, uint64_t user_data) {
    struct io_uring_sqe *sqe = request(ring, IORING_OP_POLL_ADD, fd, user_data);
    // Little-endian machines only: big-endian ones want the halves swapped.
    sqe->poll32_events = POLLIN;
}

void clinux_ring_cancel(struct clinux_ring *ring, uint64_t target, uint64_t user_data) {
    struct io_uring_sqe *sqe = request(ring, IORING_OP_ASYNC_CANCEL, -1, user_data);
    sqe->addr = target;
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

void clinux_ring_cancel_all(struct clinux_ring *ring) {
    struct io_uring_sqe *sqe = request(ring, IORING_OP_ASYNC_CANCEL, -1, 0);
    sqe->cancel_flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

void clinux_ring_send(
    struct clinux_ring *ring, int fd, const void *bytes, uint32_t count, const void *name, uint16_t name_length,
    uint64_t user_data
) {
    struct io_uring_sqe *sqe = request(ring, IORING_OP_SEND, fd, user_data);
    sqe->addr = (uint64_t)(uintptr_t)bytes;
    sqe->len = count;
    sqe->addr2 = (uint64_t)(uintptr_t)name;
    sqe->addr_len = name_length;
    sqe->msg_flags = MSG_DONTWAIT;
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

void clinux_ring_send_message(struct clinux_ring *ring, int fd, const struct msghdr *message, uint64_t user_data) {
    struct io_uring_sqe *sqe = request(ring, IORING_OP_SENDMSG, fd, user_data);
    sqe->addr = (uint64_t)(uintptr_t)message;
    sqe->len = 1;
    sqe->msg_flags = MSG_DONTWAIT;
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

int clinux_ring_enter(struct clinux_ring *ring, int wait, uint32_t min_wait_us, uint64_t timeout_ns) {
    __atomic_store_n(ring->sq_tail, ring->tail, __ATOMIC_RELEASE);
    unsigned int submit = ring->tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
    int result;
    if (wait < 0) {
        if (submit == 0) return 0;
        result = ring_enter(ring->fd, submit, 0, 0, NULL, 0);
    } else {
        struct timespec limit = {(time_t)(timeout_ns / 1000000000), (long)(timeout_ns % 1000000000)};
        struct io_uring_getevents_arg arg = {
            .pad = (ring->features & FEATURE_MIN_TIMEOUT) ? min_wait_us : 0,
            .ts = timeout_ns == UINT64_MAX ? 0 : (uint64_t)(uintptr_t)&limit,
        };
        unsigned int flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
        result = ring_enter(ring->fd, submit, (unsigned int)wait, flags, &arg, sizeof arg);
    }
    if (result >= 0) return 0;
    // Time, a signal, or a full completion queue: what there is can be taken.
    return errno == ETIME || errno == EINTR || errno == EBUSY || errno == EAGAIN ? 0 : -errno;
}

int clinux_ring_take_back(struct clinux_ring *ring, uint64_t *user_data) {
    for (uint32_t i = __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE); i != ring->tail; i++) {
        struct io_uring_sqe *sqe = &ring->sqes[i & ring->sq_mask];
        if (sqe->opcode != IORING_OP_SEND && sqe->opcode != IORING_OP_SENDMSG) continue;
        *user_data = sqe->user_data;
        memset(sqe, 0, sizeof *sqe);
        sqe->opcode = IORING_OP_NOP;
        sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = *user_data;
        return 1;
    }
    return 0;
}

int clinux_ring_next(struct clinux_ring *ring, struct clinux_completion *out) {
    uint32_t head = *ring->cq_head;
    if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE)) return 0;
    const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];
    out->user_data = cqe->user_data;
    out->result = cqe->res;
    out->flags = cqe->flags;
    __atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
    return 1;
}

int clinux_ring_has_completions(const struct clinux_ring *ring) {
    return *ring->cq_head != __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);
}

int clinux_ring_message(void *buffer, uint32_t bytes, struct msghdr *header, uint32_t *length) {
    if (bytes < CLINUX_RING_PREFIX) return 0;
    struct io_uring_recvmsg_out out;
    memcpy(&out, buffer, sizeof out);
    uint8_t *name = (uint8_t *)buffer + CLINUX_RING_HEADER;
    header->msg_name = name;
    header->msg_namelen = out.namelen < CLINUX_RING_NAME ? out.namelen : CLINUX_RING_NAME;
    header->msg_control = name + CLINUX_RING_NAME;
    header->msg_controllen = out.controllen < CLINUX_RING_CONTROL ? out.controllen : CLINUX_RING_CONTROL;
    header->msg_flags = (int)out.flags;
    // Of a datagram that was cut `payloadlen` is how long it was.
    uint32_t room = bytes - CLINUX_RING_PREFIX;
    *length = out.payloadlen < room ? out.payloadlen : room;
    return 1;
}
