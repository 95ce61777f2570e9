// The header in C++11, as a plug-in would use it: linked with the library as C, and run.
#include "../elbus.h"

#include <cstring>
#include <memory>

namespace {

struct Free {
    void operator()(elbus_client *client) const { elbus_free(client); }
};

void count(elbus_client *, const elbus_frame *frame, void *context) {
    *static_cast<std::size_t *>(context) += frame->size;
}

} // namespace

int main() {
    std::size_t total = 0;
    elbus_config config = {};
    config.address = "/nowhere/elbus.sock";
    config.name = "cxx";
    config.on_frame = count;
    config.context = &total;
    std::unique_ptr<elbus_client, Free> client(elbus_new(&config));
    if (!client || elbus_connect(client.get()) != ELBUS_ERROR_IO)
        return 1;
    return std::strstr(elbus_error(client.get()), "/nowhere/elbus.sock") == nullptr;
}
