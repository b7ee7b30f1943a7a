-- wsbot.inspect: `wsbot inspect`, a page that shows what goes on inside a running program.
local core = require "wsbot.inspect.core"
print(core.listen(0, function(m,t,h,u) if not u then return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi" end end, function(c) c.on_message=function(c, d) c:send(d) end end))
host.sleep(3600)
