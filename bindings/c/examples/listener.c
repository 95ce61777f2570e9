/* Prints what is published below a topic, in a loop of its own, and connects again whenever the broker
 * comes back: listener BUS [FILTER] */
#define _POSIX_C_SOURCE 200809L

#include "elbus.h"

#include <poll.h>
#include <stdio.h>

enum { RECONNECT_MS = 1000 };

static void print_frame(elbus_client *client, const elbus_frame *frame, void *context) {
    (void)client;
    (void)context;
    printf("%s %s %.*s\n", frame->sender, frame->topic == NULL ? "-" : frame->topic, (int)frame->size,
           (const char *)frame->data);
    fflush(stdout);
}

/* Subscriptions end with the connection. */
static elbus_status connect_and_subscribe(elbus_client *client, const char *filter) {
    elbus_status status = elbus_connect(client);

    return status == ELBUS_OK ? elbus_subscribe(client, &filter, 1, ELBUS_QOS_PROCESSED) : status;
}

int main(int argc, char **argv) {
    elbus_config config = {
        .address = argc > 1 ? argv[1] : "/run/elbus.sock",
        .name = "example.listener",
        .on_frame = print_frame,
    };
    const char *filter = argc > 2 ? argv[2] : "plant/#";
    elbus_client *client = elbus_new(&config);

    if (client == NULL)
        return 1;
    for (;;) {
        /* One entry for the bus; a plug-in has others for its own devices. */
        struct pollfd polled = {.fd = elbus_fd(client), .events = elbus_poll_events(client)};
        elbus_status status;

        if (elbus_is_connected(client)) {
            poll(&polled, 1, elbus_poll_timeout_ms(client));
            status = elbus_process(client);
        } else {
            status = connect_and_subscribe(client, filter);
        }
        if (status != ELBUS_OK)
            fprintf(stderr, "%s\n", elbus_error(client));
        if (!elbus_is_connected(client))
            poll(NULL, 0, RECONNECT_MS);
    }
}
