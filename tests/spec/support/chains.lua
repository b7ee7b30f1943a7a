-- chains: the tables of chains in tests/spec/chains/, what OpenSSL thinks of each, and a server that shows them, each
-- on a port of its own.
--
-- A row of a table is a list and a table: its first item is what it is about, in a few words.
--
--     certs     its family of certificates (support.certificates)
--     sent      their names in the order in which the server sends them, "leaf" at first; else the leaf and its issuers
--               without the root
--     before    what another server of the host sent before, with a certificate of the row's: it is accepted, and
--               nothing of it may be known afterwards
--     trusted   names of those that are trusted: { "root" }
--     where     where these are: "ca_file" (as a rule), "ca_path" or "system"; beside: names of those that are in
--               ca_file as well
--     host      who is asked for: "bot.example"
--     tls       the highest version that the server speaks: "1.3"; ciphers: of TLS 1.2; dh: the group it uses there
--     right     "accepted" or "refused"; says: a pattern that the error matches in small letters
--     differs   why OpenSSL thinks otherwise
--     may_lack  a pattern of the error with which a version of wolfSSL may refuse what it cannot handle
--     weak      it is accepted with tls.allow_weak; but where `still` is a pattern, it is refused with such an error
local certificates = require "support.certificates"
local place = require "support.place"

local chains = {}

-- What OpenSSL is asked: as strict as the contract is, where it can be told to be. Every certificate that is trusted
-- may end a chain, and what is too weak for 112 bits is refused.
local question = "openssl verify -no-CApath -no-CAstore -purpose sslserver -partial_chain -auth_level 2"

local methods = {}
methods.__index = methods

----------------------------------------------------------------------------------------------------------- their files

local function write_files(row, made)
  row.sent_file = made:file_of(row.sent_list)
  row.leaf_file = made:file_of { row.sent_list[1] }
  row.others_file = made:file_of { table.unpack(row.sent_list, 2) }
  row.beside_file = made:file_of(row.beside_list)
  row.before_file = made:file_of(row.before_list)
  if row.where == "ca_path" then
    row.trust_folder = made:folder_of(row.trusted_list)
    row.known_file = row.beside_file
  else
    row.trust_file = made:file_of(row.trusted_list)
    row.known_file = row.beside_file and made:file_of(row.known_list) or row.trust_file
  end
end

local function make_files(self)
  local commands = {}
  for _, row in ipairs(self.rows) do
    write_files(row, self.made)
    if row.trust_folder then table.insert(commands, "openssl rehash " .. row.trust_folder) end
  end
  self.made:run(commands)
end

---------------------------------------------------------------------------------------------------- OpenSSL's verdicts

-- What openssl is asked about a row, but for the leaf. Rows of which the same is asked are asked of at once.
local function question_on(row)
  local words = { question, (row.is_address and "-verify_ip '" or "-verify_hostname '") .. row.host .. "'" }
  if row.others_file then table.insert(words, "-untrusted " .. row.others_file) end
  if row.known_file then table.insert(words, "-CAfile " .. row.known_file) end
  if row.trust_folder then
    words[1] = words[1]:gsub("%-no%-CApath ", "")
    table.insert(words, (row.known_file and "" or "-no-CAfile ") .. "-CApath " .. row.trust_folder)
  end
  return table.concat(words, " ")
end

-- The verdict on a row's leaf among those of an answer, and what openssl says of it.
local function read_verdict(self, row, number)
  local ok, errors = place.read(("%s/v%d"):format(self.made.folder, number)), place.read(
    ("%s/e%d"):format(self.made.folder, number))
  local told, to = errors:find(("error %s: verification failed"):format(row.leaf_file), 1, true)
  row.openssl = ok:find(row.leaf_file .. ": OK\n", 1, true) and "accepted" or "refused"
  row.openssl_says = told and errors:sub(1, to):match "([^\n]*\n[^\n]*\n[^\n]*)$" or ok
end

local function ask_openssl(self)
  local leaves, questions, commands, answers = {}, {}, {}, {}
  for _, row in ipairs(self.rows) do
    row.question = question_on(row)
    if not leaves[row.question] then
      leaves[row.question] = {}
      table.insert(questions, row.question)
    end
    table.insert(leaves[row.question], row.leaf_file)
  end
  for i, each in ipairs(questions) do
    commands[i] = ("%s %s >v%d 2>e%d || true"):format(each, table.concat(leaves[each], " "), i, i)
    answers[each] = i
  end
  self.made:run(commands)
  for _, row in ipairs(self.rows) do
    read_verdict(self, row, answers[row.question])
  end
end

---------------------------------------------------------------------------------------------------------------- server

local function make_groups(self)
  local commands, has = {}, {}
  for _, row in ipairs(self.rows) do
    if row.dh and not has[row.dh] then
      has[row.dh] = true
      table.insert(commands, ("openssl genpkey -genparam -algorithm %s -out %s.dh"):format(row.dh:find "^dh_"
        and "DHX -pkeyopt dh_rfc5114:1" or "DH -pkeyopt group:" .. row.dh, row.dh))
    end
  end
  self.made:run(commands)
end

-- A line of the server's table.
local function served(self, row, name, sent_file, leaf)
  return table.concat({ name, sent_file, ("%s/%s.key"):format(self.made.folder, leaf.key_file),
    row.is_address and row.host or "127.0.0.1", row.tls or "1.3", row.ciphers or "ALL",
    row.dh and ("%s/%s.dh"):format(self.made.folder, row.dh) or "-" }, " ")
end

local function serve(self)
  local lines, by_name = {}, {}
  for _, row in ipairs(self.rows) do
    by_name[row.id] = row
    table.insert(lines, served(self, row, row.id, row.sent_file, row.sent_list[1]))
    if row.before then
      table.insert(lines, served(self, row, row.id .. ".before", row.before_file, row.before_list[1]))
    end
  end
  local path = place.file(self.made.folder .. "/served", table.concat(lines, "\n") .. "\n")
  self.server = assert(io.popen(("exec python3 tests/spec/servers/chains.py '%s'"):format(path)))
  for _ = 1, #lines do
    local line = assert(self.server:read(), "the server of the chains does not start")
    local name, before, port, why = line:match "^(r%d+)(%S*) (%d+) ?(.*)$"
    local row = by_name[name]
    row[before == "" and "port" or "port_before"] = tonumber(port)
    if port == "0" then row.unserved = why end
  end
  assert(self.server:read() == "up")
end

-- Makes all that the rows need, and starts the server.
function methods:begin()
  self.made:make()
  make_files(self)
  ask_openssl(self)
  make_groups(self)
  serve(self)
end

-- Ends the server.
function methods:finish()
  if self.server then self.server:close() end
end

local function is_address(host)
  return host:find(":", 1, true) ~= nil or host:find "^%d+%.%d+%.%d+%.%d+$" ~= nil
end

local function list_of(self, row, names)
  local list = {}
  for i, name in ipairs(names or {}) do
    list[i] = self.made:find(row.certs, name)
  end
  return list
end

local function take(self, row, theme)
  table.insert(self.rows, row)
  row.id, row.theme = "r" .. #self.rows, theme
  row.certs, row.host = row.certs or {}, row.host or "bot.example"
  row.is_address = is_address(row.host)
  row.sent_list = list_of(self, row, row.sent or certificates.path(row.certs))
  row.trusted_list = list_of(self, row, row.trusted or { "root" })
  row.beside_list = list_of(self, row, row.beside)
  row.known_list = list_of(self, row, row.trusted or { "root" })
  table.move(row.beside_list, 1, #row.beside_list, #row.known_list + 1, row.known_list)
  row.before_list = list_of(self, row, row.before)
end

-- Takes the rows of the tables of these names, between which there are blanks, of tests/spec/chains/. They are in
-- `rows`, and have the `theme`.
function chains.of(themes)
  local self = setmetatable({ rows = {}, made = certificates.new() }, methods)
  for theme in themes:gmatch "%S+" do
    for _, row in ipairs(require("chains." .. theme)) do
      take(self, row, theme)
    end
  end
  return self
end

return chains
