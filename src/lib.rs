//! elbus: a message broker for Linux edge and IoT devices.
