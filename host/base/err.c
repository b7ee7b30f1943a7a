/* err: words for failures. */
#include "base/err.h"

#include "base/number.h"
#include "base/shown.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *err_word(int err) {
    switch (err) {
    case ERR_NOMEM: return "no_memory";
    case ERR_FULL: return "send_buffer_full";
    case ERR_CLOSED: return "closed";
    case ERR_SYNTAX: return "syntax";
    case ERR_RANGE: return "range";
    case ERR_INVALID_UTF8: return "invalid_utf8";
    case ERR_TOO_BIG: return "too_big";
    case ERR_SYSTEM: return "system";
    case ERR_NOT_OPEN: return "not_open";
    default: return "error";
    }
}

const char *const fault_words[FAULT_KINDS] = {
    [FAULT_DNS] = "dns",
    [FAULT_CONNECT] = "connect",
    [FAULT_PROXY] = "proxy",
    [FAULT_TLS] = "tls",
    [FAULT_HANDSHAKE] = "handshake",
    [FAULT_TIMEOUT] = "timeout",
    [FAULT_PROTOCOL] = "protocol",
    [FAULT_INVALID_UTF8] = "invalid_utf8",
    [FAULT_TOO_BIG] = "too_big",
    [FAULT_PING_TIMEOUT] = "ping_timeout",
    [FAULT_RESET] = "reset",
    [FAULT_CALLBACK] = "callback",
    [FAULT_HTTP] = "http",
    [FAULT_CLOSED] = "closed",
    [FAULT_LIBRARY] = "library",
    [FAULT_LISTEN] = "listen",
    [FAULT_PROFILE] = "profile",
    [FAULT_RECORD] = "record",
    [FAULT_SCRIPT] = "script",
    [FAULT_STATE] = "state",
    [FAULT_TRACE] = "trace",
    [FAULT_URL] = "url",
    [FAULT_WATCH] = "watch",
};

void fault_put(struct fault *f, enum fault_kind kind, const char *format, ...) {
    if (f->kind) return;
    f->kind = kind;
    char text[sizeof f->text];
    va_list args;
    va_start(args, format);
    number_vprint(text, sizeof text, format, args);
    va_end(args);
    unsigned keep = kind == FAULT_CALLBACK ? SHOWN_TABS | SHOWN_TRACEBACK : 0;
    shown_copy(f->text, sizeof f->text, slice_str(text), keep);
}

void err_bug(const char *condition, const char *file, int line) {
    fprintf(stderr, "wsbot: a bug of wsbot's own, please report it: %s:%d: %s\n", file, line, condition);
    abort();
}
