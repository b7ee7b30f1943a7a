-- process: what `wsbot help` and the man page say of the program as a process: its files and its signals.
local markdown = require "wsbot.help.markdown"

local process = {}

local files <const> = {
  { "$XDG_RUNTIME_DIR/wsbot/PID.sock", "the control socket of a running program, in a folder of its user; without "
    .. "that variable in /tmp/wsbot-UID, with WSBOT_CONTROL in the folder that it names" },
  { "DIR/state.db", "durable state, in the folder of `--state`; SQLite has `state.db-wal` and `state.db-shm` beside "
    .. "it. `crash-N.txt` there is the report on a fault of worker N" },
  { "~/.local/state/wsbot/history", "the lines typed at `wsbot connect`; `history.attach` beside it has those of "
    .. "`wsbot attach`" },
  { "/etc/ssl/certs/ca-certificates.crt", "the certificate authorities that are trusted; on other systems than Debian "
    .. "where these have them" },
  { ".busted", "settings of `wsbot test`, which are busted's" },
}

local signals <const> = {
  { "SIGINT, SIGTERM", "stop the program: functions of `host.on_stop` run, and connections are closed with 1001. A "
    .. "second one ends it at once. In Lua code that has kept the loop for a second the first raises the error "
    .. "\"interrupted!\"; after SIGINT the program then goes on" },
  { "SIGHUP", "has the script loaded again, as `host.reload` does. Where it was ignored when the program began, it "
    .. "still is; where the terminal was closed, it stops the program" },
}

local function page_of(title, list)
  local terms = { kind = "terms", items = {} }
  for i, one in ipairs(list) do
    terms.items[i] = { term = { { text = one[1], style = "code" } },
      { kind = "paragraph", text = markdown.spans(one[2], "`") } }
  end
  return { { kind = "heading", level = 1, text = { { text = title } } }, terms }
end

function process.files_page() return page_of("Files", files) end

function process.signals_page() return page_of("Signals", signals) end

return process
