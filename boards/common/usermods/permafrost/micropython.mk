# Modules in flash, for ports built by make: README.md. The board sets PERMAFROST_PLAN and includes permafrost_config.h.

ifeq ($(wildcard $(PERMAFROST_PLAN)),)
$(error PERMAFROST_PLAN is the file that says which frozen modules become constants)
endif

PERMAFROST := $(USERMOD_DIR)
SRC_USERMOD_C += $(USERMOD_DIR)/permafrost.c
CFLAGS_USERMOD += -I$(USERMOD_DIR)

MAKE_MANIFEST = $(PYTHON) $(PERMAFROST)/makemanifest.py $(PERMAFROST_PLAN)
$(BUILD)/frozen_content.c: $(BUILD)/genhdr/moduledefs.h

$(BUILD)/permafrost/objtype.c: $(TOP)/py/objtype.c $(PERMAFROST)/objtype.py
	$(ECHO) "GEN $@"
	$(Q)$(PYTHON) $(PERMAFROST)/objtype.py $< $@

$(BUILD)/py/objtype.o: $(BUILD)/permafrost/objtype.c
	$(call compile_c)
