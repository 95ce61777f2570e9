SUMMARY = "An image that boots to a running message broker, and hardly more"
DESCRIPTION = "To begin with: base system, broker and command line. On its console, \
               `elbus /run/elbus.sock broker info` shows that the broker is there."
HOMEPAGE = "https://crates.io/crates/elbus"
BUGTRACKER = "https://crates.io/crates/elbus"
SECTION = "base"
CVE_PRODUCT = "elbus"
LICENSE = "Apache-2.0"

inherit core-image

# elbus or elbus-static
ELBUS_PROVIDER ?= "elbus"

IMAGE_INSTALL = "\
    packagegroup-core-boot \
    ${ELBUS_PROVIDER} \
    ${ELBUS_PROVIDER}-cli \
    ${CORE_IMAGE_EXTRA_INSTALL} \
"
IMAGE_LINGUAS = ""
IMAGE_FEATURES += "read-only-rootfs"
