---@meta wsbot.lease
-- The types of the module `wsbot.lease`, for editors (LuaCATS) and for reading. Nothing here runs.

---One holder at a time among many programs, on as many machines, by etcd (v3, its JSON gateway, which it has at
---/v3/): `local lease = require "wsbot.lease"`.
---
---Who holds is sure of it by its own clock alone: from when the last renewal was asked for until nine tenths of the ttl
---have passed; nobody else can have it before that. Where no renewal comes until then, `on_lost` is called, also where
---the process was stopped or the machine slept meanwhile, and before any other code of the script: but code that ran
---when it was stopped goes on to its next wait first. What was sent may still be on its way then, for as long as the
---network likes: so what the lease protects should be given the token, and refuse a smaller one than it has seen.
---
---A reload keeps what the next generation holds again by its name, with the same token; nothing is asked of etcd for
---that. What it does not, it gives back after a third of the ttl; where it does not load this module, etcd ends it when
---the ttl has passed. An orderly stop gives all back, behind the functions of host.on_stop. A lease that is held, or
---waited for, keeps the program alive.
---@class lease
local module = {}

---@class lease.options
---@field etcd string|string[]  the urls of the members of one etcd: http:// or https://, user:pw@ where it has users.
---                             They are asked in turn, and the one that answers is kept; some seconds are the most that
---                             one may take
---@field name string           of what is to have one holder: 1 to 255 bytes. In etcd it is below "wsbot/lease/"
---@field ttl? integer          seconds until another can have it where this program dies: 2 to 86400, default 10. It is
---                             renewed three times as often. Below 5, a slow etcd is enough to lose it. One that was
---                             kept over a reload has its old ttl
---@field on_lost? fun(lease: lease.held, why: string)  it is not ours any more, or may soon not be; once. It may wait
---@field tls? http.tls         as wsbot.http has it

---Waits until the lease is held: for as long as it takes, also while etcd is away, which one line in the log tells. Who
---came first has it first.
---@param options lease.options
---@return lease.held? lease
---@return "refused"? word  what no waiting mends: a wrong password, no permission, no etcd at that address
---@return string? message
function module.hold(options) end

---`local held <close>` gives it back at the end of its scope, without a wait.
---@class lease.held
---@field name string
---@field token integer  greater than that of everybody who has held that name before: the fencing token
local held = {}

---Is it certainly ours?
---@return boolean
function held:held() end

---Gives it to the next one, at once. Where etcd does not answer, nil, word, message: then that has it when the ttl has
---passed. Once it is not ours any more, it does nothing.
---@return boolean? ok
---@return http.error|"etcd"|"refused"? word
---@return string? message
function held:release() end

return module
