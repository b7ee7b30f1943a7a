// spec: the text of a busted spec that plays a record to a bot (testing.replay, lualib/manual/testing.md).

const encoder = new TextEncoder();

// A text as Lua reads it.
export function quote(text) {
  let quoted = "";
  for (const byte of encoder.encode(text)) {
    const letter = String.fromCharCode(byte);
    if (letter === '"' || letter === "\\") quoted += `\\${letter}`;
    else quoted += byte > 31 && byte < 127 ? letter : `\\${`${byte}`.padStart(3, "0")}`;
  }
  return `"${quoted}"`;
}

// about: what is served; targets: how many paths the record has connections to.
export function spec(about, targets) {
  const url = targets > 1 ? "peer.origin" : "peer.url";
  const why = targets > 1 ? "where the bot connects: it puts its paths behind that" : "where the bot connects";
  return `-- The server's side of a record, played to the bot. \`wsbot test\` runs this.
local testing = require "wsbot.testing"

local record = ${quote(about.path)}
local script = "bot.lua" -- the bot, which must say what it said in the record

describe(script, function()
  it(${quote(`does what it did in ${about.name}`)}, function()
    local peer <close> = testing.replay(record)
    local bot <close> = testing.bot(script, { args = { ${url} } }) -- ${why}
    peer:finish()
  end)
end)
`;
}
