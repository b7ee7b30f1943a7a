-- clients: the columns of the benchmark. Whoever cannot say "up" (mode start) is left out. Those in C, C++ and Go are
-- built by the target `bench`.
--
--   name      for --clients and the table
--   command   and its first arguments
--   json      the same for rows about JSON alone; without it the client has no part in them
--   only      "json": it has no part in the others
--   env       more of the environment
--   floor     true: no rival, but what nobody can be much faster than
--   scale     the part of the count that it does, where it is slow
--   note      what to know of its figures

return function(wsbot, folder, built)
  local here = folder .. "/clients/"
  return {
    { name = "wsbot", command = { wsbot, here .. "wsbot.lua" }, json = { wsbot, here .. "json.lua", "wsbot.json" } },
    { name = "straight", command = { wsbot, here .. "straight.lua" }, ours = true,
      note = "is wsbot, with a main chunk that waits for each message instead of callbacks" },
    { name = "floor", command = { built .. "/floor" }, floor = true },
    { name = "floor_lua", command = { built .. "/floor_lua" }, json = { built .. "/floor_json" }, floor = true },
    { name = "beast", command = { built .. "/beast" } },
    { name = "libwebsockets", command = { built .. "/libwebsockets" } },
    { name = "gorilla", command = { built .. "/gorilla" },
      note = "does not check UTF-8; deflated messages come without context takeover, the only kind it knows" },
    { name = "bun", command = { built .. "/npm/node_modules/.bin/bun", here .. "bun.js" },
      json = { built .. "/npm/node_modules/.bin/bun", here .. "json.js" }, scale = 0.5 },
    { name = "node-ws", command = { "node", here .. "node_ws.js" }, env = { NODE_PATH = "/usr/share/nodejs" },
      json = { "node", here .. "json.js" }, scale = 0.2 },
    { name = "python", command = { "/usr/bin/python3", here .. "python.py" },
      json = { "/usr/bin/python3", here .. "python_json.py", "json" }, scale = 0.02 },
    { name = "orjson", only = "json", json = { "/usr/bin/python3", here .. "python_json.py", "orjson" },
      env = { PYTHONPATH = built .. "/pip" }, scale = 0.2, note = "is Python with a package" },
    { name = "cjson", only = "json", json = { wsbot, here .. "json.lua", "cjson" },
      note = "is Lua's, within wsbot; it makes floats of all numbers" },
  }
end
