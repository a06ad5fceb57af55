# Modules in flash, for ports built by make: README.md. The board includes permafrost_config.h, its manifest manifest.py.
SRC_USERMOD_C += $(USERMOD_DIR)/permafrost.c
CFLAGS_USERMOD += -I$(USERMOD_DIR)
PERMAFROST := $(USERMOD_DIR)

$(BUILD)/frozen_content.c: $(BUILD)/genhdr/moduledefs.h

$(BUILD)/permafrost/objtype.c: $(TOP)/py/objtype.c $(PERMAFROST)/objtype.py
	$(ECHO) "GEN $@"
	$(Q)$(PYTHON) $(PERMAFROST)/objtype.py $< $@

$(BUILD)/py/objtype.o: $(BUILD)/permafrost/objtype.c
	$(call compile_c)
