-- clients: the columns of the benchmark. Whoever cannot say "up" (mode start) is left out. Those in C, C++ and Go are
-- built by the target `bench`.
--
--   name      for --clients and the table
--   command   and its first arguments
--   env       more of the environment
--   floor     true: no rival, but what nobody can be much faster than
--   scale     the part of the count that it does, where it is slow
--   note      what to know of its figures

return function(wsbot, folder, built)
  local here = folder .. "/clients/"
  return {
    { name = "wsbot", command = { wsbot, here .. "wsbot.lua" } },
    { name = "straight", command = { wsbot, here .. "straight.lua" }, ours = true,
      note = "is wsbot, with a main chunk that waits for each message instead of callbacks" },
    { name = "floor", command = { built .. "/floor" }, floor = true },
    { name = "floor_lua", command = { built .. "/floor_lua" }, floor = true },
    { name = "beast", command = { built .. "/beast" } },
    { name = "libwebsockets", command = { built .. "/libwebsockets" } },
    { name = "gorilla", command = { built .. "/gorilla" },
      note = "does not check UTF-8; deflated messages come without context takeover, the only kind it knows" },
    { name = "bun", command = { built .. "/npm/node_modules/.bin/bun", here .. "bun.js" }, scale = 0.5 },
    { name = "node-ws", command = { "node", here .. "node_ws.js" }, env = { NODE_PATH = "/usr/share/nodejs" },
      scale = 0.2 },
    { name = "python", command = { "/usr/bin/python3", here .. "python.py" }, scale = 0.02 },
  }
end
