-- jupyter: a kernel of Jupyter's, started with wsbot.http and spoken to on its socket: messages in JSON as text, or
-- with bytes behind them as binary; and all of them as binary in its subprotocol.
local battery = require "support.battery"
local cjson = require "cjson"
local client = require "support.client"
local http = require "wsbot.http"
local ledger = require "support.ledger"
local servers = require "support.servers"
local story = require "support.story"

local V1 = "v1.kernel.websocket.jupyter.org"

--------------------------------------------------------------------------------------------------------------- messages

-- A JSON text with bytes behind it: how many parts there are, where each begins, the parts (all numbers big-endian).
local function pack(json, bytes)
  return (">I4I4I4"):pack(2, 12, 12 + #json) .. json .. bytes
end

local function unpack(message)
  local parts, first, second = (">I4I4I4"):unpack(message)
  assert.equal(2, parts)
  return message:sub(first + 1, second), message:sub(second + 1)
end

-- The same in the subprotocol: channel, header, parent, metadata, content (numbers are little-endian, and there is one
-- more: where the last part ends).
local function pack_v1(m)
  local parts = { m.channel, cjson.encode(m.header), "{}", "{}", cjson.encode(m.content) }
  local offsets = { 8 * (#parts + 2) }
  for i, part in ipairs(parts) do
    offsets[i + 1] = offsets[i] + #part
  end
  return ("<I8" .. ("I8"):rep(#offsets)):pack(#offsets, table.unpack(offsets)) .. table.concat(parts)
end

local function unpack_v1(message)
  local count = ("<I8"):unpack(message)
  local offsets = { ("<" .. ("I8"):rep(count)):unpack(message, 9) }
  local function part(i)
    return message:sub(offsets[i] + 1, offsets[i + 1])
  end
  return {
    channel = part(1), header = cjson.decode(part(2)), parent_header = cjson.decode(part(3)),
    content = cjson.decode(part(5)),
  }
end

----------------------------------------------------------------------------------------------------------------- kernel

local kernel = {}
kernel.__index = kernel

-- Does a request of the server, which is to answer with this status. Returns the answer.
local function ask(server, method, path, status, options)
  options = options or {}
  options.method, options.url = method, server.http .. path
  options.headers = { Authorization = "token secret" }
  options.tls = { ca_file = server.ca }
  local response, _, why = http.request(options)
  assert(response, why)
  assert.equal(status, response.status, response.body)
  return response
end

-- Sends a message, with bytes behind it if there are any. Returns its id.
function kernel:send(kind, content, bytes)
  self.count = self.count + 1
  local id = "message-" .. self.count
  local message = {
    channel = "shell",
    header = { msg_id = id, session = "bot", username = "bot", version = "5.3", msg_type = kind, date = "2026-01-01" },
    content = content,
  }
  if self.client.conn.protocol == V1 then
    self.client:send(pack_v1(message), "binary")
  else
    message.parent_header, message.metadata = cjson.decode "{}", cjson.decode "{}"
    local json = cjson.encode(message)
    self.client:send(bytes and pack(json, bytes) or json, bytes and "binary" or "text")
  end
  return id
end

-- What is in a message: a table, and the bytes behind it if there are any.
function kernel:decode(data, how)
  if self.client.conn.protocol == V1 then
    assert.equal("binary", how)
    return unpack_v1(data)
  elseif how == "binary" then
    local json, bytes = unpack(data)
    return cjson.decode(json), bytes
  end
  return cjson.decode(data)
end

-- The next message of one of these kinds, which answers that of this id: its content, its kind, the bytes behind it.
function kernel:expect(kinds, id)
  while true do
    local message, bytes = self:decode(self.client:receive())
    local kind = message.header.msg_type
    if kinds[kind] and message.parent_header.msg_id == id then return message.content, kind, bytes end
  end
end

-- Asks until the kernel tells of its state: what it tells before the server listens to it (ZeroMQ) goes lost.
function kernel:wait()
  local asked, message = {}, nil
  repeat
    local data, how = self.client.conn:receive(0.2)
    if data then
      message = self:decode(data, how)
    else
      assert.equal("timeout", how)
      asked[self:send("kernel_info_request", {})] = true
    end
  until message and message.header.msg_type == "status" and asked[message.parent_header.msg_id]
end

-- Runs code. Returns the id, by which its output is known.
function kernel:run(code)
  return self:send("execute_request", { code = code, silent = false, allow_stdin = false })
end

-- The code prints this, in as many messages as the kernel likes; its reply comes on a way of its own, maybe sooner.
function kernel:prints(code, text)
  local id = self:run(code)
  local printed, status = "", nil
  repeat
    local content, kind = self:expect({ stream = true, execute_reply = true }, id)
    if kind == "stream" then printed = printed .. content.text else status = content.status end
  until status and #printed >= #text
  assert.is_true(printed == text, "it printed " .. printed:sub(1, 200))
  assert.equal("ok", status)
end

-- A new kernel. options: those of client.open.
local function start(server, options)
  local self = setmetatable({ server = server, count = 0 }, kernel)
  self.id = ask(server, "POST", "api/kernels", 201, { json = { name = "python3" } }):json().id
  story.at_end(function() -- before the server goes, and the folder that its connections are told in
    if not server.program.status then ask(server, "DELETE", "api/kernels/" .. self.id, 204) end
  end)
  options.path = ("api/kernels/%s/channels?session_id=bot"):format(self.id)
  options.headers = { Authorization = "token secret" }
  self.client = client.open(server, options)
  self:wait()
  return self
end

---------------------------------------------------------------------------------------------------------------- stories

ledger.describe("Jupyter Server", "jupyter", function(row)
  for _, way in ipairs { battery.ways[1], battery.ways[4] } do
    describe(way.name, function()
      local function trial(name, kind, tell)
        it(name, row:story(kind, function()
          row:tell("over", way.over)
          tell(function(options)
            options = options or {}
            options.compression = way.deflate or false
            return start(servers.jupyter(way), options)
          end)
        end))
      end

      trial("runs code, and tells what it prints", "messages", function(connect)
        local k = connect()
        row:tell("version", ask(k.server, "GET", "api", 200):json().version)
        k:prints("print('hello', 6 * 7)", "hello 42\n")
        k:prints("print('x' * 1000000)", ("x"):rep(1000000) .. "\n")
        k:prints(("print(len(%q))"):format(("y"):rep(1000000)), "1000000\n")
        if way.deflate then
          assert.is_true(k.client.conn.bytes_in < 500000 and k.client.conn.bytes_out < 500000)
        end
      end)

      trial("brings bytes there and back", "messages", function(connect)
        local k = connect()
        k:prints([=[
def answer(comm, message):
    comm.send({}, buffers=[bytes(message["buffers"][0])[::-1]])
get_ipython().kernel.comm_manager.register_target("mirror", answer)
print("ready")]=], "ready\n")
        for i, n in ipairs(battery.sizes) do
          local id = k:send("comm_open", { comm_id = "comm-" .. i, target_name = "mirror", data = {} },
            battery.bytes(n))
          local _, _, bytes = k:expect({ comm_msg = true }, id)
          assert.is_true(bytes == battery.bytes(n):reverse())
        end
      end)

      trial("answers a thousand requests, in order", "messages", function(connect)
        local k, ids = connect(), {}
        for i = 1, 1000 do
          ids[i] = k:send("comm_info_request", { target_name = "none" })
        end
        for i = 1, 1000 do
          k:expect({ comm_info_reply = true }, ids[i])
        end
      end)

      trial("has a subprotocol in which all is binary", "subprotocol", function(connect)
        local k = connect { protocols = { "no-such", V1 } }
        assert.equal(V1, k.client.conn.protocol)
        k:prints("print('x' * 1000000)", ("x"):rep(1000000) .. "\n")
      end)

      trial("pings and is pinged", "ping", function(connect)
        local k = connect()
        k.client:ping "are you there?"
        story.wait("three pings of the server", function()
          return #k.client.pings >= 3
        end)
      end)

      trial("answers our close code", "close", function(connect)
        connect().client:close(4000, "enough")
      end)

      if way.deflate then
        trial("compresses as agreed", "compression", function(connect)
          battery.note_compression(row, connect().client)
        end)
      end
    end)
  end

  it("refuses who has no token, and what is no kernel", story.of(function()
    local server = servers.jupyter {}
    for status, headers in pairs { [403] = {}, [404] = { Authorization = "token secret" } } do
      local path = "api/kernels/7a8f4b3e-0000-4000-8000-000000000000/channels"
      local c = client.start(server, { path = path, headers = headers })
      local code, _, record = c:ends()
      assert.same({ 1006, "handshake", status }, { code, record.error, record.response.status })
    end
  end))
end)
