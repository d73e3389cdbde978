// io_uring as a worker uses it: one ring of one thread, with one ring of buffers for what is received.
//
// There is no library: liburing is not everywhere, and these few calls are all that is needed. Numbers that came after the
// headers of Debian 12 (Linux 6.1) are written here. Nothing here decides anything but how the rings are laid out.
#ifndef STUND_CLINUX_RING_H
#define STUND_CLINUX_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct clinux_ring;

// What the kernel says of a request.
struct clinux_completion {
    uint64_t user_data;
    int32_t result;
    uint32_t flags;
};

enum {
    CLINUX_RING_MORE = 1 << 1,        // the request goes on (IORING_CQE_F_MORE)
    CLINUX_RING_HAS_BUFFER = 1 << 0,  // the upper 16 bits of flags name a buffer (IORING_CQE_F_BUFFER)
    CLINUX_RING_BUFFER_SHIFT = 16,
};

// What stands before the bytes of a received datagram in its buffer: the kernel's header, the address, the control
// messages. A multiple of 64, so that datagrams begin with a cache line.
enum {
    CLINUX_RING_HEADER = 16,
    CLINUX_RING_NAME = 32,
    CLINUX_RING_CONTROL = 144,
    CLINUX_RING_PREFIX = CLINUX_RING_HEADER + CLINUX_RING_NAME + CLINUX_RING_CONTROL,
};

// Opens a ring for the calling thread alone, with room for so many requests and completions (powers of two). Returns 0 or
// a negative error number.
int clinux_ring_open(struct clinux_ring **out, unsigned int requests, unsigned int completions);
void clinux_ring_close(struct clinux_ring *ring);

// Whether the kernel can wait a while for several completions (Linux 6.12).
int clinux_ring_has_min_wait(const struct clinux_ring *ring);

// Gives the kernel `count` buffers (a power of two, at most 32,768) that lie `stride` bytes apart in `memory`, each of
// `size` bytes. Returns 0 or a negative error number.
int clinux_ring_add_buffers(struct clinux_ring *ring, void *memory, unsigned int count, size_t stride, uint32_t size);

// Gives a buffer back; the kernel sees it with the next clinux_ring_publish_buffers.
void clinux_ring_return_buffer(struct clinux_ring *ring, uint16_t number);
void clinux_ring_publish_buffers(struct clinux_ring *ring);

// How many requests can still be made before clinux_ring_enter.
unsigned int clinux_ring_room(const struct clinux_ring *ring);

// Requests; there must be room. Of those that send or cancel only a failure is told.
void clinux_ring_receive(struct clinux_ring *ring, int fd, uint64_t user_data);  // all datagrams from now on, into buffers
void clinux_ring_poll(struct clinux_ring *ring, int fd, uint64_t user_data);     // once, when there is something to read
void clinux_ring_cancel(struct clinux_ring *ring, uint64_t target, uint64_t user_data);
void clinux_ring_cancel_all(struct clinux_ring *ring);
void clinux_ring_send(
    struct clinux_ring *ring, int fd, const void *bytes, uint32_t count, const void *name, uint16_t name_length,
    uint64_t user_data
);
void clinux_ring_send_message(struct clinux_ring *ring, int fd, const struct msghdr *message, uint64_t user_data);

// Makes the requests known. With a negative `wait` that is all. Else what has happened becomes completions, and it waits until
// so many are there, or `min_wait_us` are over and there is one, or `timeout_ns` are over (UINT64_MAX: never). Returns 0,
// also when the time was up or a signal came, or a negative error number.
int clinux_ring_enter(struct clinux_ring *ring, int wait, uint32_t min_wait_us, uint64_t timeout_ns);

// Takes back a request to send that clinux_ring_enter has left. Returns 1 and its user data, or 0 when there is none.
int clinux_ring_take_back(struct clinux_ring *ring, uint64_t *user_data);

// Takes the next completion. Returns 1, or 0 when there is none.
int clinux_ring_next(struct clinux_ring *ring, struct clinux_completion *out);
// Whether there is one.
int clinux_ring_has_completions(const struct clinux_ring *ring);

// The header of a message that came into a buffer: points into it. `bytes` is what the completion's result says. Returns 0
// when it makes no sense.
int clinux_ring_message(void *buffer, uint32_t bytes, struct msghdr *header, uint32_t *length);

#endif
