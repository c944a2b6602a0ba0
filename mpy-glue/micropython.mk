# How make-based MicroPython ports pick up `_ssh`:
#   make -C ports/unix USER_C_MODULES=<this repository>
# The Rust core is built by the same make, for the target that $(CC) and its flags say.

SSH_MOD_DIR := $(USERMOD_DIR)

SRC_USERMOD_C += $(wildcard $(SSH_MOD_DIR)/*.c)
CFLAGS_USERMOD += -I$(SSH_MOD_DIR) -I$(SSH_MOD_DIR)/../rust-ssh/ffi/include

# One object, so that the order of the link command does not matter. cargo decides what is out of date, so
# it is asked on every make; the object's time changes only when its contents do.
SSH_CORE_O := $(BUILD)/ssh/ssh_core.o
PY_O += $(SSH_CORE_O)

.PHONY: ssh-core-always
ssh-core-always:

$(SSH_CORE_O): ssh-core-always
	+$(Q)$(PYTHON) $(SSH_MOD_DIR)/build_core.py --cc "$(CC)" --flags "$(filter -m% -fno-pi% -fno-PI%,$(CFLAGS))" -o $@
