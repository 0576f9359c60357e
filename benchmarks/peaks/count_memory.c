/* Counts the bytes of large blocks that a process has from malloc: now, and at most. `estimate_peaks.py` preloads it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>

static atomic_long now, most;
static const size_t LARGE = 4096;

static void *(*next_malloc)(size_t), *(*next_realloc)(void *, size_t), *(*next_calloc)(size_t, size_t);
static void *(*next_aligned)(size_t, size_t);
static int (*next_posix)(void **, size_t, size_t);
static void (*next_free)(void *);

static char early[65536];
static size_t early_used;

static void find(void) {
    next_malloc = dlsym(RTLD_NEXT, "malloc");
    next_free = dlsym(RTLD_NEXT, "free");
    next_realloc = dlsym(RTLD_NEXT, "realloc");
    next_aligned = dlsym(RTLD_NEXT, "aligned_alloc");
    next_posix = dlsym(RTLD_NEXT, "posix_memalign");
    next_calloc = dlsym(RTLD_NEXT, "calloc");
}

static void add(void *block, long sign) {
    size_t size = block ? malloc_usable_size(block) : 0;
    if (size < LARGE) return;
    long found = atomic_fetch_add(&now, sign * (long)size) + sign * (long)size;
    long before = atomic_load(&most);
    while (found > before && !atomic_compare_exchange_weak(&most, &before, found)) {}
}

long counted_now(void) { return atomic_load(&now); }
long counted_most(void) { return atomic_load(&most); }
void counted_reset(void) { atomic_store(&most, atomic_load(&now)); }

void *malloc(size_t size) { if (!next_malloc) find(); void *made = next_malloc(size); add(made, 1); return made; }
void free(void *block) {
    if ((char *)block >= early && (char *)block < early + sizeof early) return;
    if (!next_free) find();
    add(block, -1); next_free(block);
}
void *calloc(size_t count, size_t size) {
    if (!next_calloc) { /* dlsym calls it */
        void *made = early + early_used; early_used += (count * size + 15) & ~15UL; return made;
    }
    void *made = next_calloc(count, size); add(made, 1); return made;
}
void *realloc(void *block, size_t size) {
    if (!next_realloc) find();
    add(block, -1); void *made = next_realloc(block, size); add(made ? made : block, 1); return made;
}
void *aligned_alloc(size_t at, size_t size) { if (!next_aligned) find(); void *made = next_aligned(at, size); add(made, 1); return made; }
int posix_memalign(void **made, size_t at, size_t size) {
    if (!next_posix) find();
    int code = next_posix(made, at, size); if (!code) add(*made, 1); return code;
}
