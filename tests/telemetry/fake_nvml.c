/* A library with the functions of NVIDIA's that the sampler's bindings call.
 *
 * FAKE_NVML says how it behaves: two, none, no-driver, unsupported, denied, odd-name, lost, hangs.
 * Compiled with OLD it lacks a function, as a driver of long ago does.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, NOT_SUPPORTED = 3, NO_PERMISSION = 4, DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };

struct utilization { unsigned gpu, memory; };
struct memory { unsigned long long total, free, used; };

static int reads;

static int behaves(const char *how) {
    const char *said = getenv("FAKE_NVML");
    return said && !strcmp(said, how);
}

static int lost(void) { return behaves("lost") && reads > 1; }

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    return behaves("no-driver") ? DRIVER_NOT_LOADED : OK;
}

int nvmlShutdown(void) { return OK; }

const char *nvmlErrorString(int error) {
    return error == GPU_IS_LOST ? "GPU is lost" : error == DRIVER_NOT_LOADED ? "Driver Not Loaded"
         : error == NO_PERMISSION ? "Insufficient Permissions" : "another error";
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = behaves("none") ? 0 : 2;
    return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (behaves("denied") && index == 1) return NO_PERMISSION;
    *device = (void *)(size_t)(index + 1);
    return OK;
}

int nvmlDeviceGetName(void *device, char *name, unsigned length) {
    strncpy(name, behaves("odd-name") ? "\xff\xfe" : device == (void *)1 ? "First" : "Second", length);
    return OK;
}

int nvmlDeviceGetUtilizationRates(void *device, struct utilization *rates) {
    if (device == (void *)1) reads++;
    if (behaves("hangs")) for (;;) pause();
    if (behaves("unsupported")) return NOT_SUPPORTED;
    if (lost()) return GPU_IS_LOST;
    rates->gpu = device == (void *)1 ? 37 : 0;
    rates->memory = 99;
    return OK;
}

int nvmlDeviceGetMemoryInfo(void *device, struct memory *memory) {
    (void)device;
    if (lost()) return GPU_IS_LOST;
    memory->total = 80ull << 30;
    memory->used = 3ull << 30;
    memory->free = memory->total - memory->used;
    return OK;
}

#ifndef OLD
int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) {
    (void)device;
    if (behaves("unsupported")) return NOT_SUPPORTED;
    if (lost()) return GPU_IS_LOST;
    *milliwatts = 250500;
    return OK;
}
#endif
