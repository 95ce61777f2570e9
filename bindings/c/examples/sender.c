/* Publishes one value, and says whether the broker has it: sender BUS TOPIC VALUE */
#include "elbus.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    elbus_config config = {.name = "example.sender", .timeout_ms = 2000};
    elbus_client *client;
    elbus_status status;

    if (argc != 4) {
        fprintf(stderr, "usage: sender BUS TOPIC VALUE\n");
        return 2;
    }
    config.address = argv[1];
    client = elbus_new(&config);
    if (client == NULL)
        return 1;
    status = elbus_connect(client);
    if (status == ELBUS_OK)
        status = elbus_publish(client, argv[2], argv[3], strlen(argv[3]), ELBUS_QOS_PROCESSED);
    if (status != ELBUS_OK)
        fprintf(stderr, "%s\n", elbus_error(client));
    elbus_free(client);
    return status == ELBUS_OK ? 0 : 1;
}
