-- wsbot.testing.doubles: has luassert's spies, stubs and mocks take connections, which are userdata, where luassert
-- asks for tables.
local core = require "wsbot.testing.core"

local doubles = {}

-- A table that reads and sets the fields of the connection.
local function in_place_of(conn)
  return setmetatable({}, {
    __index = conn,
    __newindex = function(_, name, value) conn[name] = value end,
  })
end

-- Replaces a function of luassert whose first argument is an object: where that is a connection, `own` is called.
local function extend(module, name, own)
  local stock = module[name]
  module[name] = function(object, ...)
    local methods = core.methods(object)
    if methods then return own(stock, object, methods, ...) end
    return stock(object, ...)
  end
end

-- Returns a function that calls the method `name` of each spy among the methods of a connection.
local function of_each_spy(name)
  local spy = require "luassert.spy"
  return function(_, conn, methods)
    for _, method in ipairs(methods) do
      local double = conn[method]
      if spy.is_spy(double) then double[name](double) end
    end
    return conn
  end
end

-- Changes the luassert that is loaded; a test runner has loaded it. The change stays when busted unloads this module.
function doubles.arrange()
  local stub, mock, spy = package.loaded["luassert.stub"], package.loaded["luassert.mock"],
    package.loaded["luassert.spy"]
  if not (stub and mock and spy) or stub.takes_connections then return end
  stub.takes_connections = true
  extend(stub, "new", function(stock, conn, _, ...) return stock(in_place_of(conn), ...) end)
  extend(mock, "new", function(_, conn, methods, dostub, func)
    for _, method in ipairs(methods) do
      if spy.is_spy(conn[method]) then goto continue end
      if dostub then stub.new(conn, method, func) else spy.on(conn, method) end
      ::continue::
    end
    return conn
  end)
  extend(mock, "clear", of_each_spy "clear")
  extend(mock, "revert", of_each_spy "revert")
end

return doubles
