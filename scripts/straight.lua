-- straight: a bot told in a straight line, without a single callback.
--
--     wsbot run --with-echo scripts/straight.lua [URL [NAME [PATIENCE]]]
--
-- One idea: a script may wait where it has to. While receive() waits, the host keeps what arrives and answers pings.
-- (The echo peer makes the bot talk to itself: it hears its own questions, and answers them.)

local url = arg[1] or "ws://127.0.0.1:1234"
local name = arg[2] or "ada"
local patience = tonumber(arg[3]) or 10 -- seconds

local conn = ws.connect { url = url, ping_interval = 55 }

-- Says something and waits for the answer, but not for ever.
local function ask(question)
  conn:send(question) -- what is said before the handshake is done waits its turn
  local answer, why = conn:receive(patience)
  if answer then return answer end
  io.stderr:write(("straight: no answer to %q: %s\n"):format(question, why))
  os.exit(1, true)
end

print("logged in: " .. ask("login " .. name))
print("the news: " .. ask("what is new?"))

conn:send("2 + 3?")

for data in conn:messages() do -- until they close the connection, or we leave the loop
  local a, b = data:match("^(%d+) %+ (%d+)%?$")
  if a then
    conn:send(("%d + %d = %d"):format(a, b, a + b))
  elseif data:find("=", 1, true) then
    print("learned: " .. data)
    conn:send("bye")
  elseif data == "bye" then
    break
  end
end

conn:close(1000, "good night") -- the script ends here; the host still waits for the other side to say goodbye
print("done")
