################################################################################
#
# elbus
#
################################################################################

ELBUS_VERSION = 0.3.0
ELBUS_SITE = $(BR2_EXTERNAL_ELBUS_PATH)/..
ELBUS_SITE_METHOD = local
ELBUS_LICENSE = Apache-2.0
ELBUS_LICENSE_FILES = LICENSE

# Crates come from host-elbus-crates: vendoring at download time, as for
# packages with a tarball, does not happen with a local site.
ELBUS_DEPENDENCIES = host-elbus-crates

# Neither builds of the developer nor this tree.
ELBUS_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = \
	--exclude=/target \
	--exclude=/buildroot \
	--exclude=/yocto

# Buildroot sets the release profile in the environment, and beats that of
# Cargo.toml.
ELBUS_CARGO_ENV = \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
	CARGO_PROFILE_RELEASE_LTO=fat \
	CARGO_PROFILE_RELEASE_OPT_LEVEL=z \
	CARGO_PROFILE_RELEASE_STRIP=none

# The largest page of the architecture: with less, the program dies at the start
# on such a kernel.
ifeq ($(BR2_aarch64),y)
ELBUS_CARGO_ENV += JEMALLOC_SYS_WITH_LG_PAGE=16
else
ELBUS_CARGO_ENV += JEMALLOC_SYS_WITH_LG_PAGE=12
endif

# There it knows no huge pages, and says so at each start if they are mentioned.
ifeq ($(BR2_arm),y)
ELBUS_CARGO_ENV += \
	JEMALLOC_SYS_WITH_MALLOC_CONF=narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0
endif

ELBUS_CARGO_BUILD_OPTS = \
	--config 'source.crates-io.replace-with="elbus-crates"' \
	--config 'source.elbus-crates.directory="$(HOST_DIR)/share/elbus-crates"' \
	--features server

ELBUS_PROGRAMS_DIR = $(@D)/target/$(RUSTC_TARGET_NAME)/$(if $(BR2_ENABLE_DEBUG),debug,release)

ifeq ($(BR2_PACKAGE_ELBUS_RPC),y)
ELBUS_CARGO_BUILD_OPTS += --features rpc
endif

ifeq ($(BR2_PACKAGE_ELBUS_CLI),y)
ELBUS_CARGO_BUILD_OPTS += --features cli
define ELBUS_INSTALL_CLI
	$(INSTALL) -D -m 0755 $(ELBUS_PROGRAMS_DIR)/elbus $(TARGET_DIR)/usr/bin/elbus
endef
endif

# Not `cargo install`: it builds again, and leaves its records in /usr.
define ELBUS_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(ELBUS_PROGRAMS_DIR)/elbusd $(TARGET_DIR)/usr/sbin/elbusd
	$(INSTALL) -D -m 0644 $(ELBUS_SITE)/init/default/elbusd $(TARGET_DIR)/etc/default/elbusd
	$(ELBUS_INSTALL_CLI)
endef

define ELBUS_USERS
	elbus -1 elbus -1 * - - - elbus message broker
endef

define ELBUS_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(ELBUS_SITE)/init/sysv/S50elbus $(TARGET_DIR)/etc/init.d/S50elbus
endef

define ELBUS_INSTALL_INIT_OPENRC
	$(INSTALL) -D -m 0755 $(ELBUS_SITE)/init/openrc/elbusd $(TARGET_DIR)/etc/init.d/elbusd
endef

define ELBUS_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(ELBUS_SITE)/init/systemd/elbusd.service \
		$(TARGET_DIR)/usr/lib/systemd/system/elbusd.service
	$(INSTALL) -D -m 0644 $(ELBUS_SITE)/init/systemd/elbusd.socket \
		$(TARGET_DIR)/usr/lib/systemd/system/elbusd.socket
	$(INSTALL) -D -m 0644 $(ELBUS_SITE)/init/systemd/elbus.slice \
		$(TARGET_DIR)/usr/lib/systemd/system/elbus.slice
	$(INSTALL) -D -m 0644 $(ELBUS_SITE)/init/systemd/elbus.tmpfiles.conf \
		$(TARGET_DIR)/usr/lib/tmpfiles.d/elbus.conf
endef

$(eval $(cargo-package))
