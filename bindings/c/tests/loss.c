/* A broker that is killed, restarted, stopped and shut down while clients use it. */
#define _POSIX_C_SOURCE 200809L

#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct broker broker;

static void *kill_soon(void *unused) {
    (void)unused;
    sleep_ms(200);
    broker_signal(&broker, SIGKILL);
    return NULL;
}

static bool is_end(elbus_status status) {
    return status == ELBUS_ERROR_END_OF_FILE || status == ELBUS_ERROR_IO;
}

static void a_call_ends_with_the_broker_and_works_after_connecting_again(void) {
    elbus_config config = {.address = broker.path, .name = "caller", .rpc = true};
    elbus_config deaf_config = {.address = broker.path, .name = "deaf", .rpc = true};
    int round;

    for (round = 0; round < 5; round++) {
        elbus_client *caller = client_with(&config);
        elbus_client *deaf = client_with(&deaf_config);
        struct server server;
        elbus_result result;
        pthread_t thread;
        int64_t start_ms = clock_ms();

        /* With calls pending, and in the middle of many. */
        CHECK(pthread_create(&thread, NULL, kill_soon, NULL) == 0);
        if (round == 0) {
            CHECK(is_end(elbus_call(caller, "deaf", "m", NULL, 0, 60000, &result)));
            CHECK(result.code == -32255 || result.code == -32115);
        } else {
            elbus_status status;

            do
                status = elbus_call(caller, ".broker", "test", NULL, 0, 60000, &result);
            while (status == ELBUS_OK);
            CHECK(is_end(status));
        }
        CHECK(clock_ms() - start_ms < 30000);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK_ERROR(caller, "caller: call '");
        CHECK(!elbus_is_connected(caller));
        CHECK(is_end(elbus_process(caller)));
        CHECK_STATUS(caller, elbus_call(caller, "x", "m", NULL, 0, 0, NULL), ELBUS_ERROR_NOT_CONNECTED);
        CHECK_ERROR(caller, "caller: call 'x': not connected to ");
        CHECK_STATUS(caller, elbus_connect(caller), ELBUS_ERROR_IO);

        broker_restart(&broker);
        CHECK_OK(caller, elbus_connect(caller));
        server_start(&server, broker.path, "server");
        CHECK_OK(caller, elbus_call(caller, "server", "echo", "hi", 2, 0, &result));
        CHECK(result.size == 2);
        server_stop(&server);
        elbus_free(caller);
        elbus_free(deaf);
    }
}

static void waiting_ends_with_the_broker_and_subscriptions_are_made_again(void) {
    const char *const filter = "t";
    struct inbox inbox;
    elbus_client *client = client_of(broker.path, "waiter", &inbox);
    pthread_t thread;

    CHECK_OK(client, elbus_subscribe(client, &filter, 1, ELBUS_QOS_PROCESSED));
    CHECK(pthread_create(&thread, NULL, kill_soon, NULL) == 0);
    CHECK(is_end(elbus_wait(client, -1)));
    CHECK(pthread_join(thread, NULL) == 0);
    broker_restart(&broker);
    CHECK_OK(client, elbus_connect(client));
    CHECK_OK(client, elbus_publish(client, "t", NULL, 0, ELBUS_QOS_PROCESSED));
    CHECK_OK(client, elbus_wait(client, 50));
    CHECK(inbox.count == 0);
    CHECK_OK(client, elbus_subscribe(client, &filter, 1, ELBUS_QOS_PROCESSED));
    CHECK_OK(client, elbus_publish(client, "t", NULL, 0, ELBUS_QOS_PROCESSED));
    await_frames(client, &inbox, 1);
    elbus_free(client);
}

/* No SIGPIPE, on either transport. */
static void sending_without_confirmation_notices_the_end(void) {
    elbus_client *local = client_of(broker.path, "local", NULL);
    elbus_client *tcp = client_of(broker.address, "tcp", NULL);
    elbus_status status;

    broker_signal(&broker, SIGKILL);
    CHECK_STATUS(local, elbus_send(local, "x", "x", 1, ELBUS_QOS_NO), ELBUS_ERROR_END_OF_FILE);
    while ((status = elbus_send(tcp, "x", "x", 1, ELBUS_QOS_NO)) == ELBUS_OK)
        sleep_ms(1);
    CHECK(status == ELBUS_ERROR_END_OF_FILE);
    elbus_free(local);
    elbus_free(tcp);
    broker_restart(&broker);
}

static void a_stopped_broker_is_a_timeout_and_goes_on(void) {
    elbus_config config = {.address = broker.path, .name = "patient", .rpc = true, .timeout_ms = 200};
    elbus_config second_config = {.address = broker.path, .name = "second", .timeout_ms = 200};
    elbus_client *client = client_with(&config);
    elbus_client *second = elbus_new(&second_config);
    elbus_result result;
    int64_t start_ms;

    broker_signal(&broker, SIGSTOP);
    start_ms = clock_ms();
    CHECK_STATUS(client, elbus_call(client, ".broker", "test", NULL, 0, 300, &result),
                 ELBUS_ERROR_TIMEOUT);
    CHECK(clock_ms() - start_ms >= 300);
    CHECK_STATUS(client, elbus_send(client, "x", "x", 1, ELBUS_QOS_PROCESSED), ELBUS_ERROR_TIMEOUT);
    CHECK_STATUS(second, elbus_connect(second), ELBUS_ERROR_TIMEOUT);
    CHECK(elbus_is_connected(client));
    broker_signal(&broker, SIGCONT);
    CHECK_OK(client, elbus_call(client, ".broker", "test", NULL, 0, 10000, &result));
    CHECK(result.size == 5);
    elbus_free(client);
    elbus_free(second);
}

static void the_announcement_of_a_shutdown_arrives_before_the_end(void) {
    struct inbox inbox;
    elbus_client *client = client_of(broker.path, "told", &inbox);
    elbus_status status;

    broker_signal(&broker, SIGTERM);
    do
        status = elbus_wait(client, 5000);
    while (status == ELBUS_OK);
    CHECK(is_end(status));
    CHECK(inbox.count == 1 && strcmp(inbox.topic, ".broker/warn") == 0);
    CHECK(strcmp(inbox.sender, ".broker") == 0);
    elbus_free(client);
    broker_restart(&broker);
}

/* The same if it is an operation that notices the end. */
static void the_announcement_outlives_an_operation(void) {
    struct inbox inbox;
    elbus_client *client = client_of(broker.path, "told", &inbox);

    broker_signal(&broker, SIGTERM);
    CHECK(is_end(elbus_send(client, "x", "x", 1, ELBUS_QOS_PROCESSED)));
    CHECK(inbox.count == 0);
    CHECK(is_end(elbus_process(client)));
    CHECK(inbox.count == 1 && strcmp(inbox.topic, ".broker/warn") == 0);
    elbus_free(client);
    broker_restart(&broker);
}

int main(void) {
    broker_start(&broker);
    RUN(a_call_ends_with_the_broker_and_works_after_connecting_again);
    RUN(waiting_ends_with_the_broker_and_subscriptions_are_made_again);
    RUN(sending_without_confirmation_notices_the_end);
    RUN(a_stopped_broker_is_a_timeout_and_goes_on);
    RUN(the_announcement_of_a_shutdown_arrives_before_the_end);
    RUN(the_announcement_outlives_an_operation);
    broker_signal(&broker, SIGKILL);
    return 0;
}
