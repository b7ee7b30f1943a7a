-- events: what codec.c and the bot print: lines "WHAT CODE SIZE", each followed by so many bytes and a line end.
local events = {}

-- Returns a function that takes pieces of output, and calls on_event { what, code, data } for each event in them.
function events.reader(on_event)
  local pieces, have, need = {}, 0, 1
  return function(piece)
    if not piece then return end
    pieces[#pieces + 1], have = piece, have + #piece
    if have < need then return end -- a long one is put together once
    local text, at = table.concat(pieces), 1
    while true do
      local _, to, what, code, size = text:find("^(%a+) (%d+) (%d+)\n", at)
      size = math.tointeger(tonumber(size))
      if not to then
        need = #text - at + 2
        break
      end
      if #text < to + size + 1 then
        need = to + size + 2 - at
        break
      end
      on_event { what = what, code = math.tointeger(tonumber(code)), data = text:sub(to + 1, to + size) }
      at = to + size + 2
    end
    pieces, have = { text:sub(at) }, #text - at + 1
  end
end

function events.write(what, code, data)
  return ("%s %d %d\n%s\n"):format(what, code, #data, data)
end

return events
