// The C header on its own, and one call of the core.
#include "ssh_ffi.h"

#include <stdio.h>

int main(void) {
    size_t len;
    const char *version = ssh_version(&len);
    printf("%.*s\n", (int)len, version);
    return 0;
}
