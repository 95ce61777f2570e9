/* A pump that others can start, and one who does: rpc BUS serve, rpc BUS call METHOD [PARAMS] */
#include "elbus.h"

#include <stdio.h>
#include <string.h>

/* Methods "speed.set" with a number, and "speed.get". */
static void handle_call(elbus_client *client, const elbus_request *request, elbus_reply *reply,
                        void *context) {
    int *speed = context;
    char text[16];

    (void)client;
    if (strcmp(request->method, "speed.get") == 0) {
        int size = snprintf(text, sizeof text, "%d", *speed);

        elbus_reply_write(reply, text, (size_t)size);
        return;
    }
    if (strcmp(request->method, "speed.set") != 0) {
        elbus_reply_error(reply, ELBUS_RPC_METHOD_NOT_FOUND, NULL, 0);
        return;
    }
    /* Params are bytes, without a NUL at their end. */
    snprintf(text, sizeof text, "%.*s", (int)(request->size < 15 ? request->size : 15),
             (const char *)request->params);
    if (sscanf(text, "%5d", speed) != 1)
        elbus_reply_error(reply, ELBUS_RPC_INVALID_PARAMS, "not a number", strlen("not a number"));
}

static int serve(const char *bus) {
    int speed = 0;
    elbus_config config = {
        .address = bus, .name = "example.pump", .on_call = handle_call, .context = &speed};
    elbus_client *client = elbus_new(&config);
    elbus_status status;

    if (client == NULL)
        return 1;
    status = elbus_connect(client);
    while (status == ELBUS_OK)
        status = elbus_wait(client, -1);
    fprintf(stderr, "%s\n", elbus_error(client));
    elbus_free(client);
    return 1;
}

static int call(const char *bus, const char *method, const char *params) {
    elbus_config config = {.address = bus, .name = "example.operator", .rpc = true};
    elbus_client *client = elbus_new(&config);
    elbus_result result;
    elbus_status status;

    if (client == NULL)
        return 1;
    status = elbus_connect(client);
    if (status == ELBUS_OK)
        status = elbus_call(client, "example.pump", method, params, strlen(params), 1000, &result);
    if (status == ELBUS_OK)
        printf("%.*s\n", (int)result.size, (const char *)result.data);
    else
        fprintf(stderr, "%s\n", elbus_error(client));
    elbus_free(client);
    return status == ELBUS_OK ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[2], "serve") == 0)
        return serve(argv[1]);
    if (argc >= 4 && strcmp(argv[2], "call") == 0)
        return call(argv[1], argv[3], argc > 4 ? argv[4] : "");
    fprintf(stderr, "usage: rpc BUS serve | rpc BUS call METHOD [PARAMS]\n");
    return 2;
}
