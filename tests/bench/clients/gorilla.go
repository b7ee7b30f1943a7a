// gorilla: a client by github.com/gorilla/websocket. Messages are read into one buffer, which costs it least.
//
//	gorilla MODE URL COUNT SIZE KIND CA_FILE      see ../README.md
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gorilla:", err)
		os.Exit(1)
	}
}

// Microseconds of CPU of this process, all threads.
func cpu() float64 {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e3
}

// KB of this process in RAM.
func memory() float64 {
	statm, err := os.ReadFile("/proc/self/statm")
	must(err)
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	must(err)
	return float64(pages*os.Getpagesize()) / 1024
}

func result(total float64, units int) { fmt.Printf("result %.3f %d\n", total, units) }

var dialer = websocket.Dialer{ReadBufferSize: 64 * 1024, WriteBufferSize: 64 * 1024}
var url string

func open() *websocket.Conn {
	conn, _, err := dialer.Dial(url, nil)
	must(err)
	return conn
}

func closeIt(conn *websocket.Conn) {
	must(conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second)))
	for {
		if _, _, err := conn.NextReader(); err != nil {
			break
		}
	}
	conn.Close()
}

// The next message, in the buffer; false at the end.
func next(conn *websocket.Conn, buffer *bytes.Buffer) bool {
	_, reader, err := conn.NextReader()
	if websocket.IsCloseError(err, 1000) {
		return false
	}
	must(err)
	buffer.Reset()
	_, err = io.Copy(buffer, reader)
	must(err)
	return true
}

func receive() {
	conn := open()
	start := cpu()
	var buffer bytes.Buffer
	messages := 0
	for next(conn, &buffer) {
		messages++
	}
	result(cpu()-start, messages)
}

func answer() {
	conn := open()
	start := cpu()
	var buffer bytes.Buffer
	messages := 0
	for next(conn, &buffer) {
		var trade struct {
			Data struct {
				P string `json:"p"`
				Q string `json:"q"`
				E int64  `json:"E"`
				K string `json:"e"` // else E is taken for it
			} `json:"data"`
		}
		must(json.Unmarshal(buffer.Bytes(), &trade))
		text := trade.Data.P + " " + trade.Data.Q + " " + strconv.FormatInt(trade.Data.E, 10)
		must(conn.WriteMessage(websocket.TextMessage, []byte(text)))
		messages++
	}
	result(cpu()-start, messages)
}

func echo(count, kind int, payload []byte) {
	conn := open()
	start := cpu()
	var buffer bytes.Buffer
	for i := 0; i < count; i++ {
		must(conn.WriteMessage(kind, payload))
		next(conn, &buffer)
	}
	result(cpu()-start, count)
}

func send(count, kind int, payload []byte) {
	conn := open()
	start := cpu()
	for i := 0; i < count; i++ {
		must(conn.WriteMessage(kind, payload))
	}
	var buffer bytes.Buffer
	next(conn, &buffer)
	result(cpu()-start, count)
}

func connect(count int) {
	closeIt(open())
	start := cpu()
	for i := 0; i < count; i++ {
		closeIt(open())
	}
	result(cpu()-start, count)
}

func idle(count int) {
	dialer.ReadBufferSize, dialer.WriteBufferSize = 256, 256
	all := []*websocket.Conn{open()}
	before := memory()
	for i := 0; i < count; i++ {
		conn := open()
		all = append(all, conn)
		go conn.NextReader() // else no ping would be answered
	}
	time.Sleep(100 * time.Millisecond)
	result(memory()-before, count)
}

func main() {
	mode := os.Args[1]
	if mode == "start" {
		fmt.Println("up")
		return
	}
	url = os.Args[2]
	count, err := strconv.Atoi(os.Args[3])
	must(err)
	size, err := strconv.Atoi(os.Args[4])
	must(err)
	kind := websocket.TextMessage
	if os.Args[5] == "binary" {
		kind = websocket.BinaryMessage
	}
	if strings.HasPrefix(url, "wss") {
		pem, err := os.ReadFile(os.Args[6])
		must(err)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		dialer.TLSClientConfig = &tls.Config{RootCAs: pool, ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	}
	payload := bytes.Repeat([]byte("x"), size)
	switch mode {
	case "receive":
		receive()
	case "deflate":
		dialer.EnableCompression = true
		receive()
	case "answer":
		answer()
	case "echo":
		echo(count, kind, payload)
	case "send":
		send(count, kind, payload)
	case "connect":
		connect(count)
	case "idle":
		idle(count)
	default:
		os.Exit(77)
	}
}
