################################################################################
#
# elbus-static
#
################################################################################

ELBUS_STATIC_VERSION = 0.3.0
ELBUS_STATIC_SOURCE =
ELBUS_STATIC_LICENSE = Apache-2.0

ELBUS_STATIC_PROGRAMS_DIR = $(call qstrip,$(BR2_PACKAGE_ELBUS_STATIC_PROGRAMS))

ifeq ($(BR2_PACKAGE_ELBUS_STATIC_CLI),y)
define ELBUS_STATIC_INSTALL_CLI
	$(INSTALL) -D -m 0755 $(ELBUS_STATIC_PROGRAMS_DIR)/elbus $(TARGET_DIR)/usr/bin/elbus
endef
endif

define ELBUS_STATIC_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(ELBUS_STATIC_PROGRAMS_DIR)/elbusd $(TARGET_DIR)/usr/sbin/elbusd
	$(INSTALL) -D -m 0644 $(ELBUS_SITE)/init/default/elbusd $(TARGET_DIR)/etc/default/elbusd
	$(ELBUS_STATIC_INSTALL_CLI)
endef

define ELBUS_STATIC_USERS
	$(ELBUS_USERS)
endef

define ELBUS_STATIC_INSTALL_INIT_SYSV
	$(ELBUS_INSTALL_INIT_SYSV)
endef

define ELBUS_STATIC_INSTALL_INIT_OPENRC
	$(ELBUS_INSTALL_INIT_OPENRC)
endef

define ELBUS_STATIC_INSTALL_INIT_SYSTEMD
	$(ELBUS_INSTALL_INIT_SYSTEMD)
endef

$(eval $(generic-package))
