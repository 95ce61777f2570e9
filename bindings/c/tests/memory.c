/* What memory is taken: none per frame, never more than the limits, and none is not the end. The library
 * is compiled with an allocator that counts and can fail. */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

static void *counted_realloc(void *old, size_t size);

#define realloc counted_realloc
#define malloc(size) counted_realloc(NULL, size)
#include "../elbus.c"
#undef realloc
#undef malloc

#include "harness.h"

/* Shared with the thread that serves, whose allocations count as well. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long allocations;
static size_t largest;
static bool fails;

static void *counted_realloc(void *old, size_t size) {
    bool refused;

    pthread_mutex_lock(&lock);
    allocations++;
    if (size > largest)
        largest = size;
    refused = fails;
    pthread_mutex_unlock(&lock);
    return refused ? NULL : realloc(old, size);
}

static long counted(void) {
    long count;

    pthread_mutex_lock(&lock);
    count = allocations;
    pthread_mutex_unlock(&lock);
    return count;
}

static struct broker broker;

static void the_steady_state_takes_nothing(void) {
    const char *const filter = "t";
    struct inbox inbox = {0};
    struct server server;
    elbus_config config = {.address = broker.path, .name = "steady", .rpc = true,
                           .on_frame = note_frame, .context = &inbox, .timeout_ms = 10000};
    elbus_client *client = client_with(&config);
    long before = 0;
    int i;

    server_start(&server, broker.path, "server");
    CHECK_OK(client, elbus_subscribe(client, &filter, 1, ELBUS_QOS_PROCESSED));
    for (i = 0; i < 1000; i++) {
        if (i == 10)
            before = counted();
        CHECK_OK(client, elbus_publish(client, "t", "data", 4, ELBUS_QOS_PROCESSED));
        CHECK_OK(client, elbus_call(client, "server", "echo", "data", 4, 0, NULL));
        await_frames(client, &inbox, i + 1);
    }
    CHECK(before > 0 && counted() == before);
    server_stop(&server);
    elbus_free(client);
}

/* The frame that the callback looks at stays where it is; the buffer beside it is kept for the next time. */
static void call_back(elbus_client *client, const elbus_frame *frame, void *context) {
    elbus_result result;

    CHECK(frame->size == 3000);
    CHECK_OK(client, elbus_call(client, "server", "big", NULL, 0, 0, &result));
    CHECK(((const char *)frame->data)[2999] == 'z');
    ++*(int *)context;
}

static void calls_in_callbacks_take_it_once(void) {
    static char data[3000];
    struct server server;
    int count = 0, i;
    elbus_config config = {.address = broker.path, .name = "nested", .rpc = true,
                           .on_frame = call_back, .context = &count, .timeout_ms = 10000};
    elbus_client *client = client_with(&config);
    long before = 0;

    data[2999] = 'z';
    server_start(&server, broker.path, "server");
    for (i = 0; i < 50; i++) {
        /* After a few, either of the two buffers has been the larger one. */
        if (i == 5)
            before = counted();
        CHECK_OK(client, elbus_notify(client, "nested", data, sizeof data, ELBUS_QOS_PROCESSED));
        while (count == i)
            CHECK_OK(client, elbus_wait(client, 1000));
    }
    CHECK(counted() == before);
    server_stop(&server);
    elbus_free(client);
}

static void a_buffer_never_exceeds_the_limits(void) {
    struct inbox inbox = {0};
    elbus_config config = {.address = broker.path, .name = "bounded", .max_receive = 5000,
                           .max_waiting = 7000, .on_frame = note_frame, .context = &inbox,
                           .timeout_ms = 10000};
    elbus_client *client = client_with(&config);
    static char data[4900];
    int i;

    pthread_mutex_lock(&lock);
    largest = 0;
    pthread_mutex_unlock(&lock);
    for (i = 0; i < 100; i++) {
        elbus_status status = elbus_send(client, "bounded", data, (size_t)(i * 47) % sizeof data,
                                         ELBUS_QOS_PROCESSED);

        CHECK(status == ELBUS_OK || status == ELBUS_ERROR_QUEUE_FULL);
        if (i % 7 == 0 || status != ELBUS_OK)
            CHECK_OK(client, elbus_process(client));
    }
    await_frames(client, &inbox, 100);
    CHECK(largest == 6 + 5000 + 7000);
    elbus_free(client);
}

static void without_memory_operations_fail_and_work_later(void) {
    const char *const filter = "t";
    struct inbox inbox = {0};
    elbus_config config = {.address = broker.path, .name = "poor", .on_frame = note_frame,
                           .context = &inbox, .timeout_ms = 10000};
    elbus_client *client = client_with(&config);

    fails = true;
    CHECK_STATUS(client, elbus_subscribe(client, &filter, 1, ELBUS_QOS_NO), ELBUS_ERROR_MEMORY);
    CHECK_ERROR(client, "no memory for 1 bytes");
    CHECK_STATUS(client, elbus_send(client, "poor", "x", 1, ELBUS_QOS_PROCESSED), ELBUS_ERROR_MEMORY);
    CHECK_ERROR(client, "no memory for 4096 bytes");
    CHECK_STATUS(client, elbus_process(client), ELBUS_ERROR_MEMORY);
    CHECK(elbus_is_connected(client));
    fails = false;
    await_frames(client, &inbox, 1);
    CHECK_OK(client, elbus_subscribe(client, &filter, 1, ELBUS_QOS_PROCESSED));
    elbus_free(client);
}

int main(void) {
    broker_start(&broker);
    RUN(the_steady_state_takes_nothing);
    RUN(calls_in_callbacks_take_it_once);
    RUN(a_buffer_never_exceeds_the_limits);
    RUN(without_memory_operations_fail_and_work_later);
    broker_signal(&broker, SIGTERM);
    return 0;
}
