# The static programs that `targets/build` made, with the same init files: for series whose Rust is
# older than 1.88, and for firmware that ships the very bytes that were tested.

require elbus.inc

LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

# Where elbusd and elbus are; by default, where `targets/build ${ELBUS_TARGET}` puts them.
ELBUS_PROGRAMS ?= "${ELBUS_CHECKOUT}/target/${ELBUS_TARGET}/release"
ELBUS_TARGET ?= ""
ELBUS_TARGET:aarch64 ?= "aarch64-unknown-linux-musl"
ELBUS_TARGET:armv7a ?= "armv7-unknown-linux-musleabihf"
ELBUS_TARGET:armv7ve ?= "armv7-unknown-linux-musleabihf"
ELBUS_TARGET:riscv64 ?= "riscv64gc-unknown-linux-musl"
ELBUS_TARGET:x86-64 ?= "x86_64-unknown-linux-musl"

# The programs are nobody's source, so they are not in the layer.
# nooelint: oelint.vars.fileextrapaths,oelint.vars.outofcontext
FILESEXTRAPATHS:prepend := "${ELBUS_PROGRAMS}:${ELBUS_CHECKOUT}:"
SRC_URI = "\
    file://LICENSE \
    file://elbus \
    file://elbusd \
    file://init \
"
# Older series have no UNPACKDIR.
S = "${@d.getVar('UNPACKDIR') or d.getVar('WORKDIR')}"

COMPATIBLE_HOST = "(aarch64|arm|riscv64|x86_64).*-linux.*"

RCONFLICTS:${PN} = "elbus"

do_install() {
    install -D -m 0755 ${S}/elbusd ${D}${sbindir}/elbusd
    install -D -m 0755 ${S}/elbus ${D}${bindir}/elbus
    install_init ${S}/init
}

# Built and stripped already.
INHIBIT_PACKAGE_STRIP = "1"
INHIBIT_PACKAGE_DEBUG_SPLIT = "1"
INHIBIT_SYSROOT_STRIP = "1"
# nooelint: oelint.vars.insaneskip
INSANE_SKIP:${PN} += "already-stripped"
# nooelint: oelint.vars.insaneskip
INSANE_SKIP:${PN}-cli += "already-stripped"
