---@meta wsbot.limits
-- The types of the module `wsbot.limits`, for editors (LuaCATS) and for reading. Nothing here runs.

---What host.limiter { scope = ... } stands on: `local limits = require "wsbot.limits"`.
---@class limits
local limits = {}

---@class limits.etcd.options
---@field etcd string|string[]  the urls of the members of one etcd, as wsbot.lease has them
---@field name string           of what is limited: 1 to 255 bytes. In etcd it is below "wsbot/limit/"
---@field n integer             1 to 1000. All who share the limiter have to say the same
---@field per number            seconds; 86400 at most
---@field tls? http.tls

---A limiter that all programs share which give it the same name in the same etcd. What is taken keeps the program alive
---to the end of its span. What a killed program took counts for two or three seconds longer than its span.
---@param options limits.etcd.options
---@return limits.etcd
function limits.etcd(options) end

---@class limits.etcd
local limiter = {}

---Waits until there is room for so many: within this program in the order in which tasks came, among programs in none;
---also while etcd is away. true; nil and "timeout"; nil, "refused" and a message, where no waiting helps.
---@param count? integer  128 at most; default 1
---@param timeout? number  seconds
---@return boolean? ok
---@return "timeout"|"refused"? word
---@return string? message
function limiter:take(count, timeout) end

return limits
