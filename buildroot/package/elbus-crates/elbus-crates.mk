################################################################################
#
# elbus-crates
#
################################################################################

# The crates of Cargo.lock as cargo wants them for a build without network. Each
# is a download of its own: BR2_PRIMARY_SITE and `make source` know it, and
# elbus-crates.hash has its checksum. (The list is in this directory: Buildroot
# takes the name of the package from where the last file it read is.)
include $(BR2_EXTERNAL_ELBUS_PATH)/package/elbus-crates/crates.mk

HOST_ELBUS_CRATES_SOURCE =
HOST_ELBUS_CRATES_SITE = https://static.crates.io/crates
HOST_ELBUS_CRATES_EXTRA_DOWNLOADS = \
	$(addprefix $(HOST_ELBUS_CRATES_SITE)/,$(HOST_ELBUS_CRATES_FILES))

# Cargo compares the checksum of the crate with Cargo.lock, so it is taken from
# the file and not from the list of hashes.
define HOST_ELBUS_CRATES_EXTRACT_CMDS
	for crate in $(notdir $(HOST_ELBUS_CRATES_FILES)); do \
		$(TAR) -xzf $(HOST_ELBUS_CRATES_DL_DIR)/$$crate -C $(@D) || exit 1; \
		printf '{"files":{},"package":"%s"}' \
			`sha256sum $(HOST_ELBUS_CRATES_DL_DIR)/$$crate | cut -d' ' -f1` \
			>$(@D)/$${crate%.crate}/.cargo-checksum.json || exit 1; \
	done
endef

define HOST_ELBUS_CRATES_INSTALL_CMDS
	rm -rf $(HOST_DIR)/share/elbus-crates
	mkdir -p $(HOST_DIR)/share/elbus-crates
	cp -a $(@D)/*-[0-9]* $(HOST_DIR)/share/elbus-crates
endef

$(eval $(host-generic-package))
