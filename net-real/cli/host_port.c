/* HOST:PORT, see host_port.h. */
#include "net-real/cli/host_port.h"

#include <stddef.h>
#include <string.h>

static bool read_port(const char *text, uint16_t *port)
{
    uint32_t value = 0;
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 5 || text[len] != '\0') return false;
    for (; *text != '\0'; text++) value = value * 10 + (uint32_t)(*text - '0');
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

bool host_port_read(const char *text, const char *usual, char host[HOST_NAME_MAX_BYTES],
                    uint16_t *port)
{
    const char *colon = strrchr(text, ':'), *name = text;
    if (!read_port(colon != NULL ? colon + 1 : text, port)) return false;
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    if (len == 0 && usual != NULL) {
        name = usual;
        len = strlen(usual);
    }
    bool has_brackets = len >= 2 && name[0] == '[' && name[len - 1] == ']';
    if (has_brackets) {
        name++;
        len -= 2;
    }
    bool has_colons = memchr(name, ':', len) != NULL;
    if (len == 0 || len >= HOST_NAME_MAX_BYTES || has_colons != has_brackets) return false;
    memcpy(host, name, len);
    host[len] = '\0';
    return strpbrk(host, " []") == NULL;
}
