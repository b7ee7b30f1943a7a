-- wsbot as `lua`: the same command lines, run with Lua's own interpreter and with wsbot, say the same and end the same.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"

-- What a run says, with the program's name made the same, and without the line on options of ours that `lua` has not.
local function tell(path, args, options)
  local p = program.start(path, args, options)
  local status, signal = p:wait()
  local function plain(text)
    return (text:gsub(path:gsub("%p", "%%%0"), "LUA"):gsub("`wsbot %-%-help` tells of wsbot's own options\n$", ""))
  end
  return { out = plain(p.out), err = plain(p.err), status = status, signal = signal }
end

-- One `it`: both say the same. options: files (which the command lines may name, in the folder where both run), stdin,
-- env, lua_args (what lua is given, where it does not bear those).
local function same(name, args, options)
  options = options or {}
  it_tells(name, function()
    local run = { stdin = options.stdin or "", env = options.env, cwd = place.folder(options.files) }
    local lua = tell(program.lua, options.lua_args or args, run)
    local wsbot = tell(program.wsbot, args, run)
    assert.same(lua, wsbot)
    if options.out then assert.equal(options.out, wsbot.out) end
  end)
end

local show_arg = [[
local low = 0
while arg[low - 1] do low = low - 1 end
for i = low, #arg do print(i, arg[i]) end
print(select("#", ...), ...)
]]

describe("an option", function()
  same("-e runs a statement", { "-e", "print(1 + 1)" }, { out = "2\n" })
  same("-e may stand with its statement", { "-eprint(3)" })
  same("-e may come several times, in order", { "-e", "x = 1", "-e", "print(x)", "-e", "x = 2", "-e", "print(x)" })
  same("-e before a script sets its globals", { "-e", "x = 7", "s.lua" }, { files = { ["s.lua"] = "print(x)" } })
  same("-e that fails ends it all", { "-e", "error 'boom'", "-e", "print 'never'" })
  same("-e with a syntax error", { "-e", "x = = 1" })
  same("-e without its statement", { "-e" })
  same("-e before another option", { "-e", "-v" })
  same("-e with a table as error", { "-e", "error {}" })
  same("-e with an object as error", { "-e", "error(setmetatable({}, {__tostring = function() return 'own' end}))" })
  same("-e with nil as error", { "-e", "error()" })
  same("-e with a number as error", { "-e", "error(42)" })
  same("-l loads a module into a global", { "-l", "m", "-e", "print(m.x, _G.m == require 'm')" },
    { files = { ["m.lua"] = "return { x = 5 }" } })
  same("-l may stand with its name", { "-lm", "-e", "print(m.x)" }, { files = { ["m.lua"] = "return { x = 5 }" } })
  same("-l may name the global", { "-l", "g=m", "-e", "print(g.x, m)" }, { files = { ["m.lua"] = "return { x = 5 }" } })
  same("-l of a module with a dot", { "-l", "string", "-e", "print(string.rep('x', 3))" })
  same("-l of what is not there", { "-l", "no_such_module_here", "-e", "print 'never'" }, {
    env = { LUA_PATH = "./?.lua", LUA_CPATH = "./?.so" },
  })
  same("-l without a name", { "-l" })
  same("-v tells the version", { "-v" })
  same("-v goes on to the script", { "-v", "s.lua" }, { files = { ["s.lua"] = "print 'x'" } })
  same("-v with -e", { "-v", "-e", "print 'x'" })
  same("-W turns warnings on", { "-W", "-e", "warn('a', 'b') warn('@off') warn 'no' warn('@on') warn 'yes'" })
  same("warnings are off without -W", { "-e", "warn 'no' warn('@on') warn 'yes' warn('@unknown') warn 'more'" })
  same("-E ignores the environment", { "-E", "-e", "print(package.path)" },
    { env = { LUA_PATH = "/x/?.lua", LUA_INIT = "error 'x'" } })
  same("-- ends the options", { "--", "s.lua", "a" }, { files = { ["s.lua"] = show_arg } })
  same("-- alone reads standard input", { "--" }, { stdin = "print 'from stdin'", lua_args = {} }) -- 5.4.7 fails
  same("- reads standard input", { "-", "a", "b" }, { stdin = show_arg })
  same("that is unknown", { "-x" })
  same("that is unknown behind a known one", { "-v", "-x" })
  same("that is long and unknown", { "--long" })
  same("with letters too many", { "-vv" })
  same("-i with letters too many", { "-ix" })
end)

describe("a script", function()
  same("has arg and ...", { "s.lua", "a", "b c", "" }, { files = { ["s.lua"] = show_arg } })
  same("has what stood before it at negative indexes", { "-W", "-e", "x = 1", "-lstring", "s.lua", "-e" },
    { files = { ["s.lua"] = show_arg } })
  same("may be named from elsewhere", { "./s.lua" },
    { files = { ["s.lua"] = "print(debug.getinfo(1, 'S').source, arg[0])" } })
  same("may begin with #!", { "s.lua" },
    { files = { ["s.lua"] = "#!/usr/bin/env lua\nprint(debug.getinfo(1, 'l').currentline)" } })
  same("may begin with #! and nothing more", { "s.lua" }, { files = { ["s.lua"] = "#!x" } })
  same("may begin with a byte order mark", { "s.lua" }, { files = { ["s.lua"] = "\xef\xbb\xbfprint 'bom'" } })
  same("may be compiled", { "s.luac" }, {
    files = { ["s.luac"] = string.dump(assert(load("print('compiled', ...)", "=s"))) },
  })
  same("that is not there", { "nowhere.lua" })
  same("that is a folder", { "." })
  same("with a syntax error", { "s.lua" }, { files = { ["s.lua"] = "\nx = = 1" } })
  same("that fails, with a traceback", { "s.lua" }, {
    files = { ["s.lua"] = "local function f() error 'deep' end\nlocal function g() f() end\ng()" },
  })
  same("that fails without a message", { "s.lua" }, { files = { ["s.lua"] = "error()" } })
  same("that fails with a table", { "s.lua" }, { files = { ["s.lua"] = "error {}" } })
  same("that fails at level 2", { "s.lua" }, { files = { ["s.lua"] = "local function f() error('up', 2) end\nf()" } })
  same("that fails in a coroutine", { "s.lua" },
    { files = { ["s.lua"] = "coroutine.wrap(function() error 'inside' end)()" } })
  same("that fails in a C function", { "s.lua" }, { files = { ["s.lua"] = "string.rep()" } })
  same("that fails by assert", { "s.lua" }, { files = { ["s.lua"] = "assert(false, 'no')\n" } })
  same("that overflows the stack", { "s.lua" }, {
    files = { ["s.lua"] = "local function f() return 1 + f() end\nlocal ok, m = pcall(f)\nprint(ok, #m > 9)" },
  })
  same("whose closing variables fail", { "s.lua" }, {
    files = { ["s.lua"] = "local x <close> = setmetatable({}, {__close = function() error 'closing' end})" },
  })
  same("returns nothing to anybody", { "s.lua" }, { files = { ["s.lua"] = "return 1, 2, 3" } })
  same("from standard input", {}, { stdin = "print('x', #arg, arg[0] ~= nil)" })
  it_tells("from standard input that fails ends with 1", function() -- lua 5.4.4 forgets that it failed
    local p = program.run({}, { stdin = "error 'x'" })
    p:ends(1)
    assert.matches("stdin:1: x", p.err)
  end)
  same("from standard input with a syntax error", { "-" }, { stdin = "x = = 1" })
  same("writes in order to both outputs", { "s.lua" },
    { files = { ["s.lua"] = "print 'a' io.stderr:write 'b\\n' print 'c'" } })
  same("reads standard input", { "s.lua" }, {
    files = { ["s.lua"] = "for line in io.lines() do print(#line, line) end print(io.read 'a' == '')" },
    stdin = "one\ntwo\n\nfour",
  })
end)

describe("the end", function()
  same("of a script is 0", { "-e", "" })
  same("by os.exit()", { "-e", "os.exit()" })
  same("by os.exit(true)", { "-e", "os.exit(true)" })
  same("by os.exit(false)", { "-e", "os.exit(false)" })
  same("by os.exit(7)", { "-e", "os.exit(7)" })
  same("by os.exit(300)", { "-e", "os.exit(300)" })
  same("by os.exit in a coroutine", { "-e", "coroutine.wrap(function() os.exit(5) end)()" })
  same("flushes what was printed", { "-e", "io.write 'no newline' os.exit(3)" })
  same("by os.exit(0, true) closes the state", { "s.lua" }, {
    files = { ["s.lua"] = [[
      keep = setmetatable({}, { __gc = function() print 'collected' end })
      local x <close> = setmetatable({}, { __close = function() print 'closed' end })
      os.exit(0, true)
    ]] },
  })
  same("closes the state", { "s.lua" }, {
    files = { ["s.lua"] = [[
      keep = setmetatable({}, { __gc = function() print 'collected' end })
      local x <close> = setmetatable({}, { __close = function() print 'closed' end })
      local y <close> = setmetatable({}, { __close = function() print 'closed first' end })
      print 'end of script'
    ]] },
  })
  same("runs finalizers even after an error", { "s.lua" }, {
    files = { ["s.lua"] = "keep = setmetatable({}, { __gc = function() print 'collected' end }) error 'x'" },
  })
  same("warns of a finalizer that fails",
    { "-W", "-e", "keep = setmetatable({}, { __gc = function() error 'x' end })" })
end)

describe("the environment", function()
  same("LUA_INIT is run first", { "-e", "print(x)" }, { env = { LUA_INIT = "x = 'init'" } })
  same("LUA_INIT_5_4 goes before LUA_INIT", { "-e", "print(x)" },
    { env = { LUA_INIT = "x = 'init'", LUA_INIT_5_4 = "x = 'init 5.4'" } })
  same("LUA_INIT may name a file", { "-e", "print(x)" },
    { env = { LUA_INIT = "@i.lua" }, files = { ["i.lua"] = "x = 'file'" } })
  same("LUA_INIT that fails ends it all", { "-e", "print 'never'" }, { env = { LUA_INIT = "error 'x'" } })
  same("LUA_INIT with a syntax error", { "-e", "print 'never'" }, { env = { LUA_INIT = "x = = 1" } })
  same("LUA_INIT_5_4 that fails", { "-e", "print 'never'" }, { env = { LUA_INIT_5_4 = "error 'x'" } })
  same("LUA_INIT that names no file", { "-e", "print 'never'" }, { env = { LUA_INIT = "@nowhere.lua" } })
  same("LUA_INIT sees arg", { "s.lua", "a" },
    { env = { LUA_INIT = "print(arg[0], arg[1])" }, files = { ["s.lua"] = "" } })
  same("LUA_PATH is the user's", { "-e", "print(package.path)" }, { env = { LUA_PATH = "/x/?.lua;;" } })
  same("LUA_PATH_5_4 goes before LUA_PATH", { "-e", "print(package.path)" },
    { env = { LUA_PATH = "/x/?.lua", LUA_PATH_5_4 = "/y/?.lua" } })
  same("LUA_CPATH is the user's", { "-e", "print(package.cpath)" }, { env = { LUA_CPATH = "/x/?.so;;" } })
  same("without any has the usual paths", { "-e", "print(package.path) print(package.cpath) print(package.config)" })
  same("finds modules by LUA_PATH", { "-e", "print(require 'm', select(2, require 'm'))" },
    { env = { LUA_PATH = "./lib-?.lua" }, files = { ["lib-m.lua"] = "return 'found'" } })
end)

describe("the libraries", function()
  same("are those of lua", { "s.lua" }, {
    files = { ["s.lua"] = [[
      local names = {}
      for name in pairs(_G) do
        if name ~= "ws" and name ~= "host" then names[#names + 1] = name end
      end
      table.sort(names)
      print(_VERSION, table.concat(names, " "))
      for _, lib in ipairs { "string", "table", "math", "io", "os", "coroutine", "utf8", "debug", "package" } do
        local list = {}
        for name in pairs(_G[lib]) do list[#list + 1] = name end
        table.sort(list)
        print(lib, table.concat(list, " "))
      end
    ]] },
  })
  same("may be C modules: cjson, lpeg, lfs", { "s.lua" }, {
    files = { ["s.lua"] = [[
      local cjson, lpeg, lfs = require "cjson", require "lpeg", require "lfs"
      print(cjson.encode { 1, 2, { x = true } }, cjson.decode('{"a":[1,2]}').a[2])
      print(lpeg.match(lpeg.R "az" ^ 1 * lpeg.Cp(), "hello world"))
      print(lfs.attributes(".", "mode"))
      print(pcall(cjson.decode, "{"))
    ]] },
  })
  same("give the same numbers",
    { "-e", "print(1//0, 3//0.0, 2^53, 1e15, 0x7fffffffffffffff + 1, math.pi, 7 // 2, -7 % 3)" })
  same("collect as lua does",
    { "-e", "print(collectgarbage 'generational', collectgarbage 'incremental', collectgarbage 'isrunning')" })
  same("refuse what lua refuses of a collector", { "-e", [[
    print(pcall(collectgarbage, "no"))
    print(pcall(collectgarbage, "step", "x"))
    print(pcall(collectgarbage, "generational", 20, "x"))
    print(pcall(collectgarbage, "collect", "x"))
    print(pcall(collectgarbage, nil))
    print(pcall(collectgarbage, {}))]] })
end)

describe("the prompt", function()
  -- Lua's own interpreter may have readline, which shows what it reads behind the prompt; what both say besides is
  -- the same.
  local function talk(name, args, lines, options)
    options = options or {}
    it_tells(name, function()
      local run = { stdin = table.concat(lines, "\n") .. "\n", env = options.env, cwd = place.folder(options.files) }
      local lua = tell(program.lua, args, run)
      local wsbot = tell(program.wsbot, args, run)
      local at = 1
      for _, line in ipairs(lines) do
        local from, to = lua.out:find("> " .. line .. "\n", at, true)
        if not from then break end -- there is no readline, or the program has ended
        lua.out = lua.out:sub(1, from + 1) .. lua.out:sub(to + 1)
        at = from + 2
      end
      lua.out, wsbot.out = lua.out:gsub("%s+$", ""), wsbot.out:gsub("%s+$", "")
      assert.same(lua, wsbot)
    end)
  end

  it_tells("shows prompts and values", function()
    local bot = program.run({ "-i" }, { stdin = "1 + 1\n= 'x', nil\nx = 5\nx\nfor i = 1, 2 do\nprint('i', i)\nend\n" })
    assert.equal(0, (bot:wait()))
    assert.matches("^Lua 5%.4", bot.out)
    assert.equal("> 2\n> x\tnil\n> > 5\n> >> >> i\t1\ni\t2\n> \n", bot.out:gsub("^[^\n]*\n", ""))
    assert.equal("", bot.err)
  end)

  it_tells("has the words of _PROMPT and _PROMPT2", function()
    local bot = program.run({ "-i", "-e", "_PROMPT, _PROMPT2 = '<1>', '<2>'" }, { stdin = "do\nend\n" })
    assert.equal(0, (bot:wait()))
    assert.equal("<1><2><1>\n", bot.out:gsub("^[^\n]*\n", ""))
  end)

  talk("goes on after errors", { "-i" }, { "error 'one'", "x = = 1", "print 'still here'", "nil + 1", "error {}" })
  it_tells("says what is wrong with a statement that never ends", function() -- lua 5.4.4 says "(null)"
    local bot = program.run({ "-i" }, { stdin = "for i = 1, 2 do\n" })
    assert.equal(0, (bot:wait()))
    assert.matches("'end' expected near <eof>", bot.err)
  end)
  talk("comes after the script", { "-i", "s.lua" }, { "print(x)" }, { files = { ["s.lua"] = "x = 'from the script'" } })
  talk("is not there after a script that failed", { "-i", "s.lua" }, { "print 'here'" },
    { files = { ["s.lua"] = "error 'x'" } })
  talk("comes after -e", { "-i", "-e", "y = 'e'" }, { "= y" })
  talk("ends by os.exit", { "-i" }, { "os.exit(6)", "print 'never'" })
  talk("keeps globals, not locals", { "-i" }, { "local a = 1", "b = 2", "print(a, b)" })
  talk("prints all values", { "-i" }, { "1, nil, 'x'", "nil", "" })
end)

describe("busted", function()
  it_tells("runs with wsbot as its interpreter", function()
    local folder = place.folder { ["small_spec.lua"] = [[
      describe("a small spec", function()
        it("passes", function() assert.equal(2, 1 + 1) end)
        it("knows ws", function() assert.is_function(ws.connect) end)
        it("waits for nobody", function() assert.has_error(function() error "x" end, "x") end)
      end)
    ]] }
    local busted = program.start("/usr/bin/env",
      { "busted", "--lua=" .. program.wsbot, "-o", "TAP", "small_spec.lua" }, { cwd = folder })
    assert.equal(0, (busted:wait()))
    assert.matches("1%.%.3", busted.out)
    assert.is_nil(busted.out:find("not ok", 1, true))
  end)

  it_tells("tells by its status that a spec failed", function()
    local folder = place.folder { ["small_spec.lua"] = [[it("fails", function() assert.equal(3, 1 + 1) end)]] }
    local busted = program.start("/usr/bin/env",
      { "busted", "--lua=" .. program.wsbot, "-o", "TAP", "small_spec.lua" }, { cwd = folder })
    assert.equal(1, (busted:wait()))
    assert.matches("not ok 1", busted.out)
  end)
end)

describe("wsbot in a #! line", function()
  it_tells("runs the script", function()
    local folder = place.folder { ["s.lua"] = "#!" .. program.wsbot .. "\nprint(arg[0] ~= nil, ...)\n" }
    assert(os.execute(("chmod +x '%s/s.lua'"):format(folder)))
    local p = program.start(folder .. "/s.lua", { "a", "b" })
    assert.equal(0, (p:wait()))
    assert.equal("true\ta\tb\n", p.out)
  end)
end)
