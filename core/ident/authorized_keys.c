/* ident/authorized_keys.c - one line of that file: peer-id *(key=value) ["#" comment]. */
#include "base/bytes.h"
#include "ident/rfc3339.h"
#include "peerup/ident.h"

enum { LINE_MAX_BYTES = 65535 };

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static pu_span trimmed(pu_span text)
{
    PU_ASSERT(text.base != NULL || text.len == 0);
    while (text.len > 0 && is_space(text.base[0])) text = span_skip(text, 1);
    while (text.len > 0 && is_space(text.base[text.len - 1])) text.len--;
    return text;
}

/* What comes before the first '#'; what comes after it goes into *comment. */
static pu_span cut_comment(pu_span text, pu_span *comment)
{
    PU_ASSERT(comment != NULL);
    size_t at = 0;
    while (at < text.len && text.base[at] != '#') at++;
    *comment = trimmed(span_skip(text, at < text.len ? at + 1 : at));
    return span_head(text, at);
}

/* Takes the next word off *rest; empty when there is none. */
static pu_span take_word(pu_span *rest)
{
    PU_ASSERT(rest != NULL);
    *rest = trimmed(*rest);
    size_t len = 0;
    while (len < rest->len && !is_space(rest->base[len])) len++;
    pu_span word = span_head(*rest, len);
    *rest = span_skip(*rest, len);
    return word;
}

/* Whether word is name=value; then *value is what comes after the '='. */
static bool attribute_get(pu_span word, pu_span name, pu_span *value)
{
    PU_ASSERT(name.len > 0);
    if (word.len <= name.len || word.base[name.len] != '=') return false;
    if (!span_equal(span_head(word, name.len), name)) return false;
    *value = span_skip(word, name.len + 1);
    return true;
}

/* A time at or before 1970 is long past, and must not become the 0 that means never. */
static bool expiry_get(pu_span text, uint64_t *expires_s)
{
    PU_ASSERT(expires_s != NULL);
    int64_t unix_s;
    if (!rfc3339_get(text, &unix_s)) return false;
    *expires_s = unix_s > 0 ? (uint64_t)unix_s : 1;
    return true;
}

int pu_authorized_parse(pu_authorized *line, pu_span text, size_t *bad)
{
    PU_ASSERT(line != NULL);
    size_t unused;
    if (bad == NULL) bad = &unused;
    *bad = 0;
    *line = (pu_authorized){.expires_s = 0};
    if (text.len > LINE_MAX_BYTES) return PU_ERANGE;
    if (text.len == 0) return PU_OK;

    pu_span data = cut_comment(text, &line->comment);
    pu_span word = take_word(&data);
    if (word.len == 0) return PU_OK;
    *bad = (size_t)(word.base - text.base);
    if (pu_peer_id_parse(&line->peer, word) != PU_OK) return PU_ERANGE;

    bool has_expiry = false;
    for (word = take_word(&data); word.len > 0; word = take_word(&data)) {
        if (!attribute_get(word, SPAN_LITERAL("expires"), &line->expires)) continue;
        has_expiry = true;
        *bad = (size_t)(word.base - text.base);
    }
    return !has_expiry || expiry_get(line->expires, &line->expires_s) ? PU_OK : PU_ERANGE;
}
