include $(BR2_EXTERNAL_ELBUS_PATH)/package/elbus/elbus.mk
include $(BR2_EXTERNAL_ELBUS_PATH)/package/elbus-crates/elbus-crates.mk
include $(BR2_EXTERNAL_ELBUS_PATH)/package/elbus-static/elbus-static.mk
