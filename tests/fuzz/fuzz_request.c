/* A request to the server's side: judged, and answered or refused. */
#include "fuzz.h"
#include "wire/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct http1_head parts;
    size_t scanned = 0, n = http1_head_size(slice_of(data, size), &scanned);
    if (n == 0) return 0;
    const char *why = NULL;
    uint8_t *head = malloc(n);
    MUST(head);
    memcpy(head, data, n);
    if (http1_request_parse(head, n, &parts, &why) == 0) {
        struct buf out;
        struct deflate_params deflate;
        buf_init(&out, 4096);
        unsigned status = handshake_request_judge(&parts, &why);
        MUST(status == 101 || why);
        MUST((status == 101 ? handshake_response_write(&out, &parts, slice_of(NULL, 0), &deflate)
                            : handshake_refusal_write(&out, status, why)) == 0);
        buf_clear(&out);
    }
    free(head);
    return 0;
}
