/* libFuzzer's entry, compiled once for each target: -DFUZZ_TARGET=fuzz_NAME. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    FUZZ_TARGET(span_of(bytes, len));
    return 0;
}
