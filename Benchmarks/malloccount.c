// Counts calls of the allocator in a program that it is preloaded into, and prints the number when it ends:
//   gcc -shared -fPIC -O2 -o malloccount.so malloccount.c -ldl
//   LD_PRELOAD=./malloccount.so stund ... ; kill PID
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_ulong calls;

// glibc's own entry points, so that nothing has to be looked up, which would itself allocate.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) { atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed); return __libc_malloc(size); }
void *calloc(size_t n, size_t size) { atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed); return __libc_calloc(n, size); }
void *realloc(void *p, size_t size) { atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed); return __libc_realloc(p, size); }
void *aligned_alloc(size_t a, size_t size) { atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed); return __libc_memalign(a, size); }
int posix_memalign(void **out, size_t a, size_t size) { atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed); *out = __libc_memalign(a, size); return *out ? 0 : 12; }

__attribute__((destructor)) static void tell(void) {
    char line[64];
    int n = snprintf(line, sizeof line, "mallocs %lu\n", atomic_load(&calls));
    if (write(2, line, n) < 0) return;
}
