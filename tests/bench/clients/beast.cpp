/* beast: a client by Boost.Beast, its blocking half, which costs least. Small messages are read through a buffer.
 *
 *     beast MODE URL COUNT SIZE KIND CA_FILE      see ../README.md */
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "client.h"

#ifdef BENCH_SIMDJSON
#include <simdjson.h>
#endif

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using tcp = asio::ip::tcp;

template <class Next> using Buffered = beast::buffered_read_stream<Next, beast::flat_buffer>;
using Secure = beast::ssl_stream<tcp::socket>;

namespace boost::beast {
template <class Next, class Buffer>
void teardown(role_type role, buffered_read_stream<Next, Buffer> &stream, error_code &ec) {
    using websocket::teardown;
    teardown(role, stream.next_layer(), ec);
}
} // namespace boost::beast

static asio::io_context io;
static asio::ssl::context tls(asio::ssl::context::tls_client);

static void shake(const client &, tcp::socket &) {}

static void shake(const client &c, Secure &stream) {
    SSL_set1_host(stream.native_handle(), c.host);
    stream.handshake(asio::ssl::stream_base::client);
}

template <class Next> static void shake(const client &c, Buffered<Next> &stream) { shake(c, stream.next_layer()); }

template <class Stream> struct Connection {
    websocket::stream<Stream> ws;

    template <class... Arguments>
    explicit Connection(const client &c, Arguments &&...a) : ws(std::forward<Arguments>(a)...) {
        auto &socket = beast::get_lowest_layer(ws);
        socket.connect(tcp::endpoint(asio::ip::make_address(c.host), static_cast<unsigned short>(c.port)));
        socket.set_option(tcp::no_delay(true));
        shake(c, ws.next_layer());
        ws.read_message_max(64 << 20);
        ws.auto_fragment(false);
        if (c.size > 4096) ws.write_buffer_bytes(64 * 1024);
        if (client_is(&c, "deflate")) {
            websocket::permessage_deflate deflate;
            deflate.client_enable = true;
            ws.set_option(deflate);
        }
        ws.handshake(c.host, c.path);
        ws.text(c.text);
    }

    void close() {
        beast::error_code ec;
        ws.close(websocket::close_code::normal, ec);
    }
};

template <class Stream> static std::unique_ptr<Connection<Stream>> open(const client &c);
template <> std::unique_ptr<Connection<tcp::socket>> open(const client &c) {
    return std::make_unique<Connection<tcp::socket>>(c, io);
}
template <> std::unique_ptr<Connection<Secure>> open(const client &c) {
    return std::make_unique<Connection<Secure>>(c, io, tls);
}
template <> std::unique_ptr<Connection<Buffered<tcp::socket>>> open(const client &c) {
    auto connection = std::make_unique<Connection<Buffered<tcp::socket>>>(c, io);
    connection->ws.next_layer().capacity(64 * 1024);
    return connection;
}

#ifdef BENCH_SIMDJSON
/* Three fields of each message, by simdjson's faster half, to whoever sent it. */
template <class Stream> static size_t answer(Stream &ws) {
    simdjson::ondemand::parser parser;
    beast::flat_buffer buffer;
    beast::error_code ec;
    std::string text;
    for (size_t messages = 0;; messages++) {
        size_t n = ws.read(buffer, ec);
        if (ec == websocket::error::closed) return messages;
        if (ec) client_die(ec.message().c_str());
        buffer.reserve(n + simdjson::SIMDJSON_PADDING);
        simdjson::padded_string_view message(static_cast<const char *>(buffer.data().data()), n, buffer.capacity());
        auto trade = parser.iterate(message);
        auto data = trade["data"].get_object().value();
        int64_t time = data["E"]; /* in the order of the text, as it likes best */
        std::string_view price = data["p"], quantity = data["q"];
        text.assign(price).append(" ").append(quantity).append(" ").append(std::to_string(time));
        ws.write(asio::buffer(text));
        buffer.clear();
    }
}
#else
template <class Stream> static size_t answer(Stream &) { exit(CLIENT_CANNOT); }
#endif

template <class Stream> static void run(const client &c) {
    if (client_is(&c, "connect")) {
        open<Stream>(c)->close();
        double start = client_cpu();
        for (size_t i = 0; i < c.count; i++) open<Stream>(c)->close();
        return client_result(client_cpu() - start, c.count);
    }
    auto connection = open<Stream>(c);
    if (client_is(&c, "idle")) {
        std::vector<decltype(connection)> all;
        double before = client_memory();
        for (size_t i = 0; i < c.count; i++) all.push_back(open<Stream>(c));
        client_result(client_memory() - before, c.count);
        _exit(0);
    }
    auto &ws = connection->ws;
    beast::flat_buffer buffer;
    std::string payload(c.size, 'x');
    double start = client_cpu();
    size_t messages = 0;
    if (client_is(&c, "receive") || client_is(&c, "deflate")) {
        beast::error_code ec;
        for (;; messages++) {
            ws.read(buffer, ec);
            if (ec) break;
            buffer.clear();
        }
        if (ec != websocket::error::closed) client_die(ec.message().c_str());
    } else if (client_is(&c, "answer")) {
        messages = answer(ws);
    } else if (client_is(&c, "echo")) {
        for (; messages < c.count; messages++) {
            ws.write(asio::buffer(payload));
            ws.read(buffer);
            buffer.clear();
        }
    } else if (client_is(&c, "send")) {
        for (; messages < c.count; messages++) ws.write(asio::buffer(payload));
        ws.read(buffer);
    } else {
        exit(CLIENT_CANNOT);
    }
    client_result(client_cpu() - start, messages);
}

int main(int argc, char **argv) try {
    client c = client_read(argc, argv);
    if (client_is(&c, "start")) {
        std::cout << "up" << std::endl;
        return 0;
    }
    if (c.secure) {
        tls.load_verify_file(c.ca_file);
        tls.set_verify_mode(asio::ssl::verify_peer);
        run<Secure>(c);
    } else if (c.size > 0 && c.size <= 4096 && !client_is(&c, "echo")) {
        run<Buffered<tcp::socket>>(c);
    } else {
        run<tcp::socket>(c);
    }
} catch (const std::exception &e) {
    std::cerr << "beast: " << e.what() << std::endl;
    return 1;
}
