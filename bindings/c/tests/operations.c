/* Messages, broadcasts, topics and connecting, with a real broker. */
#define _POSIX_C_SOURCE 200809L

#include "harness.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct broker broker;

static void messages_of_every_qos_arrive(void) {
    struct inbox inbox;
    elbus_client *sender = client_of(broker.path, "sender", NULL);
    elbus_client *receiver = client_of(broker.path, "receiver", &inbox);
    int qos;

    for (qos = 0; qos <= 3; qos++) {
        CHECK_OK(sender, elbus_send(sender, "receiver", "a\0b", 3, (elbus_qos)qos));
        await_frames(receiver, &inbox, qos + 1);
        CHECK(inbox.kind == ELBUS_MESSAGE);
        CHECK(inbox.realtime == (qos >= 2));
        CHECK(strcmp(inbox.sender, "sender") == 0);
        CHECK(inbox.size == 3 && memcmp(inbox.data, "a\0b", 3) == 0);
    }
    CHECK_OK(sender, elbus_send(sender, "receiver", NULL, 0, ELBUS_QOS_PROCESSED));
    await_frames(receiver, &inbox, 5);
    CHECK(inbox.size == 0);
    elbus_free(sender);
    elbus_free(receiver);
}

static void broadcasts_reach_those_whose_names_match(void) {
    struct inbox inboxes[3];
    elbus_client *line1 = client_of(broker.path, "line1.a", &inboxes[0]);
    elbus_client *line2 = client_of(broker.path, "line2.a", &inboxes[1]);
    elbus_client *sender = client_of(broker.path, "line1.s", &inboxes[2]);

    CHECK_OK(sender, elbus_broadcast(sender, "line1.*", "all", 3, ELBUS_QOS_REALTIME_PROCESSED));
    await_frames(line1, &inboxes[0], 1);
    await_frames(sender, &inboxes[2], 1);
    CHECK(inboxes[0].kind == ELBUS_BROADCAST && inboxes[0].realtime);
    CHECK_OK(line2, elbus_wait(line2, 50));
    CHECK(inboxes[1].count == 0);
    elbus_free(line1);
    elbus_free(line2);
    elbus_free(sender);
}

static void publications_reach_subscribers_until_they_unsubscribe(void) {
    const char *const filters[] = {"plant/+/speed", "alarm/#"};
    struct inbox inbox;
    elbus_client *client = client_of(broker.path, "subscriber", &inbox);
    int qos;

    for (qos = 0; qos <= 3; qos++) {
        inbox.count = 0;
        CHECK_OK(client, elbus_subscribe(client, filters, 2, (elbus_qos)qos));
        CHECK_OK(client, elbus_publish(client, "plant/1/speed", "21", 2, (elbus_qos)qos));
        await_frames(client, &inbox, 1);
        CHECK(inbox.kind == ELBUS_PUBLICATION && strcmp(inbox.topic, "plant/1/speed") == 0);
        CHECK_OK(client, elbus_publish(client, "alarm/fire", NULL, 0, (elbus_qos)qos));
        await_frames(client, &inbox, 2);
        CHECK_OK(client, elbus_unsubscribe(client, filters, 2, (elbus_qos)qos));
        CHECK_OK(client, elbus_publish(client, "alarm/fire", NULL, 0, ELBUS_QOS_PROCESSED));
        CHECK_OK(client, elbus_wait(client, 20));
        CHECK(inbox.count == 2);
    }
    elbus_free(client);
}

static void frames_that_come_during_an_operation_wait_for_process(void) {
    const char *const filter = "t";
    struct inbox inbox;
    elbus_client *client = client_of(broker.path, "self", &inbox);
    int i;

    CHECK_OK(client, elbus_subscribe(client, &filter, 1, ELBUS_QOS_PROCESSED));
    for (i = 0; i < 100; i++)
        CHECK_OK(client, elbus_publish(client, "t", &i, sizeof i, ELBUS_QOS_PROCESSED));
    CHECK(inbox.count == 0);
    CHECK(elbus_poll_timeout_ms(client) == 0);
    CHECK_OK(client, elbus_process(client));
    await_frames(client, &inbox, 100);
    i = 99;
    CHECK(memcmp(inbox.data, &i, sizeof i) == 0);
    CHECK(elbus_poll_timeout_ms(client) > 0);
    elbus_free(client);
}

/* The broker does not read from a client whose own queue is full: without reading while it writes, the
 * client would lock up. */
static void a_client_that_floods_itself_does_not_lock_up(void) {
    struct inbox inbox;
    elbus_config config = {.address = broker.path, .name = "flood", .timeout_ms = 10000,
                           .max_waiting = 64 * 1024 * 1024, .on_frame = note_frame, .context = &inbox};
    elbus_client *client = client_with(&config);
    static char data[10000];
    int i;

    memset(&inbox, 0, sizeof inbox);
    for (i = 0; i < 2000; i++)
        CHECK_OK(client, elbus_send(client, "flood", data, sizeof data, ELBUS_QOS_NO));
    await_frames(client, &inbox, 2000);
    elbus_free(client);
}

static void a_full_queue_is_an_error_that_processing_ends(void) {
    struct inbox inbox;
    elbus_config config = {.address = broker.path, .name = "narrow", .timeout_ms = 10000,
                           .max_receive = 4000, .max_waiting = 6000, .on_frame = note_frame,
                           .context = &inbox};
    elbus_client *client = client_with(&config);
    static const char data[1000];
    elbus_status status = ELBUS_OK;
    int sent = 0;

    memset(&inbox, 0, sizeof inbox);
    while (status == ELBUS_OK) {
        CHECK(sent < 20);
        status = elbus_send(client, "narrow", data, sizeof data, ELBUS_QOS_PROCESSED);
        sent++;
    }
    CHECK(status == ELBUS_ERROR_QUEUE_FULL);
    CHECK_ERROR(client, "max_waiting is 6000");
    CHECK_ERROR(client, "narrow: send to 'narrow'");
    await_frames(client, &inbox, sent);
    CHECK_OK(client, elbus_send(client, "narrow", data, sizeof data, ELBUS_QOS_PROCESSED));
    await_frames(client, &inbox, sent + 1);
    elbus_free(client);
}

static void tcp_is_served_on_both_families(void) {
    struct inbox inbox;
    elbus_client *four = client_of(broker.address, "four", NULL);
    elbus_client *six = client_of(broker.address6, "six", &inbox);
    char named[64];
    elbus_client *by_name;

    CHECK_OK(four, elbus_send(four, "six", "hi", 2, ELBUS_QOS_PROCESSED));
    await_frames(six, &inbox, 1);
    /* "localhost" may be ::1 or 127.0.0.1 or both. */
    snprintf(named, sizeof named, "localhost:%s", strrchr(broker.address, ':') + 1);
    by_name = client_of(named, "by-name", NULL);
    CHECK_OK(by_name, elbus_send(by_name, "six", "hi", 2, ELBUS_QOS_PROCESSED));
    await_frames(six, &inbox, 2);
    elbus_free(four);
    elbus_free(six);
    elbus_free(by_name);
}

static void refusals_have_a_status_and_a_text(void) {
    elbus_client *client = client_of(broker.path, "asker", NULL);
    const char *bad[] = {"ok", "\xff"};
    const char *none = NULL;
    static char text[70000];

    CHECK_STATUS(client, elbus_send(client, "nobody", "x", 1, ELBUS_QOS_PROCESSED),
                 ELBUS_ERROR_NOT_REGISTERED);
    CHECK_ERROR(client, "asker: send to 'nobody': client not registered (71)");
    CHECK_OK(client, elbus_send(client, "nobody", "x", 1, ELBUS_QOS_NO));
    CHECK_STATUS(client, elbus_send(client, NULL, "x", 1, ELBUS_QOS_NO), ELBUS_ERROR_ARGUMENT);
    CHECK_ERROR(client, "target is NULL");
    CHECK_STATUS(client, elbus_publish(client, "a\xc0\x80", "x", 1, ELBUS_QOS_NO), ELBUS_ERROR_ARGUMENT);
    CHECK_ERROR(client, "topic is not UTF-8");
    CHECK_STATUS(client, elbus_subscribe(client, bad, 2, ELBUS_QOS_NO), ELBUS_ERROR_ARGUMENT);
    CHECK_ERROR(client, "filter is not UTF-8");
    CHECK_STATUS(client, elbus_subscribe(client, &none, 1, ELBUS_QOS_NO), ELBUS_ERROR_ARGUMENT);
    CHECK_STATUS(client, elbus_subscribe(client, NULL, 0, ELBUS_QOS_NO), ELBUS_ERROR_ARGUMENT);
    CHECK_ERROR(client, "no filters");
    CHECK_STATUS(client, elbus_send(client, "a", "x", 1, (elbus_qos)4), ELBUS_ERROR_ARGUMENT);
    CHECK_ERROR(client, "QoS 4, the highest is 3");
    memset(text, 'n', ELBUS_MAX_NAME + 1);
    CHECK_STATUS(client, elbus_send(client, text, "x", 1, ELBUS_QOS_NO), ELBUS_ERROR_TOO_LARGE);
    CHECK_ERROR(client, "target of 1025 bytes, the limit is 1024");
    CHECK_STATUS(client, elbus_send(client, "a", text, ELBUS_MAX_FRAME, ELBUS_QOS_NO),
                 ELBUS_ERROR_TOO_LARGE);
    CHECK_ERROR(client, "more than 16777216 bytes, which is max_send");
    CHECK_STATUS(client, elbus_send(client, "a", text, SIZE_MAX, ELBUS_QOS_NO), ELBUS_ERROR_TOO_LARGE);
    CHECK_STATUS(client, elbus_call(client, "a", "b", NULL, 0, 0, NULL), ELBUS_ERROR_ARGUMENT);
    CHECK_ERROR(client, "config.rpc is not set");
    /* After all of that the connection still is in order. */
    CHECK_OK(client, elbus_send(client, "asker", "x", 1, ELBUS_QOS_PROCESSED));
    elbus_free(client);
}

static void connect_fails(const elbus_config *config, elbus_status expected, const char *text) {
    elbus_client *client = elbus_new(config);

    CHECK_STATUS(client, elbus_connect(client), expected);
    CHECK_ERROR(client, text);
    CHECK(!elbus_is_connected(client) && elbus_fd(client) == -1);
    CHECK(elbus_poll_timeout_ms(client) == -1);
    CHECK_STATUS(client, elbus_send(client, "a", NULL, 0, ELBUS_QOS_NO), ELBUS_ERROR_NOT_CONNECTED);
    CHECK_STATUS(client, elbus_process(client), ELBUS_ERROR_NOT_CONNECTED);
    CHECK_STATUS(client, elbus_wait(client, -1), ELBUS_ERROR_NOT_CONNECTED);
    elbus_free(client);
}

static void connecting_says_what_is_wrong(void) {
    elbus_client *first = client_of(broker.path, "taken", NULL);
    elbus_config config = {.address = broker.path, .name = "taken"};
    char name[ELBUS_MAX_NAME + 2] = {0};
    char path[200] = {0};

    connect_fails(&config, ELBUS_ERROR_BUSY, "name refused: busy (76)");
    elbus_free(first);
    config.name = ".reserved";
    connect_fails(&config, ELBUS_ERROR_DATA, "name refused: not accepted (72)");
    config.name = "nobody%%1";
    connect_fails(&config, ELBUS_ERROR_NOT_REGISTERED, "name refused: client not registered (71)");
    config.name = "";
    connect_fails(&config, ELBUS_ERROR_ARGUMENT, "the name is empty");
    config.name = "\xed\xa0\x80";
    connect_fails(&config, ELBUS_ERROR_ARGUMENT, "name is not UTF-8");
    memset(name, 'n', sizeof name - 1);
    config.name = name;
    connect_fails(&config, ELBUS_ERROR_TOO_LARGE, "name of 1025 bytes, the limit is 1024");
    config.name = "n";
    config.address = NULL;
    connect_fails(&config, ELBUS_ERROR_ARGUMENT, "the address is empty");
    config.address = "/nowhere/elbus.sock";
    connect_fails(&config, ELBUS_ERROR_IO, "n: connect to '/nowhere/elbus.sock': No such file");
    config.address = "127.0.0.1:1";
    connect_fails(&config, ELBUS_ERROR_IO, "refused");
    config.address = "127.0.0.1";
    connect_fails(&config, ELBUS_ERROR_ARGUMENT, "neither HOST:PORT");
    config.address = "::1";
    connect_fails(&config, ELBUS_ERROR_ARGUMENT, "neither HOST:PORT");
    config.address = "tls://127.0.0.1:1";
    connect_fails(&config, ELBUS_ERROR_ARGUMENT, "neither HOST:PORT");
    memset(path, '/', sizeof path - 1);
    config.address = path;
    connect_fails(&config, ELBUS_ERROR_TOO_LARGE, "path of 199 bytes, the limit is 107");
    config.address = broker.path;
    config.max_receive = ELBUS_MAX_DELIVERY + 1;
    connect_fails(&config, ELBUS_ERROR_ARGUMENT, "max_receive of 16778242 bytes, the limit is 16778241");
    config.max_receive = 0;
    config.max_send = ELBUS_MAX_FRAME + 1;
    connect_fails(&config, ELBUS_ERROR_ARGUMENT, "max_send of 16777217 bytes, the limit is 16777216");
    config.max_send = 0;
    config.max_waiting = SIZE_MAX;
    connect_fails(&config, ELBUS_ERROR_ARGUMENT, "max_waiting");
}

static void the_largest_frame_gets_through(void) {
    const size_t size = ELBUS_MAX_FRAME - strlen("large") - 1;
    struct inbox inbox;
    elbus_config config = {.address = broker.path, .name = "large", .timeout_ms = 20000,
                           .max_receive = ELBUS_MAX_DELIVERY, .on_frame = note_frame,
                           .context = &inbox};
    elbus_client *client = client_with(&config);
    char *data = calloc(1, size);

    memset(&inbox, 0, sizeof inbox);
    CHECK_OK(client, elbus_send(client, "large", data, size, ELBUS_QOS_NO));
    await_frames(client, &inbox, 1);
    CHECK(inbox.size == size);
    free(data);
    elbus_free(client);
}

static void a_longer_frame_than_configured_ends_the_connection(void) {
    struct inbox inbox;
    elbus_config config = {.address = broker.path, .name = "small", .max_receive = 100,
                           .on_frame = note_frame, .context = &inbox};
    elbus_client *client = client_with(&config);
    static const char data[100];
    elbus_status status;

    memset(&inbox, 0, sizeof inbox);
    CHECK_OK(client, elbus_send(client, "small", data, 94, ELBUS_QOS_NO));
    await_frames(client, &inbox, 1);
    CHECK_OK(client, elbus_send(client, "small", data, 95, ELBUS_QOS_NO));
    do
        status = elbus_wait(client, 1000);
    while (status == ELBUS_OK);
    CHECK(status == ELBUS_ERROR_TOO_LARGE);
    CHECK_ERROR(client, "received a frame of 101 bytes, max_receive is 100");
    CHECK(!elbus_is_connected(client));
    CHECK_OK(client, elbus_connect(client));
    elbus_free(client);
}

static int refused;

static void call_what_is_refused(elbus_client *client, const elbus_frame *frame, void *context) {
    (void)frame;
    (void)context;
    refused += elbus_process(client) == ELBUS_ERROR_IN_CALLBACK;
    refused += elbus_wait(client, 1000) == ELBUS_ERROR_IN_CALLBACK;
    refused += elbus_connect(client) == ELBUS_ERROR_IN_CALLBACK;
    CHECK_ERROR(client, "elbus_connect() in a callback");
    elbus_disconnect(client);
}

static void callbacks_cannot_nest_and_can_disconnect(void) {
    elbus_config config = {.address = broker.path, .name = "nest", .on_frame = call_what_is_refused};
    elbus_client *client = client_with(&config);

    CHECK_OK(client, elbus_send(client, "nest", "1", 1, ELBUS_QOS_PROCESSED));
    CHECK_OK(client, elbus_send(client, "nest", "2", 1, ELBUS_QOS_PROCESSED));
    CHECK_STATUS(client, elbus_process(client), ELBUS_ERROR_NOT_CONNECTED);
    CHECK(refused == 3);
    elbus_free(client);
}

static void ignore(int signal) {
    (void)signal;
}

static void a_signal_ends_wait_and_nothing_else(void) {
    struct sigaction action;
    struct inbox inbox;
    elbus_client *client = client_of(broker.path, "signalled", &inbox);
    int64_t start_ms = clock_ms();

    memset(&action, 0, sizeof action);
    action.sa_handler = ignore;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    alarm(1);
    CHECK_OK(client, elbus_wait(client, 20000));
    CHECK(clock_ms() - start_ms < 15000);
    elbus_free(client);
}

int main(void) {
    broker_start(&broker);
    RUN(messages_of_every_qos_arrive);
    RUN(broadcasts_reach_those_whose_names_match);
    RUN(publications_reach_subscribers_until_they_unsubscribe);
    RUN(frames_that_come_during_an_operation_wait_for_process);
    RUN(a_client_that_floods_itself_does_not_lock_up);
    RUN(a_full_queue_is_an_error_that_processing_ends);
    RUN(tcp_is_served_on_both_families);
    RUN(refusals_have_a_status_and_a_text);
    RUN(connecting_says_what_is_wrong);
    RUN(the_largest_frame_gets_through);
    RUN(a_longer_frame_than_configured_ends_the_connection);
    RUN(callbacks_cannot_nest_and_can_disconnect);
    RUN(a_signal_ends_wait_and_nothing_else);
    broker_signal(&broker, SIGTERM);
    return 0;
}
