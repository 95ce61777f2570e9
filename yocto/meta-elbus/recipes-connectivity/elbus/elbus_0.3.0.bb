# Built from source, with the checksum of each crate. Rust 1.88 or newer: see the README of the
# layer.

require elbus.inc
require elbus-crates.inc

LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

# The commit that is checked out where this layer lies. For another repository, see the README.
ELBUS_SRC_URI ?= "git://${ELBUS_CHECKOUT};protocol=file;nobranch=1;usehead=1"
# The folder is the default of S in every series; the fetcher's own choice changed between them.
SRC_URI += "${ELBUS_SRC_URI};destsuffix=${BP}"
# The commit of the checkout is the choice here; a release build sets a fixed one.
# nooelint: oelint.vars.autorev
SRCREV ?= "${AUTOREV}"

inherit cargo cargo-update-recipe-crates

PACKAGECONFIG ??= "cli rpc"
# The program elbus, in a package of its own.
PACKAGECONFIG[cli] = "--features cli"
# The methods of the broker, announcements and the fifo.
PACKAGECONFIG[rpc] = "--features rpc"
# Without jemalloc: 0.2 MB less, and memory that grows with the years.
PACKAGECONFIG[std-alloc] = "--features std-alloc"

CARGO_BUILD_FLAGS:append = " --features server ${PACKAGECONFIG_CONFARGS}"

# Strips what it packages itself, and makes the debug package of it.
export CARGO_PROFILE_RELEASE_STRIP = "none"

# As in .cargo/config.toml, which cargo does not see from the build directory.
ELBUS_MALLOC_CONF = "narenas:1,metadata_thp:disabled,thp:never,dirty_decay_ms:1000,muzzy_decay_ms:0"
# There it knows no huge pages, and says so at each start if they are mentioned.
# nooelint: oelint.vars.specific - the architecture
ELBUS_MALLOC_CONF:arm = "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0"
export JEMALLOC_SYS_WITH_MALLOC_CONF = "${ELBUS_MALLOC_CONF}"
# The largest page of the architecture: with less, the program dies at the start on such a kernel.
ELBUS_LG_PAGE = "12"
ELBUS_LG_PAGE:aarch64 = "16"
export JEMALLOC_SYS_WITH_LG_PAGE = "${ELBUS_LG_PAGE}"

do_install() {
    install -D -m 0755 ${B}/target/${CARGO_TARGET_SUBDIR}/elbusd ${D}${sbindir}/elbusd
    if ${@bb.utils.contains('PACKAGECONFIG', 'cli', 'true', 'false', d)}; then
        install -D -m 0755 ${B}/target/${CARGO_TARGET_SUBDIR}/elbus ${D}${bindir}/elbus
    fi
    install_init ${S}/init
}

# The task of the class would take every Cargo.lock of the tree, those of tests and benches as well.
do_update_crates() {
    nativepython3 ${ELBUS_CHECKOUT}/packaging/crates
}
