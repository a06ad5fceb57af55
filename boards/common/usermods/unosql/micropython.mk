# The C module _unosql, for ports built by make: USER_C_MODULES is the folder above.
SRC_USERMOD_C += $(addprefix $(USERMOD_DIR)/, modunosql.c deflate.c delta.c entries.c headers.c inflate.c merge.c sealing.c)
