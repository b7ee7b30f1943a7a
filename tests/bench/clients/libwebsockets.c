/* libwebsockets: a client by libwebsockets, with the UTF-8 check that the RFC asks for and large buffers.
 *
 *     libwebsockets MODE URL COUNT SIZE KIND CA_FILE      see ../README.md */
#include <libwebsockets.h>

#include "client.h"

enum { ROOM = 256 * 1024 };

static struct client client;
static struct lws_context *context;
static unsigned char *out; /* LWS_PRE bytes of room, then the payload */
static size_t messages, sent, opened, closed;
static double start, memory;
static bool done;

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

static const struct lws_protocols protocols[] = {{"", on_event, 0, ROOM, 0, NULL, 0}, {NULL, NULL, 0, 0, 0, NULL, 0}};
static const struct lws_extension extensions[] = {
    {"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate"}, {NULL, NULL, NULL}};

static void dial(void) {
    struct lws_client_connect_info info = {
        .context = context,
        .address = client.host,
        .port = client.port,
        .path = client.path,
        .host = client.host,
        .origin = client.host,
        .ssl_connection = client.secure ? LCCSCF_USE_SSL : 0,
        .local_protocol_name = "",
    };
    if (!lws_client_connect_via_info(&info)) client_die("libwebsockets: connect");
}

static void finish(double total, size_t units) {
    client_result(total, units);
    done = true;
    _exit(0);
}

static int put(struct lws *wsi) {
    enum lws_write_protocol kind = client.text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
    memset(out + LWS_PRE, 'x', client.size); /* it masks in place */
    return lws_write(wsi, out + LWS_PRE, client.size, kind) < (int)client.size ? -1 : 0;
}

/* ---- answers: to be written when it is time for that, each behind LWS_PRE bytes of room ---- */

enum { ANSWER_MOST = 120, WAITING_MOST = 1 << 16 };

static struct answer {
    unsigned char room[LWS_PRE + ANSWER_MOST];
    size_t n;
} * waiting;
static size_t first, behind; /* counted from the start: place n % WAITING_MOST */
static char fields[3][40];

static signed char on_field(struct lejp_ctx *json, char reason) {
    if ((reason & LEJP_FLAG_CB_IS_VALUE) && json->path_match)
        snprintf(fields[json->path_match - 1], sizeof fields[0], "%s", json->buf);
    return 0;
}

static void answer(struct lws *wsi, const void *in, size_t len) {
    static const char *const paths[] = {"data.p", "data.q", "data.E"};
    struct lejp_ctx json;
    struct answer *a = &waiting[behind++ % WAITING_MOST];
    if (behind - first > WAITING_MOST) client_die("libwebsockets: too many answers wait");
    lejp_construct(&json, on_field, NULL, paths, 3);
    if (lejp_parse(&json, in, (int)len) < 0) client_die("libwebsockets: no JSON");
    lejp_destruct(&json);
    a->n = (size_t)snprintf((char *)a->room + LWS_PRE, ANSWER_MOST, "%s %s %s", fields[0], fields[1], fields[2]);
    lws_callback_on_writable(wsi);
}

static int write_answers(struct lws *wsi) {
    while (first < behind && !lws_send_pipe_choked(wsi)) {
        struct answer *a = &waiting[first++ % WAITING_MOST];
        if (lws_write(wsi, a->room + LWS_PRE, a->n, LWS_WRITE_TEXT) < (int)a->n) return -1;
    }
    if (first < behind) lws_callback_on_writable(wsi);
    return 0;
}

static int on_open(struct lws *wsi) {
    opened++;
    if (client_is(&client, "idle")) {
        if (opened == 1) memory = client_memory();
        if (opened <= client.count)
            dial();
        else
            finish(client_memory() - memory, client.count);
        return 0;
    }
    if (!client_is(&client, "connect")) start = client_cpu();
    if (client_is(&client, "echo") || client_is(&client, "send") || client_is(&client, "connect"))
        lws_callback_on_writable(wsi);
    return 0;
}

static int on_writable(struct lws *wsi) {
    if (client_is(&client, "answer")) return write_answers(wsi);
    if (client_is(&client, "echo")) return put(wsi);
    if (client_is(&client, "connect")) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
        return -1;
    }
    while (sent < client.count) {
        if (put(wsi) < 0) return -1;
        sent++;
        if (lws_send_pipe_choked(wsi)) break;
    }
    if (sent < client.count) lws_callback_on_writable(wsi);
    return 0;
}

static int on_message(struct lws *wsi, const void *in, size_t len) {
    messages++;
    if (client_is(&client, "answer")) answer(wsi, in, len);
    if (client_is(&client, "send")) finish(client_cpu() - start, client.count);
    if (client_is(&client, "echo")) {
        if (messages == client.count) finish(client_cpu() - start, client.count);
        lws_callback_on_writable(wsi);
    }
    return 0;
}

static void on_closed(void) {
    if (!client_is(&client, "connect")) {
        finish(client_cpu() - start, messages);
        return;
    }
    if (++closed == 1) start = client_cpu();
    if (closed <= client.count)
        dial();
    else
        finish(client_cpu() - start, client.count);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
    (void)user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: client_die(in ? in : "libwebsockets: connect"); break;
    case LWS_CALLBACK_CLIENT_ESTABLISHED: return on_open(wsi);
    case LWS_CALLBACK_CLIENT_WRITEABLE: return on_writable(wsi);
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi) ? on_message(wsi, in, len) : 0;
    case LWS_CALLBACK_CLIENT_CLOSED: on_closed(); break;
    default: break;
    }
    return 0;
}

int main(int argc, char **argv) {
    client = client_read(argc, argv);
    lws_set_log_level(0, NULL);
    bool deflate = client_is(&client, "deflate");
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .extensions = deflate ? extensions : NULL,
        .options = LWS_SERVER_OPTION_VALIDATE_UTF8 | (client.secure ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
        .client_ssl_ca_filepath = client.ca_file,
        .pt_serv_buf_size = ROOM,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
    };
    context = lws_create_context(&info);
    if (!context) client_die("libwebsockets: no context");
    if (client_is(&client, "start")) return puts("up") < 0;
    out = calloc(1, LWS_PRE + client.size + 1);
    waiting = calloc(WAITING_MOST, sizeof *waiting);
    if (!out || !waiting) abort();
    dial();
    while (!done && lws_service(context, 0) >= 0) {
    }
    return 1;
}
