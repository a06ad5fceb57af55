// Entropy from the host, through QEMU's virtio-rng device.
// Interface: OASIS VIRTIO 1.2, sections 4.2 (MMIO, with the legacy variant that
// QEMU offers by default in 4.2.4), 2.7 (split virtqueues) and 5.4 (entropy).
//
// Every byte comes from the device. There is no generator of our own to seed, so
// nothing can repeat from one boot to the next.

#include "board.h"

#define FIRST_SLOT (0x10001000)
#define SLOT_SIZE (0x1000)
#define SLOTS (8)
#define MAGIC (0x74726976)
#define ENTROPY_DEVICE (4)

enum {  // register offsets
    REG_MAGIC = 0x000, REG_VERSION = 0x004, REG_DEVICE = 0x008,
    REG_DRIVER_FEATURES = 0x020, REG_DRIVER_FEATURES_SELECT = 0x024,
    REG_GUEST_PAGE_SIZE = 0x028, REG_QUEUE_SELECT = 0x030, REG_QUEUE_SIZE = 0x038,
    REG_QUEUE_ALIGN = 0x03c, REG_QUEUE_PAGE = 0x040, REG_QUEUE_READY = 0x044,
    REG_QUEUE_NOTIFY = 0x050, REG_STATUS = 0x070,
    REG_QUEUE_DESCRIPTORS = 0x080, REG_QUEUE_AVAILABLE = 0x090, REG_QUEUE_USED = 0x0a0,
};

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };

#define PAGE_SIZE (4096)
#define USED_ALIGN (64)
#define DEVICE_WRITES (2)
#define TIMEOUT_TICKS (20 * 1000 * 1000)    // 2 s

// A queue of one request, in the layout that the legacy variant prescribes.
static struct {
    struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags;
        uint16_t next;
    } descriptor;
    struct {
        uint16_t flags;
        uint16_t index;
        uint16_t ring[1];
        uint16_t event;
    } available;
    struct __attribute__((aligned(USED_ALIGN))) {
        uint16_t flags;
        uint16_t index;
        struct {
            uint32_t id;
            uint32_t length;
        } ring[1];
    } used;
} volatile queue __attribute__((aligned(PAGE_SIZE)));

static uintptr_t device;

#define REG(offset) BOARD_REG32(device + (offset))

static bool find_device(void) {
    for (device = FIRST_SLOT; device < FIRST_SLOT + SLOTS * SLOT_SIZE; device += SLOT_SIZE) {
        if (REG(REG_MAGIC) == MAGIC && REG(REG_DEVICE) == ENTROPY_DEVICE) {
            return true;
        }
    }
    device = 0;
    return false;
}

static void set_up_legacy_queue(void) {
    REG(REG_GUEST_PAGE_SIZE) = PAGE_SIZE;
    REG(REG_QUEUE_SELECT) = 0;
    REG(REG_QUEUE_SIZE) = 1;
    REG(REG_QUEUE_ALIGN) = USED_ALIGN;
    REG(REG_QUEUE_PAGE) = (uintptr_t)&queue / PAGE_SIZE;
}

static void set_up_queue(void) {
    REG(REG_DRIVER_FEATURES_SELECT) = 1;
    REG(REG_DRIVER_FEATURES) = 1;               // VIRTIO_F_VERSION_1
    REG(REG_STATUS) |= FEATURES_OK;
    REG(REG_QUEUE_SELECT) = 0;
    REG(REG_QUEUE_SIZE) = 1;
    REG(REG_QUEUE_DESCRIPTORS) = (uintptr_t)&queue.descriptor;
    REG(REG_QUEUE_DESCRIPTORS + 4) = 0;
    REG(REG_QUEUE_AVAILABLE) = (uintptr_t)&queue.available;
    REG(REG_QUEUE_AVAILABLE + 4) = 0;
    REG(REG_QUEUE_USED) = (uintptr_t)&queue.used;
    REG(REG_QUEUE_USED + 4) = 0;
    REG(REG_QUEUE_READY) = 1;
}

static bool set_up_device(void) {
    if (device || !find_device()) {
        return device != 0;
    }
    REG(REG_STATUS) = 0;
    REG(REG_STATUS) = ACKNOWLEDGE | DRIVER;
    if (REG(REG_VERSION) == 1) {
        set_up_legacy_queue();
    } else {
        set_up_queue();
    }
    REG(REG_STATUS) |= DRIVER_OK;
    return true;
}

// One request; how many bytes the device delivered, 0 if it did not answer.
static size_t request(uint8_t *buffer, size_t length) {
    queue.descriptor.address = (uintptr_t)buffer;
    queue.descriptor.length = length;
    queue.descriptor.flags = DEVICE_WRITES;
    queue.available.ring[0] = 0;
    __sync_synchronize();
    uint16_t done = ++queue.available.index;
    __sync_synchronize();
    REG(REG_QUEUE_NOTIFY) = 0;
    uint64_t deadline = board_ticks() + TIMEOUT_TICKS;
    while (queue.used.index != done) {
        if (board_ticks() > deadline) {
            return 0;
        }
    }
    __sync_synchronize();
    return queue.used.ring[0].length;
}

bool virtio_rng_read(uint8_t *buffer, size_t length) {
    if (!set_up_device()) {
        return false;
    }
    while (length) {
        size_t got = request(buffer, length);
        if (got == 0 || got > length) {
            return false;
        }
        buffer += got;
        length -= got;
    }
    return true;
}
