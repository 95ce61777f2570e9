/* Nonsense from the broker, after a good handshake: random bytes, and good frames with some of their bytes
 * changed. Nothing is expected but that every operation ends, and that the sanitizers are content.
 *
 * fuzz [ROUNDS [SEED]] */
#define _POSIX_C_SOURCE 200809L

#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

static uint32_t state;

static uint32_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static const struct {
    const char *bytes;
    size_t size;
} GOOD[] = {
    {"\0\0\0\0\0\0", 6},
    {"\xfe\x01\0\0\0\x01", 6},
    {"\xfe\x02\0\0\0\x71", 6},
    {"\x12\x05\0\0\0\0n0\0hi", 11},
    {"\x13\x05\0\0\0\x01n0\0hi", 11},
    {"\x01\x09\0\0\0\0n0\0a/b\0hi", 15},
    {"\x12\x0a\0\0\0\0n\0\x01\x01\0\0\0m\0p", 16},
    {"\x12\x0a\0\0\0\0n\0\x01\0\0\0\0m\0p", 16},
    {"\x12\x08\0\0\0\0x\0\x11\x01\0\0\0r", 14},
    {"\x12\x0a\0\0\0\0x\0\x12\x01\0\0\0\xf7\xfc" "d", 16},
    {"\x12\x03\0\0\0\0n\0\0", 9},
};

static uint8_t bytes[20000];

static size_t make_bytes(void) {
    const bool is_noise = next_random() % 4 == 0;
    const size_t limit = 1 + next_random() % (next_random() % 8 == 0 ? 15000 : 300);
    size_t size = 0, changes;

    while (size < limit) {
        if (is_noise) {
            bytes[size++] = (uint8_t)next_random();
        } else {
            size_t i = next_random() % (sizeof GOOD / sizeof GOOD[0]);

            memcpy(bytes + size, GOOD[i].bytes, GOOD[i].size);
            size += GOOD[i].size;
        }
    }
    for (changes = next_random() % 4; changes > 0; changes--)
        bytes[next_random() % size] = (uint8_t)next_random();
    return size;
}

static void play(int socket, void *unused) {
    struct timeval limit = {0, 1000};
    char sink[4096];
    size_t size = make_bytes(), at = 0;

    (void)unused;
    fake_handshake(socket, NULL);
    CHECK(setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    while (at < size) {
        size_t piece = 1 + next_random() % (size - at);

        put(socket, bytes + at, piece);
        at += piece;
        if (next_random() % 4 == 0 && recv(socket, sink, sizeof sink, 0) == 0)
            return;
    }
    recv(socket, sink, sizeof sink, 0);
}

static long frames, calls;

/* Started again when it has ended. */
static elbus_pending pending;
static bool is_pending;

static void on_reply(elbus_client *client, elbus_status status, const elbus_result *result,
                     void *context) {
    (void)client;
    (void)context;
    CHECK(is_pending);
    CHECK(status == ELBUS_OK || result->code != 0 || status == ELBUS_ERROR_RPC);
    is_pending = false;
}

static void on_frame(elbus_client *client, const elbus_frame *frame, void *context) {
    const char *data = frame->data;
    volatile char last = '\0';

    (void)client;
    (void)context;
    frames++;
    if (frame->size > 0)
        last = data[frame->size - 1];
    (void)last;
    CHECK(strlen(frame->sender) < sizeof bytes);
}

static void on_call(elbus_client *client, const elbus_request *request, elbus_reply *reply,
                    void *context) {
    elbus_result result;

    (void)context;
    calls++;
    if (calls % 3 == 0)
        elbus_call(client, "x", "m", NULL, 0, 1, &result);
    elbus_reply_write(reply, request->params, request->size);
}

int main(int argc, char **argv) {
    const int rounds = argc > 1 ? atoi(argv[1]) : 5000;
    elbus_config config = {.name = "c", .timeout_ms = 10000, .on_frame = on_frame, .on_call = on_call,
                           .max_receive = 10000, .max_waiting = 5000};
    struct fake fake;
    elbus_client *client;
    elbus_result result;
    int round;

    state = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : 0x5eed;
    printf("  %d rounds, seed %#x\n", rounds, (unsigned)state);
    fake_start(&fake, rounds, play, NULL);
    config.address = fake.path;
    client = elbus_new(&config);
    for (round = 0; round < rounds; round++) {
        int i;

        CHECK_OK(client, elbus_connect(client));
        pending.on_reply = on_reply;
        if (!is_pending)
            is_pending = elbus_call_start(client, &pending, "x", "m", "p", 1, 50) == ELBUS_OK;
        if (round % 2 == 0)
            elbus_call(client, "x", "m", "p", 1, 2, &result);
        for (i = 0; i < 100 && elbus_wait(client, 2) == ELBUS_OK; i++)
            if (i % 5 == 4)
                elbus_send(client, "x", "p", 1, i % 2 == 0 ? ELBUS_QOS_NO : ELBUS_QOS_REALTIME);
    }
    elbus_free(client);
    fake_end(&fake);
    printf("  %ld frames and %ld calls were handed over\n", frames, calls);
    CHECK(frames > rounds && calls > rounds / 10);
    return 0;
}
