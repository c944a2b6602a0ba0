# lwIP for the port, from the tree that LWIP_DIR names (the folder that holds src/). extmod.mk has its own list with
# a fixed folder, and PPP, mDNS and IPv6 in it: it is not used, so make's MICROPY_PY_LWIP stays unset.

LWIP_DIR ?= $(error LWIP_DIR must name the source of lwIP; scripts/build sets it)
LWIP_SRC := $(LWIP_DIR)/src
LWIP_FILES := $(addprefix core/,def.c dns.c inet_chksum.c init.c ip.c mem.c memp.c netif.c pbuf.c raw.c stats.c sys.c \
	tcp.c tcp_in.c tcp_out.c timeouts.c udp.c ipv4/dhcp.c ipv4/etharp.c ipv4/icmp.c ipv4/igmp.c ipv4/ip4_addr.c \
	ipv4/ip4.c ipv4/ip4_frag.c) netif/ethernet.c

CFLAGS += -DMICROPY_PY_LWIP=1
INC += -Inet -Inet/lwip -I$(LWIP_SRC)/include
OBJ += $(addprefix $(BUILD)/lwip/,$(LWIP_FILES:.c=.o))

# Each byte goes through here. (The address macros compare the address of a structure's member with NULL.)
$(BUILD)/lwip/%.o: CFLAGS += -O2 -Wno-address
$(BUILD)/net/%.o: CFLAGS += -O2
$(BUILD)/lwip/%.o: $(LWIP_SRC)/%.c
	$(call compile_c)

# modlwip lets the resolver write to its stack frame later, even when an exception (Ctrl-C) has left it meanwhile:
# it gets a resolver that waits by itself and keeps its state elsewhere.
$(BUILD)/extmod/modlwip.o: CFLAGS += -Ddns_gethostbyname_addrtype=network_dos_resolve -O2 -Wno-sign-compare
