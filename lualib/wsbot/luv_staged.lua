-- wsbot.luv_staged: lets a staged generation bind addresses by luv that the running one may have until the take-over:
-- calls that are refused for that reason are made again then.

-- uv: the module luv; types: the metatables of its handles, "uv_tcp" and so on; is_staged(): is the generation staged?
-- Returns the function that the host calls at the take-over, which returns a list of what went wrong.
return function(uv, types, is_staged)
  local waits = {} -- handle -> true: calls with it are put off
  local binds = {} -- handle -> the call that bound it
  local later = {} -- the calls, in order

  local function put_off(call)
    later[#later + 1] = call
    return 0
  end

  -- Has `own` be called later where its address is taken, or where the handle waits already.
  local function when_free(own, name)
    return function(handle, ...)
      if not is_staged() then return own(handle, ...) end
      local call = table.pack(own, handle, ...)
      if waits[handle] then return put_off(call) end
      local ok, message, word = own(handle, ...)
      if ok then
        if name:find "bind" then binds[handle] = call end
        return ok
      end
      if word ~= "EADDRINUSE" then return ok, message, word end
      waits[handle] = true
      if binds[handle] then put_off(binds[handle]) end -- for TCP, where bind does not report that yet
      return put_off(call)
    end
  end

  local methods = {
    tcp_bind = { uv_tcp = "bind" },
    pipe_bind = { uv_pipe = "bind" },
    udp_bind = { uv_udp = "bind" },
    listen = { uv_tcp = "listen", uv_pipe = "listen" },
    udp_recv_start = { uv_udp = "recv_start" },
  }
  for name, types_of in pairs(methods) do
    uv[name] = when_free(uv[name], name)
    for type_name, method in pairs(types_of) do
      types[type_name].__index[method] = uv[name]
    end
  end

  return function()
    local wrong = {}
    for _, call in ipairs(later) do
      local handle = call[2]
      if not uv.is_closing(handle) then
        local ok, message = call[1](table.unpack(call, 2, call.n))
        if not ok then
          wrong[#wrong + 1] = ("luv: %s, also after the take-over: %s"):format(tostring(handle), message)
        end
      end
    end
    waits, binds, later = {}, {}, {}
    return wrong
  end
end
