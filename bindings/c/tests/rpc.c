/* Calls in both directions, with a real broker. */
#define _POSIX_C_SOURCE 200809L

#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct broker broker;

static elbus_client *caller_of(const char *name) {
    elbus_config config = {.address = broker.path, .name = name, .rpc = true, .timeout_ms = 10000};

    return client_with(&config);
}

static void calls_return_results_and_errors(void) {
    struct server server;
    elbus_client *caller = caller_of("caller");
    elbus_result result;

    server_start(&server, broker.path, "server");
    CHECK_OK(caller, elbus_call(caller, "server", "echo", "a\0b", 3, 0, &result));
    CHECK(result.code == 0 && result.size == 3 && memcmp(result.data, "a\0b", 3) == 0);
    CHECK_OK(caller, elbus_call(caller, "server", "nothing", "x", 1, 0, &result));
    CHECK(result.size == 0);
    CHECK_OK(caller, elbus_call(caller, "server", "echo", NULL, 0, 0, NULL));
    CHECK_STATUS(caller, elbus_call(caller, "server", "fail", "why", 3, 0, &result), ELBUS_ERROR_RPC);
    CHECK(result.code == -777 && result.size == 3 && memcmp(result.data, "why", 3) == 0);
    CHECK_ERROR(caller, "caller: call 'server': error -777: why");
    CHECK_STATUS(caller, elbus_call(caller, "server", "fail", NULL, 0, 0, &result), ELBUS_ERROR_RPC);
    CHECK(result.code == -777 && result.size == 0);
    CHECK_STATUS(caller, elbus_call(caller, "server", "what", NULL, 0, 0, &result), ELBUS_ERROR_RPC);
    CHECK(result.code == ELBUS_RPC_METHOD_NOT_FOUND);
    CHECK_OK(caller, elbus_call(caller, "server", "big", NULL, 0, 0, &result));
    CHECK(result.size == 500000 && *(const char *)result.data == 'b');
    server_stop(&server);
    elbus_free(caller);
}

static void calls_that_do_not_get_through_have_bus_errors(void) {
    elbus_client *caller = caller_of("caller");
    elbus_client *deaf = caller_of("deaf");
    elbus_result result;

    CHECK_STATUS(caller, elbus_call(caller, "nobody", "m", NULL, 0, 0, &result),
                 ELBUS_ERROR_NOT_REGISTERED);
    CHECK(result.code == -32113 && result.data == NULL && result.size == 0);
    CHECK_ERROR(caller, "caller: call 'nobody': client not registered");
    CHECK_STATUS(caller, elbus_call(caller, "deaf", "m", NULL, 0, 100, &result), ELBUS_ERROR_TIMEOUT);
    CHECK(result.code == -32120);
    CHECK_ERROR(caller, "call 'deaf': no answer within 100 ms");
    CHECK_STATUS(caller, elbus_call(caller, "a", NULL, NULL, 0, 0, &result), ELBUS_ERROR_ARGUMENT);
    CHECK_ERROR(caller, "method is NULL");
    CHECK_STATUS(caller, elbus_call(caller, "a", "\xff", NULL, 0, 0, NULL), ELBUS_ERROR_ARGUMENT);
    elbus_disconnect(caller);
    CHECK_STATUS(caller, elbus_call(caller, "deaf", "m", NULL, 0, 0, &result),
                 ELBUS_ERROR_NOT_CONNECTED);
    elbus_free(caller);
    elbus_free(deaf);
}

static void a_late_reply_is_not_taken_for_that_of_the_next_call(void) {
    struct server server;
    elbus_client *caller = caller_of("caller");
    elbus_result result;

    server_start(&server, broker.path, "server");
    CHECK_STATUS(caller, elbus_call(caller, "server", "slow", NULL, 0, 50, &result), ELBUS_ERROR_TIMEOUT);
    CHECK_OK(caller, elbus_call(caller, "server", "echo", "2", 1, 0, &result));
    CHECK(result.size == 1 && *(const char *)result.data == '2');
    server_stop(&server);
    elbus_free(caller);
}

static void the_broker_answers(void) {
    elbus_client *caller = caller_of("caller");
    elbus_result result;

    CHECK_OK(caller, elbus_call(caller, ".broker", "test", NULL, 0, 0, &result));
    CHECK(result.size == 5 && memcmp(result.data, "\x81\xa2ok\xc3", 5) == 0);
    CHECK_STATUS(caller, elbus_call(caller, ".broker", "", NULL, 0, 0, &result), ELBUS_ERROR_RPC);
    CHECK(result.code == ELBUS_RPC_METHOD_NOT_FOUND);
    elbus_free(caller);
}

static struct inbox seen;
static int calls_without_reply;

static void note_call(elbus_client *client, const elbus_request *request, elbus_reply *reply,
                      void *context) {
    (void)client;
    (void)context;
    CHECK(!request->reply_wanted && !request->realtime);
    CHECK(strcmp(request->method, "m") == 0 && strcmp(request->sender, "caller") == 0);
    CHECK(request->size == 2 && memcmp(request->params, "hi", 2) == 0);
    calls_without_reply++;
    CHECK(elbus_reply_write(reply, "dropped", 7) == ELBUS_OK);
}

static void notifications_and_calls_without_reply(void) {
    elbus_client *caller = caller_of("caller");
    elbus_config config = {.address = broker.path, .name = "noter", .on_frame = note_frame,
                           .on_call = note_call, .context = &seen};
    elbus_client *noter = client_with(&config);

    CHECK_OK(caller, elbus_notify(caller, "noter", "n", 1, ELBUS_QOS_PROCESSED));
    await_frames(noter, &seen, 1);
    CHECK(seen.kind == ELBUS_NOTIFICATION && seen.size == 1 && seen.data[0] == 'n');
    CHECK_OK(caller, elbus_notify(caller, "noter", NULL, 0, ELBUS_QOS_REALTIME));
    await_frames(noter, &seen, 2);
    CHECK(seen.size == 0 && seen.realtime);
    CHECK_OK(caller, elbus_call0(caller, "noter", "m", "hi", 2, ELBUS_QOS_PROCESSED));
    CHECK_OK(noter, elbus_wait(noter, 5000));
    CHECK(calls_without_reply == 1);
    CHECK_STATUS(caller, elbus_call0(caller, "nobody", "m", "hi", 2, ELBUS_QOS_PROCESSED),
                 ELBUS_ERROR_NOT_REGISTERED);
    CHECK_STATUS(caller, elbus_notify(caller, "nobody", "hi", 2, ELBUS_QOS_PROCESSED),
                 ELBUS_ERROR_NOT_REGISTERED);
    /* Neither a notification nor a request is malformed RPC; it is ignored. */
    CHECK_OK(caller, elbus_send(caller, "noter", "\x99", 1, ELBUS_QOS_PROCESSED));
    CHECK_OK(caller, elbus_send(caller, "noter", NULL, 0, ELBUS_QOS_PROCESSED));
    CHECK_OK(noter, elbus_wait(noter, 50));
    CHECK(seen.count == 2);
    elbus_free(caller);
    elbus_free(noter);
}

/* Without the layer, messages are what they are. */
static void a_client_without_rpc_gets_the_bytes(void) {
    struct inbox inbox;
    elbus_client *plain = client_of(broker.path, "plain", &inbox);

    CHECK_OK(plain, elbus_call0(plain, "plain", "m", "hi", 2, ELBUS_QOS_PROCESSED));
    await_frames(plain, &inbox, 1);
    CHECK(inbox.kind == ELBUS_MESSAGE && inbox.size == 9);
    CHECK(memcmp(inbox.data, "\x01\0\0\0\0m\0hi", 9) == 0);
    elbus_free(plain);
}

/* Asks another client, with so much data that its own buffer must move, and answers with both. */
static void relay(elbus_client *client, const elbus_request *request, elbus_reply *reply,
                  void *context) {
    elbus_result result;

    (void)context;
    CHECK(elbus_reply_write(reply, "<", 1) == ELBUS_OK);
    CHECK_OK(client, elbus_call(client, "server", "big", NULL, 0, 0, &result));
    CHECK(result.size == 500000);
    CHECK_OK(client, elbus_call(client, "server", "echo", request->params, request->size, 0, &result));
    CHECK(elbus_reply_write(reply, result.data, result.size) == ELBUS_OK);
    /* What the request points to has not moved. */
    CHECK(strcmp(request->method, "relay") == 0);
    CHECK(elbus_reply_write(reply, request->params, request->size) == ELBUS_OK);
}

static void *wait_for_calls(void *argument) {
    elbus_client *client = argument;

    while (elbus_wait(client, -1) == ELBUS_OK) {
    }
    return NULL;
}

static void a_handler_may_call(void) {
    struct server server;
    elbus_config config = {.address = broker.path, .name = "relay", .timeout_ms = 10000,
                           .on_call = relay};
    elbus_client *relay_client = client_with(&config);
    elbus_client *caller = caller_of("caller");
    elbus_result result;
    pthread_t thread;
    int i;

    server_start(&server, broker.path, "server");
    CHECK(pthread_create(&thread, NULL, wait_for_calls, relay_client) == 0);
    for (i = 0; i < 20; i++) {
        CHECK_OK(caller, elbus_call(caller, "relay", "relay", "hi", 2, 0, &result));
        CHECK(result.size == 5 && memcmp(result.data, "<hihi", 5) == 0);
    }
    server_stop(&server);
    broker_signal(&broker, SIGTERM);
    CHECK(pthread_join(thread, NULL) == 0);
    elbus_free(relay_client);
    elbus_free(caller);
    broker_restart(&broker);
}

static void write_too_much(elbus_client *client, const elbus_request *request, elbus_reply *reply,
                           void *context) {
    static const char data[600];

    (void)context;
    CHECK(elbus_reply_write(reply, data, 1) == ELBUS_OK);
    CHECK(elbus_reply_write(reply, NULL, 10) == ELBUS_OK);
    if (strcmp(request->method, "error") == 0) {
        CHECK(elbus_reply_error(reply, 5, data, SIZE_MAX) == ELBUS_ERROR_TOO_LARGE);
        return;
    }
    CHECK(elbus_reply_write(reply, data, sizeof data) == ELBUS_OK);
    CHECK(elbus_reply_write(reply, data, sizeof data) == ELBUS_ERROR_TOO_LARGE);
    CHECK_ERROR(client, "max_send");
    CHECK(elbus_reply_write(reply, data, 1) == ELBUS_ERROR_TOO_LARGE);
}

static void a_reply_beyond_the_limit_is_an_internal_error(void) {
    elbus_config config = {.address = broker.path, .name = "writer", .max_send = 1000,
                           .on_call = write_too_much};
    elbus_client *writer = client_with(&config);
    elbus_client *caller = caller_of("caller");
    elbus_result result;
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, wait_for_calls, writer) == 0);
    CHECK_STATUS(caller, elbus_call(caller, "writer", "m", NULL, 0, 0, &result), ELBUS_ERROR_RPC);
    CHECK(result.code == ELBUS_RPC_INTERNAL_ERROR && result.size == 0);
    CHECK_STATUS(caller, elbus_call(caller, "writer", "error", NULL, 0, 0, &result), ELBUS_ERROR_RPC);
    CHECK(result.code == ELBUS_RPC_INTERNAL_ERROR);
    broker_signal(&broker, SIGKILL);
    CHECK(pthread_join(thread, NULL) == 0);
    elbus_free(writer);
    elbus_free(caller);
    broker_restart(&broker);
}

static void a_client_without_handler_refuses_calls(void) {
    elbus_client *caller = caller_of("caller");
    elbus_client *idle = caller_of("idle");
    elbus_result result;
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, wait_for_calls, idle) == 0);
    CHECK_STATUS(caller, elbus_call(caller, "idle", "m", NULL, 0, 0, &result), ELBUS_ERROR_RPC);
    CHECK(result.code == ELBUS_RPC_METHOD_NOT_FOUND);
    broker_signal(&broker, SIGKILL);
    CHECK(pthread_join(thread, NULL) == 0);
    elbus_free(idle);
    elbus_free(caller);
    broker_restart(&broker);
}

/* Many calls at once, whose replies the broker does not take as fast: none is lost, none is sent twice. */
static void replies_wait_for_a_broker_that_is_not_ready(void) {
    enum { CALLS = 200 };
    struct server server;
    struct inbox inbox;
    elbus_config config = {.address = broker.path, .name = "burst", .timeout_ms = 10000,
                           .max_waiting = 256 * 1024 * 1024, .on_frame = note_frame,
                           .context = &inbox};
    elbus_client *burst = client_with(&config);
    uint8_t request[] = {0x01, 1, 0, 0, 0, 'b', 'i', 'g', 0};
    int i;

    memset(&inbox, 0, sizeof inbox);
    server_start(&server, broker.path, "server");
    for (i = 0; i < CALLS; i++) {
        request[1] = (uint8_t)(i + 1);
        CHECK_OK(burst, elbus_send(burst, "server", request, sizeof request, ELBUS_QOS_NO));
    }
    await_frames(burst, &inbox, CALLS);
    CHECK(inbox.count == CALLS && inbox.data[1] == CALLS && inbox.size == 500005);
    server_stop(&server);
    elbus_free(burst);
}

static void secondaries_call_and_are_called(void) {
    struct server server;
    elbus_client *primary = caller_of("p");
    elbus_client *caller = caller_of("p%%1");
    elbus_result result;

    server_start(&server, broker.path, "p%%2");
    CHECK_OK(caller, elbus_call(caller, "p%%2", "echo", "hi", 2, 0, &result));
    CHECK(result.size == 2 && memcmp(result.data, "hi", 2) == 0);
    server_stop(&server);
    elbus_free(caller);
    elbus_free(primary);
}

/* --- Calls that are started --- */

struct replies {
    int count;
    elbus_status status;
    elbus_result result;
    char text[16];
    /* Started again so many times. */
    int again;
    elbus_pending pending;
};

static void note_reply(elbus_client *client, elbus_status status, const elbus_result *result,
                       void *context) {
    struct replies *replies = context;

    replies->count++;
    replies->status = status;
    replies->result = *result;
    snprintf(replies->text, sizeof replies->text, "%.*s", (int)result->size,
             result->size > 0 ? (const char *)result->data : "");
    if (replies->again-- > 0)
        CHECK_OK(client, elbus_call_start(client, &replies->pending, "self", "echo", "again", 5, 0));
}

static void start(elbus_client *client, struct replies *replies, const char *target,
                  const char *method, uint32_t timeout_ms) {
    memset(replies, 0, sizeof *replies);
    replies->pending.on_reply = note_reply;
    replies->pending.context = replies;
    CHECK_OK(client, elbus_call_start(client, &replies->pending, target, method, "hi", 2, timeout_ms));
}

static void await_reply(elbus_client *client, const struct replies *replies, int count) {
    const int64_t deadline_ms = clock_ms() + 10000;

    while (replies->count < count) {
        CHECK(clock_ms() < deadline_ms);
        elbus_wait(client, 100);
    }
    CHECK(replies->count == count);
}

static elbus_client *self_of(void) {
    elbus_config config = {.address = broker.path, .name = "self", .on_call = serve};

    return client_with(&config);
}

static void a_client_can_call_itself_without_waiting(void) {
    elbus_client *self = self_of();
    struct replies echo, nothing, fail, unknown;

    start(self, &echo, "self", "echo", 0);
    start(self, &nothing, "self", "nothing", 0);
    start(self, &fail, "self", "fail", 0);
    start(self, &unknown, "nobody", "echo", 0);
    echo.again = 3;
    CHECK(echo.count == 0);
    await_reply(self, &echo, 4);
    await_reply(self, &unknown, 1);
    CHECK(echo.status == ELBUS_OK && strcmp(echo.text, "again") == 0);
    CHECK(nothing.count == 1 && nothing.status == ELBUS_OK && nothing.result.size == 0);
    CHECK(fail.count == 1 && fail.status == ELBUS_ERROR_RPC && fail.result.code == -777);
    CHECK(strcmp(fail.text, "hi") == 0);
    CHECK(unknown.status == ELBUS_ERROR_NOT_REGISTERED && unknown.result.code == -32113);
    elbus_free(self);
}

/* Its reply waits while another function does, and the other way round. */
static void started_calls_go_along_with_those_that_wait(void) {
    struct server server;
    elbus_client *self = self_of();
    struct replies echo;
    elbus_result result;

    server_start(&server, broker.path, "server");
    start(self, &echo, "server", "echo", 0);
    CHECK_OK(self, elbus_call(self, "server", "echo", "other", 5, 0, &result));
    CHECK(result.size == 5 && memcmp(result.data, "other", 5) == 0 && echo.count == 0);
    CHECK(elbus_poll_timeout_ms(self) == 0);
    CHECK_OK(self, elbus_process(self));
    CHECK(echo.count == 1 && strcmp(echo.text, "hi") == 0);
    server_stop(&server);
    elbus_free(self);
}

static void started_calls_end_in_time(void) {
    elbus_client *self = self_of();
    elbus_client *deaf = caller_of("deaf");
    struct replies late;
    const int64_t start_ms = clock_ms();

    start(self, &late, "deaf", "echo", 100);
    CHECK(elbus_poll_timeout_ms(self) <= 100);
    await_reply(self, &late, 1);
    CHECK(clock_ms() - start_ms >= 100);
    CHECK(late.status == ELBUS_ERROR_TIMEOUT && late.result.code == -32120);
    CHECK(elbus_poll_timeout_ms(self) > 100);
    elbus_free(self);
    elbus_free(deaf);
}

static void started_calls_end_with_the_connection(void) {
    elbus_client *self = self_of();
    elbus_client *deaf = caller_of("deaf");
    struct replies call;

    start(self, &call, "deaf", "echo", 60000);
    elbus_disconnect(self);
    CHECK(elbus_poll_timeout_ms(self) == 0);
    CHECK_STATUS(self, elbus_process(self), ELBUS_ERROR_NOT_CONNECTED);
    CHECK(call.count == 1 && call.status == ELBUS_ERROR_NOT_CONNECTED);
    CHECK(elbus_poll_timeout_ms(self) == -1);
    CHECK_STATUS(self, elbus_call_start(self, &call.pending, "deaf", "echo", NULL, 0, 0),
                 ELBUS_ERROR_NOT_CONNECTED);
    /* The one of before does not come after connecting again as if it were of this connection. */
    CHECK_OK(self, elbus_connect(self));
    start(self, &call, "deaf", "echo", 60000);
    CHECK_OK(self, elbus_connect(self));
    await_reply(self, &call, 1);
    CHECK(call.status == ELBUS_ERROR_NOT_CONNECTED);
    start(self, &call, "deaf", "echo", 60000);
    broker_signal(&broker, SIGKILL);
    await_reply(self, &call, 1);
    CHECK(call.status == ELBUS_ERROR_END_OF_FILE && call.result.code == -32255);
    elbus_free(deaf);
    broker_restart(&broker);
    CHECK_OK(self, elbus_connect(self));
    start(self, &call, "self", "echo", 0);
    await_reply(self, &call, 1);
    CHECK(call.status == ELBUS_OK);
    elbus_free(self);
}

int main(void) {
    broker_start(&broker);
    RUN(calls_return_results_and_errors);
    RUN(calls_that_do_not_get_through_have_bus_errors);
    RUN(a_late_reply_is_not_taken_for_that_of_the_next_call);
    RUN(the_broker_answers);
    RUN(notifications_and_calls_without_reply);
    RUN(a_client_without_rpc_gets_the_bytes);
    RUN(a_handler_may_call);
    RUN(a_reply_beyond_the_limit_is_an_internal_error);
    RUN(a_client_without_handler_refuses_calls);
    RUN(replies_wait_for_a_broker_that_is_not_ready);
    RUN(secondaries_call_and_are_called);
    RUN(a_client_can_call_itself_without_waiting);
    RUN(started_calls_go_along_with_those_that_wait);
    RUN(started_calls_end_in_time);
    RUN(started_calls_end_with_the_connection);
    broker_signal(&broker, SIGTERM);
    return 0;
}
